"""The generated pages say what the declarations say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from service.config.page import COMMAND, env_example, main, page, stale
from service.config.settings import GROUPS, load_settings

ROOT = Path(__file__).parents[2]
VARIABLES = [variable for group in GROUPS for variable in group.variables().values()]


def test_the_committed_pages_are_up_to_date() -> None:
    assert stale(ROOT) == [], f"run '{COMMAND} --write'"


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda variable: variable.name)
def test_every_variable_is_on_both_pages(variable) -> None:
    assert f"| `{variable.name}` |" in page()
    assert re.search(rf"^# {variable.name}=.", env_example(), re.MULTILINE)


def test_the_example_file_with_all_plain_defaults_uncommented_changes_nothing(tmp_path: Path) -> None:
    plain = {v.name for v in VARIABLES if not v.required and isinstance(v.default, bool | int | float | str)}
    lines = [line[2:] for line in env_example().splitlines() if line[2:].partition("=")[0] in plain]
    file = tmp_path / ".env"
    file.write_text("\n".join(line for line in lines if not line.startswith("COS_")))
    assert load_settings({}, env_file=file) == load_settings({})


@pytest.mark.parametrize(
    "variable",
    [v for v in VARIABLES if "…" not in v.example and not v.name.endswith(("_FILE", "_HOST"))],
    ids=lambda variable: variable.name,
)
def test_examples_are_accepted(variable) -> None:
    group = next(group for group in GROUPS if variable in group.variables().values())
    required = {v.name: "sufficient" for v in group.variables().values() if v.required}
    if "COS_ENDPOINT" in required:
        required |= {"COS_ENDPOINT": "https://s3.example.com", "COS_BUCKET": "pictures"}
    if "R2_BUCKET_NAME" in required:
        required |= {"R2_ACCOUNT_ID": "abc"}
    load_settings({**required, variable.name: variable.example})


def test_secrets_have_no_example_that_works() -> None:
    secret = [v for v in VARIABLES if "SECRET" in v.name or "KEY" in v.name]
    assert secret
    assert all("…" in v.example for v in secret)


def test_check_fails_with_the_command_to_run_until_it_was_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = ["--folder", str(tmp_path)]
    assert main(["--check", *folder]) == 1
    assert f"run '{COMMAND} --write'" in capsys.readouterr().err
    assert main(["--write", *folder]) == 0
    assert main(["--check", *folder]) == 0
    (tmp_path / ".env.example").write_text("old")
    assert main(["--check", *folder]) == 1
    assert ".env.example not up to date" in capsys.readouterr().err


def test_without_a_mode_it_prints_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert capsys.readouterr().out == page()


def test_it_runs_as_a_module() -> None:
    shown = subprocess.run([sys.executable, *COMMAND.split()[1:]], cwd=ROOT, capture_output=True, check=True)
    assert shown.stdout.decode() == page()
