"""Where the pictures of a batch are: the folder of the service, or an S3 server that checks signatures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from tests.servers.s3 import S3Server
from tests.servers.s3_targets import variables_of
from tests.servers.service import RunningService

_BUCKETS = ("pictures-in", "pictures-out")


class Store(Protocol):
    """A place that holds pictures before a service asks for them.

    Attributes:
        variables: What leads the service there.
    """

    variables: Mapping[str, str]

    def fill(self, service: RunningService, objects: Iterable[tuple[str, bytes]]) -> None:
        """Put objects into the input bucket of a service."""
        ...


class FolderStore:
    """The service's own folder."""

    variables: Mapping[str, str] = {}

    def fill(self, service: RunningService, objects: Iterable[tuple[str, bytes]]) -> None:
        """Write files."""
        for key, data in objects:
            path = service.data_dir / "storage" / "pictures" / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


class S3Store:
    """An S3 server in this process."""

    def __init__(self, server: S3Server) -> None:
        self._server = server
        self.variables = variables_of(server)

    def fill(self, service: RunningService, objects: Iterable[tuple[str, bytes]]) -> None:
        """Put them there without uploading."""
        self._server.fill(_BUCKETS[0], objects)


@contextmanager
def store(kind: str) -> Iterator[Store]:
    """A store by its kind: ``folder`` or ``s3``."""
    if kind == "folder":
        yield FolderStore()
        return
    with S3Server(buckets=_BUCKETS) as server:
        yield S3Store(server)
