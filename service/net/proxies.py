"""The egress proxy: which requests go through it. It resolves and filters by itself, so its hop is not guarded."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from urllib.parse import unquote, urlsplit

import httpcore

from service.ports.http import WebURL


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxies:
    """Proxies by the scheme of the requested URL.

    Attributes:
        http: Proxy URL for http requests, ``http://[user:password@]host:port``.
        https: Proxy URL for https requests.
        bypass: Hosts that are reached directly: names (with their subdomains), addresses, CIDRs, or ``*``.
    """

    http: str | None = field(default=None, repr=False)
    https: str | None = field(default=None, repr=False)
    bypass: tuple[str, ...] = ()

    def proxy_for(self, url: WebURL) -> httpcore.Proxy | None:
        """The proxy of a request; None when it goes directly."""
        proxy = self.https if url.scheme == "https" else self.http
        if proxy is None or url.trusted or any(_covers(entry, url.host) for entry in self.bypass):
            return None
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        auth = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
        return httpcore.Proxy(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", auth=auth)


def _covers(entry: str, host: str) -> bool:
    name = entry.lower().lstrip(".")  # ".example" and "example" mean the same, as to curl
    if name in {"*", host} or host.endswith(f".{name}"):
        return True
    try:
        return ip_address(host) in ip_network(entry, strict=False)
    except ValueError:
        return False
