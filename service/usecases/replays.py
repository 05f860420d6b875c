"""Idempotency: the same key with the same request is the same job (IETF draft httpapi-idempotency-key-header)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.domain.refusals import FieldError, RefusalCode, RefusedError
from service.ports.clock import Clock
from service.ports.ledger import Accepted, Ledger
from service.usecases.submissions import BatchSubmission, Submission

_HEADER = "header:Idempotency-Key"


class Replays:
    """Answers repeated requests. One per process: it also knows the keys whose first request is under way here.

    Between processes the ledger's unique index decides; then `confirm` sees that another request was first.
    """

    def __init__(self, *, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._under_way: set[tuple[str, str]] = set()

    @asynccontextmanager
    async def guard(self, submission: Submission | BatchSubmission) -> AsyncIterator[Accepted | None]:
        """Hold a submission's key while it is accepted; gives the job that it already stands for, if any.

        Raises:
            RefusedError: the key was used for another request, or its first request is still being accepted.
        """
        if submission.idempotency is None:
            yield None
            return
        claim = (submission.tenant, submission.idempotency.key)
        if claim in self._under_way:
            raise RefusedError(
                RefusalCode.IDEMPOTENCY_IN_FLIGHT,
                "the first request with this Idempotency-Key is still being accepted",
                retryable=True,
                retry_after_seconds=1,
            )
        self._under_way.add(claim)
        try:
            known = await self._ledger.find_accepted(*claim, now=self._clock.now())
            yield None if known is None else self.confirm(submission, known)
        finally:
            self._under_way.discard(claim)

    def confirm(self, submission: Submission | BatchSubmission, accepted: Accepted) -> Accepted:
        """Pass on an acceptance, unless it replays another request.

        Raises:
            RefusedError: the key was used for another request.
        """
        claim = submission.idempotency
        if claim is None or not accepted.replayed or accepted.fingerprint == claim.fingerprint:
            return accepted
        detail = "this Idempotency-Key was used with a different request within the last 24 hours"
        code = RefusalCode.IDEMPOTENCY_MISMATCH
        raise RefusedError(code, detail, errors=(FieldError(_HEADER, detail, code),))
