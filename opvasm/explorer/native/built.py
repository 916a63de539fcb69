"""The C engine as it was built, or why there is none."""

from __future__ import annotations

import os

from ...light_typing import Any

# The layout of encode.py; source/engine.h has the same number.
LAYOUT_VERSION = 3
SOURCES = os.path.join(os.path.dirname(__file__), "source")


class Refused(Exception):
    """What the C engine can't do; the Python engine does it."""


def engine_type() -> Any:
    """The type of engines.  Raises Refused where none was built from these sources."""
    try:
        from . import _engine  # type: ignore[attr-defined]
    except ImportError:
        raise Refused("it was not built here") from None
    built = os.stat(_engine.__file__).st_mtime
    with os.scandir(SOURCES) as sources:
        newer = any(each.stat().st_mtime > built for each in [*sources])
    if newer or _engine.LAYOUT_VERSION != LAYOUT_VERSION:
        raise Refused("it was built from other sources: make native builds it again")
    return _engine.Engine
