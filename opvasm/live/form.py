"""What vectors have in common that differ only in their addresses and values.

Programs build a vector on the stack for each call, so its addresses are other ones in every thread
while its ops stay the same.  No static rule looks at an address inside user space, nor at a value
that fills its whole word: a vector of a form that passed once passes again.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from ..abi.layout import OP_BYTES
from ..abi.revisions import Abi
from ..interpreter.prepared import Prepared
from .stub import OP_SIZE, NativeOps

_WORDS = OP_BYTES // 8
_NATIVE_WORDS = OP_SIZE // 8
# The words of struct cpu_op, and of the stub's op, that hold the two addresses, or the value.
_FIRST, _SECOND, _REST = 1, 2, 3

Key = tuple[int, ...]
Operands = tuple[tuple[int, int, bool], ...]


class Reach(NamedTuple):
    """What an operand reaches: bytes from an address, and whether the op stores there."""

    address: int
    length: int
    stores: bool


class Form(NamedTuple):
    """``operands`` are (index of the address among the vector's words, length, whether it stores),
    in the order of the kernel's checks; ``native`` the ops of one vector of this form, as words."""

    operands: Operands
    native: tuple[int, ...]
    like: NativeOps

    def addresses(self, words: Sequence[int]) -> tuple[int, ...]:
        """The addresses of the operands of a vector of this form."""
        return tuple([words[index] for index, _, _ in self.operands])

    def reaches(self, addresses: Sequence[int]) -> list[Reach]:
        """What the operands of a vector of this form reach."""
        return [
            Reach(address, length, stores)
            for address, (_, length, stores) in zip(addresses, self.operands, strict=True)
        ]

    def native_ops(self, words: Sequence[int]) -> NativeOps:
        """The ops of a vector of this form as the stub reads them."""
        native = list(self.native)
        native[_FIRST::_NATIVE_WORDS] = words[_FIRST::_WORDS]
        native[_SECOND::_NATIVE_WORDS] = words[_SECOND::_WORDS]
        _, size, recorded, record_end = self.like
        return NativeOps(_format(len(native)).pack(*native), size, recorded, record_end)


@cache
def _format(words: int) -> struct.Struct:
    return struct.Struct(f"<{words}Q")


def words_of(data: bytes) -> tuple[int, ...]:
    """A vector's bytes as words."""
    return _format(len(data) // 8).unpack(data)


def key_of(words: Sequence[int]) -> Key:
    """What decides a vector's form: each op's opcode, length, flags and unused bytes."""
    return (*words[0::_WORDS], *words[_REST::_WORDS])


def reaches_of(prepared: Prepared) -> list[Reach]:
    """What the operands of a vector reach, in the order of the kernel's checks."""
    return [
        Reach(each.address, each.length, each.operand.access.writes) for each in prepared.demands
    ]


def form_of(prepared: Prepared, native: NativeOps, abi: Abi) -> Form | None:
    """The form of a vector that passed the static rules; None where addresses alone don't do.

    A shift's number of bits shares its word with a flag, and has a limit.
    """
    for each in prepared.instructions:
        immediate = each.operation.immediate if each.operation else None
        if immediate is not None and immediate.size != 8:
            return None
    if not _has_whole_words(abi):
        return None
    operands = tuple(
        (
            each.op * _WORDS + each.operand.offset // 8,
            each.length,
            each.operand.access.writes,
        )
        for each in prepared.demands
    )
    words = _format(len(native.descriptors) // 8).unpack(native.descriptors)
    return Form(operands, words, native)


def _has_whole_words(abi: Abi) -> bool:
    """Whether addresses are words of eight bytes, lowest byte first, as the stub has them."""
    return abi.model.word == 8 and abi.model.byteorder == "little"
