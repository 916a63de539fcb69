"""Numbers and places of a scenario as Promela expressions.

Promela counts in 32 bits.  A number that a thread keeps is below 2^23 (the model asserts it); each
expression carries how large it can get at most, and one that could leave 32 bits is refused.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..expression import (
    AddressOf,
    Arrow,
    Binary,
    Expression,
    Load,
    Name,
    Number,
    OffsetOf,
    SizeOf,
    Unary,
)
from ..light_typing import NamedTuple
from ..places import (
    SCALARS,
    AtAddress,
    Base,
    NoPlace,
    OfReader,
    OfVariable,
    field_of,
    resolve,
    unknown_name,
    with_threads,
)
from ..program import Area, Pointer, Program, Scalar, Struct, Symbol, Type
from ..source import Span
from .memory import TOP, MemoryMap
from .refusal import Refusals

SMALL = 1 << 20  # numbers that are not addresses stay below
LARGEST = (1 << 31) - 1


class Term(NamedTuple):
    """A number as a Promela expression: its text, how large it can be, its type if it has one.

    ``constant`` is its value where that is known; ``uses_cpu`` says that it asks for the CPU the
    thread is on; ``pointer`` that it may be an address.
    """

    text: str
    bound: int
    type: Type | None = None
    constant: int | None = None
    uses_cpu: bool = False
    pointer: bool = False


class Place(NamedTuple):
    """Memory: its address, and the type of what is there."""

    address: Term
    type: Type | None


def known(value: int, kind: Type | None = None, pointer: bool = False) -> Term:
    """A number that is always the same."""
    return Term(f"({value})" if value < 0 else str(value), abs(value), kind, value, False, pointer)


NOTHING = known(0)
NO_PLACE = Place(NOTHING, None)
_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=", "&&", "||")


class Numbers:
    """Translates expressions; ``local``, ``cpu`` and ``member`` differ between bodies and claims."""

    def __init__(self, program: Program, memory: MemoryMap, refusals: Refusals) -> None:
        self.program = program
        self.memory = memory
        self.refusals = refusals

    def local(self, name: str) -> Term | None:
        """A name that is a number of the thread's, or ``current``."""
        return None

    def own(self, name: str) -> Place | None:
        """A name that is memory of the thread's own."""
        return None

    def cpu(self) -> Term | None:
        """The CPU whose instance a percpu name means."""
        return None

    def other(self, expression: Expression) -> Term | None:
        """What only this scope knows: members of threads, functions, memory."""
        return None

    def unary_text(self, operator: str, inner: str) -> str:
        """How the language spells a unary operator; Promela does as C."""
        return f"({operator}{inner})"

    def binary_text(self, operator: str, left: Term, right: Term, span: Span) -> str:
        """How the language spells a binary operator; Promela does as C."""
        return f"({left.text} {operator} {right.text})"

    def value(self, expression: Expression) -> Term:
        """The expression of a number."""
        match expression:
            case Number(value=number):
                return self._small(number, expression.span)
            case Name(name=name):
                found = self.local(name)
                if found is not None:
                    return found
                constants = self.program.data.constants
                if name in constants:
                    return self._small(constants[name], expression.span)
            case AddressOf(place=inner):
                place = self.place(inner, None)
                target = place.type.name if isinstance(place.type, Struct) else None
                kind = Pointer(target, self.program.abi.model.word)
                return place.address._replace(type=kind, pointer=True)
            case Unary(operator=operator, operand=operand):
                return self._unary(operator, self.value(operand), expression.span)
            case Binary():
                return self._binary(expression)
            case SizeOf(type=named):
                return known(self._size(named.name))
            case OffsetOf():
                return known(self._offset(expression))
            case _:
                pass
        found = self.other(expression)
        if found is not None:
            return found
        return self._refused(expression, "it has no counterpart there")

    def _refused(self, expression: Expression, why: str) -> Term:
        self.refusals.refuse(f"`{expression.span.text}`", why, expression.span)
        return NOTHING

    def _small(self, number: int, span: Span) -> Term:
        if not -SMALL < number < SMALL:
            why = "numbers are below 2^20 there (Promela counts in 32 bits)"
            self.refusals.refuse(f"the number {number}", why, span)
            return NOTHING
        return known(number)

    def _unary(self, operator: str, inner: Term, span: Span) -> Term:
        if operator in "~-" and inner.pointer:
            self.refusals.refuse(f"`{operator}` of an address", _NO_ARITHMETIC, span)
        if inner.constant is not None:
            value = inner.constant
            return known({"-": -value, "~": ~value, "!": int(not value)}.get(operator, value))
        if operator == "+":
            return inner._replace(type=None)
        bound = 1 if operator == "!" else inner.bound + 1
        return Term(self.unary_text(operator, inner.text), bound, uses_cpu=inner.uses_cpu)

    def _binary(self, expression: Binary) -> Term:
        left, right = self.value(expression.left), self.value(expression.right)
        operator, span = expression.operator, expression.span
        uses = left.uses_cpu or right.uses_cpu
        pointer = (left.pointer or right.pointer) and operator in "+-"
        if (left.pointer or right.pointer) and operator in (
            "*",
            "/",
            "%",
            "&",
            "|",
            "^",
            "<<",
            ">>",
        ):
            self.refusals.refuse(f"`{operator}` of an address", _NO_ARITHMETIC, span)
        if left.pointer and right.pointer and operator in "+-":
            if operator == "-":
                pointer = False
            else:
                self.refusals.refuse("the sum of two addresses", _NO_ARITHMETIC, span)
        kind = left.type if operator in "+-" and isinstance(left.type, Pointer) else None
        text = self.binary_text(operator, left, right, span)
        match operator:
            case "+" | "-":
                bound = left.bound + right.bound
            case "*":
                bound = left.bound * right.bound
            case "/" | "%":
                if not right.constant:
                    self.refusals.refuse(
                        f"`{operator}` by what is not a constant other than 0",
                        "a division by zero has no value",
                        span,
                    )
                    return NOTHING
                bound = max(left.bound, right.bound)
            case "&" | "|" | "^":
                bound = 2 * max(left.bound, right.bound) + 1
            case "<<" | ">>":
                if right.constant is None or not 0 <= right.constant <= 30:
                    self.refusals.refuse(
                        "a shift by what is not a constant from 0 to 30",
                        "Promela has 32 bits",
                        span,
                    )
                    return NOTHING
                bound = left.bound << right.constant if operator == "<<" else left.bound
            case _:
                bound = 1
        if bound > LARGEST:
            self.refusals.refuse(
                f"`{span.text}`", "its value may need more than Promela's 32 bits", span
            )
            return NOTHING
        return Term(text, bound, kind, None, uses, pointer)

    # ---- places -----------------------------------------------------------------------------------

    def place(self, expression: Expression, cpu: Term | None) -> Place:
        """The address of a place; ``cpu`` chooses the instance of a percpu variable."""
        try:
            place = resolve(with_threads(expression, self.own), _ExportNames(self))
        except NoPlace:  # the scenario was lowered before, so this is what has no counterpart
            self._refused(expression, "it has no counterpart there")
            return NO_PLACE
        if place.cpu is not None:
            cpu = self.value(place.cpu)
        match place.base:
            case OfReader(name=name):
                own = self.own(name)
                address = NOTHING if own is None else own.address
            case OfVariable(symbol=symbol):
                found = self._variable(symbol, cpu, expression)
                if found is None:
                    return NO_PLACE
                address = found
            case AtAddress(address=pointer):
                address = self.value(pointer)
        if place.offset or not isinstance(place.base, AtAddress):
            address = self._moved(address, place.offset)
        for element in place.elements:
            step = _times(self.value(element.index), element.stride)
            address = self._sum(address, step, expression.span)
        return Place(address, place.type)

    def _variable(self, symbol: Symbol, cpu: Term | None, expression: Expression) -> Term | None:
        if symbol.area is Area.PAGE:
            self._refused(expression, "the model has no pages")
            return None
        first = known(self.memory.symbol(symbol, 0), pointer=True)
        chosen = cpu if cpu is not None else self.cpu()
        if symbol.area is Area.SHARED or chosen is None:
            return first
        return self._sum(first, _times(chosen, self.memory.stride), expression.span)

    def _moved(self, address: Term, offset: int) -> Term:
        """An address so many bytes further."""
        if address.constant is not None:
            return known(address.constant + offset, None, True)
        if offset:
            text, bound = f"({address.text} + {offset})", address.bound + offset
            address = address._replace(text=text, bound=bound)
        return address._replace(type=None, pointer=True)

    def _sum(self, left: Term, right: Term, span: Span) -> Term:
        if left.constant is not None and right.constant is not None:
            return known(left.constant + right.constant, left.type, True)
        uses = left.uses_cpu or right.uses_cpu
        if left.bound + right.bound > LARGEST:
            self.refusals.refuse(
                f"`{span.text}`", "its address may need more than Promela's 32 bits", span
            )
        if right.constant == 0:
            return left._replace(pointer=True)
        text = f"({left.text} + {right.text})"
        return Term(text, left.bound + right.bound, left.type, None, uses, True)

    def width(self, place: Place) -> tuple[int, bool]:
        """The size in bytes of the number at a place, and whether it is signed."""
        match place.type:
            case Scalar(size=size, signed=signed):
                return size, signed
            case Pointer(size=size):
                return size, False
            case _:
                return self.program.abi.model.word, False

    def _size(self, name: str) -> int:
        data = self.program.data
        found = data.structs.get(name) or data.symbols.get(name) or SCALARS.get(name)
        return self.program.abi.model.word if found is None else found.size

    def _offset(self, expression: OffsetOf) -> int:
        kind: Type | None = self.program.data.structs.get(expression.type.name)
        offset = 0
        for name in expression.path:  # the scenario was lowered before, so each field is there
            field = field_of(kind, "", name, expression.span)
            offset, kind = offset + field.offset, field.type
        return offset


