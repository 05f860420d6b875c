"""Logs: one line an event, from our code and from libraries alike, with what the line belongs to and no secret."""

from __future__ import annotations

import logging
from typing import Literal, TextIO

import structlog
from structlog.typing import Processor

from service.telemetry.redaction import redact

LogFormat = Literal["auto", "json", "console"]
LogLevel = Literal["debug", "info", "warning", "error", "critical"]

_UVICORN = ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi")


def configure_logging(*, level: LogLevel, log_format: LogFormat, stream: TextIO) -> None:
    """Send every log line of the process to one stream. Called once, before anything is logged.

    What `structlog.contextvars` holds, such as ``job_id``, stands on every line. Libraries are heard from ``warning``
    on, at the level ``debug`` from ``info`` on: below that some of them print whole requests.

    Args:
        log_format: ``auto`` means ``console`` where the stream is a terminal, else ``json``.
    """
    least = logging.getLevelNamesMapping()[level.upper()]
    terminal = stream.isatty()
    renderer = _renderer(log_format, terminal=terminal)
    structlog.configure(
        processors=[*_described(), *_finished(renderer)],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    _route_libraries(least, stream, renderer)


def _renderer(log_format: LogFormat, *, terminal: bool) -> Processor:
    if log_format == "console" or (log_format == "auto" and terminal):
        return structlog.dev.ConsoleRenderer(colors=terminal, exception_formatter=structlog.dev.plain_traceback)
    return structlog.processors.JSONRenderer(ensure_ascii=False)


def _described() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _finished(renderer: Processor) -> list[Processor]:
    # Tracebacks become text before the redaction, so that it sees them.
    return [structlog.processors.StackInfoRenderer(), structlog.processors.format_exc_info, redact, renderer]


def _route_libraries(least: int, stream: TextIO, renderer: Processor) -> None:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*_described(), structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_finished(renderer)],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO if least == logging.DEBUG else max(least, logging.WARNING))
    for name in _UVICORN:
        logger = logging.getLogger(name)
        logger.handlers = []
        logger.propagate = True
        logger.setLevel(least)
    logging.captureWarnings(True)
