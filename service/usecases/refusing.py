"""Refusing a submission, single or batch: what both are refused for, and how a refusal names the field."""

from __future__ import annotations

from service.domain.refusals import FieldError, RefusalCode, RefusedError
from service.ports.callbacks import CallbackSender
from service.ports.fetching import ForbiddenURLError
from service.usecases.submissions import BatchSubmission, Submission


def refused(submission: Submission | BatchSubmission, part: str, code: str, detail: str) -> RefusedError:
    """A refusal that points at one part of a request; without a pointer for it, at the field of that name."""
    pointer = submission.pointers.get(part, f"/{part}")
    return RefusedError(code, detail, errors=(FieldError(pointer, detail, code),))


def check_callback(submission: Submission | BatchSubmission, callbacks: CallbackSender) -> None:
    """Check where the result is to go, if anywhere.

    Raises:
        RefusedError: callbacks never go there.
    """
    if submission.callback_url is None:
        return
    try:
        callbacks.check(submission.callback_url)
    except ForbiddenURLError as error:
        raise refused(submission, "callback_url", RefusalCode.INVALID_CALLBACK_URL, str(error)) from error
