"""The use cases over the capabilities, and the handlers of work."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from service.api.job_view import JobDocuments
from service.api.options import ApiOptions
from service.api.services import BatchServices, Services
from service.bootstrap.batches import Admission, Batches
from service.bootstrap.capabilities import Capabilities
from service.bootstrap.editing import edit_picture
from service.bootstrap.secrets import secrets_by_tenant
from service.config.settings import Settings
from service.domain.work import WorkKind
from service.ports.engine import Handler
from service.telemetry.metrics import Metrics
from service.usecases.accept import AcceptJob, OutputPlan
from service.usecases.cancel import CancelJob
from service.usecases.checks import Checks
from service.usecases.deliver import DeliverMessage, Redeliver, TestCallback
from service.usecases.endings import Endings
from service.usecases.follow import FollowJob
from service.usecases.head_start import HeadStart
from service.usecases.health import Readiness
from service.usecases.messages import Messages
from service.usecases.prune import Prune
from service.usecases.quota import Quota
from service.usecases.read import ReadJobs
from service.usecases.replays import Replays
from service.usecases.retry import RetryJob
from service.usecases.run import RunJob
from service.usecases.run_batch import RunBatch

_ROW_RETENTION = timedelta(days=30)  # how long a job can be read after its pictures are gone


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What a process runs: the services behind the routes, and the handlers behind the engine."""

    services: Services
    options: ApiOptions
    handlers: dict[WorkKind, Handler]
    prune: Prune
    readiness: Readiness


@dataclass(frozen=True, slots=True, kw_only=True)
class _Running:
    """The use cases that take work from the engine or end jobs."""

    run: RunJob
    deliver: DeliverMessage
    cancel: CancelJob


def join(settings: Settings, parts: Capabilities, metrics: Metrics, *, works: bool) -> Service:
    """Join use cases and capabilities.

    Args:
        works: Whether this process works off what it accepts.
    """
    link_seconds = settings.objects.presign_expires
    read = ReadJobs(
        ledger=parts.ledger,
        batches=parts.batches,
        storage=parts.storage,
        clock=parts.clock,
        link_seconds=link_seconds,
    )
    ahead = settings.pictures.imaging_workers if works else 0
    head_start = HeadStart(imaging=parts.imaging, providers=parts.providers, most=ahead)
    readiness = Readiness({"database": parts.ledger.ping, "storage": parts.storage.ping})
    admission = Admission(
        quota=Quota(ledger=parts.ledger, clock=parts.clock, max_unfinished=settings.jobs.max_queued_jobs),
        replays=Replays(ledger=parts.ledger, clock=parts.clock),
    )
    messages = Messages(
        storage=parts.storage,
        read=read,
        document=JobDocuments(settings.server.public_url),
        link_seconds=link_seconds,
    )
    batches = Batches(
        settings, parts, metrics, admission=admission, messages=messages, draining=lambda: readiness.draining
    )
    running = _running(settings, parts, metrics, read, head_start, batches.run, messages)
    accept = _accept(settings, parts, metrics, head_start, admission)
    retry = RetryJob(accept=accept, storage=parts.storage, max_image_bytes=settings.pictures.max_image_bytes)
    control = batches.control(cancel_single=running.cancel, retry_single=retry, read=read)
    prune = Prune(
        ledger=parts.ledger,
        batches=parts.batches,
        storage=parts.storage,
        clock=parts.clock,
        row_retention=_ROW_RETENTION,
    )
    secrets = secrets_by_tenant(settings)

    services = Services(
        accept=accept,
        accept_batch=batches.accept,
        batches=BatchServices(
            estimate=batches.estimate,
            items=batches.read.items,
            groups=batches.read.groups,
            report=batches.read.report,
            pause=control.pause,
            resume=control.resume,
            retry=control.retry,
        ),
        read=read,
        follow=FollowJob(ledger=parts.ledger, batches=parts.batches),
        cancel=control.cancel,
        redeliver=Redeliver(ledger=parts.ledger, clock=parts.clock),
        test_callback=TestCallback(sender=parts.callbacks, secrets=secrets, clock=parts.clock),
        ready=readiness,
        providers=parts.providers.states,
        render_metrics=metrics.render,
        storage=parts.storage_description,
        files=parts.files,
    )
    handlers: dict[WorkKind, Handler] = {
        WorkKind.JOB: running.run,
        WorkKind.SHARD: batches.work_off,
        WorkKind.DELIVERY: running.deliver,
        WorkKind.HOUSEKEEPING: prune,
    }
    return Service(services=services, options=_options(settings), handlers=handlers, prune=prune, readiness=readiness)


def _accept(
    settings: Settings, parts: Capabilities, metrics: Metrics, head_start: HeadStart, admission: Admission
) -> AcceptJob:
    return AcceptJob(
        ledger=parts.ledger,
        storage=parts.storage,
        checks=Checks(
            storage=parts.storage,
            imaging=parts.imaging,
            fetcher=parts.fetcher,
            callbacks=parts.callbacks,
            providers=parts.providers,
            max_image_bytes=settings.pictures.max_image_bytes,
        ),
        head_start=head_start,
        quota=admission.quota,
        replays=admission.replays,
        metrics=metrics,
        clock=parts.clock,
        plan=OutputPlan(
            bucket=parts.storage.output_bucket,
            prefix=settings.objects.output_prefix,
            default_format=settings.openai.image_output_format,
        ),
    )


def _running(
    settings: Settings,
    parts: Capabilities,
    metrics: Metrics,
    read: ReadJobs,
    head_start: HeadStart,
    batch: RunBatch,
    messages: Messages,
) -> _Running:
    edit = edit_picture(
        settings,
        parts,
        metrics,
        imaging=parts.imaging,
        local=parts.local,
        head_start=head_start,
    )
    endings = Endings(
        ledger=parts.ledger,
        messages=messages,
        metrics=metrics,
        clock=parts.clock,
        retention=timedelta(hours=settings.jobs.output_retention_hours),
    )
    return _Running(
        run=RunJob(
            ledger=parts.ledger,
            edit=edit,
            batch=batch,
            endings=endings,
            head_start=head_start,
            metrics=metrics,
            clock=parts.clock,
        ),
        deliver=DeliverMessage(
            ledger=parts.ledger,
            storage=parts.storage,
            sender=parts.callbacks,
            secrets=secrets_by_tenant(settings),
            schedule_seconds=settings.callbacks.retry_schedule,
            metrics=metrics,
            clock=parts.clock,
        ),
        cancel=CancelJob(ledger=parts.ledger, engine=parts.engine, endings=endings, read=read, clock=parts.clock),
    )


def _options(settings: Settings) -> ApiOptions:
    return ApiOptions(
        public_url=settings.server.public_url,
        api_keys={entry.key: entry.tenant for entry in settings.access.api_keys},
        max_image_bytes=settings.pictures.max_image_bytes,
        max_unfinished_jobs=settings.jobs.max_queued_jobs,
    )
