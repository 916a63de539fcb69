"""Assembler, disassembler, verifier, interpreter, debugger and explorer for cpu_opv vectors.

What is named here is for everybody; each name is imported when it is first used, so that
``import opvasm`` costs nothing.  Nothing of it needs more than Python and lark: no ctypes, no other
process, no CPU affinity, no folder of the user's, so that it runs in a browser, too.
"""

from __future__ import annotations

from ._version import __version__
from .light_typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .abi.layout import DATA_MODELS, DataModel
    from .abi.ops import OPERATIONS, Operation
    from .abi.pages import PageKind
    from .abi.revisions import REVISIONS, Abi, Revision, get_abi
    from .assembler import Assembly, assemble
    from .binary import decode, encode
    from .binding import bind, initial_bytes, pool_bytes, slot_bytes
    from .debugger.load import (
        session_of_case,
        session_of_ops,
        session_of_test,
        session_of_trace,
        session_of_vector,
    )
    from .debugger.session import Session
    from .disassembler import disassemble
    from .errors import (
        BindError,
        Crash,
        DecodeError,
        Diagnostic,
        Edit,
        Note,
        OpvasmError,
        ParseError,
        VerifyError,
    )
    from .explorer.answers.library import explore, explore_text
    from .explorer.plan.plan import ScenarioError
    from .explorer.setting.options import Limits, Reductions
    from .formats import Listing, read_ops, write
    from .formats.listing import listing_of
    from .interpreter import Machine
    from .machine import Cpus, Fault, Memory
    from .program import Instruction, Layout, Program, Vector, default_layout
    from .scenario.runner import run_test
    from .scenario.world import World
    from .source import BytePlace, SourceFile, Span
    from .verifier.report import verify

__all__ = [
    "DATA_MODELS",
    "OPERATIONS",
    "REVISIONS",
    "Abi",
    "Assembly",
    "BindError",
    "BytePlace",
    "Cpus",
    "Crash",
    "DataModel",
    "DecodeError",
    "Diagnostic",
    "Edit",
    "Fault",
    "Instruction",
    "Layout",
    "Limits",
    "Listing",
    "Machine",
    "Memory",
    "Note",
    "Operation",
    "OpvasmError",
    "PageKind",
    "ParseError",
    "Program",
    "Reductions",
    "Revision",
    "ScenarioError",
    "Session",
    "SourceFile",
    "Span",
    "Vector",
    "VerifyError",
    "World",
    "__version__",
    "assemble",
    "bind",
    "decode",
    "default_layout",
    "disassemble",
    "encode",
    "explore",
    "explore_text",
    "get_abi",
    "initial_bytes",
    "listing_of",
    "pool_bytes",
    "read_ops",
    "run_test",
    "session_of_case",
    "session_of_ops",
    "session_of_test",
    "session_of_trace",
    "session_of_vector",
    "slot_bytes",
    "verify",
    "write",
]

_HOMES = {
    "abi.layout": (
        "DATA_MODELS",
        "DataModel",
    ),
    "abi.ops": (
        "OPERATIONS",
        "Operation",
    ),
    "abi.pages": ("PageKind",),
    "abi.revisions": (
        "Abi",
        "REVISIONS",
        "Revision",
        "get_abi",
    ),
    "assembler": (
        "Assembly",
        "assemble",
    ),
    "binary": (
        "decode",
        "encode",
    ),
    "binding": (
        "bind",
        "initial_bytes",
        "pool_bytes",
        "slot_bytes",
    ),
    "debugger.load": (
        "session_of_case",
        "session_of_ops",
        "session_of_test",
        "session_of_trace",
        "session_of_vector",
    ),
    "debugger.session": ("Session",),
    "disassembler": ("disassemble",),
    "errors": (
        "BindError",
        "Crash",
        "DecodeError",
        "Diagnostic",
        "Edit",
        "Note",
        "OpvasmError",
        "ParseError",
        "VerifyError",
    ),
    "explorer.answers.library": (
        "explore",
        "explore_text",
    ),
    "explorer.plan.plan": ("ScenarioError",),
    "explorer.setting.options": (
        "Limits",
        "Reductions",
    ),
    "formats": (
        "Listing",
        "read_ops",
        "write",
    ),
    "formats.listing": ("listing_of",),
    "interpreter": ("Machine",),
    "machine": (
        "Cpus",
        "Fault",
        "Memory",
    ),
    "program": (
        "Instruction",
        "Layout",
        "Program",
        "Vector",
        "default_layout",
    ),
    "scenario.runner": ("run_test",),
    "scenario.world": ("World",),
    "source": (
        "BytePlace",
        "SourceFile",
        "Span",
    ),
    "verifier.report": ("verify",),
}


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            from importlib import import_module

            return getattr(import_module(f".{home}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
