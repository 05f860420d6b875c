"""The Kubernetes manifests: by their schemas, and held against the image, the commands and the configuration."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from service.usecases import accept_batch
from tests.unit.deploy import processes
from tests.unit.deploy.files import BASE, DEPLOY, KEDA, documents
from tests.unit.deploy.kubernetes import CORE, CUSTOM, DEPLOYMENTS, PODS, SECRET, SERVING, container, environment, named
from tests.unit.deploy.lost import lost

VERSIONS = ["1.30", kubernetes_validate.latest_version()]
"""The oldest that the README names, and the newest that the validator knows."""


def custom_resource(document: Any) -> list[str]:
    """What KEDA's own definition does not know of a resource of its kinds.

    Raises:
        pydantic.ValidationError: something is missing or of another type.
    """
    # Loaded here, because it takes a second that every test process would spend.
    from cloudcoil.models.keda import v1alpha1

    models = {"ScaledObject": v1alpha1.ScaledObject, "TriggerAuthentication": v1alpha1.TriggerAuthentication}
    understood = models[document["kind"]].model_validate(document)
    return list(lost(document, understood.model_dump(mode="json", by_alias=True, exclude_unset=True)))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("document", CORE, ids=lambda one: f"{one['kind']}/{one['metadata']['name']}")
def test_manifests_keep_to_the_schema(document: Any, version: str) -> None:
    kubernetes_validate.validate(document, version, strict=True)


@pytest.mark.parametrize(
    "change",
    [
        lambda pod: pod["containers"][0]["securityContext"].update(readOnlyRootFileSystem=True),
        lambda pod: pod["containers"][0]["livenessProbe"]["httpGet"].pop("port"),
        lambda pod: pod.update(terminationGracePeriodSeconds="60s"),
    ],
    ids=["misspelt", "incomplete", "of another type"],
)
def test_one_that_does_not_is_refused(change: Any) -> None:
    broken = copy.deepcopy(DEPLOYMENTS["afterimage-api"])
    change(broken["spec"]["template"]["spec"])
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, VERSIONS[-1], strict=True)


@pytest.mark.parametrize("document", CUSTOM, ids=lambda one: one["kind"])
def test_kedas_resources_keep_to_its_definitions(document: Any) -> None:
    assert custom_resource(document) == []


def test_one_that_does_not_is_refused_for_keda() -> None:
    broken = copy.deepcopy(named("ScaledObject", "afterimage-worker"))
    broken["spec"]["minReplicas"] = 2
    assert custom_resource(broken) == [".spec.minReplicas"]
    broken["spec"]["maxReplicaCount"] = "ten"
    with pytest.raises(ValueError, match="maxReplicaCount"):
        custom_resource(broken)


@pytest.mark.parametrize("folder", [BASE, KEDA], ids=lambda folder: folder.name)
def test_no_manifest_is_left_out(folder: Path) -> None:
    (kustomization,) = documents(folder / "kustomization.yaml")
    assert {*kustomization["resources"], "kustomization.yaml"} == {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("name", PODS)
def test_each_container_is_configured_without_a_fault(name: str) -> None:
    processes.check_command(container(name)["args"])
    settings = processes.settings_of(environment(name))
    assert settings.database.postgres_url is not None
    assert settings.store is not None


def test_no_secret_stands_in_a_file() -> None:
    assert {name for name in SECRET if name != "AFTERIMAGE_DATABASE_URL" and SECRET[name]} == set()
    assert ":PASSWORD@" in SECRET["AFTERIMAGE_DATABASE_URL"]
    assert not [one for one in CORE + CUSTOM if one["kind"] == "Secret"]


@pytest.mark.parametrize("name", PODS)
def test_containers_may_do_little(name: str) -> None:
    pod, context = PODS[name], container(name)["securityContext"]
    user = re.search(r"^USER (\d+):(\d+)$", (DEPLOY / "../../Dockerfile").read_text(), re.MULTILINE)
    assert user is not None
    assert pod["securityContext"]["runAsNonRoot"]
    assert (pod["securityContext"]["runAsUser"], pod["securityContext"]["runAsGroup"]) == (int(user[1]), int(user[2]))
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not pod["automountServiceAccountToken"]
    assert context == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_who_selects_pods_finds_them() -> None:
    labels = {name: one["spec"]["template"]["metadata"]["labels"] for name, one in DEPLOYMENTS.items()}
    for name, one in DEPLOYMENTS.items():
        spread = one["spec"]["template"]["spec"]["topologySpreadConstraints"]
        selectors = [one["spec"]["selector"], named("PodDisruptionBudget", name)["spec"]["selector"]]
        for selector in [*selectors, *(constraint["labelSelector"] for constraint in spread)]:
            assert [owner for owner in SERVING if selector["matchLabels"].items() <= labels[owner].items()] == [name]
    assert named("Service", "afterimage")["spec"]["selector"].items() <= labels["afterimage-api"].items()
    assert named("HorizontalPodAutoscaler", "afterimage-api")["spec"]["scaleTargetRef"]["name"] in DEPLOYMENTS
    assert named("ScaledObject", "afterimage-worker")["spec"]["scaleTargetRef"]["name"] in DEPLOYMENTS


@pytest.mark.parametrize("name", SERVING)
def test_ports_are_those_on_which_it_listens(name: str) -> None:
    settings = processes.settings_of(environment(name)).server
    (port,) = container(name)["ports"]
    listening = settings.worker_port if name == "afterimage-worker" else settings.port
    annotations = DEPLOYMENTS[name]["spec"]["template"]["metadata"]["annotations"]
    assert port["containerPort"] == listening == int(annotations["prometheus.io/port"])
    probes = [container(name)[probe]["httpGet"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")]
    assert {probe["port"] for probe in probes} == {port["name"]}
    if name == "afterimage-api":
        assert named("Service", "afterimage")["spec"]["ports"][0]["targetPort"] == port["name"]


@pytest.mark.parametrize("name", SERVING)
def test_nothing_is_killed_while_it_stops(name: str) -> None:
    pause = container(name).get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    processes.check_stopping(
        processes.settings_of(environment(name)),
        container(name)["args"][0],
        pause_seconds=pause,
        kill_seconds=PODS[name]["terminationGracePeriodSeconds"],
    )


def test_postgres_has_connections_for_all_pods_of_a_rollout() -> None:
    text = (DEPLOY / "README.md").read_text(encoding="utf-8")
    (allowed,) = {int(number) for number in re.findall(r"`max_connections` of (\d+)", text)}
    api = named("HorizontalPodAutoscaler", "afterimage-api")["spec"]["maxReplicas"]
    workers = named("ScaledObject", "afterimage-worker")["spec"]["maxReplicaCount"]
    pods = 2 * (api + workers)  # those that stop keep theirs until they are gone
    assert pods * processes.most_connections(processes.settings_of(environment("afterimage-worker"))) <= allowed


def test_workers_are_added_before_they_are_full() -> None:
    jobs = processes.settings_of(environment("afterimage-worker")).jobs
    (trigger,) = named("ScaledObject", "afterimage-worker")["spec"]["triggers"]
    assert float(trigger["metadata"]["targetQueryValue"]) < jobs.worker_concurrency
    assert f"'shard' THEN {accept_batch._ITEMS_A_STREAM} " in trigger["metadata"]["query"]
