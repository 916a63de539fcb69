"""The values of expressions on a machine: for tests, conditions of the debugger, scenarios.

An expression means a place in memory (with the type that it was declared with) or a value: a whole
number, or the bytes of an array or struct.  Comparisons of bytes know only ``==`` and ``!=``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..errors import Crash
from ..expression import (
    COMPARISONS,
    AddressOf,
    Arrow,
    Binary,
    Call,
    Expression,
    Load,
    Member,
    Name,
    Number,
    OffsetOf,
    SizeOf,
    TypeName,
    Unary,
    Unevaluable,
    apply_binary,
    apply_unary,
    constant,
)
from ..light_typing import NamedTuple
from ..machine import Fault
from ..places import (
    SCALARS,
    AtAddress,
    Base,
    NoPlace,
    OfReader,
    OfVariable,
    field_of,
    is_every_cpus,
    resolve,
    unknown_name,
)
from ..program import Array, Layout, Pointer, Program, Scalar, Struct, Type
from ..suggestion import did_you_mean
from ..text.names import type_text

Bytes = bytes | bytearray
Value = int | bytes


class Place(NamedTuple):
    """Memory at an address, of a type; None where nothing says what lies there."""

    address: int
    type: Type | None


class Scope(NamedTuple):
    """What names mean and how memory is read.

    ``cpu`` chooses the instance of a percpu variable that no ``@cpu`` follows; ``names`` holds
    further values (arguments, ``index``, a thread's local as ``thread.local``); ``read(address, length)`` gives bytes and raises Fault;
    ``cpus`` is the number of possible CPUs, over which ``sum`` adds.
    """

    program: Program
    layout: Layout
    cpu: int
    cpus: int
    read: Callable[[int, int], Bytes]
    names: Mapping[str, int] = {}


def evaluate(expression: Expression, scope: Scope) -> Value:
    """The value of an expression.

    Raises Unevaluable where it has none: an unknown name, memory that is not mapped, a division by
    zero, a comparison of values of different kinds.
    """
    match expression:
        case Number(value=value):
            return value
        case AddressOf(place=place):
            return locate(place, scope).address
        case SizeOf() | OffsetOf():
            return constant(expression, lambda leaf: _measure(leaf, scope))
        case Unary(operator=operator, operand=operand):
            return apply_unary(operator, number(operand, scope))
        case Binary():
            return _binary(expression, scope)
        case Call():
            return _call(expression, scope)
        case Name(name=name) if name in scope.names:
            return scope.names[name]
        case Member() if (name := "".join(expression.span.text.split())) in scope.names:
            return scope.names[name]
        case Name(name=name) if name in scope.program.data.constants:
            return scope.program.data.constants[name]
        case _:
            return read_place(locate(expression, scope), expression, scope)


def number(expression: Expression, scope: Scope) -> int:
    """The value of an expression that must be a whole number.  Raises Unevaluable."""
    value = evaluate(expression, scope)
    if isinstance(value, int):
        return value
    text = expression.span.text
    reason = f"`{text}` is {len(value)} bytes, where a number is needed; its address is `&{text}`"
    raise Unevaluable(reason, expression.span)


def locate(expression: Expression, scope: Scope) -> Place:
    """The place that an expression names.  Raises Unevaluable where it names none."""
    try:
        place = resolve(expression, _MachineNames(scope))
        if place.cpu is not None:
            scope = scope._replace(cpu=_cpu(place.cpu, scope))
        address = place.offset
        match place.base:
            case OfVariable(symbol=symbol):
                address += scope.layout.symbol_address(symbol, scope.cpu)
            case AtAddress(address=pointer):
                address += number(pointer, scope)
            case OfReader(name=name):
                raise Crash(f"{name}: a test has no memory of its own")
        for element in place.elements:
            address += element.checked(number(element.index, scope))
    except NoPlace as problem:
        raise unevaluable(problem, expression) from None
    return Place(address, place.type)


def unevaluable(problem: NoPlace, expression: Expression) -> Unevaluable:
    """What is wrong with a place, as an expression that has no value."""
    hint = f"; {problem.near}" if problem.near else ""
    return Unevaluable(problem.message + hint, problem.span or expression.span)


class _MachineNames:
    """Names on a machine: variables, and pointers that lie in memory."""

    scalars = SCALARS

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    def base(self, name: Name) -> tuple[Base, Type | None]:
        """A variable."""
        data = self.scope.program.data
        symbol = data.symbols.get(name.name)
        if symbol is None:
            raise unknown_name(name, [*data.symbols, *data.constants, *self.scope.names])
        return OfVariable(symbol), symbol.type

    def pointer(self, arrow: Arrow) -> Type | None:
        """The type of the pointer's own place."""
        return resolve(arrow.base, self).type

    def loaded(self, load: Load) -> Type | None:
        """Nothing says what lies at an address."""
        return None

    def struct(self, name: str) -> Struct | None:
        """The struct of a name."""
        return self.scope.program.data.structs.get(name)

    def structs(self) -> Mapping[str, Struct]:
        """Every struct."""
        return self.scope.program.data.structs

    def word(self) -> int:
        """The bytes of a pointer."""
        return self.scope.program.abi.model.word


def read_place(place: Place, expression: Expression, scope: Scope) -> Value:
    """What a place holds: a number, or the bytes of an array or struct.  Raises Unevaluable."""
    if place.type is None:
        raise Unevaluable(
            f"`{expression.span.text}` has no type; write `[address].u64` or another size",
            expression.span,
        )
    try:
        data = bytes(scope.read(place.address, place.type.size))
    except Fault as fault:
        raise Unevaluable(f"it can't be read: {fault}", expression.span) from None
    return decode_value(data, place.type, scope.program)


def decode_value(data: bytes, kind: Type, program: Program) -> Value:
    """Bytes in memory as a value of a type."""
    match kind:
        case Scalar(signed=signed):
            return int.from_bytes(data, program.abi.model.byteorder, signed=signed)
        case Pointer():
            return int.from_bytes(data, program.abi.model.byteorder)
        case Array() | Struct():
            return data


def _cpu(cpu: Expression, scope: Scope) -> int:
    value = number(cpu, scope)
    if not 0 <= value < scope.cpus:
        raise Unevaluable(f"CPU {value} does not exist; there are 0 to {scope.cpus - 1}", cpu.span)
    return value


def _named_type(name: str, expression: Expression, scope: Scope) -> Type:
    """The type that is meant by ``.u32`` after a load."""
    structs = scope.program.data.structs
    if name in structs:
        return structs[name]
    if name == "ptr":
        return Pointer(None, scope.program.abi.model.word)
    if name in SCALARS:
        return SCALARS[name]
    hint = did_you_mean(name, [*SCALARS, "ptr", *structs])
    raise Unevaluable(
        f"no type is called `{name}`" + (f"; {hint}" if hint else ""), expression.span
    )


def _binary(expression: Binary, scope: Scope) -> int:
    operator = expression.operator
    if operator in ("&&", "||"):
        left = number(expression.left, scope)
        if bool(left) == (operator == "||"):
            return int(bool(left))
        return int(bool(number(expression.right, scope)))
    first, second = evaluate(expression.left, scope), evaluate(expression.right, scope)
    if isinstance(first, int) and isinstance(second, int):
        try:
            return apply_binary(operator, first, second)
        except ValueError as error:
            raise Unevaluable(str(error), expression.span) from None
    if isinstance(first, bytes) and isinstance(second, bytes) and operator in ("==", "!="):
        return int((first == second) == (operator == "=="))
    what = "compared" if operator in COMPARISONS else f"joined by {operator}"
    raise Unevaluable(
        f"`{expression.left.span.text}` and `{expression.right.span.text}` can't be {what}: "
        "one is a number, the other bytes, or both are bytes",
        expression.span,
    )


def _call(call: Call, scope: Scope) -> int:
    """``sum(x)``: over all CPUs' instances of a percpu place, the elements of an array, or both."""
    if call.function != "sum" or len(call.arguments) != 1:
        raise Unevaluable(
            f"`{call.function}` with {len(call.arguments)} arguments is not a function here; "
            "there is `sum(x)`",
            call.span,
        )
    (argument,) = call.arguments
    cpus = (
        range(scope.cpus) if is_every_cpus(argument, scope.program.data.symbols) else (scope.cpu,)
    )
    total = 0
    for cpu in cpus:
        place = locate(argument, scope._replace(cpu=cpu))
        parts = [place]
        if isinstance(place.type, Array):
            element, size = place.type.element, place.type.element.size
            parts = [Place(place.address + i * size, element) for i in range(place.type.count)]
        for part in parts:
            value = read_place(part, argument, scope)
            if not isinstance(value, int):
                raise Unevaluable("`sum` adds numbers, not arrays or structs", argument.span)
            total += value
    return total


def _measure(leaf: Name | SizeOf | OffsetOf, scope: Scope) -> int | None:
    """The number that a name stands for, ``sizeof`` or ``offsetof`` in a constant expression."""
    match leaf:
        case Name(name=name):
            return scope.program.data.constants.get(name)
        case SizeOf(type=type_name):
            return _type_size(type_name, scope)
        case OffsetOf(type=type_name, path=path):
            offset, kind = 0, _named_type(type_name.name, leaf, scope)
            try:
                for name in path:
                    field = field_of(kind, type_text(kind), name, leaf.span)
                    offset, kind = offset + field.offset, field.type
            except NoPlace as problem:
                raise unevaluable(problem, leaf) from None
            return offset


def _type_size(type_name: TypeName, scope: Scope) -> int:
    """Bytes of a type as written, or of a variable's type."""
    symbol = scope.program.data.symbols.get(type_name.name)
    if symbol is not None and not type_name.counts:
        return symbol.size
    size = _named_type(type_name.name, Name(type_name.name, type_name.span), scope).size
    for count in type_name.counts:
        size *= constant(count, lambda leaf: _measure(leaf, scope))
    return size
