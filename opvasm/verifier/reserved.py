"""Bytes of an op that no kernel reads: zero in everything that a well-behaved program passes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from ..abi.layout import OP_BYTES
from ..errors import Diagnostic
from ..program import Instruction
from ..source import BytePlace

RESERVED_BYTES = "OPV130"


def reserved_bytes(instructions: Sequence[Instruction], name: str) -> Iterator[Diagnostic]:
    """A finding for each run of unused bytes that are not zero; ``name`` is the input's.

    Ops that the revision does not know are left to the kernel's rules: which of their bytes are
    unused is not known.
    """
    for index, instruction in enumerate(instructions):
        if instruction.operation is None:
            continue
        # Offsets that follow each other have one difference to their rank.
        runs = groupby(enumerate(instruction.extra), key=lambda each: each[1][0] - each[0])
        for _, run in runs:
            listed = [each for _, each in run]
            start = index * OP_BYTES + listed[0][0]
            values = " ".join(f"{byte:02x}" for _, byte in listed)
            yield Diagnostic(
                "error",
                RESERVED_BYTES,
                f"bytes that {instruction.operation.mnemonic} does not use are not zero: {values}",
                BytePlace(name, start, start + len(listed), index),
                help="a kernel ignores them; a later one may not: set them to zero",
            )
