"""The commands of the manifests, run as they stand there on a real database and store; and what upgrades do to them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import psycopg
import pybase64
import pytest

from tests.servers.processes import WebProcess, clean_environment, free_port
from tests.servers.s3 import S3Server
from tests.unit.deploy.files import ROOT, SECRETS
from tests.unit.deploy.kubernetes import DEPLOYMENTS, SERVING, container, environment

AFTERIMAGE = str(Path(sys.executable).with_name("afterimage"))
KEY = SECRETS["AFTERIMAGE_API_KEYS"].partition(":")[2]


@pytest.fixture
def cluster(empty_postgres_url: str, tmp_path: Path) -> Iterator[Mapping[str, str]]:
    """What stands in this test for what differs from one cluster to the next."""
    with S3Server(buckets=["pictures"]) as store:
        yield {
            "AFTERIMAGE_HOST": "127.0.0.1",
            "AFTERIMAGE_DATA_DIR": str(tmp_path / "data"),
            "AFTERIMAGE_DATABASE_URL": empty_postgres_url,
            "COS_ENDPOINT": store.url,
            "COS_ACCESS_KEY_ID": store.access_key,
            "COS_SECRET_ACCESS_KEY": store.secret_key,
        }


def migrate(cluster: Mapping[str, str], folder: Path) -> None:
    arguments = [AFTERIMAGE, *container("afterimage-migrate")["args"]]
    variables = clean_environment(environment("afterimage-migrate") | dict(cluster))
    subprocess.run(arguments, env=variables, cwd=folder, check=True, capture_output=True)


def start(name: str, cluster: Mapping[str, str], folder: Path) -> WebProcess:
    one, port = container(name), free_port()
    return WebProcess(
        [AFTERIMAGE, *one["args"], "--port", str(port)],
        port=port,
        ready_path=one["readinessProbe"]["httpGet"]["path"],
        env=environment(name) | dict(cluster),
        cwd=folder,
        log=folder / f"{name}.log",
    )


async def test_after_the_migration_every_probe_is_answered(cluster: Mapping[str, str], tmp_path: Path) -> None:
    migrate(cluster, tmp_path)
    for name in SERVING:
        annotations = DEPLOYMENTS[name]["spec"]["template"]["metadata"]["annotations"]
        probes = (container(name)[probe] for probe in ("startupProbe", "livenessProbe", "readinessProbe"))
        paths = {annotations["prometheus.io/path"], *(probe["httpGet"]["path"] for probe in probes)}
        async with start(name, cluster, tmp_path) as process, process.client() as client:
            answers = {path: (await client.get(path)).status_code for path in paths}
        assert answers == dict.fromkeys(paths, httpx.codes.OK)
    assert not (tmp_path / "data").exists(), "the root of the file system is read-only"


async def test_before_the_migration_a_process_ends_and_says_why(cluster: Mapping[str, str], tmp_path: Path) -> None:
    process = start("afterimage-worker", cluster, tmp_path)
    process.spawn()
    assert await process.exited() != 0
    assert "run `afterimage migrate`" in process.log


async def test_what_runs_goes_on_after_a_later_migration_and_nothing_former_starts(
    cluster: Mapping[str, str], tmp_path: Path
) -> None:
    migrate(cluster, tmp_path)
    api, worker = (start(name, cluster, tmp_path) for name in SERVING)
    async with api, worker, api.client(**{"X-API-Key": KEY, "Prefer": "wait=30"}) as client:
        with psycopg.connect(cluster["AFTERIMAGE_DATABASE_URL"]) as connection:
            connection.execute("ALTER TABLE jobs ADD COLUMN later text")
            connection.execute("UPDATE alembic_version SET version_num = 'later'")
        picture = pybase64.b64encode((ROOT / "scripts/sample/coffee.jpg").read_bytes()).decode()
        asked = {"operation": "edit", "prompt": "sepia", "provider": "local", "image_base64": picture}
        answer = await client.post("/api/v1/jobs", json=asked)
        assert (answer.status_code, answer.json()["status"]) == (httpx.codes.OK, "succeeded")
        former = start("afterimage-worker", cluster, tmp_path)
        former.spawn()
        assert await former.exited() != 0
        assert "the database has schema later" in former.log
