"""Metrics as a scraper reads them."""

from __future__ import annotations

import asyncio

from prometheus_client.parser import text_string_to_metric_families

from service.telemetry.backlog import Backlog
from service.telemetry.metrics import Metrics


async def scraped(metrics: Metrics) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    families = text_string_to_metric_families((await metrics.render()).decode())
    return {
        (sample.name.removeprefix("afterimage_"), frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


async def test_facts_are_counted_and_timed() -> None:
    metrics = Metrics()
    metrics.job_accepted("edit", "jobs")
    metrics.job_started("edit", wait_seconds=0.02)
    metrics.job_finished(operation="edit", provider="openai", source="provider", status="succeeded", seconds=12)
    metrics.fell_back(reason="billing_exhausted", provider="openai")
    metrics.provider_called(provider="openai", outcome="rate_limited", seconds=0.3)
    metrics.storage_called(operation="put", outcome="succeeded", seconds=0.004)
    metrics.delivery_attempted(state="pending", seconds=20)
    metrics.delivery_attempted(state="delivered", seconds=0.03)
    read = await scraped(metrics)
    finished = {"operation": "edit", "provider": "openai", "source": "provider", "status": "succeeded"}
    assert read[key("jobs_accepted_total", operation="edit", contract="jobs")] == 1
    assert read[key("job_wait_seconds_bucket", operation="edit", le="0.05")] == 1
    assert read[key("job_wait_seconds_bucket", operation="edit", le="0.01")] == 0
    assert read[key("jobs_finished_total", **finished)] == 1
    assert read[key("job_duration_seconds_sum", operation="edit", status="succeeded")] == 12
    assert read[key("fallbacks_total", provider="openai", reason="billing_exhausted")] == 1
    assert read[key("provider_call_seconds_count", provider="openai", outcome="rate_limited")] == 1
    assert read[key("storage_operation_seconds_count", operation="put", outcome="succeeded")] == 1
    assert read[key("callback_attempt_seconds_sum", state="pending")] == 20
    assert read[key("callback_attempt_seconds_count", state="delivered")] == 1


async def test_every_instance_counts_for_itself() -> None:
    one, other = Metrics(), Metrics()
    one.job_accepted("edit", "jobs")
    assert key("jobs_accepted_total", operation="edit", contract="jobs") not in await scraped(other)


async def test_the_process_is_among_the_numbers() -> None:
    assert (await scraped(Metrics()))[key("process_resident_memory_bytes")] > 0


async def test_the_backlog_is_read_at_every_scrape() -> None:
    metrics = Metrics()
    backlogs = [
        Backlog(waiting={"job": 5}, in_flight={"job": 2}, records={"queued": 3}, oldest_delivery_seconds=61.5),
        Backlog(waiting={"job": 0}),
    ]

    async def read_backlog() -> Backlog:
        return backlogs.pop(0)

    metrics.watch(read_backlog)
    first, second = await scraped(metrics), await scraped(metrics)
    assert first[key("work_waiting", kind="job")] == 5
    assert first[key("work_in_flight", kind="job")] == 2
    assert first[key("records", state="queued")] == 3
    assert first[key("oldest_pending_delivery_age_seconds")] == 61.5
    assert second[key("work_waiting", kind="job")] == 0
    assert second[key("oldest_pending_delivery_age_seconds")] == 0
    assert key("work_in_flight", kind="job") not in second


async def test_a_ledger_that_is_away_leaves_a_gap_and_no_stale_number() -> None:
    metrics = Metrics()
    away = False

    async def read_backlog() -> Backlog:
        if away:
            raise ConnectionError("database is away")
        return Backlog(waiting={"job": 5})

    metrics.watch(read_backlog)
    assert key("work_waiting", kind="job") in await scraped(metrics)
    away = True
    metrics.job_accepted("edit", "jobs")
    read = await scraped(metrics)
    assert key("work_waiting", kind="job") not in read
    assert read[key("jobs_accepted_total", operation="edit", contract="jobs")] == 1


async def test_a_ledger_that_hangs_does_not_hang_the_scrape() -> None:
    metrics = Metrics(backlog_timeout_seconds=0.05)

    async def read_backlog() -> Backlog:
        await asyncio.Event().wait()
        raise AssertionError

    metrics.watch(read_backlog)
    assert key("work_waiting", kind="job") not in await scraped(metrics)
