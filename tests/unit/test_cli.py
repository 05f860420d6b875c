"""The command line, as people call it."""

from __future__ import annotations

import base64
import json
import re
import socket
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psycopg
import pytest
from click.testing import CliRunner, Result
from standardwebhooks.webhooks import Webhook

from service.cli import main
from service.engine.lock import hold_folder
from tests.servers.processes import ChildProcess, free_port

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
PICTURE = b"\x89PNG a picture"
TOOL_CALLBACK = {
    "status": "completed",
    "job_id": "job_1",
    "source": "fallback",
    "provider": "local",
    "fallback_reason": "billing_exhausted",
    "warnings": ["edited locally", "scaled down"],
    "result_mime_type": "image/png",
    "result_image_base64": base64.b64encode(PICTURE).decode(),
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, so that no .env of the developer's is read."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, **env: str) -> Result:
    return CliRunner().invoke(main, arguments, env=env)


def test_help_names_every_command_and_needs_nothing_heavy() -> None:
    program = "import sys; from service.cli import main; main(['--help'], standalone_mode=False); print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    for command in ("serve", "migrate", "check", "listen", "secret", "openapi"):
        assert f"\n  {command} " in shown
    assert not {"fastapi", "pydantic", "sqlalchemy", "boto3", "PIL"} & set(shown.split())


def test_version_and_module() -> None:
    shown = subprocess.run([sys.executable, "-m", "service", "--version"], capture_output=True, text=True, check=True)
    assert shown.stdout == "afterimage 0.1.0\n"


def test_secret_is_new_every_time_and_of_use() -> None:
    one, other = run("secret").output.strip(), run("secret").output.strip()
    assert one != other
    assert len(base64.b64decode(one.removeprefix("whsec_"))) == 32
    Webhook(one).sign("msg_1", datetime.now(tz=UTC), "{}")


class TestConfiguration:
    @pytest.mark.parametrize("command", ["serve", "check", "migrate"])
    def test_every_fault_is_printed_and_the_status_is_2(self, here: Path, command: str) -> None:
        done = run(command, AFTERIMAGE_PORT="no", AFTERIMAGE_LOG_LEVEL="loud")
        assert done.exit_code == 2
        assert "AFTERIMAGE_PORT: 'no' is not valid" in done.stderr
        assert "AFTERIMAGE_LOG_LEVEL: 'loud' is not valid" in done.stderr
        assert "Traceback" not in done.output

    def test_options_win_over_variables(self, here: Path) -> None:
        done = run("serve", "--host", "0.0.0.0", "--port", "0", AFTERIMAGE_PORT="8000")  # noqa: S104 - refused
        assert done.exit_code == 2
        assert "AFTERIMAGE_PORT: '0' is not valid" in done.stderr
        assert "AFTERIMAGE_API_KEYS: is missing although AFTERIMAGE_HOST is '0.0.0.0'" in done.stderr

    def test_the_env_file_of_the_working_directory_is_read(self, here: Path) -> None:
        (here / ".env").write_text("AFTERIMAGE_PORT=no\n")
        assert "AFTERIMAGE_PORT" in run("check").stderr


class TestMigrate:
    def test_it_makes_the_database_and_may_be_repeated(self, here: Path) -> None:
        for _ in range(2):
            done = run("migrate", AFTERIMAGE_DATA_DIR="data")
            assert (done.exit_code, done.output) == (0, "data/afterimage.db has the schema of this version\n")
        with sqlite3.connect(here / "data" / "afterimage.db") as database:
            assert database.execute("select count(*) from jobs").fetchone() == (0,)
        database.close()

    def test_a_database_on_a_server_is_brought_to_the_schema_without_showing_its_password(
        self, here: Path, empty_postgres_url: str
    ) -> None:
        url = empty_postgres_url.replace("postgres@", "postgres:hunter2@")
        for _ in range(2):
            done = run("migrate", AFTERIMAGE_DATABASE_URL=url)
            assert (done.exit_code, done.output) == (0, "the database has the schema of this version\n")
        with psycopg.connect(url) as database:
            assert database.execute("select count(*) from jobs").fetchone() == (0,)

    def test_a_server_that_does_not_answer_is_told(self, here: Path) -> None:
        url = f"postgresql://postgres:hunter2@127.0.0.1:{free_port()}/jobs"
        done = run("migrate", AFTERIMAGE_DATABASE_URL=url)
        assert done.exit_code == 1
        assert done.stderr.startswith("Error: the database cannot be used: ")
        assert "hunter2" not in done.output

    def test_a_folder_that_cannot_be_made_is_told(self, here: Path) -> None:
        (here / "file").touch()
        done = run("migrate", AFTERIMAGE_DATA_DIR="file/data")
        assert done.exit_code == 1
        assert done.stderr.startswith("Error: ")


class TestCheck:
    def test_it_shows_what_is_in_force_and_that_all_is_well(self, here: Path) -> None:
        secret = "whsec_" + base64.b64encode(b"hunter2hunter2hunter2hunter2").decode()
        done = run("check", AFTERIMAGE_PORT="8123", AFTERIMAGE_SIGNING_SECRETS=secret)
        assert done.exit_code == 0
        values = dict(line.split(maxsplit=1) for line in done.stdout.splitlines() if line)
        assert values["AFTERIMAGE_PORT"] == "8123"
        assert values["AFTERIMAGE_PUBLIC_URL"] == "http://127.0.0.1:8123  (default)"
        assert values["AFTERIMAGE_SIGNING_SECRETS"] == "**********"
        assert secret not in done.output
        assert values["database"] == "ok"
        assert values["storage"] == "ok"

    def test_what_does_not_answer_is_named_and_the_status_is_1(self, here: Path) -> None:
        done = run("check", OPENAI_API_KEY="sk-hunter2hunter2", OPENAI_BASE_URL=f"http://127.0.0.1:{free_port()}/v1")
        assert done.exit_code == 1
        assert re.search(r"^provider openai +FAULT: .", done.stdout, re.MULTILINE)
        assert re.search(r"^storage +ok$", done.stdout, re.MULTILINE)
        assert "hunter2" not in done.output

    def test_a_data_folder_that_cannot_be_made_is_told(self, here: Path) -> None:
        (here / "file").touch()
        done = run("check", AFTERIMAGE_DATA_DIR="file/data")
        assert done.exit_code == 1
        assert done.stderr.startswith("Error: ")


class TestServe:
    async def test_a_folder_in_use_is_told_in_one_line(self, tmp_path: Path) -> None:
        env = {"AFTERIMAGE_DATA_DIR": str(tmp_path)}
        with hold_folder(tmp_path):
            serving = ChildProcess(["-m", "service", "serve"], env=env, cwd=tmp_path, log=tmp_path / "second.log")
            serving.spawn()
            assert await serving.exited() == 1
        assert serving.log.startswith(f"Error: the data folder {tmp_path} is in use by another process")
        assert serving.log.count("\n") == 1


class TestOpenAPI:
    def test_check_fails_with_the_command_to_run_until_it_was_run(self, here: Path) -> None:
        folder = ["--folder", str(here / "openapi")]
        missing = run("openapi", "--check", *folder)
        assert missing.exit_code == 1
        assert "run 'afterimage openapi --write'" in missing.stderr
        assert run("openapi", "--write", *folder).exit_code == 0
        assert run("openapi", "--check", *folder).exit_code == 0

    def test_a_mode_must_be_said(self, here: Path) -> None:
        done = run("openapi")
        assert done.exit_code == 2
        assert "--write or --check" in done.stderr
        assert not list(here.iterdir())


class TestListen:
    async def test_a_callback_is_verified_shown_and_saved(self, tmp_path: Path) -> None:
        other = "whsec_" + base64.b64encode(b"o" * 32).decode()
        options = ["--secret", other, "--secret", SECRET, "--output-dir", "out", "--count", "1"]
        async with listening(tmp_path, *options) as (process, url):
            assert await callback(url, secret="whsec_" + base64.b64encode(b"x" * 32).decode()) == 401
            assert await callback(url) == 204
            assert await process.exited() == 0
        lines = process.log.splitlines()
        assert lines[1].startswith("rejected with 401: ")
        assert lines[3].startswith("msg_1: ")
        assert lines[3].endswith(" bytes, signature valid")
        assert "  source    fallback" in lines
        assert "  warnings  edited locally; scaled down" in lines
        assert TOOL_CALLBACK["result_image_base64"] not in process.log
        assert (tmp_path / "out" / "job_1.png").read_bytes() == PICTURE

    async def test_without_a_secret_the_service_on_this_machine_is_meant(self, tmp_path: Path) -> None:
        async with listening(tmp_path, "--count", "1") as (process, url):
            secret = (tmp_path / "afterimage-data" / "signing-secret").read_text().strip()
            assert await callback(url, secret=secret) == 204
            assert await process.exited() == 0

    def test_too_few_callbacks_in_time_are_a_failure(self) -> None:
        done = run("listen", "--port", "0", "--secret", SECRET, "--count", "1", "--timeout", "0.1")
        assert done.exit_code == 1
        assert "fewer than 1 callbacks within 0.1 s" in done.stderr

    def test_without_a_count_the_end_of_the_time_is_a_good_end(self) -> None:
        done = run("listen", "--port", "0", "--secret", SECRET, "--timeout", "0.1")
        assert done.exit_code == 0
        assert re.fullmatch(r"listening on http://127\.0\.0\.1:[1-9][0-9]*\n", done.stdout)

    def test_an_ipv6_address_stands_in_brackets(self) -> None:
        done = run("listen", "--host", "::1", "--port", "0", "--secret", SECRET, "--timeout", "0.1")
        assert done.stdout.startswith("listening on http://[::1]:")

    def test_a_malformed_secret_is_told_without_repeating_it(self) -> None:
        done = run("listen", "--secret", "whsec_hunter2")
        assert done.exit_code == 2
        assert "--secret" in done.stderr
        assert "hunter2" not in done.output

    def test_a_taken_port_is_told(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            done = run("listen", "--secret", SECRET, "--port", str(port))
        assert done.exit_code == 1
        assert f"cannot listen on 127.0.0.1:{port}: " in done.stderr


@asynccontextmanager
async def listening(folder: Path, *options: str) -> AsyncIterator[tuple[ChildProcess, str]]:
    """``afterimage listen`` as a process, and its URL."""
    arguments = ["-m", "service", "listen", "--port", "0", *options]
    process = ChildProcess(arguments, env={"PYTHONUNBUFFERED": "1"}, cwd=folder, log=folder / "listen.log")
    process.spawn()
    try:
        line = await process.first_line()
        yield process, line.removeprefix("listening on ")
    finally:
        await process.end()


async def callback(url: str, *, secret: str = SECRET) -> int:
    """Deliver the tool's callback; the status that it is answered with."""
    body, now = json.dumps(TOOL_CALLBACK), datetime.now(tz=UTC)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg_1", now, body),
    }
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.post(f"{url}/hook", content=body, headers=headers)).status_code
