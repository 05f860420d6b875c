"""One worker process as its owner sees it: started when needed, given one request at a time, killed when it is late.

The standard pools do not fit hostile pictures: in `concurrent.futures` one crash fails every task in flight, and in
pebble a worker that dies while idle ends the pool.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO, cast

from service.domain.pictures import PictureFault, PictureRefusedError
from service.imaging.requests import Answer, Failed, Refused, Request

_PIPE_BYTES = 1024 * 1024  # the most that Linux grants without privileges: few switches for a large picture
_STARTS = 3  # whatever kills a worker from outside may do so while it loads
_PASSED_ON = ("PATH", "PYTHONHOME", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG", "TZ")

_MEMORY_GIVEN_BACK = {"MALLOC_MMAP_THRESHOLD_": str(4 * 1024 * 1024)}
"""Has the C library return pixels to the system at once. Left to itself it keeps 200 MB after a picture of 40
megapixels; this costs a fifth more time on pictures of 12 and nothing on small ones."""


class WorkerStartError(RuntimeError):
    """A worker process ended before it could be given anything: the installation is at fault, not a picture."""


class WorkerFailedError(RuntimeError):
    """A worker met an error of its own, whose traceback is the message."""


class WorkersClosedError(RuntimeError):
    """The workers were closed while, or before, something was asked of them."""


class _LostError(Exception):
    """The process ended in the middle of a request."""


@dataclass(slots=True)
class _Running:
    process: subprocess.Popen[bytes]
    requests: BinaryIO
    answers: BinaryIO
    ready: bool = False
    served: int = 0
    late: bool = False

    def expire(self) -> None:
        self.late = True
        self.process.kill()


class WorkerProcess:
    """Runs requests one after the other in a process of its own. Not thread-safe, except for `close`.

    Args:
        memory_bytes: Address space that the process may use.
        timeout_seconds: How long one request may take before the process is killed.
        requests_per_process: After so many a fresh process takes over, so that what decoders leak stays bounded.
    """

    def __init__(self, *, memory_bytes: int, timeout_seconds: float, requests_per_process: int) -> None:
        self._memory_bytes = memory_bytes
        self._timeout_seconds = timeout_seconds
        self._requests_per_process = requests_per_process
        self._running: _Running | None = None
        self._closed = False

    def start(self) -> None:
        """Start the process unless it is there; it loads while its owner goes on."""
        self._started()

    def wait_ready(self) -> None:
        """Start the process unless it is there, and wait until it has loaded.

        Raises:
            WorkerStartError: it ended instead.
        """
        self._ready()

    def perform(self, request: Request[object]) -> object:
        """The answer to a request.

        A process that dies of a request is replaced and the request tried once more: it may have been killed from
        outside, for example by the kernel for want of memory, and the picture be innocent.

        Raises:
            PictureRefusedError: the picture is at fault: it was refused, crashed the decoder or took too long.
            WorkerStartError: no process can be started.
            WorkerFailedError: this program is at fault.
            WorkersClosedError: it was closed meanwhile.
        """
        try:
            answer = self._exchange(request)
        except _LostError:
            answer = self._exchange_again(request)
        if isinstance(answer, Refused):
            raise PictureRefusedError(answer.fault, answer.message)
        if isinstance(answer, Failed):
            raise WorkerFailedError(answer.traceback)
        return answer.value

    def close(self) -> None:
        """End the process at once and for good, from any thread; a request in flight fails."""
        self._closed = True
        running = self._running
        if running is not None:
            running.process.kill()

    def end(self) -> int:
        """End the process and wait until it is gone; its exit status, 0 when there was none."""
        running, self._running = self._running, None
        if running is None:
            return 0
        running.process.kill()
        for pipe in (running.requests, running.answers):
            with suppress(OSError):  # what could not be written any more
                pipe.close()
        return running.process.wait()

    def _started(self) -> _Running:
        if self._running is None:
            command = (sys.executable, "-P", "-m", "service.imaging.worker", str(self._memory_bytes))
            process = subprocess.Popen(  # noqa: S603 - nothing of it comes from outside
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=_environment(), pipesize=_PIPE_BYTES
            )
            self._running = _Running(process, cast("BinaryIO", process.stdin), cast("BinaryIO", process.stdout))
        return self._running

    def _ready(self) -> _Running:
        if self._closed:
            raise WorkersClosedError("the imaging workers are closed")
        status = 0
        for _ in range(_STARTS):
            running = self._started()
            running.ready = running.ready or bool(running.answers.read(1))
            if running.ready:
                return running
            status = self.end()
        raise WorkerStartError(f"an imaging worker could not start (exit status {status})")

    def _exchange(self, request: Request[object]) -> Answer:
        running = self._ready()
        timer = threading.Timer(self._timeout_seconds, running.expire)
        timer.start()
        try:
            pickle.dump(request, running.requests, protocol=pickle.HIGHEST_PROTOCOL)
            running.requests.flush()
            answer: Answer = pickle.load(running.answers)  # noqa: S301 - written by this program
        except (OSError, EOFError, pickle.UnpicklingError):  # the last is what half an answer gives
            self.end()
            if running.late:
                raise PictureRefusedError(
                    PictureFault.DAMAGED, f"The picture could not be worked on within {self._timeout_seconds:g} s."
                ) from None
            raise _LostError from None
        finally:
            timer.cancel()
        running.served += 1
        if running.served >= self._requests_per_process:
            self.end()
            self.start()
        return answer

    def _exchange_again(self, request: Request[object]) -> Answer:
        try:
            return self._exchange(request)
        except _LostError:
            message = "The picture is damaged: the decoder does not survive it."
            raise PictureRefusedError(PictureFault.DAMAGED, message) from None


def _environment() -> Mapping[str, str]:
    """What a worker needs to find its libraries. Keys and passwords are no business of a process that decodes."""
    return {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | _MEMORY_GIVEN_BACK
