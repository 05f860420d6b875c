"""The compose file: by its schema, and held against the image, the commands and the configuration."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.deploy import processes
from tests.unit.deploy.files import DEPLOY, ROOT, SECRETS, VARIABLES, assignments, documents, filled, image_environment

TEXT = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
EXAMPLE = assignments((DEPLOY / ".env.example").read_text(encoding="utf-8"))
(COMPOSE,) = documents(DEPLOY / "compose.yaml")
OURS = {name: service for name, service in COMPOSE["services"].items() if service["image"].startswith("afterimage:")}
SERVING = ["api", "worker"]
INTERPOLATION = re.compile(r"\$\{(\w+)(?::([?-])([^}]*))?\}")


def validated(path: Path) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).with_name("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", path]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def environment(name: str) -> dict[str, str]:
    """The variables of the service in one container: those of the file .env that are ours, and its own."""
    given = {key: value for key, value in filled(EXAMPLE).items() if key in VARIABLES}
    own = {key: INTERPOLATION.sub(_value, str(value)) for key, value in OURS[name]["environment"].items()}
    return given | own


def _value(found: re.Match[str]) -> str:
    return filled(EXAMPLE)[found[1]]


def seconds(duration: str) -> float:
    return float(duration.removesuffix("s"))


def test_it_keeps_to_the_specification() -> None:
    result = validated(DEPLOY / "compose.yaml")
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("right", "wrong"), [("read_only:", "readonly:"), ("condition: service_healthy", "condition: healthy")]
)
def test_one_that_does_not_is_refused(tmp_path: Path, right: str, wrong: str) -> None:
    assert right in TEXT
    broken = tmp_path / "compose.yaml"
    broken.write_text(TEXT.replace(right, wrong), encoding="utf-8")
    result = validated(broken)
    assert result.returncode == 1
    assert wrong.rsplit(maxsplit=1)[-1].rstrip(":") in result.stdout


def test_it_builds_the_image_of_this_repository() -> None:
    assert all((DEPLOY / service["build"] / "Dockerfile").samefile(ROOT / "Dockerfile") for service in OURS.values())


def test_commands_are_those_of_the_service() -> None:
    assert OURS.keys() == {"migrate", *SERVING}
    for service in OURS.values():
        processes.check_command(service["command"])


@pytest.mark.parametrize("name", OURS)
def test_each_container_is_configured_without_a_fault(name: str) -> None:
    settings = processes.settings_of(environment(name))
    assert settings.database.postgres_url == "postgresql://afterimage:secret@postgres/afterimage"
    assert settings.store is not None


def test_what_is_asked_for_stands_in_the_example_and_secrets_nowhere() -> None:
    asked = INTERPOLATION.findall(TEXT)
    assert {name for name, _, _ in asked} <= EXAMPLE.keys()
    assert {operator for name, operator, _ in asked if name in SECRETS} == {"?"}
    assert {name for name in SECRETS if EXAMPLE.get(name)} == set()
    assert EXAMPLE.keys() >= SECRETS.keys() - {"AFTERIMAGE_DATABASE_URL"}


@pytest.mark.parametrize("name", SERVING)
def test_nothing_is_killed_while_it_stops(name: str) -> None:
    processes.check_stopping(
        processes.settings_of(environment(name)),
        name,
        pause_seconds=0,
        kill_seconds=seconds(OURS[name]["stop_grace_period"]),
    )


def test_the_images_health_check_asks_where_each_listens() -> None:
    asked = int(image_environment()["AFTERIMAGE_PORT"])
    assert processes.settings_of(environment("api")).server.port == asked
    assert processes.settings_of(environment("worker")).server.worker_port == asked
    assert OURS["api"]["ports"][0].endswith(f":{asked}")


def test_postgres_has_connections_for_all() -> None:
    command: list[Any] = COMPOSE["services"]["postgres"]["command"]
    allowed = int(re.fullmatch(r"max_connections=(\d+)", command[-1])[1])  # type: ignore[index]
    count = sum(OURS[name].get("deploy", {}).get("replicas", 1) for name in SERVING)
    assert (count + 1) * processes.most_connections(processes.settings_of(environment("worker"))) <= allowed


def test_containers_may_do_little() -> None:
    for service in OURS.values():
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]
