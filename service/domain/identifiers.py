"""Identifiers: sortable by creation time, with a prefix that says what they name."""

from __future__ import annotations

from uuid_utils import uuid7


def new_job_id() -> str:
    """A new job id, ``job_`` and 32 hexadecimal digits (RFC 9562 UUID version 7)."""
    return f"job_{uuid7().hex}"


def new_delivery_id() -> str:
    """A new delivery id, ``msg_`` and 32 hexadecimal digits; it is the ``webhook-id`` of every attempt."""
    return f"msg_{uuid7().hex}"
