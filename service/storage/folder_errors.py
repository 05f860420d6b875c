"""What the operating system says of a folder, as the storage's own errors."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import ValidationError

from service.ports.storage import StorageError

_PASSING = frozenset(
    {
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
        errno.ESTALE,
        errno.ETIMEDOUT,
        errno.ENOENT,  # removed between two steps: the next try finds it missing from the start
    }
)


@contextmanager
def translated() -> Iterator[None]:
    """Turn what file operations raise inside into a `StorageError`.

    Its code is ``key_in_the_way`` where a key needs a folder for what is a file, or the other way round;
    ``damaged_sidecar``; else the name of the errno, such as ``ENOSPC``.
    """
    try:
        yield
    except (FileExistsError, NotADirectoryError):
        raise StorageError(
            "something else stands where the file would have to be", code="key_in_the_way", transient=False
        ) from None
    except OSError as error:
        number = error.errno or errno.EIO
        raise StorageError(
            f"the folder cannot be used: {os.strerror(number)}",
            code=errno.errorcode[number],
            transient=number in _PASSING,
        ) from None
    except ValidationError:
        raise StorageError(
            "what the folder keeps beside a file cannot be read", code="damaged_sidecar", transient=False
        ) from None
