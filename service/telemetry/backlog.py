"""What waits and what runs, read when somebody asks for the metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """The state of the queues at one moment.

    Attributes:
        waiting: Work that is queued or running, by kind.
        in_flight: Work that runs in this process, by kind.
        records: Jobs and deliveries on their way, as the ledger counts them.
        oldest_delivery_seconds: The age of the oldest message that is not delivered yet; 0 when there is none.
    """

    waiting: Mapping[str, int] = field(default_factory=dict)
    in_flight: Mapping[str, int] = field(default_factory=dict)
    records: Mapping[str, int] = field(default_factory=dict)
    oldest_delivery_seconds: float = 0.0


class BacklogCollector(Collector):
    """Shows a backlog as gauges; nothing while there is none, because a stale number is worse than a gap."""

    def __init__(self) -> None:
        self.backlog: Backlog | None = None

    def collect(self) -> Iterator[Metric]:
        """The gauges of the backlog as it was last set."""
        if self.backlog is None:
            return
        yield _gauge("afterimage_work_waiting", "Work queued or running.", "kind", self.backlog.waiting)
        yield _gauge("afterimage_work_in_flight", "Work running in this process.", "kind", self.backlog.in_flight)
        yield _gauge("afterimage_records", "Jobs and deliveries on their way.", "state", self.backlog.records)
        yield GaugeMetricFamily(
            "afterimage_oldest_pending_delivery_age_seconds",
            "Age of the oldest callback that is not delivered yet.",
            value=self.backlog.oldest_delivery_seconds,
        )


def _gauge(name: str, text: str, label: str, values: Mapping[str, int]) -> Metric:
    gauge = GaugeMetricFamily(name, text, labels=[label])
    for value, count in values.items():
        gauge.add_metric([value], count)
    return gauge
