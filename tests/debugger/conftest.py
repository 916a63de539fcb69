"""A client of an adapter in this process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .adapters import serving
from .client import Client


@pytest.fixture
def client() -> Iterator[Client]:
    """A client whose adapter ends with the test."""
    with serving() as made:
        yield made
