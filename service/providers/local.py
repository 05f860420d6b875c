"""The provider that needs nobody: edits on this machine, and the labelled fallback for all others."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

from service.domain.faults import Fault, ProviderFaultError
from service.domain.operations import DONE_BY_SERVICE
from service.domain.pictures import PictureFormat
from service.domain.resizing import resize_of
from service.ports.imaging import Encoding, Imaging, SourceLimits
from service.ports.provider import Caller, Capabilities, Result, Task, Ticket

_FORMATS = (PictureFormat.PNG, PictureFormat.JPEG, PictureFormat.WEBP, PictureFormat.AVIF)
_ANY_SIZE = 1 << 40  # bytes; what the service accepts at all was checked before


class LocalProvider:
    """Implements `service.ports.provider.LocalFallback` on the imaging workers."""

    name = "local"
    capabilities = Capabilities(
        operations=frozenset({"edit"}),
        models=(),
        parameters={"edit": frozenset({"size", "output_format", "output_compression"}) | DONE_BY_SERVICE},
        formats=frozenset(kind.value for kind in _FORMATS),
        sources=SourceLimits(formats=frozenset(PictureFormat), max_bytes=_ANY_SIZE),
        paid=False,
    )

    def __init__(self, imaging: Imaging) -> None:
        self._imaging = imaging

    def admission(self, caller: Caller) -> AbstractAsyncContextManager[None]:  # noqa: ARG002 - the seam's signature
        """Nobody waits here: the imaging workers are bounded themselves."""
        return nullcontext()

    async def start(self, task: Task) -> Result:
        """Carry out the plain instructions in the prompt.

        Raises:
            PictureRefusedError: the source cannot be decoded.
        """
        return await self._edit(task, label=None)

    async def fallback(self, task: Task, *, label: str) -> Result:
        """The same in place of another provider: `label` is drawn into the picture.

        Raises:
            PictureRefusedError: the source cannot be decoded.
        """
        return await self._edit(task, label=label)

    async def collect(self, task: Task, ticket: Ticket) -> Result:
        """There is nothing to collect: this provider gives no tickets."""
        raise ProviderFaultError(Fault.EMPTY_RESULT, f"no ticket {ticket.id!r} of job {task.job_id} is known")

    async def estimate(self, task_parameters: Mapping[str, Any]) -> float:  # noqa: ARG002 - the seam's signature
        """Nothing, whatever is asked."""
        return 0.0

    async def state(self) -> Mapping[str, Any]:
        """Nothing changes here while it runs."""
        return {}

    async def ping(self) -> None:
        """It is always there."""

    async def close(self) -> None:
        """The imaging workers belong to whoever made them."""

    async def _edit(self, task: Task, *, label: str | None) -> Result:
        encoding = Encoding(
            format=PictureFormat(task.parameters.get("output_format") or PictureFormat.PNG),
            quality=task.parameters.get("output_compression"),
            resize=resize_of(task.parameters),  # here already, so that no edge takes a label with it
        )
        size = _size(task.parameters.get("size"))
        edit = await self._imaging.edit(task.pictures[0].data, task.prompt, encoding=encoding, size=size, label=label)
        return Result(data=edit.picture.data, model=None, cost_usd=0.0, warnings=edit.warnings)


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None or text == "auto":
        return None
    width, _, height = text.partition("x")
    return int(width), int(height)
