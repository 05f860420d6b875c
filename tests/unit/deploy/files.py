"""The files of scripts/deploy, read as those who run them would."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from service.config.settings import GROUPS

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "scripts" / "deploy"
BASE = DEPLOY / "kubernetes" / "base"
KEDA = DEPLOY / "kubernetes" / "keda"
EXAMPLE = DEPLOY / "kubernetes" / "example"

VARIABLES = {variable.name for group in GROUPS for variable in group.variables().values()}
"""Every variable that the service knows."""

SECRETS = {
    "POSTGRES_PASSWORD": "secret",
    "AFTERIMAGE_DATABASE_URL": "postgresql://afterimage:secret@postgres/afterimage",
    "AFTERIMAGE_API_KEYS": "acme:0123456789abcdef",
    "AFTERIMAGE_SIGNING_SECRETS": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "COS_ACCESS_KEY_ID": "test-key-id",
    "COS_SECRET_ACCESS_KEY": "test-secret-key",
    "OPENAI_API_KEY": "sk-test",
}
"""What an operator fills in."""


def documents(path: Path) -> list[Any]:
    """The documents of a YAML file."""
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def manifests(folder: Path) -> list[Any]:
    """The resources of a folder, in the order of its kustomization."""
    (kustomization,) = documents(folder / "kustomization.yaml")
    return [document for name in kustomization["resources"] for document in documents(folder / name)]


def assignments(text: str) -> dict[str, str]:
    """The variables of a file in the format of dotenv."""
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def filled(names: Mapping[str, str]) -> dict[str, str]:
    """Variables of an example, with what an operator fills in."""
    return {name: SECRETS.get(name, value) for name, value in names.items()}


def image_environment() -> dict[str, str]:
    """The variables that the image sets."""
    stage = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text(encoding="utf-8")).split("\n\n\n")[-1]
    pairs = (pair for line in re.findall(r"^ENV +(.*)$", stage, re.MULTILINE) for pair in shlex.split(line))
    return {name: value for name, _, value in (pair.partition("=") for pair in pairs)}
