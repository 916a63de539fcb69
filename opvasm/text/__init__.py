"""Reading and printing the ``.opv`` language.

``parse_file`` and ``parse_expression`` live in opvasm.text.parser; they are named here lazily, so
that printing costs no parser.
"""

from __future__ import annotations

from ..light_typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .parser import parse_expression as parse_expression, parse_file as parse_file


def __getattr__(name: str) -> Any:
    if name in ("parse_expression", "parse_file"):
        from . import parser

        return getattr(parser, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
