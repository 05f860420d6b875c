"""Processes that come to harm."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def without_coverage(unmeasured: None) -> None:
    """All tests here kill what they start."""
