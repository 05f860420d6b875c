"""Rewriting callback URLs: a receiver's name that only its own network knows, reached through a tunnel.

The rule ``wxo-server:4321=127.0.0.1:14321`` sends what is meant for ``wxo-server``, with that port or without one, to
the local end of a tunnel. Scheme, path and query stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_RULE = re.compile(r"([^\s=:/@]+):([0-9]{1,5})=([^\s=:/@]+|\[[0-9a-fA-F:.]+\]):([0-9]{1,5})")
_AUTHORITY = re.compile(r"(https?://)([^/?#@:]+)(?::([0-9]{1,5}))?(?=[/?#]|$)", re.IGNORECASE)


class Rewrites:
    """The operator's rules, the first that fits counts.

    Args:
        rules: Texts like ``from-host:port=to-host:port``.

    Raises:
        ValueError: a rule has another form.
    """

    def __init__(self, rules: Iterable[str] = ()) -> None:
        self._rules: dict[tuple[str, str], str] = {}
        for text in rules:
            rule = _RULE.fullmatch(text.strip())
            if rule is None:
                raise ValueError(f"{text!r} is not of the form from-host:port=to-host:port")
            host, port, to_host, to_port = rule.groups()
            self._rules.setdefault((host.lower(), port), f"{to_host}:{to_port}")

    def apply(self, url: str) -> str | None:
        """The URL to use in place of one that a rule fits; None when none does."""
        found = _AUTHORITY.match(url)
        if found is None:
            return None
        scheme, host, port = found.groups()
        for (from_host, from_port), destination in self._rules.items():
            if host.lower() == from_host and port in {from_port, None}:
                return f"{scheme}{destination}{url[found.end() :]}"
        return None
