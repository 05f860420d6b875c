"""Alerts and dashboard: by their own tools, and held against what the service tells Prometheus."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from service.api.health import router
from tests.unit.deploy.files import DEPLOY
from tests.unit.deploy.lost import lost
from tests.unit.deploy.monitoring import ALERTS, DASHBOARD, EXPRESSIONS, MONITORING, PANELS
from tests.unit.deploy.series import SCRAPED, asked, grouped, told

PROMTOOL = shutil.which("promtool", path=f"{Path(sys.executable).parent}:/usr/bin:/usr/local/bin")


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    assert PROMTOOL is not None, "scripts/test installs it"
    return subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True, check=False)


def unknown_to_grafana(dashboard: dict[str, Any]) -> list[str]:
    register_default_plugins()
    understood = JSONEncoder(sort_keys=True, indent=None).encode(Dashboard.from_json(dashboard))
    return list(lost(dashboard, json.loads(understood)))


def test_the_rules_are_rules() -> None:
    result = promtool("check", "rules", MONITORING / "alerts.yaml")
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(("right", "wrong"), [("expr: absent(", "expr: absnet("), ("labels:", "label:")])
def test_what_is_no_rule_is_refused(tmp_path: Path, right: str, wrong: str) -> None:
    text = (MONITORING / "alerts.yaml").read_text(encoding="utf-8")
    assert right in text
    broken = tmp_path / "alerts.yaml"
    broken.write_text(text.replace(right, wrong), encoding="utf-8")
    assert promtool("check", "rules", broken).returncode != 0


def test_each_alert_fires_when_it_should_and_not_otherwise() -> None:
    result = promtool("test", "rules", MONITORING / "alerts.test.yaml")
    assert result.returncode == 0, result.stdout + result.stderr


def test_each_alert_has_a_test() -> None:
    text = (MONITORING / "alerts.test.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r'alertname="(\w+)"', text)) == ALERTS.keys()


def test_the_dashboard_is_one() -> None:
    assert unknown_to_grafana(DASHBOARD) == []


def test_what_grafana_does_not_know_is_refused() -> None:
    broken = json.loads(json.dumps(DASHBOARD))
    broken["refreshed"] = "30s"
    broken["panels"][0]["targets"][0]["expression"] = "up"
    assert set(unknown_to_grafana(broken)) == {".refreshed", ".panels[0].targets[0].expression"}


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (column, line)
        for place in (panel["gridPos"] for panel in panels)
        for column, line in itertools.product(
            range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
        )
    ]
    assert len(set(cells)) == len(cells)
    assert max(column for column, _ in cells) < 24


def test_panels_ask_the_source_that_is_chosen() -> None:
    (variable,) = (one for one in DASHBOARD["templating"]["list"] if one["type"] == "datasource")
    sources = [one["datasource"] for panel in PANELS.values() for one in (panel, *panel["targets"])]
    assert {source["uid"] for source in sources} == {f"${{{variable['name']}}}"}
    assert {source["type"] for source in sources} == {variable["query"]}


@pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=EXPRESSIONS)
async def test_what_is_asked_for_is_told(expression: str) -> None:
    known = await told()
    series = list(asked(expression))
    assert series
    for one in series:
        assert one.name in known
        for label, value in one.values.items():
            assert label in known[one.name].keys() | SCRAPED
            for alternative in value.split("|"):
                assert any(re.fullmatch(alternative, found) for found in known[one.name][label]), alternative
    labels = SCRAPED.union(*(known[one.name] for one in series))
    assert grouped(expression) <= labels


async def test_a_name_that_is_not_told_is_noticed() -> None:
    known = await told()
    (one,) = asked('rate(afterimage_jobs_ended_total{status="failed"}[5m])')
    assert one.name not in known
    assert one.values == {"status": "failed"}
    assert grouped("sum by (kind) (afterimage_work_waiting)") == {"kind"}


async def test_everything_that_is_told_is_shown() -> None:
    own = {name.removesuffix("_bucket") for name in await told() if name.startswith("afterimage_")}
    histograms = {name for name in own if f"{name}_count" in own}
    expected = {name for name in own if not name.endswith(("_created", "_sum", "_count"))} | histograms
    shown = {
        one.name.removesuffix("_bucket").removesuffix("_count")
        for title, expression in EXPRESSIONS.items()
        if title not in ALERTS
        for one in asked(expression)
    }
    assert expected == {name for name in shown if name.startswith("afterimage_")}


def test_paths_in_the_alerts_are_served() -> None:
    described = json.loads((DEPLOY / "../../openapi/openapi.json").read_text(encoding="utf-8"))["paths"]
    named = set(re.findall(r"(/api/v1/[\w/{}]+)", (MONITORING / "alerts.yaml").read_text(encoding="utf-8")))
    served = {re.sub(r"\{\w+\}", "{id}", path) for path in described} | {route.path for route in router.routes}
    assert named
    assert named <= served
