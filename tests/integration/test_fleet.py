"""What one process of a fleet accepts, tells and stops, while others do the work."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from service.cli import main
from tests.integration.scene import Scene, encoded, fleet_scene, picture
from tests.patience import PATIENCE_SECONDS, until
from tests.servers.fleet import Fleet
from tests.servers.openai_images import Reply


def fill(at: Scene, folder: str, count: int) -> None:
    where = at.service.data_dir / "storage" / "pictures" / folder
    where.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (where / f"{number:03d}.png").write_bytes(picture(20 + number, 10))


async def called(at: Scene, count: int) -> None:
    await until(lambda: len(at.images.calls) >= count)


async def test_a_job_that_another_process_runs_is_canceled(tmp_path: Path, empty_postgres_url: str) -> None:
    async with fleet_scene(tmp_path, empty_postgres_url, workers=1) as it:
        it.images.script(Reply(does="hang"))
        job_id = await it.tool(image_base64=encoded(picture()))
        await called(it, 1)
        answer = await it.client.post(f"/api/v1/jobs/{job_id}/cancel")
        assert answer.status_code == httpx.codes.OK
        assert answer.json()["status"] == "canceled"
        assert [attempt["possibly_billed"] for attempt in answer.json()["attempts"]] == [True]
        assert (await it.callback(job_id))["status"] == "canceled"


async def test_a_job_whose_worker_is_stuck_is_canceled_all_the_same(tmp_path: Path, empty_postgres_url: str) -> None:
    async with fleet_scene(tmp_path, empty_postgres_url, workers=1) as it:
        it.images.script("hang")
        job_id = await it.tool(image_base64=encoded(picture()))
        await called(it, 1)
        it.workers[0].signal_family(signal.SIGSTOP)
        it.images.release()
        answer = await it.client.post(f"/api/v1/jobs/{job_id}/cancel")
        assert answer.json()["status"] == "canceled"
        it.workers[0].signal_family(signal.SIGCONT)
        assert (await it.callback(job_id))["status"] == "canceled"
        await it.workers[0].stop()  # what it had in work has ended then
        assert (await it.job(job_id))["status"] == "canceled"
        assert len({visit.headers["webhook-id"] for visit in it.visits(job_id)}) == 1


async def test_events_of_a_job_that_another_process_runs_are_told_while_it_runs(
    tmp_path: Path, empty_postgres_url: str
) -> None:
    async with fleet_scene(tmp_path, empty_postgres_url, workers=1) as it:
        it.images.script(Reply(delay_seconds=1))
        job_id = await it.tool(image_base64=encoded(picture()))
        async with (
            it.client.stream("GET", f"/api/v1/jobs/{job_id}/events") as events,
            asyncio.timeout(PATIENCE_SECONDS),
        ):
            told = [line async for line in events.aiter_lines() if line.startswith("event: ")]
        assert told[0] == "event: job.queued"
        assert told[-1] == "event: job.succeeded"
        assert "event: job.running" in told


async def test_a_batch_that_a_worker_leaves_is_finished_by_the_other(tmp_path: Path, empty_postgres_url: str) -> None:
    async with fleet_scene(tmp_path, empty_postgres_url, workers=2) as it:
        fill(it, "in", 60)
        it.images.script(always=Reply(delay_seconds=0.2))
        job_id = await it.tool("/batch-process-images", prefix="in/", concurrency=8)
        await called(it, 20)
        await it.workers[0].stop()
        said = await it.callback(job_id)
        assert (said["status"], said["total_files"], said["processed"]) == ("completed", 60, 60)
        assert len(it.images.calls) == 60


class TestRefusals:
    """What the command line says instead of starting."""

    def refused(self, folder: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str, **env: str) -> str:
        monkeypatch.chdir(folder)
        done = CliRunner().invoke(main, arguments, env=env)
        assert done.exit_code == 1, done.output
        assert "Traceback" not in done.output
        return done.stderr

    def test_a_worker_without_a_server_to_share(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert "AFTERIMAGE_DATABASE_URL=postgresql://" in self.refused(tmp_path, monkeypatch, "worker")

    @pytest.mark.parametrize("command", ["serve", "worker"])
    def test_what_the_processes_would_not_have_in_common(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
    ) -> None:
        said = self.refused(tmp_path, monkeypatch, command, AFTERIMAGE_DATABASE_URL="postgresql://127.0.0.1:1/x")
        for variable in ("AFTERIMAGE_PUBLIC_URL", "COS_ENDPOINT", "AFTERIMAGE_SIGNING_SECRETS"):
            assert f"{variable}: is missing although all processes" in said
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("command", ["serve", "worker"])
    def test_a_database_without_this_versions_schema(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, empty_postgres_url: str
    ) -> None:
        shared = {"AFTERIMAGE_DATA_DIR_SHARED": "true", "AFTERIMAGE_PUBLIC_URL": "http://127.0.0.1:8000"}
        said = self.refused(tmp_path, monkeypatch, command, AFTERIMAGE_DATABASE_URL=empty_postgres_url, **shared)
        assert "run `afterimage migrate`" in said


async def test_one_idempotency_key_at_two_processes_at_the_same_moment_makes_one_job(
    tmp_path: Path, empty_postgres_url: str
) -> None:
    fleet = Fleet(tmp_path, empty_postgres_url, {})
    await fleet.migrate()
    body = {"operation": "edit", "prompt": "invert", "image_base64": encoded(picture())}
    async with fleet.front() as one, fleet.api() as other, one.client() as here, other.client() as there:

        async def posted(client: httpx.AsyncClient, key: str) -> httpx.Response:
            return await client.post("/api/v1/jobs", json=body, headers={"Idempotency-Key": key})

        made = set()
        for key in [f"round-{number}" for number in range(20)]:
            answers = await asyncio.gather(*(posted(client, key) for client in (here, there) * 2))
            accepted = [answer for answer in answers if answer.status_code == httpx.codes.ACCEPTED]
            assert {answer.status_code for answer in answers} <= {httpx.codes.ACCEPTED, httpx.codes.CONFLICT}
            later = [await posted(client, key) for client in (here, there)]
            ids = {answer.json()["id"] for answer in [*accepted, *later]}
            assert len(ids) == 1
            assert {answer.headers["idempotency-replayed"] for answer in later} == {"true"}
            made |= ids
        listed = (await here.get("/api/v1/jobs", params={"limit": 100})).json()["data"]
        assert {job["id"] for job in listed} == made
        assert len(made) == 20


async def test_one_process_may_do_both(tmp_path: Path, empty_postgres_url: str) -> None:
    fleet = Fleet(tmp_path, empty_postgres_url, {})
    await fleet.migrate()
    async with fleet.front(with_worker=True) as both, both.client() as client:
        body = {"operation": "edit", "prompt": "invert", "image_base64": encoded(picture())}
        answer = await client.post("/api/v1/jobs", json=body, headers={"Prefer": "wait=60"})
        assert answer.json()["status"] == "succeeded"
