"""The small machine of the C engine: its instructions, and terms and steps written in them.

The same numbers stand in source/engine.h; tests/explorer/native holds the two lists together.  Code
has no loops: jumps go forward, and every way ends with a GO.
"""

from __future__ import annotations

from struct import Struct

from ...light_enum import IntEnum
from ...light_typing import NamedTuple
from ..steps.step import REGISTERS, Point
from ..steps.terms import (
    Binary,
    Choose,
    CurrentCpu,
    Elements,
    Ended,
    Fitted,
    Length,
    Memory,
    Nodes,
    Number,
    Register,
    RegisterOf,
    Sum,
    Term,
    Unary,
    Width,
    WrittenId,
)
from .built import Refused


class Op(IntEnum):
    """What an instruction does; source/run.c does it."""

    CONST = 0
    REG = 1
    CPU = 2
    SET = 3
    ADD = 4
    SUB = 5
    MUL = 6
    DIV = 7
    MOD = 8
    SHL = 9
    SHR = 10
    AND = 11
    OR = 12
    XOR = 13
    EQ = 14
    NE = 15
    LT = 16
    LE = 17
    GT = 18
    GE = 19
    NEG = 20
    INV = 21
    NOT = 22
    FIT = 23
    MULW = 24
    SHLW = 25
    LOAD = 26
    STORE = 27
    PEEK = 28
    EXCHANGE = 29
    TAKE_LOCK = 30
    JZ = 31
    JUMP = 32
    GO = 33
    COVER = 34
    GUARD = 35
    OP = 36
    ENTER = 37
    GIVE_UP = 38
    REGISTER_OF = 39
    ENDED = 40
    LENGTH = 41
    ANSWER = 42
    ELEMENTS = 43


_BINARY = {
    "+": Op.ADD,
    "-": Op.SUB,
    "*": Op.MUL,
    "/": Op.DIV,
    "%": Op.MOD,
    "<<": Op.SHL,
    ">>": Op.SHR,
    "&": Op.AND,
    "|": Op.OR,
    "^": Op.XOR,
    "==": Op.EQ,
    "!=": Op.NE,
    "<": Op.LT,
    "<=": Op.LE,
    ">": Op.GT,
    ">=": Op.GE,
}
# With a width these need no more bits than it has.
_WRAPPING = {"*": Op.MULW, "<<": Op.SHLW}
_UNARY = {"-": Op.NEG, "~": Op.INV, "!": Op.NOT}
_INSTRUCTION = Struct("<BBHiQ")
_WORD = 1 << 64


class Instruction(NamedTuple):
    """One instruction, with its operands; source/check.c says which it takes."""

    op: Op
    a: int = 0
    b: int = 0
    c: int = 0
    d: int = 0

    def packed(self) -> bytes:
        """Its 16 bytes."""
        return _INSTRUCTION.pack(self.op, self.a, self.b, self.c, self.d % _WORD)


class InstructionWriter:
    """Writes code, one piece after the other."""

    def __init__(self) -> None:
        self.code: list[Instruction] = []

    def add(self, op: Op, a: int = 0, b: int = 0, c: int = 0, d: int = 0) -> int:
        """One instruction; gives where it stands."""
        self.code.append(Instruction(op, a, b, c, d))
        return len(self.code) - 1

    def land(self, *jumps: int) -> None:
        """Jumps that were written lead here."""
        for jump in jumps:
            self.code[jump] = self.code[jump]._replace(c=len(self.code))

    def go(self, point: Point) -> None:
        """The thread goes on at a point."""
        self.add(Op.GO, c=point)

    def constant(self, value: int) -> None:
        """A number."""
        if not -_WORD // 2 <= value < _WORD:
            raise Refused("a number has more than 64 bits")
        self.add(Op.CONST, a=int(value >= _WORD // 2), d=value)

    def register(self, register: int) -> None:
        """What a register of the stepping thread holds."""
        self.add(Op.REG, c=register - REGISTERS)

    def set(self, register: int) -> None:
        """A register takes the number on top."""
        self.add(Op.SET, c=register - REGISTERS)

    def drop(self) -> None:
        """The number on top is not wanted."""
        self.land(self.add(Op.JZ))

    def fit(self, width: Width | None) -> None:
        """The number on top, in a width."""
        if width is not None:
            size = 16 if width == Width(16, False) else _size(width)
            self.add(Op.FIT, a=size, b=int(width.signed))

    def term(self, term: Term) -> None:
        """A number is computed, and stands on top of the stack."""
        match term:
            case Number(value=value):
                self.constant(value)
            case Register(number=number):
                self.register(number)
            case CurrentCpu():
                self.add(Op.CPU)
            case WrittenId(at=at):
                self.add(Op.PEEK, a=4, c=at)
            case Memory(address=address, width=width):
                self.term(address)
                self.add(Op.LOAD, a=_size(width), b=int(width.signed))
            case Unary(operator=operator, operand=operand, width=width):
                self.term(operand)
                if operator != "+":
                    self.add(_UNARY[operator])
                self.fit(width)
            case Binary():
                self._binary(term)
            case Fitted(operand=operand, width=width):
                self.term(operand)
                self.fit(width)
            case Choose(condition=condition, then=then, otherwise=otherwise):
                self.term(condition)
                no = self.add(Op.JZ)
                self.term(then)
                end = self.add(Op.JUMP)
                self.land(no)
                self.term(otherwise)
                self.land(end)
            case RegisterOf(thread=thread, number=number):
                self.add(Op.REGISTER_OF, b=thread, c=number - REGISTERS)
            case Ended(thread=thread):
                self.add(Op.ENDED, b=thread)
            case Sum(parts=parts):
                self.constant(0)
                for part in parts:
                    self.term(part)
                    self.add(Op.ADD)
            case Elements(address=address, width=width, count=count):
                self.term(address)
                self.add(Op.ELEMENTS, a=_size(width), b=int(width.signed), c=count)
            case Length(nodes=Nodes(head=head, link=link, word=word, limit=limit)):
                self.term(head)
                self.add(Op.LENGTH, a=word, c=limit, d=link)

    def _binary(self, term: Binary) -> None:
        operator, width = term.operator, term.width
        if operator in ("&&", "||"):
            self._logic(operator, term.left, term.right)
            self.fit(width)
            return
        self.term(term.left)
        self.term(term.right)
        wrapping = _WRAPPING.get(operator) if width is not None else None
        if width is None or wrapping is None:
            self.add(_BINARY[operator])
            self.fit(width)
        else:
            self.add(wrapping, a=_size(width), b=int(width.signed))

    def _logic(self, operator: str, left: Term, right: Term) -> None:
        """``&&`` and ``||``, whose right side is looked at only where it matters."""
        self.term(left)
        if operator == "||":
            self.add(Op.NOT)
        first = self.add(Op.JZ)
        self.term(right)
        if operator == "||":
            self.add(Op.NOT)
        second = self.add(Op.JZ)
        self.constant(int(operator == "&&"))
        end = self.add(Op.JUMP)
        self.land(first, second)
        self.constant(int(operator == "||"))
        self.land(end)


def _size(width: Width) -> int:
    if width.size > 8:
        raise Refused(f"a number has {width.size} bytes")
    return width.size
