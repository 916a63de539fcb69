"""Terms of a section as terms of steps: names become registers, and every width is written out."""

from __future__ import annotations

from collections.abc import Mapping

from ...errors import Crash
from ...program import section as ir
from ...program.terms import COMPARES, LOGIC, SHIFTS
from ..steps.ids import ID_SIZE, NOT_REGISTERED
from ..steps.image import Image
from ..steps.terms import (
    Binary,
    Choose,
    CurrentCpu,
    Memory,
    Number,
    Register,
    Term,
    Unary,
    Width,
    fitted,
    plus,
    times,
)

# The ids that a thread may have written, with where they lie from the first one.
_IDS = {"cpu_id_start": 0, "cpu_id": ID_SIZE}


class Reader:
    """What the names in a section's terms stand for.

    ``registers`` are those of its locals, ``parameters`` of its parameters, ``cpu`` of the CPU on
    which it began.  ``ids`` is the address of the thread's ids in memory (None: nobody writes them);
    ``registered`` whether rseq is.
    """

    def __init__(
        self,
        image: Image,
        registers: Mapping[str, int],
        parameters: Mapping[str, int],
        cpu: int,
        ids: int | None,
        registered: bool,
    ) -> None:
        self.image = image
        self.registers = registers
        self.parameters = parameters
        self.cpu = cpu
        self.ids = ids
        self.registered = registered

    def term(self, term: ir.Term) -> Term:
        """A term, whose value is in the range of its type."""
        match term:
            case ir.Constant(value=value):
                return Number(value)
            case ir.Local(name=name, type=type):
                return fitted(Register(self.registers[name]), width_of(type))
            case ir.Argument(name=name, type=type):
                return fitted(Register(self.parameters[name]), width_of(type))
            case ir.Id(name=name, type=type):
                return fitted(self._area(name), width_of(type))
            case ir.Address(symbol=symbol, addend=addend, cpu=cpu, type=type):
                number = Register(self.cpu) if cpu is None else self.term(cpu)
                return fitted(self._address(symbol, addend, number), width_of(type))
            case ir.Unary(operator="!", operand=operand):
                return Unary("!", self.term(operand))
            case ir.Unary(operator=operator, operand=operand, type=type):
                return Unary(operator, self.term(operand), width_of(type))
            case ir.Binary():
                return self._binary(term)
            case ir.Convert(operand=operand, type=type):
                return fitted(self.term(operand), width_of(type))
            case ir.Choose(condition=condition, then=then, otherwise=otherwise, type=type):
                chosen = Choose(self.term(condition), self.term(then), self.term(otherwise))
                return fitted(chosen, width_of(type))

    def _binary(self, term: ir.Binary) -> Term:
        operands = self.term(term.left), self.term(term.right)
        return fitted(
            operation(term.operator, *operands, term.left.type, term.right.type),
            width_of(term.type),
        )

    def _area(self, name: str) -> Term:
        """A field of the area: of the ids what memory says, where the thread may have written there.

        The kernel may choose any concurrency id that no other running thread has: here it is the
        number of the CPU.  There is one node.
        """
        if name == "node_id":
            return Number(0)
        if name in _IDS and self.ids is not None:
            return Memory(Number(self.ids + _IDS[name]), Width(ID_SIZE, False))
        if not self.registered and name == "cpu_id":
            return Number(NOT_REGISTERED)
        return CurrentCpu() if self.registered or name == "mm_cid" else Number(0)

    def _address(self, symbol: str, addend: int, cpu: Term) -> Term:
        """The address of a variable; of a CPU that is not there, one where nothing lies."""
        layout, known = self.image.layout, self.image.program.data.symbols[symbol]
        first = layout.symbol_address(known, 0)
        stride = layout.symbol_address(known, 1) - first
        return plus(plus(Number(first), times(stride, cpu)), Number(addend))


def operation(
    operator: str, left: Term, right: Term, left_type: ir.RegisterType, right_type: ir.RegisterType
) -> Term:
    """``left operator right`` for sides of some types, in the width of the left one."""
    width = width_of(left_type)
    if operator in SHIFTS:
        return Binary(operator, left, _masked(right, 8 * width.size - 1), width)
    if operator in LOGIC:
        return Binary(operator, left, right)
    if operator in COMPARES:
        same = width_of(right_type) == width
        return Binary(operator, left, right if same else fitted(right, width))
    if operator in ("+", "-", "*", "&", "|", "^"):
        return Binary(operator, left, right, width)
    raise Crash(f"sections have no operator {operator}")


def _masked(count: Term, mask: int) -> Term:
    """The count of a shift, modulo the width."""
    return (
        Number(count.value & mask)
        if isinstance(count, Number)
        else Binary("&", count, Number(mask))
    )


def width_of(type: ir.RegisterType) -> Width:
    """The width of numbers of a type."""
    return Width(type.size, ir.is_signed(type))
