"""Through which proxies the service goes out."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from service.config.formats import Names, Secret
from service.config.group import Expects, Group


class ProxySettings(Group):
    """Through which proxies the service goes out; the names are also read in small letters, as curl does."""

    title: ClassVar[str] = "Proxies"

    https_proxy: Annotated[
        Secret | None,
        Field(
            description="Proxy for https:// URLs. It connects to receivers in place of the service, and so must "
            "itself keep callers from addresses inside.",
            examples=["http://proxy.example.com:3128"],
        ),
        Expects("the URL of a proxy"),
    ] = None
    http_proxy: Annotated[
        Secret | None,
        Field(description="Proxy for http:// URLs.", examples=["http://proxy.example.com:3128"]),
        Expects("the URL of a proxy"),
    ] = None
    no_proxy: Annotated[
        Names,
        Field(description="Hosts and domains that are reached directly.", examples=["localhost,.internal"]),
        Expects("hosts separated by commas"),
    ] = ()
