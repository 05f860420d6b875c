from __future__ import annotations

import pytest

from service.domain.classification import Signals, classify, explained
from service.domain.faults import Fault, Moderation


@pytest.mark.parametrize(
    ("status", "codes"),
    [
        (400, ("billing_hard_limit_reached", "billing_limit_user_error")),
        (400, ("billing_hard_limit_reached", "invalid_request_error")),
        (400, (None, "billing_limit_user_error")),
        (429, ("credit_balance_exhausted", "insufficient_quota")),
        (429, ("organization_spend_limit_exceeded", "insufficient_quota")),
        (429, ("project_spend_limit_exceeded", "insufficient_quota")),
        (429, ("organization_usage_limit_exceeded", "insufficient_quota")),
        (429, ("insufficient_quota", None)),
        (429, ("something_new", "insufficient_quota")),
        (429, ("rate_limit_exceeded", "insufficient_quota")),  # the type holds with any code
        (402, ()),
        (402, ("PAYMENT_REQUIRED",)),
    ],
)
def test_money(status: int, codes: tuple[str | None, ...]) -> None:
    assert classify(Signals(http_status=status, codes=codes)) is Fault.BILLING_EXHAUSTED


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (403, "User is locked. Reason: Exhausted balance. Top up your balance."),  # fal
        (429, "You exceeded your current quota, please check your plan and billing details."),
        (429, "Your credit balance is too low."),
    ],
)
def test_money_by_words_as_a_last_resort(status: int, message: str) -> None:
    assert classify(Signals(http_status=status, message=message)) is Fault.BILLING_EXHAUSTED


def test_a_prompt_quoted_in_a_message_opens_no_circuit() -> None:
    quoted = Signals(http_status=400, message="Invalid prompt: 'you exceeded your current quota, insufficient balance'")
    assert classify(quoted) is Fault.INVALID_INPUT


def test_daily_quota_of_gemini() -> None:
    exhausted = ("RESOURCE_EXHAUSTED",)
    per_day = Signals(http_status=429, codes=exhausted, quota_id="GenerateRequestsPerDayPerProject", quota_limit=100)
    assert classify(per_day) is Fault.QUOTA_DAILY
    free_tier = Signals(http_status=429, codes=exhausted, quota_id="GenerateRequestsPerMinute-FreeTier", quota_limit=0)
    assert classify(free_tier) is Fault.QUOTA_DAILY


@pytest.mark.parametrize(
    "signals",
    [
        Signals(http_status=429, codes=("rate_limit_exceeded", "requests")),
        Signals(http_status=429, codes=("rate_limit_exceeded", "tokens")),
        Signals(http_status=429, codes=("slow_down", "rate_limit_error")),
        Signals(http_status=429, codes=("RESOURCE_EXHAUSTED",), quota_id="GenerateRequestsPerMinute", quota_limit=10),
        Signals(http_status=429, codes=("RESOURCE_EXHAUSTED",), message="You exceeded your current quota"),  # any quota
        Signals(http_status=429, message="Request was throttled. Expected available in 1 second."),  # Replicate
        Signals(http_status=429),  # Stability, BFL
    ],
)
def test_too_fast(signals: Signals) -> None:
    assert classify(signals) is Fault.RATE_LIMITED


@pytest.mark.parametrize(
    ("status", "codes"),
    [
        (500, ()),
        (502, ()),
        (503, ()),
        (504, ()),
        (529, ()),
        (503, ("server_is_overloaded", "service_unavailable_error")),
        (503, ("UNAVAILABLE",)),
        (500, ("server_error",)),
        (200, ("image_generation_failed", "image_generation_server_error")),
        (500, ("runner_scheduling_failure",)),
        (504, ("startup_timeout",)),
        (408, ()),
        (409, ()),
    ],
)
def test_overloaded(status: int, codes: tuple[str, ...]) -> None:
    assert classify(Signals(http_status=status, codes=codes)) is Fault.OVERLOADED


def test_without_an_answer_it_counts_whether_the_request_was_sent() -> None:
    assert classify(Signals(http_status=None, sent=True)) is Fault.AMBIGUOUS
    assert classify(Signals(http_status=None, sent=False)) is Fault.UNREACHABLE


def test_a_redirect_is_not_the_provider() -> None:
    assert classify(Signals(http_status=302)) is Fault.UNREACHABLE


