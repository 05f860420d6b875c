"""Outputs: where a result goes, and finding it again after a crash so that nobody is asked twice.

A result is stored before anything else happens. What must survive with it (who made it, what it cost) travels as the
object's metadata: a restart needs nothing but the key, which is known before the picture exists.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pybase64
from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_exponential_jitter

from service.domain.jobs import Attempt, Fallback, Job, Output, OutputSource
from service.domain.objects import ObjectInfo, ObjectRef
from service.domain.pictures import PictureFormat, PictureInfo
from service.domain.resizing import resize_of
from service.ports.imaging import Encoding, Imaging
from service.ports.storage import Storage, StorageError

_ABOUT = "afterimage"  # the name of the metadata entry
_ABOUT_BYTES = 1_800  # S3 allows 2 KB of user metadata in all
_STORE_SECONDS = 600  # a paid result is worth waiting for a store that is away


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A picture that was made and is not stored yet."""

    data: bytes
    source: OutputSource
    provider: str
    model: str | None = None
    fallback: Fallback | None = None
    usage: Mapping[str, Any] | None = None
    cost_usd: float | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A picture that is stored, with what is known about its making.

    Attributes:
        attempt: The attempt that made it, with its end, which is still to be recorded.
    """

    output: Output
    usage: Mapping[str, Any] | None = None
    cost_usd: float | None = None
    warnings: tuple[str, ...] = ()
    attempt: Attempt | None = None


class Outputs:
    """Stores results where the job says that they go."""

    def __init__(self, *, storage: Storage, imaging: Imaging) -> None:
        self._storage = storage
        self._imaging = imaging

    async def find(self, job: Job) -> Kept | None:
        """The result that an earlier run of the job stored, if one did; a provider's before a fallback's."""
        final = await self._final(job)
        if final is not None and not _fell_back(final):
            return final
        original = await self._storage.head(_original(job.target))
        return final if original is None else await self._convert(job, _read(original))

    async def keep(self, job: Job, made: Made) -> Kept:
        """Store a result, and convert it when its format or its size is not the wanted one.

        Where another run of the job was first, because one of the two was taken for dead, that one's result is the
        job's; but no fallback goes before a provider's result, which is stored beside it then.

        Raises:
            PictureRefusedError: the bytes are no picture; nothing was stored.
            StorageError: the store refused it, or was away for ten minutes.
        """
        digesting = asyncio.get_running_loop().run_in_executor(None, _digest, made.data)
        info = self._imaging.recognize(made.data)
        converts = not _as_wanted(info, wanted(job))
        kept = Kept(
            output=Output(
                object=_original(job.target) if converts else job.target,
                mime_type=info.mime_type,
                byte_count=len(made.data),
                width=info.width,
                height=info.height,
                sha256=await digesting,
                source=made.source,
                provider=made.provider,
                model=made.model,
                fallback=made.fallback,
            ),
            usage=made.usage,
            cost_usd=made.cost_usd,
            warnings=made.warnings,
        )
        if not converts:
            return await self._keep_final(job, kept, made.data)
        if await self._put(kept, made.data):
            return await self._convert(job, kept, made.data)
        return _first(await self.find(job), kept)

    async def _convert(self, job: Job, kept: Kept, data: bytes | None = None) -> Kept:
        original = kept.output
        if data is None:
            data = (await self._storage.get(original.object, max_bytes=original.byte_count)).data
        picture = await self._imaging.finish(data, encoding=wanted(job))
        output = replace(
            original,
            object=job.target,
            mime_type=picture.format.mime_type,
            byte_count=len(picture.data),
            width=picture.width,
            height=picture.height,
            sha256=await asyncio.to_thread(_digest, picture.data),
        )
        final = await self._keep_final(job, replace(kept, output=output), picture.data)
        await self._storage.delete(original.object)
        return final

    async def _keep_final(self, job: Job, kept: Kept, data: bytes) -> Kept:
        if await self._put(kept, data):
            return kept
        first = _first(await self._final(job), kept)
        if not _fell_back(first) or _fell_back(kept):
            return first
        beside = replace(kept, output=replace(kept.output, object=_beside(job.target)))
        return beside if await self._put(beside, data) else _first(await self._final(job), beside)

    async def _final(self, job: Job) -> Kept | None:
        """What is stored as it is wanted."""
        info = await self._storage.head(job.target)
        if info is None:
            return None
        kept = _read(info)
        better = await self._storage.head(_beside(job.target)) if _fell_back(kept) else None
        return kept if better is None else _read(better)

    async def _put(self, kept: Kept, data: bytes) -> bool:
        """Store bytes; False where the key is taken, perhaps by the same bytes whose receipt was lost."""
        async for attempt in AsyncRetrying(
            retry=retry_if_exception(lambda error: isinstance(error, StorageError) and error.transient),
            stop=stop_after_delay(_STORE_SECONDS),
            wait=wait_exponential_jitter(multiplier=0.2, max=15),
            reraise=True,
        ):
            with attempt:
                output = kept.output
                return await self._storage.put(output.object, data, mime_type=output.mime_type, metadata=_about(kept))
        raise AssertionError("unreachable: the last attempt returns or raises")


def wanted(job: Job) -> Encoding:
    """How a job's output is to be written: the format was settled at acceptance."""
    return Encoding(
        format=PictureFormat(job.parameters["output_format"]),
        quality=job.parameters.get("output_compression"),
        resize=resize_of(job.parameters),
    )


