"""An S3 server that checks signatures: moto behind `SignatureCheck`, with faults on demand.

In a test: ``with S3Server(buckets=["pictures"]) as server: …``. As a process: ``python -m tests.servers.s3 --port 0
--access-key ID --secret-key SECRET --bucket pictures --tls server.pem key.pem`` prints its URL first.
"""

from __future__ import annotations

import argparse
import io
import logging
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3.models import s3_backends
from werkzeug.serving import BaseWSGIServer, make_server

from tests.servers.sigv4 import Environ, S3Refusal, SignatureCheck

_MAX_KEYS = re.compile(r"max-keys=\d+")
_MOST_KEYS = "max-keys=1000"
_LOOK_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one request in place of an answer."""

    status: str = "503 Service Unavailable"
    code: str = "SlowDown"


class S3Server:
    """A store on a loopback port; buckets live as long as it does.

    Attributes:
        faults: Answers to the next requests, one each; may be added to at any time.
        delay_seconds: How long every request waits.
        holding: Requests wait, once they are there whole, as long as this pattern finds something in method and target.
        waiting: Method and target of what has waited so.
        knows_conditions: Whether ``If-None-Match`` on PUT is known or answered with NotImplemented, as old stores do.
        requests: Method and target of what came so far.
    """

    def __init__(
        self,
        *,
        buckets: Iterable[str] = (),
        access_key: str = "test-key-id",
        secret_key: str = "test-secret-key",
        port: int = 0,
        tls: tuple[str, str] | None = None,
    ) -> None:
        self.access_key = access_key
        self.secret_key = secret_key
        self.faults: deque[Fault] = deque()
        self.delay_seconds = 0.0
        self.knows_conditions = True
        self.requests: list[tuple[str, str]] = []
        self.holding: re.Pattern[str] | None = None
        self.waiting: list[tuple[str, str]] = []
        self._buckets = list(buckets)
        self._port = port
        self._tls = tls
        self._app = SignatureCheck(DomainDispatcherApplication(create_backend_app), {access_key: secret_key})
        self._writing = threading.Lock()
        self._server: BaseWSGIServer | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def url(self) -> str:
        assert self._server is not None
        scheme = "https" if self._tls else "http"
        return f"{scheme}://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
        self._make_buckets()
        self._server = make_server("127.0.0.1", self._port, self._answer, threaded=True, ssl_context=self._tls)
        self._thread.start()

    def stop(self) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._remove_buckets()

    def reset(self) -> None:
        """As it was at the start: empty buckets, no faults, nothing came yet."""
        self._remove_buckets()
        self._make_buckets()
        self.faults.clear()
        self.requests.clear()
        self.holding = None
        self.waiting.clear()
        self.delay_seconds = 0.0
        self.knows_conditions = True

    def fill(self, bucket: str, objects: Iterable[tuple[str, bytes]]) -> None:
        """Hold objects that nobody has to upload: thousands of signed requests would take minutes."""
        for key, data in objects:
            s3_backends[DEFAULT_ACCOUNT_ID]["aws"].put_object(bucket, key, data)

    def held(self, bucket: str) -> dict[str, bytes]:
        """All objects of a bucket, past HTTP as well; not while anybody writes to it."""
        return {key: held.value for key, held in s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets[bucket].keys.items()}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _make_buckets(self) -> None:
        for bucket in self._buckets:
            s3_backends[DEFAULT_ACCOUNT_ID]["aws"].create_bucket(bucket, "us-east-1")

    def _remove_buckets(self) -> None:
        for bucket in self._buckets:
            del s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets[bucket]
            del s3_backends.bucket_accounts[bucket]

    def _serve(self) -> None:
        assert self._server is not None
        self._server.serve_forever(poll_interval=0.02)

    def _answer(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        self.requests.append((environ["REQUEST_METHOD"], environ["REQUEST_URI"]))
        time.sleep(self.delay_seconds)
        self._hold(environ)
        if self.faults:
            fault = self.faults.popleft()
            return S3Refusal(fault.status, fault.code).answer(start)
        conditional = "HTTP_IF_NONE_MATCH" in environ and environ["REQUEST_METHOD"] == "PUT"
        if conditional and not self.knows_conditions:
            return S3Refusal("501 Not Implemented", "NotImplemented").answer(start)
        environ["QUERY_STRING"] = _MAX_KEYS.sub(_at_most_a_thousand, environ["QUERY_STRING"])
        if not conditional:
            return self._app(environ, start)
        with self._writing:  # moto looks and writes in two steps
            return list(self._app(environ, start))

    def _hold(self, environ: Environ) -> None:
        request = (environ["REQUEST_METHOD"], environ["REQUEST_URI"])
        if self.holding is None or not self.holding.search(" ".join(request)):
            return
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        self.waiting.append(request)
        while self.holding is not None:
            time.sleep(_LOOK_SECONDS)


def _at_most_a_thousand(asked: re.Match[str]) -> str:
    """What S3 does and moto does not."""
    return min(asked[0], _MOST_KEYS, key=lambda text: int(text.partition("=")[2]))


def main() -> None:
    """Run until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--access-key", required=True)
    parser.add_argument("--secret-key", required=True)
    parser.add_argument("--bucket", action="append", default=[])
    parser.add_argument("--tls", nargs=2, metavar=("CERTIFICATE", "KEY"))
    arguments = parser.parse_args()
    server = S3Server(
        buckets=arguments.bucket,
        access_key=arguments.access_key,
        secret_key=arguments.secret_key,
        port=arguments.port,
        tls=tuple(arguments.tls) if arguments.tls else None,
    )
    with server:
        print(server.url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
