"""Where bytes are: buckets and keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """One object of the storage."""

    bucket: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectInfo:
    """What a store says of one object without giving its bytes."""

    ref: ObjectRef
    byte_count: int
    mime_type: str
    etag: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
