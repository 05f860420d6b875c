"""Who is asking: an API key says which tenant (``Authorization: Bearer KEY`` or ``X-API-Key``)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Annotated

from fastapi import Depends, Request
from fastapi.requests import HTTPConnection
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from pydantic import SecretStr

from service.api.options import ApiOptions
from service.api.origins import check_page
from service.domain.refusals import RefusalCode, RefusedError

ANONYMOUS_TENANT = "default"

_bearer = HTTPBearer(scheme_name="bearer", description="An API key of AFTERIMAGE_API_KEYS.", auto_error=False)
_header = APIKeyHeader(
    name="X-API-Key", scheme_name="apiKey", description="The same API key in a header of its own.", auto_error=False
)


class Authenticator:
    """Knows the API keys, as digests, and compares them in constant time."""

    def __init__(self, api_keys: Mapping[SecretStr, str]) -> None:
        self._tenants = tuple((_digest(key.get_secret_value()), tenant) for key, tenant in api_keys.items())

    def tenant(self, presented: str | None) -> str:
        """The tenant of a key; ``default`` when no keys are configured.

        Raises:
            RefusedError: no key, or an unknown one.
        """
        if not self._tenants:
            return ANONYMOUS_TENANT
        if presented is None:
            raise RefusedError(
                RefusalCode.UNAUTHENTICATED, "an API key is needed: Authorization: Bearer KEY, or X-API-Key: KEY"
            )
        digest, found = _digest(presented), None
        for known, tenant in self._tenants:  # to the end, so that time tells nothing
            if hmac.compare_digest(known, digest):
                found = tenant
        if found is None:
            raise RefusedError(RefusalCode.UNAUTHENTICATED, "this API key is not known")
        return found


def check_anonymous(connection: HTTPConnection, options: ApiOptions) -> None:
    """Keep other sites' pages out where there are no keys: any of them could speak as whoever looks at it.

    Browsers ask before they let a page send JSON to another site, but not where it has made its own name lead here,
    nor before a request without a body. A key is sent on purpose.

    Raises:
        RefusedError: it is a page of another site.
    """
    if not options.api_keys:
        check_page(connection, public_url=options.public_url)


async def _authenticated(
    request: Request,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    api_key: Annotated[str | None, Depends(_header)],
) -> str:
    authenticator: Authenticator = request.app.state.authenticator
    check_anonymous(request, request.app.state.options)
    return authenticator.tenant(bearer.credentials if bearer is not None else api_key)


Tenant = Annotated[str, Depends(_authenticated)]
"""The tenant of the request; routes that declare it answer 401 without a valid key."""


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