@pytest.mark.parametrize(
    ("status", "codes"),
    [
        (400, ("moderation_blocked", "image_generation_user_error")),
        (400, ("content_policy_violation", "invalid_request_error")),
        (400, ("content_filter",)),
        (400, ("ResponsibleAIPolicyViolation",)),
        (400, ("image_content_policy_violation",)),
        (422, ("content_policy_violation",)),  # fal
        (403, ("content_moderation",)),  # Stability
        (200, ("Request Moderated",)),  # BFL, input
        (200, ("Content Moderated",)),  # BFL, output
    ],
)
def test_refused_by_code(status: int, codes: tuple[str, ...]) -> None:
    assert classify(Signals(http_status=status, codes=codes)) is Fault.MODERATED


@pytest.mark.parametrize(
    "reason",
    [
        *("IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "IMAGE_OTHER"),
        *("SAFETY", "PROHIBITED_CONTENT", "SPII", "RECITATION", "BLOCKLIST", "OTHER"),
        "CONTENT_FILTERED",
    ],
)
def test_refused_in_a_200(reason: str) -> None:
    assert classify(Signals(http_status=200, finish_reason=reason)) is Fault.MODERATED


def test_refused_by_what_explains_it() -> None:
    assert classify(Signals(http_status=400, moderation=Moderation(stage="input"))) is Fault.MODERATED


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "Your request was rejected by the safety system."),
        (400, "The response was filtered by Azure OpenAI's content filter."),
        (403, "Your request was flagged by our content moderation system."),
    ],
)
def test_refused_by_words_as_a_last_resort(status: int, message: str) -> None:
    assert classify(Signals(http_status=status, message=message)) is Fault.MODERATED


@pytest.mark.parametrize(
    ("status", "codes"),
    [
        (400, ("unsupported_file_mimetype", "invalid_request_error")),
        (400, ("missing_file_mimetype",)),
        (400, ("invalid_image_file", "image_generation_user_error")),
        (400, ("invalid_image_mode",)),
        (400, ("INVALID_ARGUMENT",)),
        (400, ()),
        (413, ()),
        (415, ()),
        (422, ()),
    ],
)
def test_invalid_input(status: int, codes: tuple[str, ...]) -> None:
    assert classify(Signals(http_status=status, codes=codes)) is Fault.INVALID_INPUT


@pytest.mark.parametrize(
    ("status", "codes", "message"),
    [
        (401, ("invalid_api_key",), ""),
        (401, (), ""),
        (403, (), "Your organization must be verified to use the model."),
        (403, ("PERMISSION_DENIED",), ""),
        (400, ("API_KEY_INVALID",), ""),  # Gemini answers 400
    ],
)
def test_not_let_in(status: int, codes: tuple[str, ...], message: str) -> None:
    assert classify(Signals(http_status=status, codes=codes, message=message)) is Fault.AUTH


@pytest.mark.parametrize(
    ("status", "codes"),
    [(404, ("model_not_found",)), (404, ("DeploymentNotFound",)), (404, ()), (410, ()), (400, ("model_not_found",))],
)
def test_model_gone(status: int, codes: tuple[str, ...]) -> None:
    assert classify(Signals(http_status=status, codes=codes)) is Fault.MODEL_UNAVAILABLE


@pytest.mark.parametrize("reason", [None, "NO_IMAGE", "STOP", "MAX_TOKENS"])
def test_a_200_without_a_picture(reason: str | None) -> None:
    assert classify(Signals(http_status=200, finish_reason=reason)) is Fault.EMPTY_RESULT


def test_a_refusal_is_explained_by_its_details() -> None:
    details = {"moderation_stage": "output", "categories": ["violence", "self-harm"]}
    assert explained({"moderation_details": details}) == Moderation(
        stage="output", categories=("violence", "self-harm")
    )
    assert explained({"moderation_details": {}}) == Moderation()


def test_a_refusal_is_explained_by_the_list_in_its_message() -> None:
    message = "Rejected by the safety system. safety_violations=[violence, 'sexual']. Request id: 7"
    assert explained({"message": message}) == Moderation(categories=("violence", "sexual"))


@pytest.mark.parametrize("spelling", ["content_filter_result", "content_filter_results"])
def test_a_refusal_is_explained_by_the_filter_of_azure(spelling: str) -> None:
    verdicts = {"hate": {"filtered": False, "severity": "safe"}, "violence": {"filtered": True, "severity": "high"}}
    assert explained({"innererror": {spelling: verdicts}}) == Moderation(categories=("violence",))


@pytest.mark.parametrize("error", [{}, {"message": None}, {"message": "No."}, {"innererror": {"code": "x"}}])
def test_other_errors_explain_no_refusal(error: dict[str, object]) -> None:
    assert explained(error) is None
