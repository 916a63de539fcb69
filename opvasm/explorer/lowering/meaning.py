"""What expressions of a scenario mean: terms over the memory and registers of a state.

A place is something with an address, a value is a number.  Names are looked up by a Scope, so that
thread bodies (which must say ``load`` to read memory) and conditions (which look at everything)
share one meaning of ``nodes[2].value`` or ``old->next``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

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
)
from ...light_typing import NamedTuple, Protocol
from ...places import (
    SCALARS,
    AtAddress,
    Base,
    Mistake,
    NoPlace,
    OfReader,
    OfVariable,
    TypedPlace,
    field_of,
    resolve,
    unknown_name,
    with_threads,
)
from ...program import Area, Pointer, Program, Scalar, Struct, Symbol, Type
from ...source import Span
from ...suggestion import did_you_mean
from ...text.names import type_text
from ..steps import terms
from ..steps.terms import Term, Width, plus, times


class Value(NamedTuple):
    """A number: how to compute it, and its type where one is known."""

    term: Term
    type: Type | None = None


class Spot(NamedTuple):
    """A place: how to compute its address, and its type."""

    address: Term
    type: Type | None


class Scope(Protocol):
    """Where names are looked up.  ``reads_memory``: whether a place may stand for its value.

    ``cpus``: how many CPUs there are, where a number that is none of them is a mistake; else None.
    """

    reads_memory: bool
    cpus: int | None

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


# These stand in for what could not be understood; the problem is in the list.
NOTHING = Value(terms.Number(0))
NO_SPOT = Spot(terms.Number(0), None)


def constant_value(number: int, kind: Type | None = None) -> Value:
    """A number that is always the same."""
    return Value(terms.Number(number), kind)


class Compiler:
    """Turns expressions into terms; everything wrong with them goes to ``problems``."""

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
        """The term of a number."""
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
                return Value(spot.address, kind)
            case Unary(operator=operator, operand=operand):
                return Value(terms.Unary(operator, self.value(operand).term))
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
        operator = expression.operator
        kind = left.type if operator in "+-" and isinstance(left.type, Pointer) else None
        return Value(terms.Binary(operator, left.term, right.term), kind)

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
        return Value(terms.Memory(spot.address, self.width(spot, span)), spot.type)

    def width(self, spot: Spot, span: Span) -> Width:
        """The width of the number at a place."""
        match spot.type:
            case Scalar(size=size, signed=signed):
                return Width(size, signed)
            case Pointer(size=size):
                return Width(size, False)
            case None:
                return Width(self.program.abi.model.word, False)
            case _:
                if spot is not NO_SPOT:
                    self.problem(
                        "OPV515",
                        f"`{span.text}` is not one number but {spot.type.size} bytes",
                        span,
                        "name a field or an element",
                    )
                return Width(self.program.abi.model.word, False)

    def spot(self, expression: Expression, cpu: Value | None) -> Spot:
        """The term of an address; ``cpu`` chooses the instance of a percpu variable."""
        try:
            place = _ScenarioNames(self.scope, self.program).place(expression)
        except NoPlace as problem:
            self.no_place(problem)
            return NO_SPOT
        if place.cpu is not None:
            cpu = self.value(place.cpu)
        base = self._base(place.base, cpu, expression.span)
        if base is NO_SPOT:
            return NO_SPOT
        address = plus(base.address, terms.Number(place.offset))
        for element in place.elements:
            index = self.value(element.index).term
            address = plus(address, times(element.stride, index))
        return Spot(address, place.type)

    def no_place(self, problem: NoPlace) -> None:
        """What is wrong with a place, by the codes of scenarios."""
        if problem.mistake is not None and problem.span is not None:
            code = _CODE_OF[problem.mistake]
            self.problem(code, problem.message, problem.span, problem.help)

    def _base(self, base: Base, cpu: Value | None, span: Span) -> Spot:
        match base:
            case OfReader(name=name):
                own = self.scope.own(name)
                return NO_SPOT if own is None else own
            case OfVariable(symbol=symbol):
                return self._variable(symbol, cpu, span)
            case AtAddress(address=pointer):
                value = self._pointer(pointer, cpu)
                return Spot(value.term, None)

    def _pointer(self, expression: Expression, cpu: Value | None) -> Value:
        """An address that is a value; one that lies in memory is read where the scope allows it."""
        lies_in_memory = isinstance(expression, Name | Member | Arrow | Index | AtCpu | Load)
        if not lies_in_memory or _known(expression, self.scope) is not None:
            return self.value(expression)
        if self.scope.reads_memory:
            return self.load(self.spot(expression, cpu), expression.span)
        return self._memory_value(expression)

    def _variable(self, symbol: Symbol, cpu: Value | None, span: Span) -> Spot:
        if symbol.area is not Area.PERCPU:
            return Spot(terms.Number(self.symbol_address(symbol, 0)), symbol.type)
        chosen = cpu if cpu is not None else self.scope.cpu()
        if chosen is None:
            name = symbol.name
            help = f"write {name}@0"
            if isinstance(symbol.type, Scalar):  # of addresses there is no sum
                help += f" or sum({name})"
            self.problem("OPV522", f"{name} is percpu: of which CPU?", span, help)
            return NO_SPOT
        if self._is_no_cpu(chosen.term, span):
            return NO_SPOT
        # In a thread numbers of CPUs that do not exist give addresses where nothing is: a fault, as in C.
        first = self.symbol_address(symbol, 0)
        stride = self.symbol_address(symbol, 1) - first
        return Spot(plus(terms.Number(first), times(stride, chosen.term)), symbol.type)

    def _is_no_cpu(self, term: Term, span: Span) -> bool:
        """Whether a condition names a CPU that does not exist, which is reported."""
        cpus = self.scope.cpus
        if cpus is None or not isinstance(term, terms.Number) or 0 <= term.value < cpus:
            return False
        has = "CPU 0 alone" if cpus == 1 else f"CPUs 0 to {cpus - 1}"
        message = f"`{span.text}`: there is no CPU {term.value}, the scenario has {has}"
        self.problem("OPV530", message, span, f"write cpus {term.value + 1}")
        return True

    def _size_of(self, name: str, span: Span) -> Value:
        data, pointer = self.program.data, Pointer(None, self.program.abi.model.word)
        known: dict[str, Type | Symbol] = {**SCALARS, "ptr": pointer}
        known |= {**data.symbols, **data.structs}
        if name in known:
            return constant_value(known[name].size)
        self.problem("OPV516", f"{name} is not a type", span, did_you_mean(name, [*known]))
        return NOTHING

    def _offset_of(self, expression: OffsetOf) -> Value:
        structs, named, span = self.program.data.structs, expression.type.name, expression.span
        kind: Type | None = structs.get(named)
        if kind is None:
            message = f"{named} is not a struct"
            self.problem("OPV516", message, span, did_you_mean(named, [*structs]))
            return NOTHING
        offset = 0
        try:
            for name in expression.path:
                field = field_of(kind, type_text(kind), name, span)
                offset, kind = offset + field.offset, field.type
        except NoPlace as problem:
            self.no_place(problem)
            return NOTHING
        return constant_value(offset)


class _ScenarioNames:
    """Names of a thread or a condition, to readers of places."""

    scalars = SCALARS

    def __init__(self, scope: Scope, program: Program) -> None:
        self.scope = scope
        self.program = program

    def place(self, expression: Expression) -> TypedPlace:
        """The place that an expression is.  Raises NoPlace."""
        return resolve(with_threads(expression, self.scope.own), self)

    def base(self, name: Name) -> tuple[Base, Type | None]:
        """Memory of the thread's own, or a variable."""
        own = self.scope.own(name.name)
        if own is not None:
            return OfReader(name.name), own.type
        symbols = self.program.data.symbols
        symbol = symbols.get(name.name)
        if symbol is not None:
            return OfVariable(symbol), symbol.type
        what = self.scope.what(name.name)
        if what is not None:
            message = f"`{name.name}` is not a place in memory: it is {what}"
            raise NoPlace(Mistake.NOT_A_PLACE, message, name.span)
        raise unknown_name(name, [*self.scope.names(), *symbols])

    def pointer(self, arrow: Arrow) -> Type | None:
        """The type of a value, or of a pointer in memory; a plain ``ptr`` does not count as one."""
        known = _known(arrow.base, self.scope)
        type = known.type if known is not None else self.place(arrow.base).type
        return None if isinstance(type, Pointer) and type.target is None else type

    def loaded(self, load: Load) -> Type | None:
        """Nothing says what lies at an address."""
        return None

    def struct(self, name: str) -> Struct | None:
        """The struct of a name."""
        return self.program.data.structs.get(name)

    def structs(self) -> Mapping[str, Struct]:
        """Every struct."""
        return self.program.data.structs

    def word(self) -> int:
        """The bytes of a pointer."""
        return self.program.abi.model.word


def _known(expression: Expression, scope: Scope) -> Value | None:
    """The value of a name, or of a thread's local, that is not read from memory."""
    match expression:
        case Name(name=name):
            return scope.value(name)
        case Member():
            return scope.member(expression)
        case _:
            return None


_CODE_OF = {
    Mistake.UNKNOWN_NAME: "OPV512",
    Mistake.NOT_A_PLACE: "OPV517",
    Mistake.NO_FIELD: "OPV519",
    Mistake.NOT_AN_ARRAY: "OPV520",
    Mistake.NO_ELEMENT: "OPV521",
    Mistake.NOT_A_POINTER: "OPV518",
    Mistake.UNKNOWN_TYPE: "OPV516",
}
