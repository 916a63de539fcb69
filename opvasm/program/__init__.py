"""The intermediate form: what a text, bytes and a binary become, and what all others read.

``vector.py`` has ops, vectors and what a program declares; ``section.py`` has restartable sections
that load, whose steps are imported from there by those who read them.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..abi.revisions import Abi
from ..light_typing import TYPE_CHECKING, NamedTuple
from .vector import (
    Area,
    ArgumentValue,
    Array,
    Data,
    Instruction,
    Layout,
    Member,
    Parameter,
    Pointer,
    PoolAddress,
    PoolItem,
    Relocation,
    Scalar,
    SlotAddress,
    Struct,
    Symbol,
    SymbolAddress,
    Type,
    Value,
    Vector,
    default_layout,
)

if TYPE_CHECKING:
    from .section import Section

__all__ = [
    "Area",
    "ArgumentValue",
    "Array",
    "Data",
    "Instruction",
    "Layout",
    "Member",
    "Parameter",
    "Pointer",
    "PoolAddress",
    "PoolItem",
    "Program",
    "Relocation",
    "Scalar",
    "SlotAddress",
    "Struct",
    "Symbol",
    "SymbolAddress",
    "Type",
    "Value",
    "Vector",
    "default_layout",
]


class Program(NamedTuple):
    """A file's data, vectors and sections for one Abi.  Tests and scenarios are the scenario package's."""

    abi: Abi
    data: Data
    vectors: Mapping[str, Vector]
    sections: Mapping[str, Section] = {}
