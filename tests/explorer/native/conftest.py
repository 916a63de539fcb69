"""Engines that several files of tests use, each built once for a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from opvasm.explorer.native.build import NotBuilt

from .builds import PLANTED, RECHECKED, SANITIZED, built_once


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An engine that makes errors when it is told to."""
    return built_once(tmp_path_factory, "planted", PLANTED)


@pytest.fixture(scope="session")
def rechecked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An engine that works out again whatever it has looked up."""
    return built_once(tmp_path_factory, "rechecked", RECHECKED)


@pytest.fixture(scope="session")
def sanitized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An engine under ASan and UBSan; the test is skipped where they are missing."""
    try:
        return built_once(tmp_path_factory, "sanitized", SANITIZED)
    except NotBuilt as reason:
        pytest.skip(f"the sanitizers are not installed: {str(reason)[:200]}")
