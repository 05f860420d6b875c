"""Editing locally: because that was asked for, because nothing else is configured, or as the labelled fallback."""

from __future__ import annotations

from service.domain.jobs import Fallback, Job, OutputSource
from service.ports.clock import Clock
from service.ports.ledger import Ledger
from service.ports.provider import LocalFallback, Result
from service.telemetry.metrics import Metrics
from service.usecases.lease import Lease
from service.usecases.outputs import Kept, Made, Outputs
from service.usecases.sources import LoadedSource
from service.usecases.tasks import Tasks


class EditLocally:
    """Makes and stores local outputs.

    Args:
        label: The text on a fallback picture; ``{reason}`` stands for why.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        local: LocalFallback,
        tasks: Tasks,
        outputs: Outputs,
        metrics: Metrics,
        clock: Clock,
        label: str,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._local = local
        self._tasks = tasks
        self._outputs = outputs
        self._metrics = metrics
        self._label = label

    async def edit(self, job: Job, source: LoadedSource) -> Kept:
        """Edit because the local provider is the one that the job goes to.

        Raises:
            PictureRefusedError: the source cannot be decoded.
            StorageError: the result could not be stored.
        """
        task, warnings = await self._tasks.of(job, self._local, source)
        result = await self._local.start(task)
        assert isinstance(result, Result)  # noqa: S101 - the local provider never gives tickets
        if job.provider is None:
            warnings += ("no image model is configured: the picture was edited locally",)
        return await self._keep(job, result, warnings)

    async def fall_back(self, job: Job, source: LoadedSource, why: Fallback) -> Kept:
        """Edit in place of the provider that was asked; the picture says so.

        Raises:
            PictureRefusedError: the source cannot be decoded.
            LeaseLostError: another worker has the job, and perhaps a picture of the provider for it.
            StorageError: the result could not be stored.
        """
        task, warnings = await self._tasks.of(job, self._local, source)
        label = self._label.replace("{reason}", why.reason.replace("_", " "))
        result = await self._local.fallback(task, label=label)
        warnings = (f"edited locally instead of by {why.provider}: {why.reason}", *warnings)
        await Lease(job, ledger=self._ledger, clock=self._clock).check()
        kept = await self._keep(job, result, warnings, why)
        self._metrics.fell_back(reason=why.reason, provider=why.provider)
        return kept

    async def _keep(self, job: Job, result: Result, warnings: tuple[str, ...], why: Fallback | None = None) -> Kept:
        made = Made(
            data=result.data,
            source=OutputSource.FALLBACK if why else OutputSource.PROVIDER,
            provider=self._local.name,
            fallback=why,
            cost_usd=result.cost_usd,
            warnings=(*warnings, *result.warnings),
        )
        return await self._outputs.keep(job, made)
