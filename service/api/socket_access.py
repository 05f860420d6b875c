"""Who may open a WebSocket: the same API keys as everywhere, sent in a way that browsers can."""

from __future__ import annotations

import base64
from typing import Annotated

from fastapi import Depends, WebSocket
from fastapi.security.utils import get_authorization_scheme_param

from service.api.authentication import Authenticator, check_anonymous

_KEY_PROTOCOL = "base64url.bearer.authorization.afterimage."


def presented_key(socket: WebSocket) -> str | None:
    """The API key of a handshake: ``Authorization: Bearer KEY``, ``X-API-Key``, or a subprotocol with it.

    Scripts in browsers can set no header but ``Sec-WebSocket-Protocol``. As with Kubernetes they name, beside the
    protocol that they want, one that is `_KEY_PROTOCOL` and the key in base64url without padding. Unlike a query it is
    in no log.
    """
    scheme, credentials = get_authorization_scheme_param(socket.headers.get("Authorization"))
    if scheme.lower() == "bearer" and credentials:
        return credentials
    for protocol in socket.scope["subprotocols"]:
        if protocol.startswith(_KEY_PROTOCOL):
            return _decoded(protocol.removeprefix(_KEY_PROTOCOL))
    return socket.headers.get("X-API-Key")


def _decoded(encoded: str) -> str | None:
    try:
        return base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True).decode()
    except ValueError:
        return None


async def _admitted(socket: WebSocket) -> str:
    authenticator: Authenticator = socket.app.state.authenticator
    check_anonymous(socket, socket.app.state.options)
    return authenticator.tenant(presented_key(socket))


SocketTenant = Annotated[str, Depends(_admitted)]
"""The tenant of a handshake; without a valid key it is answered 401, from a foreign page 403."""
