"""The lag of the event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress

from prometheus_client.parser import text_string_to_metric_families

from service.telemetry.lag import measure_loop_lag
from service.telemetry.metrics import Metrics


async def test_a_blocked_loop_shows() -> None:
    metrics = Metrics()
    measuring = asyncio.create_task(measure_loop_lag(metrics, interval_seconds=0.01))
    while (await samples(metrics))["count", None] < 1:
        await asyncio.sleep(0.01)
    time.sleep(0.3)  # noqa: ASYNC251 - blocking is what is measured
    while (found := await samples(metrics))["count", None] < 3:
        await asyncio.sleep(0.01)
    measuring.cancel()
    with suppress(asyncio.CancelledError):
        await measuring
    assert found["sum", None] >= 0.25
    assert found["bucket", "0.1"] < found["count", None]


async def samples(metrics: Metrics) -> Mapping[tuple[str, str | None], float]:
    families = text_string_to_metric_families((await metrics.render()).decode())
    (lag,) = (family for family in families if family.name == "afterimage_event_loop_lag_seconds")
    return {(sample.name.rpartition("_")[2], sample.labels.get("le")): sample.value for sample in lag.samples}
