"""The receiver behind ``afterimage listen``."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response

from service.callbacks.signing import SignatureError, verify
from service.cli.pictures import Pictures
from service.cli.reading import facts


@dataclass(frozen=True, slots=True)
class _Callback:
    """A callback that was signed by who holds the secret."""

    id: str
    byte_count: int
    payload: Mapping[str, Any]


class Listener:
    """Receives callbacks, answers at once, and shows them one after the other.

    Args:
        secrets: Any of them may have signed.
        pictures: Saves the pictures; None leaves them alone.
        echo: Prints a line.
        max_body_bytes: Larger callbacks are refused before they are whole.
    """

    def __init__(
        self,
        *,
        secrets: tuple[str, ...],
        pictures: Pictures | None,
        echo: Callable[[str], None],
        max_body_bytes: int = 256 * 1024 * 1024,
    ) -> None:
        self._max_body_bytes = max_body_bytes
        self._secrets = secrets
        self._pictures = pictures
        self._echo = echo
        self._received: asyncio.Queue[_Callback] = asyncio.Queue()
        self._known: set[str] = set()

    async def run(self, server: socket.socket, *, count: int | None, timeout_seconds: float | None) -> bool:
        """Serve on a bound socket until `count` callbacks were shown, the time is over, or Ctrl-C.

        Returns:
            False when the time was over before `count` was reached.
        """
        app = FastAPI(openapi_url=None)
        app.add_api_route("/{path:path}", self._receive, methods=["POST"])
        web = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off"))
        serving = asyncio.create_task(web.serve(sockets=[server]))
        showing = asyncio.create_task(self._show(count))
        done, _ = await asyncio.wait({serving, showing}, timeout=timeout_seconds, return_when=asyncio.FIRST_COMPLETED)
        showing.cancel()
        web.should_exit = True
        with suppress(asyncio.CancelledError):
            await showing
        await serving
        return bool(done) or count is None

    async def _receive(self, request: Request) -> Response:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > self._max_body_bytes:
                return self._reject(413, f"more than {self._max_body_bytes} bytes")
        try:
            verify(bytes(body), request.headers, self._secrets, now=time.time())
            payload = _json_object(body)
        except SignatureError as error:
            return self._reject(401, str(error))
        except ValueError:
            return self._reject(400, "the body is no JSON object")
        self._received.put_nowait(_Callback(request.headers["webhook-id"], len(body), payload))
        return Response(status_code=204)

    def _reject(self, status: int, reason: str) -> Response:
        self._echo(f"rejected with {status}: {reason}")
        return Response(status_code=status)

    async def _show(self, count: int | None) -> None:
        while count is None or len(self._known) < count:
            callback = await self._received.get()
            again = ", came before" if callback.id in self._known else ""
            self._echo(f"\n{callback.id}: {callback.byte_count} bytes, signature valid{again}")
            for name, text in facts(callback.payload).items():
                self._echo(f"  {name:9} {text}")
            if self._pictures is not None and not again:
                self._echo(f"  {'picture':9} {await self._pictures.save(callback.payload)}")
            self._known.add(callback.id)


def _json_object(body: bytes | bytearray) -> Mapping[str, Any]:
    payload = json.loads(body)
    if not isinstance(payload, dict):
        raise ValueError("no object")  # noqa: TRY004 - the same to the caller as what json raises
    return payload
