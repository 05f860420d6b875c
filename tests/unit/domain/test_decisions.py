from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.decisions import (
    INTERRUPTED,
    Decision,
    Fail,
    FallBack,
    Policy,
    RetryAt,
    decide,
    may_ask_again,
    tried_until,
)
from service.domain.faults import Fault, ProviderFaultError
from service.domain.jobs import Attempt, Contract, Job
from service.domain.objects import ObjectRef

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
OFF = Policy(fallback=False)


def attempt(outcome: Fault | None, *, code: str | None = None, model: str = "one") -> Attempt:
    return Attempt(
        number=1,
        provider="openai",
        model=model,
        started_at=NOW,
        ended_at=NOW if outcome else None,
        outcome=outcome,
        code=code,
    )


def follows(
    fault: Fault,
    *earlier: Fault | Attempt,
    code: str | None = None,
    retry_after_seconds: float | None = None,
    deadline: timedelta = HOUR,
    models: tuple[str, ...] = ("one",),
    retry_possibly_billed: bool = False,
    jitter: float = 0.5,
    policy: Policy | None = None,
    called: bool = True,
) -> Decision:
    return decide(
        ProviderFaultError(fault, "no", code=code, retry_after_seconds=retry_after_seconds, called=called),
        attempts=[attempt(one) if isinstance(one, Fault) else one for one in earlier],
        now=NOW,
        deadline_at=NOW + deadline,
        models=models,
        retry_possibly_billed=retry_possibly_billed,
        jitter=jitter,
        policy=policy or Policy(),
    )


JOB = Job(
    id="job-1",
    tenant="t",
    contract=Contract.JOBS,
    operation="edit",
    prompt="x",
    source=None,
    target=ObjectRef("out", "a.png"),
    created_at=NOW - HOUR,
    started_at=NOW - HOUR / 2,
)