def _as_wanted(info: PictureInfo, encoding: Encoding) -> bool:
    size = (info.width, info.height)
    resized = encoding.resize is not None and encoding.resize.size_after(size) != size
    return info.format is encoding.format and not resized


def places(target: ObjectRef) -> tuple[ObjectRef, ...]:
    """Wherever runs of a job may have stored something of its output."""
    return (target, _beside(target), _original(target))


def _original(target: ObjectRef) -> ObjectRef:
    """Where a result waits whose format or size is not the wanted one."""
    return ObjectRef(target.bucket, f"{target.key}.original")


def _beside(target: ObjectRef) -> ObjectRef:
    """Where a provider's result goes when a run that was taken for dead has stored its fallback as the output.

    What is stored stays as it is, and no other output has such a key.
    """
    stem, dot, extension = target.key.rpartition(".")
    return ObjectRef(target.bucket, f"{stem}.provider{dot}{extension}")


def _fell_back(kept: Kept) -> bool:
    return kept.output.source is OutputSource.FALLBACK


def _first(there: Kept | None, mine: Kept) -> Kept:
    """What was stored first, which may be one's own where the receipt was lost."""
    if there is None:
        raise StorageError("the result that was stored first is gone", code="object_not_found", transient=True)
    return mine if there.output.sha256 == mine.output.sha256 else there


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _about(kept: Kept) -> dict[str, str]:
    output, fallback = kept.output, kept.output.fallback
    said: dict[str, Any] = {
        "source": output.source.value,
        "provider": output.provider,
        "model": output.model,
        "fallback": [fallback.reason, fallback.provider, fallback.provider_code] if fallback else None,
        "size": [output.width, output.height],
        "sha256": output.sha256,
        "cost_usd": kept.cost_usd,
        "usage": dict(kept.usage) if kept.usage is not None else None,
        "warnings": list(kept.warnings),
    }
    for spare in ("warnings", "usage", None):
        text = pybase64.b64encode(json.dumps(said, separators=(",", ":")).encode()).decode()
        if len(text) <= _ABOUT_BYTES or spare is None:
            break
        del said[spare]
    return {_ABOUT: text}


def _read(info: ObjectInfo) -> Kept:
    said = json.loads(pybase64.b64decode(info.metadata[_ABOUT]))
    fallback = said["fallback"]
    width, height = said["size"]
    return Kept(
        output=Output(
            object=info.ref,
            mime_type=info.mime_type,
            byte_count=info.byte_count,
            width=width,
            height=height,
            sha256=said["sha256"],
            source=OutputSource(said["source"]),
            provider=said["provider"],
            model=said["model"],
            fallback=Fallback(reason=fallback[0], provider=fallback[1], provider_code=fallback[2])
            if fallback
            else None,
        ),
        usage=said.get("usage"),
        cost_usd=said["cost_usd"],
        warnings=tuple(said.get("warnings", ())),
    )
