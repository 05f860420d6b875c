"""What every test may use: a clean environment, a real Postgres, and the service as real processes."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings

from service.engine.queue_schema import migrate_queue
from service.ledger.migration import migrate_postgres
from tests.integration.scene import Engine, OpenScene, Scene, fleet_scene, scene
from tests.servers.fleet import Fleet, Service
from tests.servers.postgres import PostgresServer
from tests.servers.service import RunningService

_CONFIGURATION = ("AFTERIMAGE_", "OPENAI_", "COS_", "R2_", "AWS_")

_LONGEST_FIRST = ("tests/fault/", "tests/integration/", "tests/bench/")  # what is begun last should be over soon

_CORE = "test_jobs"  # is run on both engines without being asked for

MakeService = Callable[[Path, Mapping[str, str]], Service]


def pytest_configure() -> None:
    """Forget the developer's own configuration and how fast the machine is, so that tests mean the same everywhere."""
    for name in [name for name in os.environ if name.upper().startswith(_CONFIGURATION)]:
        del os.environ[name]
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("any machine")


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--engine``: which engines the tests that know them are run on."""
    says = "run what knows engines on this one alone, or on both; else all is run embedded, and the core on Postgres"
    parser.addoption("--engine", choices=[*Engine, "both"], help=says)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is not to be run on an engine, and begin with what takes longest."""
    wanted: str | None = config.getoption("engine")
    left_out = [item for item in items if not _is_wanted(item, wanted)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    turns = (turn for turn, folder in enumerate(_LONGEST_FIRST) if item.nodeid.startswith(folder))
    return next(turns, len(_LONGEST_FIRST))


def _is_wanted(item: pytest.Item, wanted: str | None) -> bool:
    callspec = getattr(item, "callspec", None)
    engines = [value for value in callspec.params.values() if isinstance(value, Engine)] if callspec else []
    if wanted is None:
        impatient = item.get_closest_marker("patient") is None
        return impatient and (Engine.POSTGRES not in engines or item.path.stem == _CORE)
    return not engines or wanted in {*engines, "both"}


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Undo what a command that ran in this process has said about logs."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start processes without coverage, with which they take half as long again.

    What is killed leaves no figures behind, and some tests run only what others measure.
    """
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One server for all tests of this process; a test that stops it starts it again."""
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_template(postgres: PostgresServer) -> str:
    """A database that only waits to be copied."""
    name = postgres.create_database("migrated")
    migrate_postgres(postgres.url(name))
    return name


@pytest.fixture
def postgres_url(postgres: PostgresServer, postgres_template: str) -> Iterator[str]:
    """A database of the test's own, with the tables of this version."""
    name = postgres.create_database(template=postgres_template)
    yield postgres.url(name)
    postgres.drop_database(name)


@pytest.fixture
def empty_postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """A database of the test's own, without tables."""
    name = postgres.create_database()
    yield postgres.url(name)
    postgres.drop_database(name)


@pytest.fixture(scope="session")
def fleet_template(postgres: PostgresServer) -> str:
    """A database with the tables of the ledger and of the queue that only waits to be copied."""
    name = postgres.create_database("fleet")
    migrate_postgres(postgres.url(name), migrate_queue)
    return name


@pytest.fixture(scope="session", params=list(Engine))
def open_scene(request: pytest.FixtureRequest) -> OpenScene:
    """Opens scenes in one process, and once more with one process that accepts and others that work."""
    if request.param is Engine.POSTGRES:
        postgres: PostgresServer = request.getfixturevalue("postgres")
        template: str = request.getfixturevalue("fleet_template")
        return _fleet_scenes(postgres, template)
    return _scene


@pytest.fixture
def fleet_url(postgres: PostgresServer, fleet_template: str) -> Iterator[str]:
    """A database of the test's own, with all that processes which share it need."""
    name = postgres.create_database(template=fleet_template)
    yield postgres.url(name)
    postgres.drop_database(name)


@pytest.fixture(params=list(Engine))
def make_service(request: pytest.FixtureRequest) -> MakeService:
    """Makes one process that accepts and works, in a folder and with variables, on either engine."""
    if request.param is Engine.POSTGRES:
        url: str = request.getfixturevalue("fleet_url")
        return lambda folder, env: Fleet(folder, url, env).front(with_worker=True)
    return RunningService


def _scene(folder: Path, /, *, workers: int = 1, **env: str) -> AbstractAsyncContextManager[Scene]:
    del workers  # the one process does the work, too
    return scene(folder, **env)


def _fleet_scenes(postgres: PostgresServer, template: str) -> OpenScene:
    @asynccontextmanager
    async def open_scene(folder: Path, /, *, workers: int = 1, **env: str) -> AsyncIterator[Scene]:
        name = postgres.create_database(template=template)
        async with fleet_scene(folder, postgres.url(name), workers=workers, **env) as it:
            yield it
        postgres.drop_database(name)

    return open_scene
