"""The C engine as it was built, or why there is none."""

from __future__ import annotations

from ...light_typing import Any
from .sources import digest

# The layout of encode.py; source/engine.h has the same number.
LAYOUT_VERSION = 5


class Refused(Exception):
    """What the C engine can't do; the Python engine does it."""


def engine_type() -> Any:
    """The type of engines.  Raises Refused where none was built from these sources."""
    try:
        from . import _engine  # type: ignore[attr-defined]
    except ImportError:
        raise Refused("it was not built here") from None
    # One that was built by a version without checksums has none.
    if digest() != getattr(_engine, "SOURCES", None) or _engine.LAYOUT_VERSION != LAYOUT_VERSION:
        raise Refused("it was built from other sources: make native builds it again")
    return _engine.Engine
