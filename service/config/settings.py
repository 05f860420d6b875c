"""The whole configuration, read at once, with every fault found."""

from __future__ import annotations

import difflib
import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError
from pydantic_settings import DotEnvSettingsSource

from service.config.access import AccessSettings
from service.config.callbacks import CallbackSettings
from service.config.database import DatabaseSettings
from service.config.faults import ConfigurationError, VariableFault, faults_of
from service.config.group import Group
from service.config.jobs import FallbackSettings, JobSettings
from service.config.pictures import FetchSettings, PictureSettings
from service.config.providers import OpenAISettings, ProviderSettings
from service.config.proxies import ProxySettings
from service.config.server import ServerSettings
from service.config.storage import CosSettings, ObjectSettings, R2Settings
from service.config.telemetry import LogSettings

GROUPS: tuple[type[Group], ...] = (
    ServerSettings,
    AccessSettings,
    DatabaseSettings,
    ObjectSettings,
    CosSettings,
    R2Settings,
    OpenAISettings,
    ProviderSettings,
    FallbackSettings,
    JobSettings,
    PictureSettings,
    FetchSettings,
    CallbackSettings,
    ProxySettings,
    LogSettings,
)
"""Every group of variables, in the order in which they are documented."""

_OURS = "AFTERIMAGE_"
_G = TypeVar("_G", bound=Group)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an operator decided.

    Attributes:
        store: The S3-compatible store; None stands for the data folder.
    """

    server: ServerSettings
    access: AccessSettings
    database: DatabaseSettings
    objects: ObjectSettings
    store: CosSettings | R2Settings | None
    openai: OpenAISettings
    provider: ProviderSettings
    fallback: FallbackSettings
    jobs: JobSettings
    pictures: PictureSettings
    fetching: FetchSettings
    callbacks: CallbackSettings
    proxies: ProxySettings
    logs: LogSettings

    @property
    def groups(self) -> tuple[Group, ...]:
        """The groups that are in use."""
        values = (getattr(self, field.name) for field in fields(self))
        return tuple(value for value in values if isinstance(value, Group))


class _Reader:
    """Reads groups one after the other and keeps what is wrong with them."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = texts
        self.faults: list[VariableFault] = []

    def read(self, group: type[_G]) -> _G:
        """The group; after a fault without the faulty variables, to find more faults with, never to be handed out."""
        try:
            return group.read(self.texts)
        except ValidationError as error:
            faulty = self._note(group, error)
        return group.read({name: text for name, text in self.texts.items() if name not in faulty})

    def store(self) -> CosSettings | R2Settings | None:
        """The store that is meant: the one of which anything is set, COS before R2; None also after a fault."""
        stores: tuple[type[CosSettings | R2Settings], ...] = (CosSettings, R2Settings)
        for group in stores:
            if any(variable.name in self.texts for variable in group.variables().values()):
                try:
                    return group.read(self.texts)
                except ValidationError as error:
                    self._note(group, error)
                    return None
        return None

    def _note(self, group: type[Group], error: ValidationError) -> set[str]:
        faults = tuple(faults_of(group, error))
        self.faults.extend(faults)
        return {fault.variable for fault in faults}


def load_settings(environ: Mapping[str, str], *, env_file: Path | None = None) -> Settings:
    """The configuration that variables make; an empty variable counts as absent.

    Args:
        environ: The variables, usually ``os.environ``.
        env_file: A file of variables in the format of dotenv, read when it is there; `environ` wins.

    Raises:
        ConfigurationError: with every fault that could be found.
    """
    reader = _Reader(_texts(environ, env_file))
    settings = Settings(
        server=reader.read(ServerSettings),
        access=reader.read(AccessSettings),
        database=reader.read(DatabaseSettings),
        objects=reader.read(ObjectSettings),
        store=reader.store(),
        openai=reader.read(OpenAISettings),
        provider=reader.read(ProviderSettings),
        fallback=reader.read(FallbackSettings),
        jobs=reader.read(JobSettings),
        pictures=reader.read(PictureSettings),
        fetching=reader.read(FetchSettings),
        callbacks=reader.read(CallbackSettings),
        proxies=reader.read(ProxySettings),
        logs=reader.read(LogSettings),
    )
    faulty = {fault.variable for fault in reader.faults}
    across = (fault for fault in _across(settings) if fault.variable not in faulty)
    faults = (*reader.faults, *across, *_misspelt(reader.texts))
    if faults:
        raise ConfigurationError(faults)
    return settings


def _texts(environ: Mapping[str, str], env_file: Path | None) -> dict[str, str]:
    given: dict[str, str | None] = {}
    for source in (DotEnvSettingsSource(Group, env_file=env_file, case_sensitive=True).env_vars, environ):
        proxies = {name.upper(): source[name] for name in ("https_proxy", "http_proxy", "no_proxy") if name in source}
        given |= {**source, **proxies}
    return {name: text.strip() for name, text in given.items() if text is not None and text.strip()}


def _across(settings: Settings) -> Iterator[VariableFault]:
    """Faults that take more than one group to see."""
    access = settings.access
    host = settings.server.host
    if not access.api_keys and not access.allow_anonymous and not _is_loopback(host):
        yield VariableFault(
            "AFTERIMAGE_API_KEYS",
            f"is missing although AFTERIMAGE_HOST is {host!r}, which others can reach; expected keys, or "
            "AFTERIMAGE_ALLOW_ANONYMOUS=true to serve everybody",
        )
    unknown = {secret.tenant for secret in access.tenant_signing_secrets} - access.tenants
    if access.api_keys and unknown:
        yield VariableFault(
            "AFTERIMAGE_TENANT_SIGNING_SECRETS",
            f"names {', '.join(sorted(unknown))}, expected tenants that have a key in AFTERIMAGE_API_KEYS",
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _misspelt(names: Iterable[str]) -> Iterator[VariableFault]:
    names_by_rest = {
        variable.name.removeprefix(_OURS): variable.name for group in GROUPS for variable in group.variables().values()
    }
    for name in sorted(names):
        if name.startswith(_OURS) and name not in names_by_rest.values():
            near = difflib.get_close_matches(name.removeprefix(_OURS), names_by_rest, n=1)
            hint = f", probably {names_by_rest[near[0]]} is meant" if near else ""
            yield VariableFault(name, f"is no variable of this service{hint}")
