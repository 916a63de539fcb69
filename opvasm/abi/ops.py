"""THE op table: one row per op of ``cpu_opv`` (abi.md sections 1.2, 1.5, 2.2, 2.3, 3).

The parser, encoder, decoder, verifier, interpreter, printer, documents and help derive from it.
"""

from __future__ import annotations

from ..light_enum import Enum
from ..light_typing import NamedTuple
from .layout import Field, FieldKind


class Access(Enum):
    """What an op does to an operand's bytes."""

    READ = "read"
    WRITE = "write"
    READ_WRITE = "read, then write"

    @property
    def reads(self) -> bool:
        """Whether the bytes are read, written afterwards or not."""
        return self is not Access.WRITE

    @property
    def writes(self) -> bool:
        """Whether the bytes are written, read before or not."""
        return self is not Access.READ


class LengthRule(Enum):
    """Which values of ``len`` the kernel accepts."""

    DATA = "0 up to the limit of one op"
    WORD = "1, 2, 4 or 8"
    IGNORED = "anything: never read"


class Effect(Enum):
    """What an op does with its operands.

    Who translates ops into another language (Promela, C, machine code), or says what one of them
    changes, asks for this and refuses by name what it does not know; no part has a branch for
    "every other op".  ``tests/test_effects.py`` holds each of them against the semantics.
    """

    COMPARE_EQUAL = "go on when a == b"
    COMPARE_DIFFERENT = "go on when a != b"
    COPY = "dst = src"
    ADD = "p += immediate"
    OR = "p |= immediate"
    AND = "p &= immediate"
    XOR = "p ^= immediate"
    SHIFT_LEFT = "p <<= immediate"
    SHIFT_RIGHT = "p >>= immediate"
    BARRIER = "order all accesses"


class Operand(NamedTuple):
    """A memory operand: its name and offset in the union's member, and what is done to its bytes."""

    name: str
    offset: int
    access: Access
    expect_fault_offset: int

    @property
    def expect_fault_name(self) -> str:
        """The name of the byte that turns this operand's EFAULT into EAGAIN."""
        return f"expect_fault_{self.name}"


class Operation(NamedTuple):
    """One op.

    ``operands`` stand in the order in which the kernel checks them, which is also the order of the
    text (abi.md section 2.3).  ``immediate`` is the field that holds a value instead of an address.
    ``release`` orders the store after all earlier accesses of the vector.
    """

    mnemonic: str
    c_name: str
    effect: Effect
    member: str | None
    operands: tuple[Operand, ...]
    immediate: Field | None
    length_rule: LengthRule
    summary: str
    release: bool = False

    @property
    def is_compare(self) -> bool:
        """Whether the op can stop the vector with a positive result."""
        return self.member == "compare_op"

    @property
    def stops_when_equal(self) -> bool:
        """Whether a compare stops the vector when its operands are equal, as ranges of no bytes are.

        Raises Crash for an op that is not a compare, or whose answer nobody has written down here.
        """
        match self.effect:
            case Effect.COMPARE_EQUAL:
                return False
            case Effect.COMPARE_DIFFERENT:
                return True
            case effect:
                from ..errors import Crash  # never in a run that goes well

                raise Crash(f"{self.mnemonic}: does {effect.name} stop a vector?")

    @property
    def shifts(self) -> bool:
        """Whether the immediate is a number of bits, limited by the length."""
        return self.member == "shift_op"


WORD_LENGTHS = (1, 2, 4, 8)

_A = Operand("a", 8, Access.READ, 24)
_B = Operand("b", 16, Access.READ, 25)
_DST = Operand("dst", 8, Access.WRITE, 24)
_SRC = Operand("src", 16, Access.READ, 25)
_P = Operand("p", 8, Access.READ_WRITE, 24)
# The shift op's flag byte follows its 32-bit number of bits; every other op's stands at 24.
_P_SHIFT = Operand("p", 8, Access.READ_WRITE, 20)

_COUNT = Field("count", 16, 8, FieldKind.SIGNED)
_MASK = Field("mask", 16, 8, FieldKind.UNSIGNED)
_BITS = Field("bits", 16, 4, FieldKind.UNSIGNED)

_DATA, _WORD = LengthRule.DATA, LengthRule.WORD


# fmt: off
CMPEQ  = Operation("cmpeq",  "CPU_COMPARE_EQ_OP", Effect.COMPARE_EQUAL,     "compare_op",    (_A, _B),     None,   _DATA, "stop the vector unless the bytes at a and b are equal")
CMPNE  = Operation("cmpne",  "CPU_COMPARE_NE_OP", Effect.COMPARE_DIFFERENT, "compare_op",    (_A, _B),     None,   _DATA, "stop the vector when the bytes at a and b are equal")
MEMCPY = Operation("memcpy", "CPU_MEMCPY_OP",     Effect.COPY,              "memcpy_op",     (_DST, _SRC), None,   _DATA, "copy the bytes at src to dst")
ADD    = Operation("add",    "CPU_ADD_OP",        Effect.ADD,               "arithmetic_op", (_P,),        _COUNT, _WORD, "add count to the word at p, modulo its size")
OR     = Operation("or",     "CPU_OR_OP",         Effect.OR,                "bitwise_op",    (_P,),        _MASK,  _WORD, "set the bits of mask in the word at p")
AND    = Operation("and",    "CPU_AND_OP",        Effect.AND,               "bitwise_op",    (_P,),        _MASK,  _WORD, "keep only the bits of mask in the word at p")
XOR    = Operation("xor",    "CPU_XOR_OP",        Effect.XOR,               "bitwise_op",    (_P,),        _MASK,  _WORD, "flip the bits of mask in the word at p")
LSHIFT = Operation("lshift", "CPU_LSHIFT_OP",     Effect.SHIFT_LEFT,        "shift_op",      (_P_SHIFT,),  _BITS,  _WORD, "shift the word at p left by bits")
RSHIFT = Operation("rshift", "CPU_RSHIFT_OP",     Effect.SHIFT_RIGHT,       "shift_op",      (_P_SHIFT,),  _BITS,  _WORD, "shift the word at p right by bits, filling with zeros")
MB     = Operation("mb",     "CPU_MB_OP",         Effect.BARRIER,           None,            (),           None,   LengthRule.IGNORED, "full memory barrier")
MEMCPY_RELEASE = Operation("memcpy.release", "CPU_MEMCPY_RELEASE_OP", Effect.COPY, "memcpy_op", (_DST, _SRC), None, _DATA, "copy the bytes at src to dst, after all earlier accesses of the vector", release=True)
ADD_RELEASE    = Operation("add.release",    "CPU_ADD_RELEASE_OP", Effect.ADD, "arithmetic_op", (_P,), _COUNT, _WORD, "add count to the word at p, after all earlier accesses of the vector", release=True)
# fmt: on

OPERATIONS: tuple[Operation, ...] = (
    *(CMPEQ, CMPNE, MEMCPY, ADD, OR, AND, XOR, LSHIFT, RSHIFT, MB),
    *(MEMCPY_RELEASE, ADD_RELEASE),
)
BY_MNEMONIC: dict[str, Operation] = {each.mnemonic: each for each in OPERATIONS}
