"""Who edits pictures; the SDK of a vendor is loaded where it is configured."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack
from pathlib import Path

import structlog

from service.bootstrap.limits import Bounds
from service.config.faults import ConfigurationError, VariableFault
from service.config.settings import Settings
from service.ports.clock import Clock
from service.ports.imaging import Imaging
from service.ports.provider import Provider
from service.providers.circuit import Circuit
from service.providers.concurrency import Limiter
from service.providers.guarded import GuardedProvider
from service.providers.local import LocalProvider
from service.providers.plugins import load_plugins
from service.providers.prices import Prices
from service.providers.registry import Registry

_log = structlog.get_logger()
_OPENAI = "openai"  # also where it is not configured, and not loaded


def build_providers(
    settings: Settings,
    stack: AsyncExitStack,
    *,
    clock: Clock,
    local: LocalProvider,
    imaging: Imaging,
    bounds: Bounds,
) -> Registry:
    """Those that are configured, each paid one behind its circuit and its limits, and the local one.

    Raises:
        ConfigurationError: the file of prices cannot be read.
    """
    group, openai = settings.provider, settings.openai

    def guarded(provider: Provider) -> Provider:
        stack.push_async_callback(provider.close)
        return GuardedProvider(
            provider,
            circuit=Circuit(
                provider.name,
                outages=bounds.outages,
                clock=clock,
                open_seconds=group.circuit_open_seconds,
                lost_seconds=2 * group.provider_timeout_seconds,
            ),
            limiter=Limiter(
                f"calls to {provider.name}",
                most=group.provider_concurrency,
                most_per_tenant=group.tenant_concurrency,
                per_minute=group.provider_calls_per_minute,
                limits=bounds.limits,
                clock=clock,
            ),
        )

    providers: list[Provider] = []
    if openai.api_key is not None:
        from service.providers.openai import OpenAIProvider

        providers.append(
            guarded(
                OpenAIProvider(
                    api_key=openai.api_key.get_secret_value(),
                    base_url=openai.base_url,
                    models=openai.image_model,
                    prices=_prices(openai.image_prices_file),
                    quality=openai.image_quality,
                )
            )
        )
    plugins = load_plugins(os.environ, imaging, taken={local.name, _OPENAI})
    for fault in plugins.faults:
        _log.error("provider plug-in left out", plugin=fault.name, detail=fault.detail)
    providers += map(guarded, plugins.providers)
    return Registry([*providers, local])


def _prices(file: Path | None) -> Prices:
    try:
        return Prices.load(file)
    except ValueError as error:  # pydantic's among them
        raise ConfigurationError(
            (VariableFault("OPENAI_IMAGE_PRICES_FILE", f"{file} is no table of prices ({error})"),)
        ) from error
