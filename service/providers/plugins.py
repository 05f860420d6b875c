"""Providers that other packages bring, found by the entry-point group ``afterimage.providers``.

A package declares, in its own pyproject.toml::

    [project.entry-points."afterimage.providers"]
    acme = "afterimage_acme:create"

where ``create`` is a `ProviderFactory`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol

from service.ports.imaging import Imaging
from service.ports.provider import Provider

GROUP = "afterimage.providers"


class ProviderFactory(Protocol):
    """What an entry point names."""

    def __call__(self, environ: Mapping[str, str], imaging: Imaging) -> Provider | None:
        """Make the provider; None when its variables are not set, so that it is not used."""
        ...


@dataclass(frozen=True, slots=True)
class PluginFault:
    """A plug-in that cannot be used: the entry point's name, and why."""

    name: str
    detail: str


@dataclass(frozen=True, slots=True)
class Plugins:
    """What was found: providers by the order of their entry points' names, and what is broken."""

    providers: tuple[Provider, ...]
    faults: tuple[PluginFault, ...]


def load_plugins(environ: Mapping[str, str], imaging: Imaging, *, taken: Collection[str]) -> Plugins:
    """Make all providers that installed packages bring. One that is broken is reported and left out.

    Args:
        taken: Names of built-in providers, which no plug-in may take.
    """
    providers: dict[str, Provider] = {}
    faults = []
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        try:
            provider = _made(point, environ, imaging, {*taken, *providers})
        except Exception as error:  # noqa: BLE001 - foreign code may raise anything, and must not stop the service
            faults.append(PluginFault(point.name, f"{type(error).__name__}: {error}"))
        else:
            if provider is not None:
                providers[provider.name] = provider
    return Plugins(tuple(providers.values()), tuple(faults))


def _made(point: EntryPoint, environ: Mapping[str, str], imaging: Imaging, taken: Collection[str]) -> Provider | None:
    create: ProviderFactory = point.load()
    provider = create(environ, imaging)
    if provider is not None and provider.name in taken:
        raise ValueError(f"the provider name {provider.name!r} is taken")
    return provider
