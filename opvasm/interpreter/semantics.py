"""What each op does: one function an op, to be read beside the kernel's (abi.md section 3).

A function gets the memory as the kernel reaches it, the op's length in bytes, its addresses in the
order of the op table, and its immediate.  It returns True when it stops the vector, which only a
compare does.  A Fault that the memory raises ends the vector; what was stored stays.
"""

from __future__ import annotations

from collections.abc import Callable

from ..abi import ops
from ..abi.layout import ByteOrder
from ..abi.ops import WORD_LENGTHS, Operation
from ..light_typing import Protocol

Bytes = bytes | bytearray


class UserMemory(Protocol):
    """Memory as an op reaches it.

    ``chunk`` is the most bytes that a copy moves at once when its length is not that of a word: 64
    (a bounce buffer) in 2017, any length from 2018-03.
    """

    @property
    def chunk(self) -> int:
        """Bytes moved at once."""

    @property
    def byteorder(self) -> ByteOrder:
        """The order of a word's bytes."""

    def load(self, address: int, length: int) -> Bytes:
        """The bytes of a range; raises Fault."""

    def store(self, address: int, data: Bytes) -> None:
        """Set the bytes at an address; raises Fault."""

    def barrier(self) -> None:
        """Order all earlier accesses before all later ones."""


def compare_eq(memory: UserMemory, length: int, a: int, b: int) -> bool:
    """Stop the vector unless the bytes are equal; ranges of no bytes are (section 3.1)."""
    return memory.load(a, length) != memory.load(b, length)


def compare_ne(memory: UserMemory, length: int, a: int, b: int) -> bool:
    """Stop the vector when the bytes are equal."""
    return memory.load(a, length) == memory.load(b, length)


def memcpy(memory: UserMemory, length: int, dst: int, src: int) -> bool:
    """Copy forwards in pieces, each read whole before it is written; a word is one (section 3.4)."""
    chunk = length
    if length not in WORD_LENGTHS and src < dst < src + length:
        chunk = memory.chunk  # only here do later pieces read what earlier ones wrote
    for offset in range(0, length, chunk or 1):
        size = min(chunk, length - offset)
        memory.store(dst + offset, memory.load(src + offset, size))
    return False


def memcpy_release(memory: UserMemory, length: int, dst: int, src: int) -> bool:
    """Copy after all earlier accesses of the vector (2019-04, inferred: section 3.5)."""
    memory.barrier()
    return memcpy(memory, length, dst, src)


def load_word(memory: UserMemory, length: int, p: int) -> int:
    """The unsigned number at p."""
    return int.from_bytes(memory.load(p, length), memory.byteorder)


def store_word(memory: UserMemory, length: int, p: int, value: int) -> None:
    """Set the number at p, modulo its size."""
    memory.store(p, (value & ((1 << (8 * length)) - 1)).to_bytes(length, memory.byteorder))


def add(memory: UserMemory, length: int, p: int, count: int) -> bool:
    """``*p += count``, where only the low ``length`` bytes of count matter (section 3.5)."""
    store_word(memory, length, p, load_word(memory, length, p) + count)
    return False


def add_release(memory: UserMemory, length: int, p: int, count: int) -> bool:
    """``*p += count`` after all earlier accesses of the vector (2019-04, inferred)."""
    memory.barrier()
    return add(memory, length, p, count)


def bitwise_or(memory: UserMemory, length: int, p: int, mask: int) -> bool:
    """``*p |= mask``."""
    store_word(memory, length, p, load_word(memory, length, p) | mask)
    return False


def bitwise_and(memory: UserMemory, length: int, p: int, mask: int) -> bool:
    """``*p &= mask``."""
    store_word(memory, length, p, load_word(memory, length, p) & mask)
    return False


def bitwise_xor(memory: UserMemory, length: int, p: int, mask: int) -> bool:
    """``*p ^= mask``."""
    store_word(memory, length, p, load_word(memory, length, p) ^ mask)
    return False


def left_shift(memory: UserMemory, length: int, p: int, bits: int) -> bool:
    """``*p <<= bits``; what leaves the word is lost."""
    store_word(memory, length, p, load_word(memory, length, p) << bits)
    return False


def right_shift(memory: UserMemory, length: int, p: int, bits: int) -> bool:
    """``*p >>= bits``, logical: zeros come in."""
    store_word(memory, length, p, load_word(memory, length, p) >> bits)
    return False


def memory_barrier(memory: UserMemory, length: int) -> bool:
    """smp_mb(); the length is never looked at."""
    memory.barrier()
    return False


# Called with (memory, length, *addresses, immediate); how many addresses is the op table's to say.
Semantics = Callable[..., bool]

SEMANTICS: dict[Operation, Semantics] = {
    ops.CMPEQ: compare_eq,
    ops.CMPNE: compare_ne,
    ops.MEMCPY: memcpy,
    ops.ADD: add,
    ops.OR: bitwise_or,
    ops.AND: bitwise_and,
    ops.XOR: bitwise_xor,
    ops.LSHIFT: left_shift,
    ops.RSHIFT: right_shift,
    ops.MB: memory_barrier,
    ops.MEMCPY_RELEASE: memcpy_release,
    ops.ADD_RELEASE: add_release,
}
