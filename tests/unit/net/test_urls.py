from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.net.urls import MAX_URL_CHARACTERS, parse_url
from service.ports.fetching import ForbiddenURLError
from service.ports.http import WebURL


@pytest.mark.parametrize(
    ("text", "host", "port", "target", "authority"),
    [
        ("https://hooks.example/a/b?c=d&e", "hooks.example", 443, "/a/b?c=d&e", "hooks.example"),
        ("https://hooks.example", "hooks.example", 443, "/", "hooks.example"),
        ("https://hooks.example?token=1", "hooks.example", 443, "/?token=1", "hooks.example"),
        ("https://hooks.example/?", "hooks.example", 443, "/?", "hooks.example"),
        ("HTTPS://Hooks.EXAMPLE:8443/A", "hooks.example", 8443, "/A", "hooks.example:8443"),
        ("http://hooks.example:80/", "hooks.example", 80, "/", "hooks.example"),
        ("https://hooks.example:80/", "hooks.example", 80, "/", "hooks.example:80"),
        ("http://wxo_server-1:4321/x", "wxo_server-1", 4321, "/x", "wxo_server-1:4321"),
        ("https://hooks.example./x", "hooks.example", 443, "/x", "hooks.example"),
        ("https://93.184.216.34/", "93.184.216.34", 443, "/", "93.184.216.34"),
        ("https://[2606:2800:0220:0001::1]:9/", "2606:2800:220:1::1", 9, "/", "[2606:2800:220:1::1]:9"),
        ("https://müller.example/ü?q=ß", "xn--mller-kva.example", 443, "/%C3%BC?q=%C3%9F", "xn--mller-kva.example"),
        ("https://straße.example/", "xn--strae-oqa.example", 443, "/", "xn--strae-oqa.example"),
    ],
)
def test_what_it_reads(text: str, host: str, port: int, target: str, authority: str) -> None:
    url = parse_url(text)
    assert (url.host, url.port, url.target, url.authority) == (host, port, target, authority)
    assert not url.trusted


def test_path_and_query_stay_as_they_were_written() -> None:
    target = "/a//b/../c;v=1/%2F%7e|[x]?q={1}&r=%zz?&s=a+b'\"<>^`~"
    assert parse_url(f"https://hooks.example{target}").target == target


MALFORMED = [
    "",
    "hooks.example",
    "//hooks.example/",
    "ftp://hooks.example/",
    "file:///etc/passwd",
    "gopher://hooks.example/",
    "javascript:alert(1)",
    "data:image/png;base64,AAAA",
    "unix:/var/run/docker.sock",
    "https:/hooks.example/",
    "https:hooks.example",
    "https://",
    "https:///hooks.example",
    "https://?x",
    "https://user@hooks.example/",
    "https://user:password@hooks.example/",
    "https://hooks.example@127.0.0.1/",
    "https://@hooks.example/",
    "https://hooks.example/#",
    "https://hooks.example/#fragment",
    "https://127.0.0.1#@hooks.example/",
    "https://hooks.example\\@127.0.0.1/",
    "https://hooks.example\\.evil.example/",
    "https:\\\\hooks.example/",
    "https://hooks.example/a b",
    " https://hooks.example/",
    "https://hooks.example/ ",
    "https://hooks.example/\r\nHost: evil",
    "https://hooks.example/\n",
    "https://hooks\t.example/",
    "https://hooks.example/\x00",
    "https://hooks.example/\x7f",
    "https://hooks.example/\u2028",
    "https://hooks.example/\u00a0",
    "https://hooks.example/\u200b",
    "https://hooks.example/\ud800",
    "https://hooks.example:0/",
    "https://hooks.example:65536/",
    "https://hooks.example:99999/",
    "https://hooks.example:-1/",
    "https://hooks.example:8a/",
    "https://hooks.example:٨٠/",
    "https://hooks.example:/",
    "https://hooks.example:80:80/",
    "https://-hooks.example/",
    "https://hooks-.example/",
    "https://hooks..example/",
    "https://.example/",
    "https://./",
    "https://hooks.example../",
    "https://hooks,example/",
    "https://hooks%2eexample/",
    "https://%31%32%37.0.0.1/",
    "https://ho*oks.example/",
    f"https://{'a' * 64}.example/",
    f"https://{'a.' * 127}example/",
    "https://[::1/",
    "https://::1/",
    "https://[::1]x/",
    "https://x[::1]/",
    "https://[hooks.example]/",
    "https://[127.0.0.1]/",
    "https://[fe80::1%25eth0]/",
    "https://[v1.fe80]/",
    "https://[:::1]/",
    "https://[]/",
    "https://xn--\u2603.example/",
    "https://hooks.example/" + "a" * MAX_URL_CHARACTERS,
]


@pytest.mark.parametrize("text", MALFORMED)
def test_what_it_refuses(text: str) -> None:
    with pytest.raises(ForbiddenURLError):
        parse_url(text)


@pytest.mark.parametrize(
    "host",
    [
        "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "0x7f.0.0.1", "0x7f.0x0.0x0.0x1", "0177.0.0.1",
        "017700000001", "0x", "0", "127.0.0.1.1", "127.0.0.256", "127.0.0.01", "00.0.0.0", "1.2.3.4.5", "4294967296",
        "example.0x7f", "example.1", "127.0.0.0x1", "0X7F.1",
    ],
)  # fmt: skip
def test_addresses_have_one_spelling(host: str) -> None:
    for spelling in (host, f"{host}."):
        with pytest.raises(ForbiddenURLError, match=r"unusual way"):
            parse_url(f"https://{spelling}/")


@pytest.mark.parametrize(
    "host", ["①②⑦.⓪.⓪.①", "\uff11\uff12\uff17.\uff10.\uff10.\uff11", "ⓛocalhost", "loc\u00adalhost", "127。0。0。256"]
)
def test_look_alikes_do_not_turn_into_something_else(host: str) -> None:
    with pytest.raises(ForbiddenURLError):
        parse_url(f"https://{host}/")


def test_ideographic_full_stops_make_a_plain_address() -> None:
    assert parse_url("https://127。0。0。1/").host == "127.0.0.1"


def test_trust_is_carried_along() -> None:
    expected = WebURL(scheme="http", host="127.0.0.1", port=14321, target="/x", trusted=True)
    assert parse_url("http://127.0.0.1:14321/x", trusted=True) == expected


@given(st.text(alphabet="aA09.:/?#@[]%\\ -_~é\t", max_size=40))
def test_it_reads_or_refuses_and_reads_itself_the_same(rest: str) -> None:
    try:
        url = parse_url(f"https://{rest}")
    except ForbiddenURLError:
        return
    assert parse_url(str(url)) == url
