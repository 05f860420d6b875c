"""Secrets: those that are configured, and those that the service makes once and keeps in the data folder."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from service.bootstrap.sharing import check_shared
from service.callbacks.signing import new_secret
from service.config.settings import Settings

_SIGNING_FILE = "signing-secret"
_LINK_FILE = "link-key"


def signing_secrets(settings: Settings) -> tuple[str, ...]:
    """The secrets that sign callbacks, the current one first; made and kept where none is configured.

    Raises:
        ConfigurationError: none is configured, and each process of a fleet would make its own.
    """
    configured = tuple(secret.get_secret_value() for secret in settings.access.signing_secrets)
    if not configured:
        check_shared(settings)
    return configured or (_kept(settings.database.data_dir / _SIGNING_FILE, new_secret),)


def secrets_by_tenant(settings: Settings) -> Callable[[str], tuple[str, ...]]:
    """What signs the callbacks of one tenant: its own secrets, where it has some."""
    common = signing_secrets(settings)
    own: dict[str, tuple[str, ...]] = {}
    for entry in settings.access.tenant_signing_secrets:
        own[entry.tenant] = (*own.get(entry.tenant, ()), entry.secret.get_secret_value())
    return lambda tenant: own.get(tenant, common)


def link_key(settings: Settings) -> bytes:
    """What signs the links to files of the local folder."""
    return bytes.fromhex(_kept(settings.database.data_dir / _LINK_FILE, lambda: secrets.token_hex(32)))


def _kept(path: Path, make: Callable[[], str]) -> str:
    """A file's text, made at the first start. Two processes that start at once agree on the one that was first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        fresh = path.with_name(f"{path.name}.{os.getpid()}")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(make())
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return path.read_text().strip()
