"""Whose request of the protocol it is."""

from __future__ import annotations

from dataclasses import dataclass

from service.api.job_view import JobDocuments
from service.api.services import Services


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whose request it is, and what stands behind the tools."""

    tenant: str
    services: Services
    documents: JobDocuments
