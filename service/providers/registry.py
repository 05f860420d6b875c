"""The providers that are configured, and the one that a job goes to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from service.ports.provider import Capabilities, Provider


class Registry:
    """Implements `service.ports.provider.Providers`.

    Args:
        providers: In order of preference; names are unique.
    """

    def __init__(self, providers: Sequence[Provider]) -> None:
        self._providers = {provider.name: provider for provider in providers}

    def __iter__(self) -> Iterator[Provider]:
        return iter(self._providers.values())

    def get(self, name: str) -> Provider | None:
        """One provider by name."""
        return self._providers.get(name)

    async def states(self) -> Sequence[tuple[str, Capabilities, Mapping[str, Any]]]:
        """Name, capabilities and present state of all.

        Raises:
            LedgerUnavailableError: nobody can tell.
        """
        return [(one.name, one.capabilities, await one.state()) for one in self]

    def choose(self, operation: str, requested: str | None) -> Provider:
        """The requested provider, else the first paid one that can do the operation, else one that costs nothing.

        Raises:
            LookupError: there is none; the text may be shown to the caller.
        """
        able = [provider for provider in self if operation in provider.capabilities.operations]
        if requested is not None:
            able = [provider for provider in able if provider.name == requested]
        if not able:
            who = "no provider" if requested is None else f"no provider {requested!r}"
            raise LookupError(f"{who} for {operation!r} is configured; there are: {', '.join(self._providers)}")
        return next((provider for provider in able if provider.capabilities.paid), able[0])
