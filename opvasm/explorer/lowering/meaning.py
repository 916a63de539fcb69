"""What expressions of a scenario mean: closures over the memory and registers of a state.

A place is something with an address, a value is a number.  Names are looked up by a Scope, so that
thread bodies (which must say ``load`` to read memory) and conditions (which look at everything)
share one meaning of ``nodes[2].value`` or ``old->next``.
"""

from __future__ import annotations

from collections.abc import Callable

from ...errors import Diagnostic, Note
from ...expression import (
    AddressOf,
    Arrow,
    AtCpu,
    Binary,
    Call,
    Expression,
    Index,
    Load,
    Member,
    Name,
    Number,
    OffsetOf,
    SizeOf,
    Unary,
    apply_unary,
)
from ...light_typing import NamedTuple, Protocol
from ...program import Area, Array, Pointer, Program, Scalar, Struct, Symbol, Type
from ...source import Span
from ...suggestion import did_you_mean
from .arithmetic import compute


class Context(Protocol):
    """What a closure may look at."""

    local: list[int]

    def load_number(self, address: int, size: int) -> int:
        """The unsigned number at an address."""


Getter = Callable[[Context], int]
WORD_SIZES = (1, 2, 4, 8)


class Value(NamedTuple):
    """A number: how to get it, its type where one is known, and what it depends on."""

    get: Getter
    type: Type | None = None
    registers: frozenset[int] = frozenset()
    uses_cpu: bool = False


class Spot(NamedTuple):
    """A place: how to get its address, its type, and what the address depends on."""

    address: Getter
    type: Type | None
    registers: frozenset[int] = frozenset()
    uses_cpu: bool = False


class Scope(Protocol):
    """Where names are looked up.  ``reads_memory``: whether a place may stand for its value."""

    reads_memory: bool

    def value(self, name: str) -> Value | None:
        """A name that is a number: a local, a constant."""

    def own(self, name: str) -> Spot | None:
        """A name that is memory of the thread's own."""

    def member(self, expression: Member) -> Value | None:
        """``thread.local`` and the like."""

    def call(self, expression: Call, compiler: Compiler) -> Value | None:
        """A function of this scope."""

    def cpu(self) -> Value | None:
        """The CPU whose instance a percpu name without ``@`` means; None: it must be named."""

    def names(self) -> list[str]:
        """Every name that could have been meant."""

    def what(self, name: str) -> str | None:
        """What a name of this scope is that has no address; None where it has none here."""


def zero(_: Context) -> int:
    """Stands in for what could not be understood; the problem is in the list."""
    return 0


NOTHING = Value(zero)
NO_SPOT = Spot(zero, None)


def constant_value(number: int, kind: Type | None = None) -> Value:
    """A number that is always the same."""
    return Value(lambda _: number, kind)


