"""A bounded pool of worker processes, each driven by a thread that waits for it off the event loop."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from queue import LifoQueue
from typing import cast

from service.imaging.process import WorkerProcess
from service.imaging.requests import AnswerT, Request

_REQUESTS_PER_PROCESS = 2_000


class WorkerPool:
    """Runs requests in worker processes; more than there are workers wait their turn.

    Args:
        workers: How many processes at most.
        memory_bytes: Address space of each.
        timeout_seconds: How long one request may take once it is its turn.
    """

    def __init__(self, *, workers: int, memory_bytes: int, timeout_seconds: float) -> None:
        self._workers = [
            WorkerProcess(
                memory_bytes=memory_bytes,
                timeout_seconds=timeout_seconds,
                requests_per_process=_REQUESTS_PER_PROCESS,
            )
            for _ in range(workers)
        ]
        self._threads = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="imaging")
        self._idle: LifoQueue[WorkerProcess] = LifoQueue()  # the one used last has its code and memory at hand
        for worker in self._workers:
            self._idle.put(worker)

    async def start(self) -> None:
        """Start all processes and wait until they have loaded; without this each starts when it is first needed.

        Raises:
            WorkerStartError: they cannot be started.
        """
        await asyncio.get_running_loop().run_in_executor(self._threads, self._warm)

    async def run(self, request: Request[AnswerT]) -> AnswerT:
        """The answer to a request.

        Raises:
            PictureRefusedError: the picture is at fault.
            WorkerStartError: no process can be started.
            WorkerFailedError: this program is at fault.
            WorkersClosedError: the pool was closed meanwhile.
        """
        perform = partial(self._perform, cast("Request[object]", request))
        return cast("AnswerT", await asyncio.get_running_loop().run_in_executor(self._threads, perform))

    async def close(self) -> None:
        """End all processes; what waits is cancelled, what runs fails."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for worker in self._workers:
            worker.close()
        await asyncio.to_thread(self._end)

    def _perform(self, request: Request[object]) -> object:
        worker = self._idle.get()  # waits only for `start`: there are as many threads as workers
        try:
            return worker.perform(request)
        finally:
            self._idle.put(worker)

    def _warm(self) -> None:
        workers = [self._idle.get() for _ in self._workers]
        try:
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.wait_ready()
        finally:
            for worker in workers:
                self._idle.put(worker)

    def _end(self) -> None:
        self._threads.shutdown(wait=True)
        for worker in self._workers:
            worker.end()
