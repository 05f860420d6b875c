"""The demonstration: the service with embedded defaults edits a real photograph and calls back, signed.

With ``OPENAI_API_KEY`` (and ``OPENAI_BASE_URL``) set, the model edits it; without, the local provider does.
"""

from __future__ import annotations

import base64
import json
import os
import queue
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn

import httpx
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "scripts" / "sample" / "coffee.jpg"
OUTPUT = ROOT / "demo-output"
PROMPT = "Make it black and white with more contrast and a vignette"
START_SECONDS = 180
ANSWER_SECONDS = 60
STOP_SECONDS = 10
CALLBACK_SECONDS = 600 if "OPENAI_API_KEY" in os.environ else 180

Received = tuple[bytes, dict[str, str]]


def main() -> None:
    """Run it once and print each step."""
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    sample = SAMPLE
    with receiver() as (callback_url, callbacks), service(secret) as url:
        step("service", f"{url}, SQLite and a folder, nothing else")
        started = time.monotonic()
        job_id = post(url, sample, callback_url)
        step("202", f"{job_id} after {since(started)}")
        try:
            body, headers = callbacks.get(timeout=CALLBACK_SECONDS)
        except queue.Empty:
            fail(f"no callback within {CALLBACK_SECONDS} s")
        step("callback", f"{headers['webhook-id']} after {since(started)}")
    show(verified(secret, body, headers), sample)


def post(url: str, sample: Path, callback_url: str) -> str:
    """Ask for an edit of the sample; the id of the job."""
    step("post", f'{sample.relative_to(ROOT)}, {sample.stat().st_size // 1000} kB, "{PROMPT}"')
    answer = httpx.post(
        f"{url}/process-image-async-b64",
        headers={"callbackUrl": callback_url},
        json={
            "prompt": PROMPT,
            "filename": sample.name,
            "image_base64": base64.b64encode(sample.read_bytes()).decode(),
        },
        trust_env=False,
        timeout=ANSWER_SECONDS,
    )
    if answer.status_code != httpx.codes.ACCEPTED:
        fail(f"not accepted: {answer.status_code} {answer.text}")
    return str(answer.json()["job_id"])


def verified(secret: str, body: bytes, headers: Mapping[str, str]) -> Mapping[str, str]:
    """The message, once the standardwebhooks package from PyPI has verified its signature."""
    try:
        Webhook(secret).verify(body, dict(headers))
    except WebhookVerificationError as error:
        fail(f"the signature is wrong: {error}")
    step("verified", "signature accepted by the standardwebhooks package")
    message: Mapping[str, str] = json.loads(body)
    return message


def show(message: Mapping[str, str], sample: Path) -> None:
    """Write the picture that came back."""
    if message["status"] != "completed":
        fail(f"the job {message['status']}: {message.get('error')}")
    picture = base64.b64decode(message["result_image_base64"])
    OUTPUT.mkdir(exist_ok=True)
    path = OUTPUT / f"{sample.stem}_modified.{message['result_mime_type'].removeprefix('image/')}"
    path.write_bytes(picture)
    step("picture", f"{path.relative_to(ROOT)}, {len(picture) // 1000} kB, by {message['provider']}")
    for warning in message.get("warnings", ()):
        step("", warning)


@contextmanager
def service(secret: str) -> Iterator[str]:
    """``afterimage serve`` in a folder of its own until the block ends; its URL."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("AFTERIMAGE_", "COS_", "R2_"))
    }
    environment |= {
        "AFTERIMAGE_HOST": "127.0.0.1",
        "AFTERIMAGE_PORT": str(port),
        "AFTERIMAGE_SIGNING_SECRETS": secret,
        "AFTERIMAGE_CALLBACK_ALLOW_HTTP": "true",
        "AFTERIMAGE_CALLBACK_ALLOW_NETWORKS": "127.0.0.0/8",
    }
    with TemporaryDirectory() as folder, (Path(folder) / "service.log").open("w+") as log:
        environment["AFTERIMAGE_DATA_DIR"] = f"{folder}/data"
        command = [str(Path(sys.executable).with_name("afterimage")), "serve"]
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=subprocess.STDOUT)
        try:
            if not ready(url, process):
                log.seek(0)
                fail(f"the service did not start\n{log.read()}")
            yield url
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def ready(url: str, process: subprocess.Popen[bytes]) -> bool:
    """Whether the service became ready in time."""
    deadline = time.monotonic() + START_SECONDS
    with httpx.Client(trust_env=False) as client:
        while process.poll() is None and time.monotonic() < deadline:
            with suppress(httpx.TransportError):
                if client.get(f"{url}/api/v1/health/ready").status_code == httpx.codes.OK:
                    return True
            time.sleep(0.02)
    return False


@contextmanager
def receiver() -> Iterator[tuple[str, queue.Queue[Received]]]:
    """A receiver of callbacks on a free port until the block ends."""
    callbacks: queue.Queue[Received] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            callbacks.put((body, {name.lower(): value for name, value in self.headers.items()}))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass  # the steps are all that is printed

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/callback", callbacks
        server.shutdown()


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def since(started: float) -> str:
    """The time since a moment of the monotonic clock, in milliseconds."""
    return f"{(time.monotonic() - started) * 1000:.0f} ms"


def step(name: str, text: str) -> None:
    """Print one step."""
    print(f"{name:>9}  {text}", flush=True)


def fail(reason: str) -> NoReturn:
    """End with a reason and exit code 1."""
    sys.exit(f"   failed  {reason}")


if __name__ == "__main__":
    main()
