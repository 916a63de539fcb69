"""Codes of this phase; see the package for the ranges."""

from __future__ import annotations

from . import Code

CODES: tuple[Code, ...] = ()
