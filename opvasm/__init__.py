"""Assembler, disassembler, verifier, interpreter, debugger and explorer for cpu_opv vectors."""

from __future__ import annotations

from ._version import __version__

__all__ = ["__version__"]
