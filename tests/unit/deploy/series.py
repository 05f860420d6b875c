"""What the service tells Prometheus, and what an expression asks for."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import promql_parser
from prometheus_client.parser import text_string_to_metric_families

from service.domain.decisions import INTERRUPTED
from service.domain.deliveries import DeliveryState
from service.domain.faults import Fault
from service.domain.jobs import Contract, JobStatus, OutputSource
from service.domain.objects import ObjectRef
from service.domain.work import WorkKind
from service.ports.storage import ObjectMissingError, ObjectTooLargeError
from service.telemetry.backlog import Backlog
from service.telemetry.metrics import Metrics

SCRAPED = {"instance"}
"""Labels that Prometheus adds."""

_NOWHERE = ObjectRef("pictures", "nowhere")
_STORAGE_OUTCOMES = {ObjectMissingError(_NOWHERE).code, ObjectTooLargeError(_NOWHERE, 1).code, "unreachable"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A series that an expression reads: its name, and the values that a label is compared with."""

    name: str
    values: Mapping[str, str]


async def told() -> Mapping[str, Mapping[str, set[str]]]:
    """Every series by name, with its labels and the values that they may have."""
    metrics = Metrics()
    metrics.watch(_backlog)
    _tell_of_jobs(metrics)
    _tell_of_calls(metrics)
    found: dict[str, dict[str, set[str]]] = {}
    for family in text_string_to_metric_families((await metrics.render()).decode()):
        for sample in family.samples:
            values = found.setdefault(sample.name, defaultdict(set))
            for label, value in sample.labels.items():
                values[label].add(value)
    return found


def _tell_of_jobs(metrics: Metrics) -> None:
    for contract in Contract:
        metrics.job_accepted("edit", contract.value)
    metrics.job_started("edit", wait_seconds=1)
    for status, source in itertools.product(JobStatus, (*OutputSource, "none")):
        metrics.job_finished(operation="edit", provider="openai", source=source, status=status, seconds=1)
    for state in DeliveryState:
        metrics.delivery_attempted(state=state, seconds=1)


def _tell_of_calls(metrics: Metrics) -> None:
    for fault in Fault:
        metrics.fell_back(reason=fault, provider="openai")
    for outcome in ("succeeded", INTERRUPTED, *Fault):
        metrics.provider_called(provider="openai", outcome=outcome, seconds=1)
    for outcome in ("succeeded", *_STORAGE_OUTCOMES):
        metrics.storage_called(operation="put", outcome=outcome, seconds=1)
    metrics.loop_lagged(seconds=1)


async def _backlog() -> Backlog:
    kinds = {kind.value: 1 for kind in WorkKind}
    records = {"job_queued": 1, "job_running": 1, "delivery_pending": 1}
    return Backlog(waiting=kinds, in_flight=kinds, records=records, oldest_delivery_seconds=1)


def asked(expression: str) -> Iterator[Asked]:
    """The series that an expression reads.

    Raises:
        ValueError: it is no PromQL.
    """
    found: list[Asked] = []

    def visit(node: promql_parser.Expr) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            values = {matcher.name: matcher.value for matcher in node.matchers.matchers}
            found.append(Asked(node.name or values["__name__"], values))

    promql_parser.walk(promql_parser.parse(expression), visit)
    return iter(found)


def grouped(expression: str) -> set[str]:
    """The labels by which an expression groups or joins."""
    found: set[str] = set()

    def visit(node: promql_parser.Expr) -> None:
        modifier = getattr(node, "modifier", None)
        if isinstance(modifier, promql_parser.AggModifier):
            found.update(modifier.labels)
        elif isinstance(modifier, promql_parser.BinModifier) and modifier.matching is not None:
            found.update(modifier.matching.labels)

    promql_parser.walk(promql_parser.parse(expression), visit)
    return found
