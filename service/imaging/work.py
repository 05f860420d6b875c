"""What a worker process does, by the kind of request."""

from __future__ import annotations

from service.imaging.editing import edit
from service.imaging.finishing import finish
from service.imaging.masking import prepare_mask
from service.imaging.preparing import prepare
from service.imaging.requests import Edit, Finish, Prepare, PrepareMask, Request


def work(request: Request[object]) -> object:
    """The answer to a request.

    Raises:
        PictureRefusedError: the picture is at fault.
        MemoryError: the picture needs more than there is.
    """
    match request:
        case Prepare():
            return prepare(request)
        case PrepareMask():
            return prepare_mask(request)
        case Edit():
            return edit(request)
        case Finish():
            return finish(request)
        case _:
            raise TypeError(f"no such work: {type(request).__name__}")