class _ExportNames:
    """Names of a thread or a claim, to readers of places."""

    scalars = SCALARS

    def __init__(self, numbers: Numbers) -> None:
        self.numbers = numbers
        self.data = numbers.program.data

    def base(self, name: Name) -> tuple[Base, Type | None]:
        """Memory of the thread's own, or a variable."""
        own = self.numbers.own(name.name)
        if own is not None:
            return OfReader(name.name), own.type
        symbol = self.data.symbols.get(name.name)
        if symbol is None:
            raise unknown_name(name, self.data.symbols)
        return OfVariable(symbol), symbol.type

    def pointer(self, arrow: Arrow) -> Type | None:
        """The type of the value; a plain ``ptr`` does not count as one."""
        type = self.numbers.value(arrow.base).type
        return None if isinstance(type, Pointer) and type.target is None else type

    def loaded(self, load: Load) -> Type | None:
        """Nothing says what lies at an address."""
        return None

    def struct(self, name: str) -> Struct | None:
        """The struct of a name."""
        return self.data.structs.get(name)

    def structs(self) -> Mapping[str, Struct]:
        """Every struct."""
        return self.data.structs

    def word(self) -> int:
        """The bytes of a pointer."""
        return self.numbers.program.abi.model.word


_NO_ARITHMETIC = "addresses are other numbers there, which only keep order and distance"


def _times(term: Term, factor: int) -> Term:
    if term.constant is not None:
        return known(term.constant * factor)
    if factor == 1:
        return term
    return Term(f"({term.text} * {factor})", term.bound * factor, uses_cpu=term.uses_cpu)


LOCAL_BOUND = TOP
