"""The use cases of batches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from service.bootstrap.capabilities import STREAMS, Capabilities
from service.bootstrap.editing import edit_picture
from service.config.settings import Settings
from service.domain.work import WorkKind
from service.providers.local import LocalProvider
from service.telemetry.metrics import Metrics
from service.usecases.accept_batch import AcceptBatch, BatchPlan, PlanBatch
from service.usecases.batch_endings import BatchEndings
from service.usecases.cancel import CancelJob
from service.usecases.control_batch import ControlBatch
from service.usecases.courtesy import Courtesy
from service.usecases.head_start import HeadStart
from service.usecases.listings import Listings
from service.usecases.messages import Messages
from service.usecases.quota import Quota
from service.usecases.read import ReadJobs
from service.usecases.read_batch import EstimateBatch, ReadBatches
from service.usecases.replays import Replays
from service.usecases.report import WriteReport
from service.usecases.retry import RetryJob
from service.usecases.run_batch import RunBatch
from service.usecases.work_off import WorkOff

_TURN = timedelta(seconds=15)  # how long a stream works while others wait for its place


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """What all that is accepted passes, so that it counts together."""

    quota: Quota
    replays: Replays


class Batches:
    """The use cases of batches over the capabilities.

    Args:
        draining: Whether the process is about to stop.
    """

    def __init__(
        self,
        settings: Settings,
        parts: Capabilities,
        metrics: Metrics,
        *,
        admission: Admission,
        messages: Messages,
        draining: Callable[[], bool],
    ) -> None:
        self._parts = parts
        link_seconds = settings.objects.presign_expires
        listings = Listings(storage=parts.storage, batches=parts.batches)
        plan = _plan(settings, parts)
        self.accept = AcceptBatch(
            batches=parts.batches,
            storage=parts.storage,
            plan=plan,
            quota=admission.quota,
            replays=admission.replays,
            metrics=metrics,
        )
        self.estimate = EstimateBatch(plan=plan, listings=listings)
        self.read = ReadBatches(
            ledger=parts.ledger, batches=parts.batches, storage=parts.storage, link_seconds=link_seconds
        )
        self.run = RunBatch(
            ledger=parts.ledger,
            batches=parts.batches,
            listings=listings,
            endings=BatchEndings(
                ledger=parts.ledger,
                batches=parts.batches,
                storage=parts.storage,
                report=WriteReport(batches=parts.batches, storage=parts.storage),
                messages=messages,
                metrics=metrics,
                clock=parts.clock,
                retention=timedelta(hours=settings.jobs.output_retention_hours),
                link_seconds=link_seconds,
            ),
            clock=parts.clock,
            patience=timedelta(seconds=settings.jobs.job_deadline_seconds),
        )
        self.work_off = _work_off(settings, parts, metrics, draining)

    def control(self, *, cancel_single: CancelJob, retry_single: RetryJob, read: ReadJobs) -> ControlBatch:
        """What lets callers steer their jobs."""
        parts = self._parts
        return ControlBatch(
            ledger=parts.ledger,
            batches=parts.batches,
            engine=parts.engine,
            accept=self.accept,
            cancel_single=cancel_single,
            retry_single=retry_single,
            read=read,
            clock=parts.clock,
        )


def _plan(settings: Settings, parts: Capabilities) -> PlanBatch:
    return PlanBatch(
        ledger=parts.ledger,
        storage=parts.storage,
        callbacks=parts.callbacks,
        fetcher=parts.fetcher,
        providers=parts.providers,
        clock=parts.clock,
        plan=BatchPlan(
            input_prefix=settings.objects.input_prefix,
            output_prefix=settings.objects.output_prefix,
            output_format=settings.openai.image_output_format,
            concurrency=settings.jobs.batch_concurrency,
            most_concurrency=settings.jobs.max_batch_concurrency,
        ),
    )


def _work_off(settings: Settings, parts: Capabilities, metrics: Metrics, draining: Callable[[], bool]) -> WorkOff:
    # Single jobs find a worker that no batch has taken, where there is more than one.
    imaging = Courtesy(parts.imaging, most=max(1, settings.pictures.imaging_workers - 1))
    edit = edit_picture(
        settings,
        parts,
        metrics,
        imaging=imaging,
        local=LocalProvider(imaging),
        head_start=HeadStart(imaging=imaging, providers=parts.providers, most=0),
    )

    def leave(worked: timedelta) -> bool:
        crowded = parts.engine.in_flight().get(WorkKind.SHARD, 0) >= STREAMS
        # What another has taken over the ledger refuses; so nothing is begun of what was taken before.
        return draining() or parts.engine.may_have_lost(worked) or (crowded and worked >= _TURN)

    return WorkOff(batches=parts.batches, edit=edit, clock=parts.clock, leave=leave)
