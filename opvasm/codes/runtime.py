"""Findings of running: reference cases, tests, faults."""

from __future__ import annotations

from . import Code

CODES: tuple[Code, ...] = (
    Code(
        "OPV450",
        "no-reference-case",
        "error",
        "a line of a conformance file is no reference case",
        "A conformance file holds one JSON object a line, each a complete call with what came back. "
        "tests/conformance/FORMAT.md describes its fields; the message names the one that is wrong.",
    ),
)
