"""From a job to what one provider is asked to do."""

from __future__ import annotations

from service.domain.faults import Fault
from service.domain.jobs import Job
from service.domain.operations import DONE_BY_SERVICE
from service.domain.pictures import PictureFormat
from service.ports.imaging import Imaging, Picture
from service.ports.provider import Provider, Task
from service.usecases.head_start import HeadStart
from service.usecases.outputs import wanted
from service.usecases.sources import LoadedSource


class Tasks:
    """Makes tasks.

    Args:
        timeout_seconds: How long a provider may take for one.
    """

    def __init__(self, *, imaging: Imaging, head_start: HeadStart, timeout_seconds: float) -> None:
        self._imaging = imaging
        self._head_start = head_start
        self._timeout_seconds = timeout_seconds

    async def of(self, job: Job, provider: Provider, source: LoadedSource) -> tuple[Task, tuple[str, ...]]:
        """What a job means for one provider, and what had to be changed or left out for it.

        Raises:
            PictureRefusedError: the source cannot be decoded.
        """
        can = provider.capabilities
        known = can.parameters.get(job.operation, frozenset())
        prepared = await self._head_start.prepare(job.id, source.picture, can.sources)
        warnings = list(prepared.changes)
        left_out = sorted(set(job.parameters) - known - DONE_BY_SERVICE)
        if left_out:
            warnings.append(f"{provider.name} does not take {', '.join(left_out)}; left out")
        mask: Picture | None = None
        if source.mask is not None and can.mask_max_bytes is not None:
            mask = await self._imaging.prepare_mask(
                source.mask, width=prepared.picture.width, height=prepared.picture.height, max_bytes=can.mask_max_bytes
            )
        elif source.mask is not None:
            warnings.append(f"{provider.name} takes no mask; left out")
        parameters = {name: value for name, value in job.parameters.items() if name in known}
        format_ = wanted(job).format
        if "output_format" in known:
            parameters["output_format"] = format_.value if format_.value in can.formats else PictureFormat.PNG.value
        task = Task(
            job_id=job.id,
            operation=job.operation,
            prompt=job.prompt,
            model=_model(job, provider),
            pictures=(prepared.picture,),
            mask=mask,
            parameters=parameters,
            timeout_seconds=self._timeout_seconds,
        )
        return task, tuple(warnings)


def _model(job: Job, provider: Provider) -> str | None:
    """The first model that has not turned out to be unavailable."""
    models = provider.capabilities.models
    gone = {attempt.model for attempt in job.attempts if attempt.outcome == Fault.MODEL_UNAVAILABLE}
    return next((model for model in models if model not in gone), models[-1] if models else None)
