"""Measurements of processes."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def without_coverage(unmeasured: None) -> None:
    """What is measured is the service alone."""