class Compiler:
    """Turns expressions into closures; everything wrong with them goes to ``problems``."""

    def __init__(
        self,
        program: Program,
        symbol_address: Callable[[Symbol, int], int],
        scope: Scope,
        problems: list[Diagnostic],
    ) -> None:
        self.program = program
        self.symbol_address = symbol_address
        self.scope = scope
        self.problems = problems

    def problem(
        self, code: str, message: str, span: Span, help: str | None = None, note: str | None = None
    ) -> None:
        """Something that can't be understood."""
        notes = () if note is None else (Note(note),)
        self.problems.append(Diagnostic("error", code, message, span, notes, help))

    def value(self, expression: Expression) -> Value:
        """The closure of a number."""
        match expression:
            case Number(value=number):
                return constant_value(number)
            case Name(name=name):
                found = self.scope.value(name)
                if found is not None:
                    return found
                return self._memory_value(expression)
            case Member():
                found = self.scope.member(expression)
                return found if found is not None else self._memory_value(expression)
            case Arrow() | Index() | AtCpu() | Load():
                return self._memory_value(expression)
            case AddressOf(place=place):
                spot = self.spot(place, None)
                target = spot.type.name if isinstance(spot.type, Struct) else None
                kind = Pointer(target, self.program.abi.model.word)
                return Value(spot.address, kind, spot.registers, spot.uses_cpu)
            case Unary(operator=operator, operand=operand):
                inner = self.value(operand)
                get = inner.get
                if operator == "-":
                    return inner._replace(get=lambda c: -get(c), type=None)
                return inner._replace(get=lambda c: apply_unary(operator, get(c)), type=None)
            case Binary():
                return self._binary(expression)
            case Call():
                called = self.scope.call(expression, self)
                if called is not None:
                    return called
                self.problem(
                    "OPV513", f"there is no function {expression.function} here", expression.span
                )
                return NOTHING
            case SizeOf(type=named):
                return self._size_of(named.name, expression.span)
            case OffsetOf():
                return self._offset_of(expression)

    def _binary(self, expression: Binary) -> Value:
        left, right = self.value(expression.left), self.value(expression.right)
        operator, first, second = expression.operator, left.get, right.get
        registers = left.registers | right.registers
        uses_cpu = left.uses_cpu or right.uses_cpu
        kind = left.type if operator in "+-" and isinstance(left.type, Pointer) else None
        get: Getter
        match operator:
            case "+":
                get = lambda c: first(c) + second(c)  # noqa: E731
            case "==":
                get = lambda c: int(first(c) == second(c))  # noqa: E731
            case "&&":
                get = lambda c: int(bool(first(c) and second(c)))  # noqa: E731
            case "||":
                get = lambda c: int(bool(first(c) or second(c)))  # noqa: E731
            case _:
                get = lambda c: compute(operator, first(c), second(c))  # noqa: E731
        return Value(get, kind, registers, uses_cpu)

    def _memory_value(self, expression: Expression) -> Value:
        """A place that stands for what it holds, where the scope allows that."""
        spot = self.spot(expression, None)
        if spot is NO_SPOT:
            return NOTHING
        if not self.scope.reads_memory:
            text = expression.span.text
            self.problem(
                "OPV514",
                f"`{text}` is memory, and a thread reads memory only with load",
                expression.span,
                f"first `x = load {text}`, then use x",
            )
            return NOTHING
        return self.load(spot, expression.span)

    def load(self, spot: Spot, span: Span) -> Value:
        """The number that a place holds."""
        size, signed = self.width(spot, span)
        address = spot.address
        if signed:
            half = 1 << (8 * size - 1)

            def get(c: Context) -> int:
                number = c.load_number(address(c), size)
                return number - 2 * half if number >= half else number

        else:

            def get(c: Context) -> int:
                return c.load_number(address(c), size)

        return Value(get, spot.type, spot.registers, spot.uses_cpu)

    def width(self, spot: Spot, span: Span) -> tuple[int, bool]:
        """The size in bytes of the number at a place, and whether it is signed."""
        match spot.type:
            case Scalar(size=size, signed=signed):
                return size, signed
            case Pointer(size=size):
                return size, False
            case None:
                return self.program.abi.model.word, False
            case _:
                if spot is not NO_SPOT:
                    self.problem(
                        "OPV515",
                        f"`{span.text}` is not one number but {spot.type.size} bytes",
                        span,
                        "name a field or an element",
                    )
                return self.program.abi.model.word, False

    def spot(self, expression: Expression, cpu: Value | None) -> Spot:
        """The closure of an address; ``cpu`` chooses the instance of a percpu variable."""
        match expression:
            case Name(name=name):
                return self._named_spot(name, cpu, expression.span)
            case AtCpu(base=base, cpu=chosen):
                return self.spot(base, self.value(chosen))
            case Member(base=Load(address=inner), name=name):
                scalar = _SCALARS.get(name)
                if scalar is None:
                    help = did_you_mean(name, [*_SCALARS])
                    self.problem("OPV516", f"{name} is no type of a number", expression.span, help)
                value = self.value(inner)
                return Spot(value.get, scalar, value.registers, value.uses_cpu)
            case Member(base=base, name=name):
                outer = self.spot(base, cpu)
                return self._field(outer, outer.type, name, expression.span)
            case Arrow(base=base, name=name):
                value = self._pointer(base, cpu)
                pointed = self._pointed(value.type, name, base.span)
                spot = Spot(value.get, pointed, value.registers, value.uses_cpu)
                return self._field(spot, pointed, name, expression.span)
            case Index(base=base, position=index):
                return self._element(self.spot(base, cpu), index, expression.span)
            case Load(address=inner):
                value = self.value(inner)
                return Spot(value.get, None, value.registers, value.uses_cpu)
            case _:
                self.problem("OPV517", f"`{expression.span.text}` is not a place", expression.span)
                return NO_SPOT

    def _pointer(self, base: Expression, cpu: Value | None) -> Value:
        """What stands in front of ``->``."""
        known = None
        if isinstance(base, Name):
            known = self.scope.value(base.name)
        elif isinstance(base, Member):
            known = self.scope.member(base)
        if known is not None:
            return known
        if self.scope.reads_memory:
            return self.load(self.spot(base, cpu), base.span)
        return self._memory_value(base)

    def _pointed(self, kind: Type | None, member: str, span: Span) -> Struct | None:
        """The struct that a pointer points to; of an untyped one, the only struct with the field."""
        structs = self.program.data.structs
        if isinstance(kind, Pointer) and kind.target is not None:
            return structs.get(kind.target)
        fitting = [each for each in structs.values() if each.member(member) is not None]
        if len(fitting) == 1:
            return fitting[0]
        which = "no struct has" if not fitting else "more than one struct has"
        self.problem("OPV518", f"`{span.text}` has no type, and {which} a field {member}", span)
        return None

    def _field(self, outer: Spot, kind: Type | None, name: str, span: Span) -> Spot:
        if outer is NO_SPOT or kind is None:
            return NO_SPOT
        member = kind.member(name) if isinstance(kind, Struct) else None
        if member is None:
            known = [each.name for each in kind.members] if isinstance(kind, Struct) else []
            self.problem(
                "OPV519", f"there is no field {name} here", span, did_you_mean(name, known)
            )
            return NO_SPOT
        base, offset = outer.address, member.offset
        return outer._replace(address=lambda c: base(c) + offset, type=member.type)

    def _element(self, outer: Spot, index: Expression, span: Span) -> Spot:
        if outer is NO_SPOT:
            return NO_SPOT
        if not isinstance(outer.type, Array):
            self.problem("OPV520", f"`{span.text}` takes an element of what is no array", span)
            return NO_SPOT
        array, at, base = outer.type, self.value(index), outer.address
        size, count = array.element.size, array.count
        if isinstance(index, Number) and not 0 <= index.value < count:
            self.problem("OPV521", f"element {index.value} of {count} does not exist", span)
        return Spot(
            lambda c: base(c) + size * at.get(c),
            array.element,
            outer.registers | at.registers,
            outer.uses_cpu or at.uses_cpu,
        )

    def _named_spot(self, name: str, cpu: Value | None, span: Span) -> Spot:
        own = self.scope.own(name)
        if own is not None:
            return own
        symbol = self.program.data.symbols.get(name)
        if symbol is None:
            what = self.scope.what(name)
            if what is not None:
                self.problem("OPV517", f"`{name}` is not a place: it is {what}", span)
                return NO_SPOT
            known = [*self.scope.names(), *self.program.data.symbols]
            self.problem("OPV512", f"there is no {name}", span, did_you_mean(name, known))
            return NO_SPOT
        find = self.symbol_address
        if symbol.area is not Area.PERCPU:
            address = find(symbol, 0)
            return Spot(lambda _: address, symbol.type)
        chosen = cpu if cpu is not None else self.scope.cpu()
        if chosen is None:
            self.problem(
                "OPV522", f"{name} is percpu: of which CPU?", span, f"write {name}@0 or sum({name})"
            )
            return NO_SPOT
        # Numbers of CPUs that do not exist give addresses where nothing is: a fault, as in C.
        which, first = chosen.get, find(symbol, 0)
        stride = find(symbol, 1) - first
        return Spot(
            lambda c: first + stride * which(c), symbol.type, chosen.registers, chosen.uses_cpu
        )

    def _size_of(self, name: str, span: Span) -> Value:
        data, pointer = self.program.data, Pointer(None, self.program.abi.model.word)
        known: dict[str, Type | Symbol] = {**_SCALARS, "ptr": pointer}
        known |= {**data.symbols, **data.structs}
        if name in known:
            return constant_value(known[name].size)
        self.problem("OPV516", f"{name} is no type", span, did_you_mean(name, [*known]))
        return NOTHING

    def _offset_of(self, expression: OffsetOf) -> Value:
        structs, named, span = self.program.data.structs, expression.type.name, expression.span
        kind: Type | None = structs.get(named)
        if kind is None:
            self.problem("OPV516", f"{named} is no struct", span, did_you_mean(named, [*structs]))
            return NOTHING
        offset = 0
        for name in expression.path:
            member = kind.member(name) if isinstance(kind, Struct) else None
            if member is None:
                known = [each.name for each in kind.members] if isinstance(kind, Struct) else []
                help = did_you_mean(name, known)
                self.problem("OPV519", f"there is no field {name} here", span, help)
                return NOTHING
            offset, kind = offset + member.offset, member.type
        return constant_value(offset)


_SCALARS = {
    f"{letter}{8 * size}": Scalar(f"{letter}{8 * size}", size, letter == "i")
    for letter in "ui"
    for size in WORD_SIZES
}