def after(seconds: float) -> RetryAt:
    return RetryAt(NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize("fault", [Fault.BILLING_EXHAUSTED, Fault.QUOTA_DAILY])
def test_without_money_nobody_is_asked_again(fault: Fault) -> None:
    assert follows(fault, retry_after_seconds=1) == FallBack(fault)


def test_a_rate_limit_waits_as_long_as_it_was_asked_to() -> None:
    assert follows(Fault.RATE_LIMITED, retry_after_seconds=20, jitter=0) == after(20)


@pytest.mark.parametrize("fault", [Fault.RATE_LIMITED, Fault.OVERLOADED])
def test_a_pause_is_waited_out_however_often_the_provider_was_asked_before(fault: Fault) -> None:
    earlier = [fault] * 2
    policy = Policy(max_attempts=1)
    paused = follows(fault, *earlier, retry_after_seconds=20, jitter=0, policy=policy, called=False)
    assert paused == after(20)
    assert follows(fault, *earlier, retry_after_seconds=20, jitter=0, policy=policy) == FallBack(fault)


def test_a_pause_that_ends_after_the_deadline_is_not_waited_out() -> None:
    late = {"retry_after_seconds": 20, "deadline": timedelta(seconds=20), "called": False}
    assert follows(Fault.RATE_LIMITED, **late) == FallBack("rate_limited")
    assert follows(Fault.OVERLOADED, **late, policy=OFF) == Fail("overloaded")


@pytest.mark.parametrize("fault", [Fault.BILLING_EXHAUSTED, Fault.QUOTA_DAILY])
def test_what_is_refused_to_everybody_is_not_asked_again(fault: Fault) -> None:
    assert follows(fault, called=False) == FallBack(fault)


@given(asked=st.floats(0, 3000), jitter=st.floats(0, 1, exclude_max=True), failures=st.integers(0, 3))
def test_nobody_returns_sooner_than_the_provider_asked_for(asked: float, jitter: float, failures: int) -> None:
    decision = follows(Fault.RATE_LIMITED, *[Fault.RATE_LIMITED] * failures, retry_after_seconds=asked, jitter=jitter)
    if isinstance(decision, RetryAt):
        assert timedelta(seconds=asked) <= decision.at - NOW <= timedelta(seconds=asked * 1.25 + 8)


def test_a_thousand_jobs_do_not_return_together() -> None:
    moments = {follows(Fault.RATE_LIMITED, retry_after_seconds=20, jitter=n / 1000) for n in range(1000)}
    assert len(moments) == 1000
    assert after(22.5) in moments  # half of the spread of a quarter


def test_a_rate_limit_that_does_not_say_how_long_is_waited_for_longer_each_time() -> None:
    waits = [follows(Fault.RATE_LIMITED, *[Fault.RATE_LIMITED] * n) for n in range(4)]
    assert waits == [after(1), after(2), after(4), after(8)]


def test_waits_stop_doubling() -> None:
    policy = Policy(max_attempts=100, retry_seconds=1, longest_retry_seconds=30)
    assert follows(Fault.RATE_LIMITED, *[Fault.RATE_LIMITED] * 50, policy=policy) == after(30)


def test_a_rate_limit_falls_back_when_the_attempts_run_out() -> None:
    four = [Fault.RATE_LIMITED] * 4
    assert isinstance(follows(Fault.RATE_LIMITED, *four[:3]), RetryAt)
    assert follows(Fault.RATE_LIMITED, *four) == FallBack("rate_limited")
    assert follows(Fault.RATE_LIMITED, *four, policy=OFF) == Fail("rate_limited")


def test_a_rate_limit_beyond_the_deadline_falls_back_at_once() -> None:
    assert follows(Fault.RATE_LIMITED, retry_after_seconds=3600) == FallBack("rate_limited")


@pytest.mark.parametrize("fault", [Fault.OVERLOADED, Fault.UNREACHABLE])
def test_what_may_pass_is_tried_twice_more_and_then_falls_back(fault: Fault) -> None:
    assert follows(fault) == after(1)
    assert follows(fault, fault) == after(2)
    assert follows(fault, fault, fault) == FallBack(fault)


def test_retries_are_jittered() -> None:
    assert follows(Fault.OVERLOADED, jitter=0) == after(0.5)
    assert follows(Fault.OVERLOADED, jitter=0.999) == after(1.499)


def test_an_overload_that_says_how_long_is_heeded() -> None:
    assert follows(Fault.OVERLOADED, retry_after_seconds=7, jitter=0) == after(7)


def test_each_class_has_retries_of_its_own_within_the_attempts_of_the_job() -> None:
    mixed = [Fault.OVERLOADED, Fault.OVERLOADED, Fault.UNREACHABLE]
    assert follows(Fault.UNREACHABLE, *mixed) == after(2)
    assert follows(Fault.UNREACHABLE, *mixed, policy=Policy(max_attempts=4)) == FallBack("unreachable")


def test_a_lost_answer_is_not_asked_for_again() -> None:
    assert follows(Fault.AMBIGUOUS) == FallBack("ambiguous")


def test_a_lost_answer_is_asked_for_once_more_if_the_caller_pays_for_it() -> None:
    assert follows(Fault.AMBIGUOUS, retry_possibly_billed=True) == after(1)
    assert follows(Fault.AMBIGUOUS, Fault.AMBIGUOUS, retry_possibly_billed=True) == FallBack("ambiguous")


@pytest.mark.parametrize("policy", [Policy(), OFF, Policy(fallback_on=frozenset({Fault.EMPTY_RESULT}))])
@pytest.mark.parametrize("fault", [Fault.MODERATED, Fault.INVALID_INPUT, Fault.STORAGE])
def test_refusals_invalid_input_and_storage_never_fall_back(fault: Fault, policy: Policy) -> None:
    assert follows(fault, policy=policy, models=("one", "two"), retry_possibly_billed=True) == Fail(fault)


@pytest.mark.parametrize("fault", [Fault.MODERATED, Fault.INVALID_INPUT, Fault.STORAGE, Fault.BILLING_EXHAUSTED])
def test_no_setting_lets_other_classes_fall_back(fault: Fault) -> None:
    with pytest.raises(ValueError, match=fault):
        Policy(fallback_on=frozenset({fault}))


@pytest.mark.parametrize("fault", [Fault.AUTH, Fault.MODEL_UNAVAILABLE])
def test_what_an_operator_must_repair_fails_unless_configured_otherwise(fault: Fault) -> None:
    assert follows(fault) == Fail(fault)
    assert follows(fault, policy=Policy(fallback_on=frozenset({fault}))) == FallBack(fault)
    assert follows(fault, policy=Policy(fallback=False, fallback_on=frozenset({fault}))) == Fail(fault)


def test_an_empty_result_is_tried_once_more() -> None:
    empty = Fault.EMPTY_RESULT
    assert follows(empty) == after(1)
    assert follows(empty, empty) == Fail("empty_result")
    assert follows(empty, empty, policy=Policy(fallback_on=frozenset({empty}))) == FallBack("empty_result")


def test_a_model_that_is_gone_gives_way_to_the_next() -> None:
    gone = Fault.MODEL_UNAVAILABLE
    models = ("one", "two", "three")
    assert follows(gone, models=models) == RetryAt(NOW, next_model=True)
    assert follows(gone, attempt(gone, model="one"), models=models) == RetryAt(NOW, next_model=True)
    both = (attempt(gone, model="one"), attempt(gone, model="two"))
    assert follows(gone, *both, models=models) == Fail("model_unavailable")
    assert follows(gone, models=models, deadline=timedelta(0)) == Fail("model_unavailable")


def test_models_that_are_gone_use_up_no_attempts() -> None:
    gone = attempt(Fault.MODEL_UNAVAILABLE, model="one")
    assert follows(Fault.RATE_LIMITED, gone, models=("one", "two"), policy=Policy(max_attempts=2)) == after(1)


@pytest.mark.parametrize(
    "fault",
    [
        Fault.BILLING_EXHAUSTED,
        Fault.QUOTA_DAILY,
        Fault.RATE_LIMITED,
        Fault.OVERLOADED,
        Fault.AMBIGUOUS,
        Fault.UNREACHABLE,
    ],
)
def test_without_fallback_jobs_fail_with_the_code_of_the_fault(fault: Fault) -> None:
    assert follows(fault, fault, fault, policy=OFF, deadline=timedelta(0)) == Fail(fault)


@given(
    fault=st.sampled_from(Fault),
    earlier=st.lists(st.sampled_from(Fault), max_size=8),
    deadline_seconds=st.floats(0, 100),
    jitter=st.floats(0, 1, exclude_max=True),
)
def test_nothing_is_asked_after_the_deadline_or_too_often(
    fault: Fault, earlier: list[Fault], deadline_seconds: float, jitter: float
) -> None:
    deadline = timedelta(seconds=deadline_seconds)
    decision = follows(fault, *earlier, deadline=deadline, jitter=jitter, models=(), retry_possibly_billed=True)
    if isinstance(decision, RetryAt):
        assert NOW <= decision.at < NOW + deadline
        assert sum(one is not Fault.MODEL_UNAVAILABLE for one in earlier) < Policy().max_attempts - 1


CUT_OFF = attempt(Fault.AMBIGUOUS, code=INTERRUPTED)


def test_an_interrupted_call_is_made_again_three_times_by_default() -> None:
    assert may_ask_again([], Policy())
    assert may_ask_again([CUT_OFF] * 3, Policy())
    assert not may_ask_again([CUT_OFF] * 4, Policy())
    assert not may_ask_again([CUT_OFF], Policy(retry_interrupted=0))


def test_an_attempt_left_open_by_a_dead_process_counts_as_interrupted() -> None:
    assert not may_ask_again([attempt(None)], Policy(retry_interrupted=0))


def test_an_attempt_that_waits_for_its_ticket_was_not_interrupted() -> None:
    ticket = Attempt(number=1, provider="p", model=None, started_at=NOW, ticket={"id": "7", "state": {}})
    assert may_ask_again([ticket], Policy(retry_interrupted=0))


def test_a_lost_answer_of_another_kind_was_not_interrupted() -> None:
    assert may_ask_again([attempt(Fault.AMBIGUOUS)], Policy(retry_interrupted=0))


def test_a_call_that_was_interrupted_too_often_falls_back_even_if_the_caller_would_pay() -> None:
    decision = follows(Fault.AMBIGUOUS, *[CUT_OFF] * 4, code=INTERRUPTED, retry_possibly_billed=True)
    assert decision == FallBack("ambiguous")


def test_a_crash_changes_nothing_about_later_failures() -> None:
    assert follows(Fault.OVERLOADED, CUT_OFF, CUT_OFF, policy=Policy(max_attempts=2)) == after(1)
    assert follows(Fault.AMBIGUOUS, CUT_OFF, retry_possibly_billed=True) == after(1)


@pytest.mark.parametrize(
    ("job", "asked", "until"),
    [
        (JOB, True, NOW + HOUR),  # what it waited for its turn does not count
        (JOB, False, NOW + HOUR / 2),
        (replace(JOB, started_at=None), False, NOW + HOUR),
        (replace(JOB, attempts=(replace(attempt(None), started_at=NOW - HOUR / 4),)), True, NOW + HOUR * 3 / 4),
        (replace(JOB, attempts=(replace(attempt(None), started_at=NOW - HOUR / 4),)), False, NOW + HOUR * 3 / 4),
        (replace(JOB, deadline_at=NOW + HOUR / 60), True, NOW + HOUR / 60),
    ],
)
def test_a_job_is_tried_from_its_first_attempt_up_to_the_deadline_of_its_caller(
    job: Job, asked: bool, until: datetime
) -> None:
    assert tried_until(job, asked=asked, now=NOW, patience=HOUR) == until
