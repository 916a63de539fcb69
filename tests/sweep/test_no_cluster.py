"""Without the extra, --cluster says what is missing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run, opvasm

from .helpers import COUNTER

__all__ = ["opvasm"]


@pytest.mark.parametrize("words", [("explore", "--sweep", "c.opv"), ("test", "c.opv")])
def test_the_extra_that_is_missing_is_named(
    words: tuple[str, ...], opvasm: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    (tmp_path / "c.opv").write_text(COUNTER)
    ran = opvasm(*words, "--cluster", "tcp://127.0.0.1:8786")
    assert ran.code == 4
    assert "a cluster needs Dask distributed, which is not installed" in ran.errors
    assert "pip install 'opvasm[cluster]'" in ran.errors
    assert ran.output == b""
