"""README.md, followed to the letter: every command is run, every snippet saved and run, every name looked up.

A block says by its language what it is: ``console`` holds commands with their output, ``python`` a file that its first
line names. ``text`` is for what cannot be run here, such as a vendor's command line; any other language is an error, so
that nothing stands on the page unexecuted. In an expected output, a line ``…`` stands for any lines, ``…`` within a
line for any text; ids, ports, sizes and durations may differ.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from PIL import Image, ImageChops, ImageStat

from tests.patience import PATIENCE_SECONDS
from tests.servers.processes import clean_environment, free_port, listens
from tests.servers.service import RunningService

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "README.md").read_text(encoding="utf-8")

PORTS = ("8000", "9000", "9001")
"""The page's ports; each becomes a free one."""

PLACES = {".venv/bin/": f"{Path(sys.executable).parent}/", "scripts/": f"{ROOT}/scripts/"}
"""The page speaks from the root of the repository, its commands run in an empty folder."""

STAYING = {"afterimage serve": "8000", "afterimage listen": "9000", "python receiver.py": "9001"}
"""Commands that a reader leaves running, and the port on which they listen then."""

DONE = {"scripts/setup"}
"""What has been done where this test runs."""

VARYING = (
    (re.compile(r"\b(job|msg)_[0-9a-f]{32}\b"), r"\1_ID"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:PORT"),
    (re.compile(r"\b\d+ (ms|kB|bytes)\b"), r"N \1"),
)


@dataclass(frozen=True, slots=True)
class Block:
    language: str
    text: str


BLOCKS = [
    Block(fence["language"], textwrap.dedent(fence["text"]))
    for fence in re.finditer(
        r"^(?P<indent> *)```(?P<language>.*)\n(?P<text>(?:.*\n)*?)(?P=indent)```$", PAGE, re.MULTILINE
    )
]


def dialogue(text: str) -> Iterator[tuple[str, str]]:
    """Commands with the output that the page shows; the first command is empty where a block begins with output."""
    command, output = "", ""
    lines = iter(text.splitlines(keepends=True))
    for line in lines:
        if not line.startswith("$ "):
            output += line
            continue
        if command or output:
            yield command, output
        command, output = line[2:], ""
        while command.endswith("\\\n") or command.count("'") % 2:
            command += next(lines)
    yield command, output


def shown(expected: str, actual: str) -> bool:
    """Whether an output is the one on the page."""
    pattern = "".join(
        r"(?:.*\n)*?" if line.strip() == "…" else ".*".join(map(re.escape, line.split("…"))) + r"\n"
        for line in _comparable(expected)
    )
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in _comparable(actual))) is not None


def _comparable(output: str) -> list[str]:
    """The lines without what varies; empty ones are nobody's business."""
    for pattern, replacement in VARYING:
        output = pattern.sub(replacement, output)
    return [line.rstrip() for line in output.splitlines() if line.strip()]


