"""A mixed bucket on a store that checks signatures, edited by one batch while somebody keeps killing the service."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
from standardwebhooks.webhooks import Webhook

from tests.fault.bucket_verdict import BucketEvidence
from tests.fault.peers import new_secret
from tests.patience import PATIENCE_SECONDS, until
from tests.pictures.bucket import Entry
from tests.servers.fleet import Service
from tests.servers.images_replies import Reply
from tests.servers.openai_images import ImagesServer
from tests.servers.receiver import Receiver
from tests.servers.s3 import S3Server
from tests.servers.s3_targets import variables_of
from tests.servers.service import RunningService

_IN, _OUT = "pictures-in", "pictures-out"
_PROVIDER_SECONDS = 0.05
_LONGEST_SECONDS = 1800.0
_LATER_REQUESTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketOutcome:
    """A run, and all that was seen of it."""

    evidence: BucketEvidence
    seconds: float


class BucketRun:
    """One service, one batch over a whole bucket, and somebody who kills the service.

    Args:
        folder: Where the service keeps its data.
        make_service: Makes it from its folder and its variables.
        seed: Makes the moments of the kills repeatable, as far as time is.
    """

    def __init__(
        self,
        folder: Path,
        entries: Sequence[Entry],
        *,
        make_service: Callable[[Path, Mapping[str, str]], Service] = RunningService,
        concurrency: int = 16,
        seed: int = 1,
    ) -> None:
        self._make_service = make_service
        self._entries = entries
        self._concurrency = concurrency
        self._random = random.Random(seed)  # noqa: S311 - no secret
        self._secret = new_secret()
        self._store = S3Server(buckets=[_IN, _OUT])
        self._images = ImagesServer(always=Reply(delay_seconds=_PROVIDER_SECONDS))
        self._receiver = Receiver()
        self._folder = folder
        self._out_at_kills: list[int] = []

    async def run(self, kills: int) -> BucketOutcome:
        """Kill the service so often, spread over the batch; wait for the end and tell what was seen."""
        started = time.monotonic()
        with self._store, self._images:
            self._store.fill(_IN, ((entry.key, entry.data) for entry in self._entries))
            async with self._receiver, self._service(kills) as service:
                job_id = await self._submit(service)
                for kill in range(kills):
                    await self._until(service, job_id, part=(kill + 1) / (kills + 1))
                    await self._kill(service)
                    await service.start()
                await self._receiver.visited(1, timeout_seconds=_LONGEST_SECONDS)
            evidence = BucketEvidence(
                entries=self._entries,
                job_id=job_id,
                callbacks={
                    visit.headers["webhook-id"]: Webhook(self._secret).verify(visit.body, dict(visit.headers))
                    for visit in self._receiver.visits
                },
                stored=self._store.held(_OUT),
                calls=len(self._images.calls),
                out_at_kills=self._out_at_kills,
                concurrency=self._concurrency,
            )
        return BucketOutcome(evidence=evidence, seconds=time.monotonic() - started)

    def _service(self, kills: int) -> Service:
        environment = {
            "AFTERIMAGE_RETRY_INTERRUPTED": str(kills),  # the slowest picture may be out at every kill
            "OPENAI_API_KEY": "sk-test",
            "OPENAI_BASE_URL": self._images.url,
            "AFTERIMAGE_SIGNING_SECRETS": self._secret,
        }
        return self._make_service(self._folder, variables_of(self._store) | environment)

    async def _submit(self, service: Service) -> str:
        body = {"prompt": "Make it orange", "concurrency": self._concurrency}
        headers = {"callbackUrl": f"{self._receiver.url}/callback"}
        async with service.client() as client:
            answer = await client.post("/batch-process-images", json=body, headers=headers)
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        return str(answer.json()["job_id"])

    async def _until(self, service: Service, job_id: str, *, part: float) -> None:
        """Wait until that part of the objects is done."""
        async with asyncio.timeout(_LONGEST_SECONDS), service.client() as client:
            while True:
                progress = (await client.get(f"/api/v1/jobs/{job_id}")).json()["progress"]
                done = sum(progress[name] for name in ("succeeded", "fallback", "failed", "skipped"))
                if done >= part * len(self._entries):
                    return
                await asyncio.sleep(0.05)

    async def _kill(self, service: Service) -> None:
        await asyncio.sleep(self._random.uniform(0, 0.2))
        await service.kill9()
        await self._has_read_all(self._images)
        await until(lambda: self._images.in_flight == 0)
        stored = sum("_modified." in key for key in self._store.held(_OUT))
        self._out_at_kills.append(len(self._images.calls) - sum(self._out_at_kills) - stored)

    async def _has_read_all(self, images: ImagesServer) -> None:
        """Until what a dead process had sent is read: who comes later has been answered, more than once."""
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE_SECONDS) as client:
            for _ in range(_LATER_REQUESTS):
                await client.get(f"{images.url}/models")
