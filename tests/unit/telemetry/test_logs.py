"""Log lines as they leave the process."""

from __future__ import annotations

import io
import json
import logging
import os
import pty
import warnings
from collections.abc import Iterator

import pytest
import structlog

from service.telemetry.logs import configure_logging

log = structlog.get_logger()  # made before anything is configured, as every module does


@pytest.fixture(autouse=True)
def logging_restored() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in (None, "uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi")]
    before = [(logger, logger.handlers, logger.level, logger.propagate) for logger in loggers]
    yield
    structlog.reset_defaults()
    logging.captureWarnings(False)
    for logger, handlers, level, propagate in before:
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_object_with_what_it_belongs_to_and_no_secret(stream: io.StringIO) -> None:
    configure_logging(level="info", log_format="auto", stream=stream)
    with structlog.contextvars.bound_contextvars(job_id="job_1", delivery_id="msg_1"):
        log.info("geändert", callback_url="https://hooks.example.com/hunter2", count=3)
    (line,) = lines(stream)
    assert line.pop("timestamp")
    assert line == {
        "event": "geändert",
        "level": "info",
        "job_id": "job_1",
        "delivery_id": "msg_1",
        "callback_url": "https://hooks.example.com/…",
        "count": 3,
    }


def test_tracebacks_are_in_the_line_and_redacted(stream: io.StringIO) -> None:
    def fail() -> None:
        raise ValueError("Bearer hunter2hunter2")

    configure_logging(level="info", log_format="json", stream=stream)
    try:
        fail()
    except ValueError:
        log.exception("broken")
        logging.getLogger("library").exception("broken too")
    ours, theirs = lines(stream)
    for line in (ours, theirs):
        assert "in fail" in str(line["exception"])
        assert "ValueError: Bearer [redacted]" in str(line["exception"])
    assert theirs["logger"] == "library"


def test_lines_of_libraries_look_the_same_and_are_heard_from_warning_on(stream: io.StringIO) -> None:
    configure_logging(level="info", log_format="json", stream=stream)
    with structlog.contextvars.bound_contextvars(job_id="job_1"):
        logging.getLogger("botocore").info("unheard")
        logging.getLogger("botocore").warning("retrying %s", "https://s3.example.com/b/k?X-Amz-Signature=1")
    logging.getLogger("uvicorn.access").info('%s - "%s %s"', "127.0.0.1", "GET", "/files/a?signature=abc")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        logging.captureWarnings(True)  # pytest has its own idea of showwarning within a test
        warnings.warn("odd", UserWarning, stacklevel=1)
        logging.captureWarnings(False)
    warned, accessed, python = lines(stream)
    assert (warned["event"], warned["job_id"]) == ("retrying https://s3.example.com/…", "job_1")
    assert accessed["event"] == '127.0.0.1 - "GET /files/a?signature=[redacted]"'
    assert python["logger"] == "py.warnings"


def test_uvicorns_own_handlers_do_not_write_a_line_twice(stream: io.StringIO) -> None:
    logger = logging.getLogger("uvicorn")
    logger.handlers, logger.propagate = [logging.StreamHandler(stream)], False
    configure_logging(level="info", log_format="json", stream=stream)
    logging.getLogger("uvicorn.error").info("started")
    assert [line["event"] for line in lines(stream)] == ["started"]


def test_the_level_holds_for_everybody(stream: io.StringIO) -> None:
    configure_logging(level="error", log_format="json", stream=stream)
    log.info("unheard")
    logging.getLogger("uvicorn.error").info("unheard")
    logging.getLogger("library").warning("unheard")
    log.error("heard")
    assert [line["event"] for line in lines(stream)] == ["heard"]


def test_debug_opens_libraries_to_info_only(stream: io.StringIO) -> None:
    configure_logging(level="debug", log_format="json", stream=stream)
    log.debug("ours")
    logging.getLogger("library").debug("unheard")
    logging.getLogger("library").info("theirs")
    assert [line["event"] for line in lines(stream)] == ["ours", "theirs"]


def test_console_is_for_people(stream: io.StringIO) -> None:
    configure_logging(level="info", log_format="console", stream=stream)
    try:
        raise ValueError("whsec_hunter2")  # noqa: TRY301 - the traceback is what is tested
    except ValueError:
        log.exception("job failed", status="failed")
    text = stream.getvalue()
    assert "job failed" in text
    assert "status=failed" in text
    assert "ValueError: whsec_[redacted]" in text
    assert "\x1b" not in text


@pytest.mark.parametrize(("log_format", "for_people"), [("auto", True), ("json", False)])
def test_auto_means_console_on_a_terminal(log_format, for_people: bool) -> None:
    leader, follower = pty.openpty()
    try:
        with os.fdopen(follower, "w", closefd=False) as terminal:
            configure_logging(level="info", log_format=log_format, stream=terminal)
            log.info("job ended")
            terminal.flush()
            text = os.read(leader, 65_536).decode()
    finally:
        os.close(leader)
        os.close(follower)
    assert ("\x1b[" in text) is for_people
    assert text.startswith("{") is not for_people
