"""The page about deployment: what it names exists."""

from __future__ import annotations

import re

from tests.unit.deploy.files import DEPLOY, VARIABLES
from tests.unit.deploy.kubernetes import CORE, CUSTOM, SERVING, named
from tests.unit.deploy.monitoring import ALERTS
from tests.unit.deploy.series import told

PAGE = (DEPLOY / "README.md").read_text(encoding="utf-8")


def test_files_exist() -> None:
    targets = re.findall(r"\]\((?!https?:)([^)]+)\)", PAGE) + re.findall(r"apply -k (\S+)", PAGE)
    assert targets
    assert not [target for target in targets if not (DEPLOY / target).exists()]


def test_variables_exist() -> None:
    names = set(re.findall(r"\b(?:AFTERIMAGE|OPENAI|COS|R2)_[A-Z0-9_]+\b", PAGE))
    assert names
    assert names <= VARIABLES


async def test_metrics_exist() -> None:
    names = set(re.findall(r"`(afterimage_[a-z_]+)`", PAGE))
    assert names
    assert names <= (await told()).keys()


def test_each_alert_is_explained() -> None:
    assert set(re.findall(r"`(Afterimage[A-Z]\w+)`", PAGE)) == ALERTS.keys()


def test_resources_exist() -> None:
    objects = set(re.findall(r"(deployment|scaledobject|job)[ /](afterimage-\w+)", PAGE))
    kinds = {one["kind"].lower(): one["kind"] for one in CORE + CUSTOM}
    assert objects
    for kind, name in objects:
        assert named(kinds[kind], name)
    (selected,) = re.findall(r"component in \(([\w, ]+)\)", PAGE)
    labels = {one["metadata"]["labels"]["app.kubernetes.io/component"] for one in CORE}
    assert set(selected.split(", ")) <= labels | {"settings"}


def test_the_secrets_of_the_scaler_are_those_that_it_reads() -> None:
    reads = named("TriggerAuthentication", "afterimage-scaler")["spec"]["secretTargetRef"]
    assert set(re.findall(r"--from-literal (\w+)=", PAGE)) == {one["key"] for one in reads}


def test_times_are_those_of_the_manifests() -> None:
    pods = {name: named("Deployment", name)["spec"]["template"]["spec"] for name in SERVING}
    (worker,) = pods["afterimage-worker"]["containers"]
    (grace,) = (int(one["value"]) for one in worker["env"] if one["name"] == "AFTERIMAGE_SHUTDOWN_GRACE_SECONDS")
    more = pods["afterimage-worker"]["terminationGracePeriodSeconds"] - grace
    assert f"pods are given {more} seconds more" in PAGE
    (api,) = pods["afterimage-api"]["containers"]
    assert f"Kubernetes waits {api['lifecycle']['preStop']['sleep']['seconds']} before" in PAGE
    workers = named("ScaledObject", "afterimage-worker")["spec"]["fallback"]["replicas"]
    assert f"keeps {['no', 'one', 'two', 'three', 'four'][workers]} workers" in PAGE
