"""The address guard: where the service may connect to on behalf of a caller. Deny by default.

The tables follow IANA's registries of special-purpose addresses (RFC 6890), entry by entry. `ipaddress.is_global` is
no policy: depending on its version it lets 192.0.0.192, 6to4, NAT64, multicast or ``::127.0.0.1`` pass.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from service.net.urls import parse_url
from service.ports.fetching import ForbiddenURLError
from service.ports.http import WebURL

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

_REMEMBERED = 256  # URLs of at most 8,192 characters

FORBIDDEN_IPV4: tuple[IPv4Network, ...] = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this host on this network, RFC 791
            "10.0.0.0/8",  # private, RFC 1918
            "100.64.0.0/10",  # shared by carriers, RFC 6598
            "127.0.0.0/8",  # loopback, RFC 1122
            "168.63.129.16/32",  # Azure's platform services, on every virtual machine (learn.microsoft.com)
            "169.254.0.0/16",  # link-local and the clouds' metadata services, RFC 3927
            "172.16.0.0/12",  # private, RFC 1918
            "192.0.0.0/24",  # protocol assignments, RFC 6890
            "192.0.2.0/24",  # documentation, RFC 5737
            "192.31.196.0/24",  # AS112 name servers, RFC 7535
            "192.52.193.0/24",  # multicast tunnels, RFC 7450
            "192.88.99.0/24",  # 6to4 relays, RFC 7526
            "192.168.0.0/16",  # private, RFC 1918
            "192.175.48.0/24",  # AS112 name servers, RFC 7534
            "198.18.0.0/15",  # benchmarks, RFC 2544
            "198.51.100.0/24",  # documentation, RFC 5737
            "203.0.113.0/24",  # documentation, RFC 5737
            "224.0.0.0/4",  # multicast, RFC 5771
            "240.0.0.0/4",  # reserved, RFC 1112, and broadcast, RFC 919
        ),
    )
)
GLOBAL_IPV6 = IPv6Network("2000::/3")  # all unicast addresses that IANA gives out, RFC 4291
FORBIDDEN_IPV6: tuple[IPv6Network, ...] = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocol assignments, Teredo and ORCHID among them, RFC 2928
            "2001:db8::/32",  # documentation, RFC 3849
            "2002::/16",  # 6to4: wraps any IPv4 address, RFC 3056
            "2620:4f:8000::/48",  # AS112 name servers, RFC 7534
            "3fff::/20",  # documentation, RFC 9637
        ),
    )
)
NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052; the local-use 64:ff9b:1::/48 (RFC 8215) leads inside and stays denied


class AddressPolicy:
    """Says which addresses may be connected to.

    Args:
        allow_networks: CIDRs that the operator allows although the tables forbid them.

    Raises:
        ValueError: an entry of `allow_networks` is no network.
    """

    def __init__(self, allow_networks: Iterable[str] = ()) -> None:
        self._allowed: tuple[IPNetwork, ...] = tuple(map(ip_network, allow_networks))

    def permits(self, address: IPAddress) -> bool:
        """Whether connections to an address are allowed. What wraps an IPv4 address is judged by that."""
        inner = _unwrapped(address)
        if any(inner in network for network in self._allowed):
            return True
        if isinstance(inner, IPv4Address):
            return not any(inner in network for network in FORBIDDEN_IPV4)
        return inner in GLOBAL_IPV6 and not any(inner in network for network in FORBIDDEN_IPV6)


def _unwrapped(address: IPAddress) -> IPAddress:
    """The IPv4 address behind an IPv4-mapped (RFC 4291) or NAT64 address.

    IPv4-compatible addresses (``::/96``, withdrawn by RFC 4291) stay as they are, and so outside `GLOBAL_IPV6`.
    """
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in NAT64:
            return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


class URLGuard:
    """Judges URLs before any name is resolved; the connection judges the addresses.

    Args:
        policy: Which addresses may be connected to.
        allow_http: Whether plain http is in order.
    """

    def __init__(self, *, policy: AddressPolicy, allow_http: bool) -> None:
        self.policy = policy
        self._allow_http = allow_http
        # The answer depends on the text alone, and every URL is asked about several times in its job's life.
        self._admitted = lru_cache(maxsize=_REMEMBERED)(self._admit)

    def admit(self, text: str, *, trusted: bool = False) -> WebURL:
        """Parse a URL that may be used as far as can be told without resolving its name.

        Raises:
            ForbiddenURLError: it may not.
        """
        return self._admitted(text, trusted=trusted)

    def _admit(self, text: str, *, trusted: bool) -> WebURL:
        url = parse_url(text, trusted=trusted)
        if not trusted:
            self._judge(url)
        return url

    def _judge(self, url: WebURL) -> None:
        if url.scheme == "http" and not self._allow_http:
            raise ForbiddenURLError("the URL must use https")
        known = _known_addresses(url.host)
        if known and not any(map(self.policy.permits, known)):
            raise ForbiddenURLError("the URL leads to an address that is not allowed")


def _known_addresses(host: str) -> tuple[IPAddress, ...]:
    """The addresses of a host that needs no resolver: a literal, or localhost (RFC 6761, section 6.3)."""
    if host == "localhost" or host.endswith(".localhost"):
        return IPv4Address("127.0.0.1"), IPv6Address("::1")
    try:
        return (ip_address(host),)
    except ValueError:
        return ()
