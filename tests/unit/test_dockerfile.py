"""The image without Docker: its file is linted and held against the repository, its commands are run."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from service.config.settings import load_settings
from tests.servers.plain_http import Answer, Request, Server
from tests.servers.processes import free_port

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
TEXT = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE))
BUILD, IMAGE = TEXT.split("\n\n\n")


def arguments(stage: str, instruction: str) -> list[str]:
    """What follows each instruction of that name in a stage."""
    return re.findall(rf"^ *{instruction} +(.*)$", stage, flags=re.MULTILINE)


def environment() -> dict[str, str]:
    """The variables that the image sets."""
    pairs = (pair.partition("=") for line in arguments(IMAGE, "ENV") for pair in shlex.split(line))
    return {name: value for name, _, value in pairs}


def copied() -> list[str]:
    """What is copied from the repository."""
    return [name for line in arguments(BUILD, "COPY") for name in line.split()[:-1]]


def test_lint() -> None:
    hadolint = shutil.which("hadolint", path=BIN)
    if hadolint is None:
        pytest.skip("hadolint is not published for this platform")
    linted = subprocess.run([hadolint, "--no-color", ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (linted.returncode, linted.stdout) == (0, "")


def test_only_what_is_copied_is_sent_to_the_builder() -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert rules[0] == "*"
    assert sorted(rule[1:] for rule in rules if rule.startswith("!")) == sorted(copied())
    assert all((ROOT / name).exists() for name in copied())


def test_what_the_package_is_built_of_is_copied() -> None:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project, packages = pyproject["project"], pyproject["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert {project["readme"], *project["license-files"], *packages, "pyproject.toml", "uv.lock"} == set(copied())


def test_its_variables_are_the_services() -> None:
    settings = load_settings(environment() | {"AFTERIMAGE_API_KEYS": "tenant:0123456789abcdef"})
    assert settings.server.host == "0.0.0.0"  # noqa: S104 - a container has no other way to be reached
    assert str(settings.server.port) in arguments(IMAGE, "EXPOSE")
    assert environment()["AFTERIMAGE_DATA_DIR"] in arguments(IMAGE, "VOLUME")


def test_it_does_not_run_as_root() -> None:
    [user] = arguments(IMAGE, "USER")
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user)


def test_its_command_is_the_services() -> None:
    command = [*json.loads(arguments(IMAGE, "ENTRYPOINT")[0]), *json.loads(arguments(IMAGE, "CMD")[-1])]
    shown = subprocess.run([BIN / command[0], *command[1:], "--help"], capture_output=True, text=True, check=True)
    assert shown.stdout.startswith("Usage: afterimage serve")


async def test_health_check() -> None:
    statuses = {"/api/v1/health/live": 200}

    async def handle(request: Request) -> Answer:
        return Answer(status=statuses.get(request.path, 404))

    async with Server(handle) as server:
        port = int(server.url.rpartition(":")[2])
        assert await health_check(port) == 0
        statuses["/api/v1/health/live"] = 503
        assert await health_check(port) == 1
    assert await health_check(free_port()) == 1


async def health_check(port: int) -> int:
    _, _, command = arguments(IMAGE, "HEALTHCHECK")[0].partition(" CMD ")
    program, *rest = json.loads(command)
    environ = {**os.environ, "AFTERIMAGE_PORT": str(port), "HTTP_PROXY": "http://127.0.0.1:9"}
    process = await asyncio.create_subprocess_exec(BIN / program, *rest, env=environ, stderr=asyncio.subprocess.PIPE)
    await process.communicate()
    assert process.returncode is not None
    return process.returncode
