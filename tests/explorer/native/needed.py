"""Tests of the C engine are skipped where it was not built."""

from __future__ import annotations

import pytest

from opvasm.explorer.native.built import Refused, engine_type


def not_here() -> str | None:
    """Why there is no C engine; None where there is one."""
    try:
        engine_type()
    except Refused as reason:
        return str(reason)
    return None


needs_engine = pytest.mark.skipif(not_here() is not None, reason=f"no C engine: {not_here()}")