class Reader:
    """Somebody who follows the page: one shell for what ends, a terminal of its own for each command that stays."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = {port: str(free_port()) for port in PORTS}
        self._env = clean_environment({"AFTERIMAGE_PORT": self._ports["8000"], "PYTHONUNBUFFERED": "1"})
        self._staying: list[subprocess.Popen[bytes]] = []
        self._shell = subprocess.Popen(
            ["bash"],
            env=self._env,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )

    def save(self, snippet: str) -> None:
        name = snippet.partition("\n")[0].removeprefix("# ")
        (self._folder / name).write_text(self._here(snippet), encoding="utf-8")

    def follow(self, command: str, output: str) -> None:
        if command.strip() in DONE:
            assert os.access(ROOT / command.strip(), os.X_OK)
        elif not command:
            self._sees(output)
        elif port := next((port for name, port in STAYING.items() if name in command), None):
            self._stay(command, self._ports[port])
            if output:  # what is not shown does not matter
                self._sees(output)
        else:
            code, actual = self._run(command)
            assert code == 0, f"{command}\nended with {code}\n{actual}"
            assert shown(output, actual), f"{command}\nprinted\n{actual}\ninstead of\n{output}"

    def close(self) -> None:
        for process in [*reversed(self._staying), self._shell]:
            os.killpg(process.pid, signal.SIGTERM)
            if process.stdin is not None:
                process.stdin.close()
        for process in [*self._staying, self._shell]:
            process.wait(PATIENCE_SECONDS)
        assert self._shell.stdout is not None
        self._shell.stdout.close()

    def _here(self, text: str) -> str:
        for there, here in PLACES.items():
            text = re.sub(rf"(?<![\w/]){re.escape(there)}", here, text)
        for port, free in self._ports.items():
            text = re.sub(rf"\b{port}\b", free, text)
        return text

    def _run(self, command: str) -> tuple[int, str]:
        """Run a command in the shell, which keeps its variables; exit status and output."""
        shell_in, shell_out = self._shell.stdin, self._shell.stdout
        assert shell_in is not None
        assert shell_out is not None
        shell_in.write(f"{{ {self._here(command).strip()}\n}} </dev/null\nprintf '\\nended %d\\n' $?\n")
        shell_in.flush()
        lines: list[str] = []
        while not (ended := re.fullmatch(r"ended (\d+)\n", lines[-1] if lines else "")):
            line = shell_out.readline()
            assert line, f"the shell ended\n{''.join(lines)}"
            lines.append(line)
        return int(ended[1]), "".join(lines[:-1])

    def _stay(self, command: str, port: str) -> None:
        self._screen = self._folder / f"screen-{port}"
        self._expected = ""
        with self._screen.open("wb") as screen:
            self._staying.append(
                subprocess.Popen(
                    ["bash", "-c", self._here(command)],
                    env=self._env,
                    cwd=self._folder,
                    stdin=subprocess.DEVNULL,
                    stdout=screen,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )
        assert _in_time(lambda: listens(int(port))), self._screen.read_text(encoding="utf-8")

    def _sees(self, output: str) -> None:
        """The command started last prints what the page shows next, after what it has shown before."""
        self._expected += output
        assert _in_time(lambda: shown(self._expected, self._screen.read_text(encoding="utf-8"))), (
            f"{self._screen.read_text(encoding='utf-8')}\ninstead of\n{self._expected}"
        )


def _in_time(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.fixture
def reader(tmp_path: Path, unmeasured: None) -> Iterator[Reader]:
    reader = Reader(tmp_path)
    yield reader
    reader.close()


def test_every_command_does_what_the_page_shows(reader: Reader, tmp_path: Path) -> None:
    for block in BLOCKS:
        match block.language:
            case "console":
                for command, output in dialogue(block.text):
                    reader.follow(command, output)
            case "python":
                reader.save(block.text)
            case _:
                assert block.language == "text", f"nobody runs {block.language!r} blocks"
    _shows_what_the_demo_made(tmp_path / "before-after.jpeg")


def _shows_what_the_demo_made(fresh: Path) -> None:
    subprocess.run([sys.executable, ROOT / "scripts/sample/before_after.py", fresh], check=True)
    with Image.open(fresh) as expected, Image.open(ROOT / "scripts/sample/before-after.jpeg") as picture:
        difference = ImageStat.Stat(ImageChops.difference(expected, picture)).mean
    assert max(difference) < 2


def test_what_is_not_run_is_little_and_no_command_of_ours() -> None:
    texts = [block.text for block in BLOCKS if block.language == "text"]
    assert len(texts) <= 2
    assert not [text for text in texts if "$ " in text or "afterimage " in text]


def test_the_page_is_short_enough_to_be_read() -> None:
    assert len(PAGE.splitlines()) <= 400


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningService]:
    async with RunningService(tmp_path_factory.mktemp("service")) as running:
        yield running


@pytest.mark.asyncio(loop_scope="module")
async def test_paths_and_metrics_on_the_page_exist(service: RunningService) -> None:
    async with service.client() as client:
        described = (await client.get("/openapi.json")).json()["paths"]
        known = described.keys() | {path.removeprefix("/api/v1/jobs/{job_id}") for path in described}
        paths = set(re.findall(r"`(/[a-z0-9/-]+)`", PAGE)) - known
        assert {path: (await client.get(path)).status_code for path in paths} == dict.fromkeys(paths, httpx.codes.OK)
        numbers = (await client.get("/metrics")).text
    names = set(re.findall(r"\bafterimage_[a-z_]+\b", PAGE))
    assert names
    assert not {name for name in names if f"# HELP {name} " not in numbers}


def test_variables_on_the_page_exist() -> None:
    known = (ROOT / "CONFIGURATION.md").read_text(encoding="utf-8")
    names = set(re.findall(r"\b(?:AFTERIMAGE|OPENAI|COS|R2)_[A-Z0-9_]+\b", PAGE))
    assert names
    assert not {name for name in names if f"| `{name}` |" not in known}


def test_files_and_chapters_on_the_page_exist() -> None:
    targets = re.findall(r"\]\((?!https?:)([^)]+)\)", PAGE) + re.findall(
        r"`((?:scripts|tests|openapi)/[\w./-]+)`", PAGE
    )
    chapters = {f"#{title.lower().replace(' ', '-')}" for title in re.findall(r"^#+ ([\w ]+)$", PAGE, re.MULTILINE)}
    assert targets
    assert not [target for target in targets if target not in chapters and not (ROOT / target).exists()]
    assert '"$(dirname "$0")/../scripts/test"' in (ROOT / ".ci/run").read_text(encoding="utf-8")


def test_the_layout_is_the_one_that_is_there() -> None:
    (layout,) = (block.text for block in BLOCKS if block.text.startswith("service/\n"))
    told = re.findall(r"(?:^|\s)\s+([a-z]+)/(?=\s)", layout.removeprefix("service/"))
    assert sorted(told) == sorted(path.parent.name for path in (ROOT / "service").glob("*/__init__.py"))


@pytest.mark.asyncio(loop_scope="module")
async def test_the_local_instructions_on_the_page_are_understood(service: RunningService) -> None:
    table = PAGE.partition("Say for example")[2].partition("\n\n")[0]
    instructions = re.findall(r"`([^`]+)`", table)
    assert instructions
    shutil.copy(ROOT / "scripts/sample/coffee.jpg", service.data_dir / "storage/pictures")
    job = {"operation": "edit", "object_key": "coffee.jpg", "provider": "local"}
    async with service.client(Prefer="wait=60") as client:
        answers = [
            (prompt, (await client.post("/api/v1/jobs", json={**job, "prompt": prompt})).json())
            for prompt in [*instructions, "replace the sky"]
        ]
    assert {answer["status"] for _, answer in answers} == {"succeeded"}
    assert [prompt for prompt, answer in answers if answer["warnings"]] == ["replace the sky"]
