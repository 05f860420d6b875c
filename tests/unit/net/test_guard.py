from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from service.net.guard import FORBIDDEN_IPV4, FORBIDDEN_IPV6, AddressPolicy, URLGuard
from service.ports.fetching import ForbiddenURLError

FORBIDDEN = [
    "0.0.0.0",  # noqa: S104 - nothing is bound
    "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "100.127.255.255",
    "127.0.0.1", "127.1.2.3", "127.255.255.255", "168.63.129.16", "169.254.0.1", "169.254.169.254", "169.254.170.2",
    "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.192", "192.0.0.255", "192.0.2.1", "192.31.196.1",
    "192.52.193.1", "192.88.99.1", "192.168.0.1", "192.168.255.255", "192.175.48.1", "198.18.0.1", "198.19.255.255",
    "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::7f00:1", "::8.8.8.8", "::10.0.0.1", "::ffff:127.0.0.1", "::ffff:7f00:1",
    "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:192.0.0.192", "::ffff:0:127.0.0.1", "64:ff9b::127.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b::10.0.0.1", "64:ff9b:1::7f00:1", "64:ff9b:1::8.8.8.8",
    "64:ff9b:1:fffe::10.0.0.1", "100::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:2::1", "2001:10::1",
    "2001:20::1", "2001:1ff:ffff::1", "2001:db8::1", "2002:7f00:1::1", "2002:a9fe:a9fe::1", "2002:808:808::1",
    "2620:4f:8000::1", "3fff::1", "3fff:fff::1", "4000::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fd12:3456::1",
    "fe80::1", "febf::1", "fec0::1", "ff02::1", "ff0e::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
]  # fmt: skip
PERMITTED = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
    "168.63.129.15", "168.63.129.17", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.167.255.255", "198.17.255.255",
    "198.20.0.0", "223.255.255.255", "2001:200::1", "2001:4860:4860::8888", "2606:4700::1111", "2a00:1450::1",
    "2003::1", "3ffe::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8",
]  # fmt: skip


@pytest.mark.parametrize("address", FORBIDDEN)
def test_denied_by_default(address: str) -> None:
    assert not AddressPolicy().permits(ip_address(address))


@pytest.mark.parametrize("address", PERMITTED)
def test_the_rest_of_the_internet_is_open(address: str) -> None:
    assert AddressPolicy().permits(ip_address(address))


@pytest.mark.parametrize("network", [*FORBIDDEN_IPV4, *FORBIDDEN_IPV6], ids=str)
def test_networks_are_denied_from_end_to_end(network: object) -> None:
    denied = ip_network(str(network))
    policy = AddressPolicy()
    assert not policy.permits(denied[0])
    assert not policy.permits(denied[-1])


def test_what_the_operator_allows_is_open_and_no_more() -> None:
    policy = AddressPolicy(["10.1.0.0/16", "127.0.0.1", "fd00:1::/32"])
    for address in ("10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::10.1.2.3", "127.0.0.1", "fd00:1::5"):
        assert policy.permits(ip_address(address)), address
    for address in ("10.2.0.1", "127.0.0.2", "fd00:2::5", "::10.1.2.3", "169.254.169.254", "::1"):
        assert not policy.permits(ip_address(address)), address


@pytest.mark.parametrize("network", ["", "10.0.0.0/33", "10.0.0.1/8", "localhost", "::/129"])
def test_a_mistyped_network_is_reported(network: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        AddressPolicy([network])


def guard(*networks: str, allow_http: bool = False) -> URLGuard:
    return URLGuard(policy=AddressPolicy(networks), allow_http=allow_http)


@pytest.mark.parametrize(
    "host",
    [
        *(address for address in FORBIDDEN if ":" not in address),
        *(f"[{address}]" for address in FORBIDDEN if ":" in address),
        "127.0.0.1.", "localhost", "LOCALHOST", "localhost.", "a.b.localhost", "127.1", "0x7f.1", "2130706433",
        "0177.0.0.1", "[0:0:0:0:0:ffff:7f00:0001]", "127。0。0。1", "①②⑦.0.0.1",
    ],
)  # fmt: skip
def test_forbidden_hosts_are_refused_without_resolving(host: str) -> None:
    with pytest.raises(ForbiddenURLError):
        guard(allow_http=True).admit(f"http://{host}:8080/x")


def test_the_refusal_is_the_same_for_every_forbidden_address() -> None:
    texts = set()
    for host in ("127.0.0.1", "10.9.8.7", "[::1]", "localhost", "169.254.169.254"):
        with pytest.raises(ForbiddenURLError) as refused:
            guard().admit(f"https://{host}/")
        texts.add(str(refused.value))
    assert len(texts) == 1


def test_http_needs_permission() -> None:
    with pytest.raises(ForbiddenURLError, match=r"https"):
        guard().admit("http://hooks.example/")
    assert guard(allow_http=True).admit("http://hooks.example/").scheme == "http"


def test_names_are_admitted_because_only_the_connection_knows_their_addresses() -> None:
    assert guard().admit("https://hooks.example/").host == "hooks.example"


@pytest.mark.parametrize("network", ["127.0.0.0/8", "::1/128"])
def test_localhost_goes_with_either_loopback_network(network: str) -> None:
    assert guard(network).admit("https://localhost/").host == "localhost"


def test_a_trusted_url_needs_no_permission_but_must_be_one() -> None:
    assert guard().admit("http://127.0.0.1:14321/x", trusted=True).trusted
    with pytest.raises(ForbiddenURLError):
        guard().admit("http://user@127.0.0.1:14321/x", trusted=True)
