"""The program of a worker process: reads requests from its input, writes answers to its output, dies with its owner.

It holds no secret, may write no file and use only so much memory, for what it decodes comes from strangers.
"""

from __future__ import annotations

import os
import pickle
import resource
import select
import signal
import sys
import threading
import traceback
import warnings
from typing import BinaryIO

from service.domain.pictures import PictureFault, PictureRefusedError
from service.imaging.requests import Answer, Done, Failed, Refused, Request
from service.imaging.work import work

_NICENESS = 5  # the event loop goes first where processors are scarce


def answer(request: Request[object]) -> Answer:
    """Do the work and tell how it went; nothing is raised."""
    try:
        return Done(work(request))
    except PictureRefusedError as error:
        return Refused(error.fault, error.message)
    except MemoryError:
        return Refused(PictureFault.TOO_MANY_PIXELS, "The picture needs more memory than a picture may have.")
    except Exception:  # noqa: BLE001 - told to the owner, who raises it
        return Failed(traceback.format_exc())


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until there are no more."""
    answers.write(b"+")  # loaded
    answers.flush()
    while True:
        try:
            request = pickle.load(requests)  # noqa: S301 - written by this program
        except EOFError:
            return
        pickle.dump(answer(request), answers, protocol=pickle.HIGHEST_PROTOCOL)
        answers.flush()
        del request  # a picture of yesterday is no reason to hold memory


def main(memory_bytes: int) -> None:
    """Run as a worker process."""
    # Terminals and service managers signal whole groups; an owner that drains still needs its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.nice(_NICENESS)
    sys.dont_write_bytecode = True
    for what, most in ((resource.RLIMIT_AS, memory_bytes), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)):
        resource.setrlimit(what, (most, most))
    warnings.simplefilter("ignore")
    threading.Thread(target=_die_with_owner, daemon=True).start()
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):  # decoders in C talk; what they say of a picture belongs in no log
        os.dup2(nowhere, stream.fileno())
    try:
        serve(sys.stdin.buffer, answers)
    except BrokenPipeError:  # the owner is gone
        os._exit(0)


def _die_with_owner() -> None:
    """End the process once the other end of its input is closed, even in the middle of a picture."""
    owner = select.poll()
    owner.register(sys.stdin.fileno(), 0)  # no event asked for: only the hang-up is reported
    owner.poll()
    os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
