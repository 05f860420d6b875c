"""Which web pages may speak to the service: its own. Programs send no Origin and are not meant."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from fastapi.requests import HTTPConnection

from service.api.problems import ProtocolCode
from service.domain.refusals import RefusedError


def check_origin(origin: str | None, *, host: str, public_url: str) -> None:
    """Refuse a page of another site. Browsers let any page open a WebSocket to any host, also to this machine.

    A page of the host that it asks is let in where that host is an address or localhost. With any other name it proves
    nothing: the name's owner may have made it lead here a moment ago (DNS rebinding), and must be the public URL's.

    Args:
        origin: The Origin header (RFC 6454 section 7); only browsers send it.
        host: The Host header, in lower case.

    Raises:
        RefusedError: the page is neither of the host that it asks nor of the public URL.
    """
    if origin is None:
        return
    page = origin.partition("://")[2].lower()  # serialised as scheme, host and, if unusual, port; or "null"
    if page == urlsplit(public_url).netloc or (page == host and not _is_foreign_name(host)):
        return
    raise RefusedError(ProtocolCode.FOREIGN_ORIGIN, "this page is of another site than AFTERIMAGE_PUBLIC_URL")


def check_page(connection: HTTPConnection, *, public_url: str) -> None:
    """Refuse a request that a page of another site has made; see `check_origin`.

    Raises:
        RefusedError: it is one.
    """
    host = connection.headers.get("Host", "").lower()
    check_origin(connection.headers.get("Origin"), host=host, public_url=public_url)


def _is_foreign_name(host: str) -> bool:
    """Whether the name in a Host header is one that somebody else could own."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        if name != "localhost" and not name.endswith(".localhost"):  # RFC 6761 section 6.3
            ip_address(name)
    except ValueError:
        return True
    return False
