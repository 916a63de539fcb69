"""Bare ops as a Listing, for the formats that want a program around them."""

from __future__ import annotations

from collections.abc import Sequence

from ..abi.revisions import Abi
from ..program import Data, Instruction, Program, Vector, default_layout
from ..verifier.kernel_rules import violations
from . import Listing


def listing_of(instructions: Sequence[Instruction], abi: Abi, name: str = "main") -> Listing:
    """One vector of bound ops, in a program that has nothing else."""
    data = Data(symbols={}, structs={}, constants={}, pool=())
    accepted = next(violations(instructions, abi), None) is None
    vector = Vector(name, (), tuple(instructions), verified=accepted)
    program = Program(abi, data, {name: vector})
    return Listing(program, (vector,), default_layout(abi, data), arguments={})
