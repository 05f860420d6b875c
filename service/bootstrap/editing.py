"""What edits one picture, for single jobs and for the items of batches."""

from __future__ import annotations

from datetime import timedelta

from service.bootstrap.capabilities import Capabilities
from service.config.settings import Settings
from service.domain.decisions import Policy
from service.domain.faults import Fault
from service.ports.imaging import Imaging
from service.ports.provider import LocalFallback
from service.telemetry.metrics import Metrics
from service.usecases.ask import AskProvider
from service.usecases.edit import EditPicture, EditPolicy
from service.usecases.head_start import HeadStart
from service.usecases.locally import EditLocally
from service.usecases.outputs import Outputs
from service.usecases.sources import Sources
from service.usecases.tasks import Tasks


def edit_picture(
    settings: Settings,
    parts: Capabilities,
    metrics: Metrics,
    *,
    imaging: Imaging,
    local: LocalFallback,
    head_start: HeadStart,
) -> EditPicture:
    """Join what one picture goes through; all of it works on pixels through the same `imaging`."""
    outputs = Outputs(storage=parts.storage, imaging=imaging)
    tasks = Tasks(imaging=imaging, head_start=head_start, timeout_seconds=settings.provider.provider_timeout_seconds)
    return EditPicture(
        ledger=parts.ledger,
        sources=Sources(
            storage=parts.storage,
            fetcher=parts.fetcher,
            imaging=imaging,
            head_start=head_start,
            max_image_bytes=settings.pictures.max_image_bytes,
        ),
        outputs=outputs,
        providers=parts.providers,
        tasks=tasks,
        ask=AskProvider(ledger=parts.ledger, outputs=outputs, metrics=metrics, clock=parts.clock),
        locally=EditLocally(
            ledger=parts.ledger,
            local=local,
            tasks=tasks,
            outputs=outputs,
            metrics=metrics,
            clock=parts.clock,
            label=settings.fallback.fallback_label,
        ),
        clock=parts.clock,
        policy=_policy(settings),
    )


def _policy(settings: Settings) -> EditPolicy:
    return EditPolicy(
        retry=Policy(
            fallback=settings.fallback.fallback == "local",
            fallback_on=frozenset(map(Fault, settings.fallback.fallback_on)),
            max_attempts=settings.provider.provider_max_attempts,
            retry_interrupted=settings.jobs.retry_interrupted,
        ),
        deadline=timedelta(seconds=settings.jobs.job_deadline_seconds),
    )
