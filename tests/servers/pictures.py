"""A shop's server of pictures, in good and in bad moods."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping

from tests.servers.plain_http import Answer, Request, Server

PNG: Mapping[str, str] = {"content-type": "image/png"}


class PictureServer(Server):
    """Answers ``/{mood}/{anything}`` with the picture that it was given.

    Moods: ``good``; ``busy`` (503 with Retry-After at first); ``shut`` (503 with Retry-After until it is opened);
    ``gone`` (404); ``page`` (200 with HTML); ``inside`` (redirects to a private address); ``slow`` (after
    `slow_seconds`).

    Attributes:
        asked: How often each path was asked for.
    """

    def __init__(self, picture: bytes, *, slow_seconds: float = 0.5) -> None:
        super().__init__(self._answer)
        self._picture = picture
        self._slow_seconds = slow_seconds
        self._shut = True
        self.asked: Counter[str] = Counter()

    def link(self, mood: str, name: str) -> str:
        """The URL of a picture."""
        return f"{self.url}/{mood}/{name}"

    def open(self) -> None:
        """Give out what was shut."""
        self._shut = False

    async def _answer(self, request: Request) -> Answer:
        self.asked[request.path] += 1
        match request.path.split("/")[1]:
            case "busy" if self.asked[request.path] == 1:
                return Answer(503, b"", {"retry-after": "1"})
            case "shut" if self._shut:
                return Answer(503, b"", {"retry-after": "1"})
            case "gone":
                return Answer(404, b"")
            case "page":
                return Answer(200, b"<html>Please log in</html>", {"content-type": "text/html"})
            case "inside":
                return Answer(302, b"", {"location": "http://10.0.0.1/picture.png"})
            case "slow":
                await asyncio.sleep(self._slow_seconds)
        return Answer(200, self._picture, PNG)
