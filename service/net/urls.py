"""Reading a URL: one strict parser, whose result is both what is judged and what is connected to.

Two parsers that disagree about one URL are how guards are got around; so nothing here is lenient.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import quote

import httpx

from service.ports.fetching import ForbiddenURLError
from service.ports.http import WebURL

MAX_URL_CHARACTERS = 8192
_MAX_NAME_CHARACTERS = 253  # RFC 1035, section 2.3.4
_MAX_PORT = 65535

_PARTS = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<authority>[^/?]*)(?P<target>.*)", re.IGNORECASE)
_AUTHORITY = re.compile(r"(?:\[(?P<ipv6>[0-9a-f:.]+)\]|(?P<name>[^\[\]:]+))(?::(?P<port>[0-9]{1,5}))?", re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")
_VERBATIM = "".join(map(chr, range(0x21, 0x7F)))


def parse_url(text: str, *, trusted: bool = False) -> WebURL:
    """Parse an absolute http or https URL.

    Raises:
        ForbiddenURLError: another scheme, a user name, a fragment, white space, control characters, a backslash, or
            no proper host or port.
    """
    if len(text) > MAX_URL_CHARACTERS:
        raise ForbiddenURLError(f"the URL is longer than {MAX_URL_CHARACTERS} characters")
    if not text.isprintable() or " " in text or "\\" in text:
        raise ForbiddenURLError("the URL holds white space, a control character or a backslash")
    if "#" in text:
        raise ForbiddenURLError("the URL holds a fragment")
    parts = _PARTS.fullmatch(text)
    if parts is None or (scheme := parts["scheme"].lower()) not in {"http", "https"}:
        raise ForbiddenURLError("the URL is not an absolute http or https URL")
    if "@" in parts["authority"]:
        raise ForbiddenURLError("the URL holds a user name or password")
    authority = _AUTHORITY.fullmatch(parts["authority"])
    if authority is None:
        raise ForbiddenURLError("the URL has no proper host")
    host = _ipv6(authority["ipv6"]) if authority["ipv6"] else _name(authority["name"])
    return WebURL(
        scheme=scheme,
        host=host,
        port=_port(authority["port"], scheme),
        target=_target(parts["target"]),
        trusted=trusted,
    )


def _ipv6(text: str) -> str:
    try:
        return str(ipaddress.IPv6Address(text))
    except ValueError:
        raise ForbiddenURLError("the URL has no proper IPv6 address") from None


def _name(text: str) -> str:
    """A host name in lower-case ASCII, or an IPv4 address in its one canonical spelling.

    What ends in a number is an address to every resolver (``127.1``, ``0x7f.1``, ``2130706433``, ``0177.0.0.1``), so
    it must be a plain one here.
    """
    name = text.lower() if text.isascii() else _ascii(text)
    name = name.removesuffix(".")
    labels = name.split(".")
    if len(name) > _MAX_NAME_CHARACTERS or not all(map(_LABEL.fullmatch, labels)):
        raise ForbiddenURLError("the URL has no proper host")
    if _NUMERIC_LABEL.fullmatch(labels[-1]):
        try:
            return str(ipaddress.IPv4Address(name))
        except ValueError:
            raise ForbiddenURLError("the URL spells an IPv4 address in an unusual way") from None
    return name


def _ascii(name: str) -> str:
    """An internationalised name in its ASCII form (IDNA 2008, RFC 5891)."""
    try:
        return httpx.URL(scheme="https", host=name).raw_host.decode("ascii")
    except httpx.InvalidURL:
        raise ForbiddenURLError("the URL has no proper host") from None


def _port(digits: str | None, scheme: str) -> int:
    if digits is None:
        return {"http": 80, "https": 443}[scheme]
    if not 0 < int(digits) <= _MAX_PORT:
        raise ForbiddenURLError("the URL has no proper port")
    return int(digits)


def _target(rest: str) -> str:
    """Path and query as they were written; only what HTTP cannot carry is percent-encoded as UTF-8."""
    target = rest if rest.startswith("/") else f"/{rest}"
    return quote(target, safe=_VERBATIM)
