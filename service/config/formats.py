"""The formats that variables have beside plain numbers, switches and choices."""

from __future__ import annotations

import base64
import ipaddress
import re
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, PlainValidator, SecretStr

from service.config.group import Expects

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_SECRET_BYTES = range(24, 65)  # Standard Webhooks 1.0.0: "between 24 bytes (192 bits) and 64 bytes (512 bits)"
_MIN_KEY_CHARACTERS = 16
_MAX_PORT = 65_535
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_REWRITE = re.compile(r"[A-Za-z0-9._-]+:([0-9]+)=(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):([0-9]+)")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key and the tenant that its bearer is."""

    tenant: str
    key: SecretStr

    def __str__(self) -> str:
        return f"{self.tenant}:{self.key}"


@dataclass(frozen=True, slots=True)
class TenantSecret:
    """A signing secret that is used for one tenant's callbacks."""

    tenant: str
    secret: SecretStr

    def __str__(self) -> str:
        return f"{self.tenant}:{self.secret}"


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _http_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        whole = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # its words may repeat a password
        whole = False
    if not whole:
        raise ValueError("is no http:// or https:// URL with a host")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("must not have a user name, a query or a fragment")
    return text.rstrip("/")


def _signing_secret(text: str) -> SecretStr:
    try:
        key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except ValueError:
        key = b""
    if not text.startswith("whsec_") or len(key) not in _SECRET_BYTES:
        raise ValueError("a secret is not whsec_ followed by the base64 of 24 to 64 bytes")
    return SecretStr(text)


def _of_tenant(text: str) -> tuple[str, str]:
    tenant, colon, rest = text.partition(":")
    if not colon or not _TENANT.fullmatch(tenant):
        raise ValueError("an entry has no tenant name before a colon (letters, digits, '.', '_' and '-')")
    return tenant, rest


def _api_key(text: str) -> ApiKey:
    tenant, key = _of_tenant(text)
    if len(key) < _MIN_KEY_CHARACTERS:
        raise ValueError(f"a key of tenant {tenant!r} has fewer than {_MIN_KEY_CHARACTERS} characters")
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise ValueError(f"a key of tenant {tenant!r} has characters that do not fit into a header")
    return ApiKey(tenant, SecretStr(key))


def _distinct(keys: tuple[ApiKey, ...]) -> tuple[ApiKey, ...]:
    if len({key.key.get_secret_value() for key in keys}) < len(keys):
        raise ValueError("the same key stands there twice")
    return keys


def _tenant_secret(text: str) -> TenantSecret:
    tenant, secret = _of_tenant(text)
    return TenantSecret(tenant, _signing_secret(secret))


def _rewrite(text: str) -> str:
    found = _REWRITE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no rewrite")
    if not all(0 < int(port) <= _MAX_PORT for port in found.groups()):
        raise ValueError(f"{text!r} has a port that does not exist")
    return text


HttpURL = Annotated[str, AfterValidator(_http_url), Expects("an http:// or https:// URL")]
Secret = Annotated[SecretStr, Expects("a secret text")]
Names = Annotated[tuple[str, ...], BeforeValidator(_parts), Expects("names separated by commas")]
Networks = Annotated[
    tuple[Annotated[Network, PlainValidator(ipaddress.ip_network)], ...],
    BeforeValidator(_parts),
    Expects("networks such as 10.0.0.0/8 or fd00::/8, separated by commas"),
]
ApiKeys = Annotated[
    tuple[Annotated[ApiKey, PlainValidator(_api_key)], ...],
    BeforeValidator(_parts),
    AfterValidator(_distinct),
    Expects(f"tenant:key,tenant:key,… with keys of at least {_MIN_KEY_CHARACTERS} characters"),
]
SigningSecrets = Annotated[
    tuple[Annotated[SecretStr, PlainValidator(_signing_secret)], ...],
    BeforeValidator(_parts),
    Expects("whsec_…,whsec_… as `afterimage secret` makes them"),
]
TenantSecrets = Annotated[
    tuple[Annotated[TenantSecret, PlainValidator(_tenant_secret)], ...],
    BeforeValidator(_parts),
    Expects("tenant:whsec_…,tenant:whsec_…"),
]
HostRewrites = Annotated[
    tuple[Annotated[str, AfterValidator(_rewrite)], ...],
    BeforeValidator(_parts),
    Expects("from-host:port=to-host:port,…"),
]
comma_separated = BeforeValidator(_parts)
