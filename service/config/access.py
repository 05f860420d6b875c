"""Who may call the service, and what its callbacks are signed with."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from service.config.formats import ApiKeys, SigningSecrets, TenantSecrets
from service.config.group import DefaultWords, Group


class AccessSettings(Group):
    """Who may call the service, and what its callbacks are signed with."""

    model_config = SettingsConfigDict(env_prefix="AFTERIMAGE_")
    title: ClassVar[str] = "Access and signatures"

    api_keys: Annotated[
        ApiKeys,
        Field(
            description="Keys that callers send as `Authorization: Bearer KEY` or `X-API-Key`, and the tenants that "
            "they belong to. A tenant may have several keys; it sees its own jobs alone. Without keys the service "
            "listens on loopback addresses only.",
            examples=["acme:…"],
        ),
    ] = ()
    allow_anonymous: Annotated[
        bool,
        Field(description="Serve everybody who can reach the service, without keys.", examples=["true"]),
    ] = False
    signing_secrets: Annotated[
        SigningSecrets,
        Field(
            description="Secrets that callbacks are signed with (Standard Webhooks). Every one signs, so that "
            "receivers can change from the old to the new at their leisure; the first is the current one.",
            examples=["whsec_…"],
        ),
        DefaultWords("one is made at the first start and kept in the data folder; with Postgres it is needed"),
    ] = ()
    tenant_signing_secrets: Annotated[
        TenantSecrets,
        Field(
            description="Secrets of single tenants, used in place of `AFTERIMAGE_SIGNING_SECRETS` for their callbacks.",
            examples=["acme:whsec_…"],
        ),
    ] = ()

    @property
    def tenants(self) -> frozenset[str]:
        """The tenants that have a key."""
        return frozenset(key.tenant for key in self.api_keys)
