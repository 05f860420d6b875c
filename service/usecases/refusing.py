"""Refusing a submission, single or batch: what both are refused for, and how a refusal names the field."""

from __future__ import annotations

from service.domain.operations import DONE_BY_SERVICE
from service.domain.refusals import FieldError, RefusalCode, RefusedError
from service.ports.callbacks import CallbackSender
from service.ports.fetching import ForbiddenURLError
from service.ports.provider import Provider, Providers
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


def check_provider(submission: Submission | BatchSubmission, operation: str, providers: Providers) -> Provider:
    """Who will do it, checked to take the parameters where the caller has named it.

    Raises:
        RefusedError: there is no such provider, or it does not take a parameter.
    """
    try:
        provider = providers.choose(operation, submission.provider)
    except LookupError as error:
        raise refused(submission, "provider", RefusalCode.UNKNOWN_PROVIDER, str(error)) from error
    known = provider.capabilities.parameters.get(operation, frozenset())
    unknown = sorted(set(submission.parameters) - known - DONE_BY_SERVICE)
    if unknown and submission.provider is not None:  # the chosen one is not given what it does not take, with a warning
        detail = f"{provider.name} does not take {', '.join(unknown)}"
        raise refused(submission, "parameters", RefusalCode.UNSUPPORTED_PARAMETER, detail)
    return provider
