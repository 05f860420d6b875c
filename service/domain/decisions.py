"""What follows from a failed attempt at a provider: asked again, made locally, or failed.

One pure function over the fault, what was tried before, and what the operator and the caller allow. Its rows are the
classes of `service.domain.faults.Fault`; each has a test.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.domain.attempts import INTERRUPTED, WITHHELD
from service.domain.faults import SLOWING, Fault, ProviderFaultError
from service.domain.jobs import Attempt, Job

_RETRIES = {
    Fault.OVERLOADED: 2,
    Fault.UNREACHABLE: 2,
    Fault.EMPTY_RESULT: 1,
}
"""How often a class is asked again by itself; rate limits are bounded by the attempts and the deadline alone.

A wait for a pause that a provider asked for, or for a turn, is no attempt and bounded by the deadline alone.
"""

_ALWAYS_FALL_BACK = frozenset(
    {
        Fault.BILLING_EXHAUSTED,
        Fault.QUOTA_DAILY,
        Fault.RATE_LIMITED,
        Fault.OVERLOADED,
        Fault.AMBIGUOUS,
        Fault.UNREACHABLE,
    }
)
_MAY_FALL_BACK = frozenset({Fault.AUTH, Fault.MODEL_UNAVAILABLE, Fault.EMPTY_RESULT})
"""Failures that somebody should look at: they fall back only where the operator says so. No other class ever does."""

_SPREAD = 0.25  # of a wait that a provider asked for, on its later side


@dataclass(frozen=True, slots=True)
class RetryAt:
    """Ask again at that moment; `next_model` says that the next configured model is meant."""

    at: datetime
    next_model: bool = False


@dataclass(frozen=True, slots=True)
class FallBack:
    """Make the output locally and label it. `reason` is a value of `Fault`."""

    reason: str


@dataclass(frozen=True, slots=True)
class Fail:
    """Give the job up. `code` is a value of `Fault`."""

    code: str


Decision = RetryAt | FallBack | Fail


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What an operator allows.

    Attributes:
        fallback: Whether outputs may be made locally at all.
        fallback_on: Which of auth, model_unavailable and empty_result fall back too.
        max_attempts: How often a job asks a provider at most, apart from interrupted calls and models that were gone.
        retry_interrupted: How often a job asks anew after a call that a crash interrupted.
        retry_seconds: The wait before the first retry; it doubles with each further one of the same class.
        longest_retry_seconds: Where the doubling stops.
    """

    fallback: bool = True
    fallback_on: frozenset[Fault] = frozenset()
    max_attempts: int = 5
    retry_interrupted: int = 3
    retry_seconds: float = 1.0
    longest_retry_seconds: float = 30.0

    def __post_init__(self) -> None:
        strange = self.fallback_on - _MAY_FALL_BACK
        if strange:
            raise ValueError(f"no setting lets {', '.join(sorted(strange))} fall back")


def decide(
    fault: ProviderFaultError,
    *,
    attempts: Sequence[Attempt],
    now: datetime,
    deadline_at: datetime,
    models: Sequence[str],
    retry_possibly_billed: bool,
    jitter: float,
    policy: Policy,
) -> Decision:
    """Decide what follows from one failed attempt.

    Args:
        attempts: Those before this one.
        deadline_at: Nobody is asked again after this moment.
        models: All models of the provider, in the order in which they are asked.
        retry_possibly_billed: The caller would rather pay twice than lose an answer; good for one retry.
        jitter: A random number, from 0 to below 1, that keeps the retries of many jobs apart.
    """
    earlier = _earlier(attempts)
    if fault.fault is Fault.MODEL_UNAVAILABLE and len(set(models) - _gone(attempts)) > 1 and now < deadline_at:
        return RetryAt(now, next_model=True)
    if _may_retry(fault, earlier, retry_possibly_billed=retry_possibly_billed, policy=policy):
        at = now + timedelta(seconds=_wait_seconds(fault, earlier[fault.fault], jitter, policy))
        if at < deadline_at:
            return RetryAt(at)
    if policy.fallback and fault.fault in _ALWAYS_FALL_BACK | policy.fallback_on:
        return FallBack(fault.fault.value)
    return Fail(fault.fault.value)


def tried_until(job: Job, *, asked: bool, now: datetime, patience: timedelta) -> datetime:
    """When a job is given up: at its caller's deadline, or once it has been tried for so long.

    How long it waited for its first turn, under limits that the operator has set, is not its provider's fault.

    Args:
        job: With the attempts before the one that has just failed.
        asked: Whether that was one: a provider was called.
        patience: How long a job is tried from its first attempt; from its start as long as nobody may be asked.
    """
    if job.deadline_at is not None:
        return job.deadline_at
    if job.attempts:
        return job.attempts[0].started_at + patience
    return (now if asked else job.started_at or now) + patience


def may_ask_again(attempts: Sequence[Attempt], policy: Policy) -> bool:
    """Whether a job may ask a provider although earlier calls of it were interrupted.

    A crash must not change what becomes of a job, so an interrupted call is made again although it may have been
    charged; the extra calls are bounded by those that were out at each crash, and by this.
    """
    return sum(_was_interrupted(attempt) for attempt in attempts) <= policy.retry_interrupted


def _may_retry(
    fault: ProviderFaultError, earlier: Counter[str], *, retry_possibly_billed: bool, policy: Policy
) -> bool:
    if not fault.called:
        return fault.fault in SLOWING  # a wait that was no attempt
    if earlier.total() + 1 >= policy.max_attempts:
        return False
    match fault.fault:
        case Fault.RATE_LIMITED:
            return True
        case Fault.AMBIGUOUS:
            return retry_possibly_billed and fault.code != INTERRUPTED and not earlier[Fault.AMBIGUOUS]
        case kind:
            return earlier[kind] < _RETRIES.get(kind, 0)


def _wait_seconds(fault: ProviderFaultError, failures: int, jitter: float, policy: Policy) -> float:
    """Never sooner than the provider asked for, and not all jobs at the same moment."""
    own = min(math.ldexp(policy.retry_seconds, failures), policy.longest_retry_seconds)
    asked = fault.retry_after_seconds
    if asked is None:
        return own * (0.5 + jitter)
    return asked + jitter * max(own, asked * _SPREAD)


def _earlier(attempts: Sequence[Attempt]) -> Counter[str]:
    """How often each class failed before, without what says nothing about the provider's patience with the job."""
    return Counter(
        attempt.outcome
        for attempt in attempts
        if attempt.outcome not in {None, Fault.MODEL_UNAVAILABLE}
        and attempt.code != WITHHELD
        and not _was_interrupted(attempt)
    )


def _gone(attempts: Sequence[Attempt]) -> set[str | None]:
    return {attempt.model for attempt in attempts if attempt.outcome == Fault.MODEL_UNAVAILABLE}


def _was_interrupted(attempt: Attempt) -> bool:
    return attempt.code == INTERRUPTED or (attempt.ended_at is None and attempt.ticket is None)
