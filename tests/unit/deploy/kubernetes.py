"""The Kubernetes manifests as tests ask for them."""

from __future__ import annotations

from typing import Any

from tests.unit.deploy.files import BASE, EXAMPLE, KEDA, assignments, documents, filled, manifests

CORE = manifests(BASE)
CUSTOM = manifests(KEDA)
SECRET = assignments((EXAMPLE / "secret.env.example").read_text(encoding="utf-8"))


def named(kind: str, name: str) -> Any:
    """The resource of a kind and name."""
    (found,) = (one for one in CORE + CUSTOM if (one["kind"], one["metadata"]["name"]) == (kind, name))
    return found


PODS = {
    one["metadata"]["name"]: one["spec"]["template"]["spec"] for one in CORE if one["kind"] in {"Deployment", "Job"}
}
SERVING = ["afterimage-api", "afterimage-worker"]
DEPLOYMENTS = {name: named("Deployment", name) for name in SERVING}


def container(name: str) -> Any:
    """The one container of the pods of a Deployment or Job."""
    (one,) = PODS[name]["containers"]
    return one


def environment(name: str) -> dict[str, str]:
    """The variables of a container: of the settings, of the Secret, and its own."""
    generated = {
        literal.partition("=")[0]: literal.partition("=")[2]
        for folder in (BASE, EXAMPLE)
        for generator in documents(folder / "kustomization.yaml")[0]["configMapGenerator"]
        for literal in generator["literals"]
    }
    own = {one["name"]: one["value"] for one in container(name).get("env", [])}
    return generated | filled(SECRET) | own
