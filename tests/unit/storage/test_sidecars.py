from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest

from service.storage.sidecars import Sidecars


def test_a_lock_that_a_stopped_process_holds_is_not_waited_for_without_end(tmp_path: Path) -> None:
    sidecars = Sidecars(tmp_path, patience_seconds=0.05)
    with sidecars.locked("key"):
        pass
    (shard,) = tmp_path.iterdir()
    holder = os.open(shard, os.O_RDONLY)
    fcntl.flock(holder, fcntl.LOCK_EX)
    with pytest.raises(TimeoutError) as late, sidecars.locked("key"):
        pass
    assert late.value.errno == errno.ETIMEDOUT
    os.close(holder)
    with sidecars.locked("key"):
        pass
