"""Whether the built engine belongs to the sources beside it."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

import opvasm.explorer.native
from opvasm.explorer.native.built import Refused, engine_type


def test_an_engine_of_a_version_without_checksums_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is as any other that was built from other sources, and no internal error."""
    old = ModuleType("opvasm.explorer.native._engine")
    monkeypatch.setitem(sys.modules, old.__name__, old)
    monkeypatch.setattr(opvasm.explorer.native, "_engine", old, raising=False)
    with pytest.raises(Refused, match="make native"):
        engine_type()
