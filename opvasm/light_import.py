"""import_module, without importing importlib and the warnings that come with it."""

from __future__ import annotations

import sys

from .light_typing import Any


def import_module(name: str) -> Any:
    """The module of a whole name (``opvasm.formats.raw``), imported unless it was before."""
    __import__(name)
    return sys.modules[name]
