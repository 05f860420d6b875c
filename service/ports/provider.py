"""The seam to whoever edits pictures: paid models, and the local provider."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from service.ports.imaging import Picture, SourceLimits

Fence = Callable[[], Awaitable[None]]
"""Returns while a call may be made. Else it raises what the provider lets pass, and the call is not made."""


async def unfenced() -> None:
    """The fence of a call that may be made in any case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a provider can do, as data: read by the request check, the route and ``GET /providers``.

    Attributes:
        models: In order of preference; the next one is asked when one is retired.
        parameters: Operation name to the names of the parameters that the provider takes.
        formats: Output formats that it can write.
        paid: Whether a call may cost money.
    """

    operations: frozenset[str]
    models: tuple[str, ...]
    parameters: Mapping[str, frozenset[str]]
    formats: frozenset[str]
    sources: SourceLimits
    paid: bool
    mask_max_bytes: int | None = None  # None: takes no mask


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One thing asked of one provider, in its own terms already: pictures prepared, model chosen.

    Attributes:
        parameters: The operation's parameters, those left out by the caller absent.
        timeout_seconds: How long the answer may take in all.
        fence: To be awaited as late as can be before the provider has all that it needs to charge for the call, best
            before each piece that is sent: a worker may be stopped at any moment, and go on when another has its job.
            It was awaited before `Provider.start` in any case, and costs next to nothing.
    """

    job_id: str
    operation: str
    prompt: str
    model: str | None
    pictures: tuple[Picture, ...]
    mask: Picture | None
    parameters: Mapping[str, Any]
    timeout_seconds: float
    fence: Fence = unfenced


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a provider made: encoded bytes as they came, not yet checked.

    Attributes:
        usage: The provider's own numbers.
        cost_usd: Estimated from `usage` and the configured prices.
    """

    data: bytes
    model: str | None
    usage: Mapping[str, Any] | None = None
    cost_usd: float | None = None
    request_id: str | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A provider's "pending": stored before anybody waits, and good for `Provider.collect` after a restart."""

    id: str
    poll_after_seconds: float
    state: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who wants to call a provider, and how that may wait for its turn.

    Attributes:
        bulk: One of the many calls of a batch, which let single ones go first.
        collects: It asks for what a ticket stands for, and starts nothing.
        deadline_at: When it is too late for its turn to come.
    """

    tenant: str
    bulk: bool = False
    collects: bool = False
    deadline_at: datetime | None = None


class CallLaterError(Exception):
    """Nobody was asked: others of the same tenant wait already, and whoever comes again then takes no place meanwhile.

    Args:
        due_at: When its turn may have come near.
    """

    def __init__(self, due_at: datetime) -> None:
        super().__init__(f"not before {due_at}")
        self.due_at = due_at


class Provider(Protocol):
    """One vendor or the local one. Calls raise `ProviderFaultError` and nothing else.

    One that decodes the source itself, as the local one does, lets `PictureRefusedError` pass: no provider is at fault.
    What `Task.fence` raises passes as well.
    """

    @property
    def name(self) -> str:
        """The provider's name in the API, for example ``openai``."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        ...

    def admission(self, caller: Caller) -> AbstractAsyncContextManager[None]:
        """Wait for leave to call: entered before a call is recorded, left when its answer is there.

        Raises:
            ProviderFaultError: on entering, with `called` False, while the provider is known to refuse everybody or
                has asked for a pause; and when its turn has not come by the caller's deadline.
            CallLaterError: on entering, when a call that is not in bulk had better wait elsewhere.
        """
        ...

    async def start(self, task: Task) -> Result | Ticket:
        """Ask once. Never retries by itself: whether to ask again is decided above, where money is counted."""
        ...

    async def collect(self, task: Task, ticket: Ticket) -> Result | Ticket:
        """Ask for what a ticket stands for."""
        ...

    async def estimate(self, task_parameters: Mapping[str, Any]) -> float | None:
        """What one picture is expected to cost in US dollars, None where no price is known."""
        ...

    async def state(self) -> Mapping[str, Any]:
        """How it is now, for ``GET /providers``: circuit, concurrency.

        Raises:
            LedgerUnavailableError: nobody can tell.
        """
        ...

    async def ping(self) -> None:
        """Raise `ProviderFaultError` unless the account can be reached; costs nothing."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...


class LocalFallback(Provider, Protocol):
    """The local provider in its second role: making a labelled output when the one that was asked could not."""

    async def fallback(self, task: Task, *, label: str) -> Result:
        """Carry out the task locally and draw `label` into the picture."""
        ...


class Providers(Protocol):
    """The providers that are configured."""

    def get(self, name: str) -> Provider | None:
        """One provider by name."""
        ...

    def choose(self, operation: str, requested: str | None) -> Provider:
        """The provider that a job goes to: the requested one, else the first paid one configured, else the local one.

        Raises:
            LookupError: the requested one is not configured or cannot do the operation.
        """
        ...
