from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from service.engine.lock import FolderInUseError, hold_folder

_HOLDER = """
import sys, time
from pathlib import Path
from service.engine.lock import hold_folder
with hold_folder(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_process_is_refused_until_the_first_has_died(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "folder"
    with subprocess.Popen([sys.executable, "-c", _HOLDER, str(folder)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(FolderInUseError) as refusal, hold_folder(folder):
            pytest.fail("held twice")
        holder.send_signal(signal.SIGKILL)
    assert str(folder) in str(refusal.value)
    assert f"pid {holder.pid}" in str(refusal.value)
    with hold_folder(folder):
        pass


def test_a_folder_is_free_again_afterwards(tmp_path: Path) -> None:
    for _ in range(2):
        with hold_folder(tmp_path):
            assert (tmp_path / "afterimage.pid").exists()
    assert not (tmp_path / "afterimage.pid").exists()


@pytest.mark.parametrize("content", [None, "nonsense"])
def test_a_refusal_does_without_the_pid_when_nobody_wrote_it(tmp_path: Path, content: str | None) -> None:
    with hold_folder(tmp_path):
        pid_file = tmp_path / "afterimage.pid"
        pid_file.unlink() if content is None else pid_file.write_text(content)
        with pytest.raises(FolderInUseError, match="by another process; only"), hold_folder(tmp_path):
            pytest.fail("held twice")
