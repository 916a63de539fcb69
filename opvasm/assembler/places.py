"""Places in memory and addresses: what ``head``, ``node->next``, ``[p + 8]``, ``&x`` stand for."""

from __future__ import annotations

from ..expression import (
    AddressOf,
    Arrow,
    AtCpu,
    Binary,
    Expression,
    Index,
    Load,
    Member,
    Name,
    Number,
    Unary,
)
from ..light_typing import NamedTuple
from ..places import (
    REPORTED,
    AtAddress,
    Base,
    Mistake,
    NoPlace,
    OfReader,
    OfVariable,
    TypedPlace,
    resolve,
    values_in,
)
from ..program import (
    Area,
    ArgumentValue,
    Parameter,
    Pointer,
    Scalar,
    SlotAddress,
    SymbolAddress,
    Type,
)
from ..source import Span
from .scope import Scope, ScopeNames
from .types import number_text

AddressValue = int | SymbolAddress | ArgumentValue | SlotAddress
Parameters = dict[str, Parameter]
# The type of a parameter whose own type is wrong: whatever an op does with it, nobody complains.
UNKNOWN = Scalar("?", 1, signed=False)


class Address(NamedTuple):
    """An address as a value, and the type of what lies there, where it is known."""

    value: AddressValue
    type: Type | None


def moved(value: AddressValue, offset: int) -> AddressValue:
    """An address so many bytes further."""
    if not offset:
        return value
    if isinstance(value, int):
        return value + offset
    return value._replace(addend=value.addend + offset)


def place_of(expression: Expression, scope: Scope, parameters: Parameters | None) -> Address | None:
    """The address and type of a place in memory.

    ``parameters`` are those of the vector around it, None where there is none.
    """
    try:
        place = resolve(expression, _VectorNames(scope, parameters))
    except NoPlace as problem:
        for each in values_in(expression):
            if not _is_address(each, scope, parameters):
                scope.evaluate(each, "a constant", parameters or ())
        scope.no_place(problem)
        return None
    if place.cpu is None and not place.elements:
        match place.base:
            case OfVariable(symbol=symbol):
                return Address(SymbolAddress(symbol.name, place.offset), place.type)
            case OfReader(name=name):
                return Address(SlotAddress(name, place.offset), place.type)
            case AtAddress():
                pass
    value = _base(place, expression.span, scope, parameters)
    offset: int | None = place.offset
    for element in place.elements:
        number = scope.evaluate(
            element.index,
            "a constant index",
            parameters or (),
            f"hand in the address: `run VECTOR(&{expression.span.text})`, a parameter `p: ptr` here,"
            " and `[p]` for the place",
        )
        try:
            step = None if number is None else element.checked(number)
        except NoPlace as problem:
            scope.no_place(problem)
            step = None
        offset = None if step is None or offset is None else offset + step
    if value is None or offset is None:
        return None
    return Address(moved(value, offset), place.type)


class _VectorNames(ScopeNames):
    """Names in a vector's operands and in initial values: parameters, then variables."""

    def __init__(self, scope: Scope, parameters: Parameters | None) -> None:
        self.scope = scope
        self.parameters = parameters or {}

    def base(self, name: Name) -> tuple[Base, Type | None]:
        """A parameter's slot, or a variable."""
        parameter = self.parameters.get(name.name)
        if parameter is None:
            return super().base(name)
        if parameter.type is UNKNOWN:
            raise REPORTED
        return OfReader(name.name), parameter.type

    def known(self) -> list[str]:
        """Parameters, too."""
        return [*self.parameters, *super().known()]

    def pointer(self, arrow: Arrow) -> Type | None:
        """An op can follow an argument, but not a pointer that lies in memory."""
        if isinstance(arrow.base, Name):
            parameter = self.parameters.get(arrow.base.name)
            if parameter is None:
                super().base(arrow.base)  # unknown names first
            elif parameter.type is UNKNOWN:
                raise REPORTED
            else:
                return self.readable(parameter.type)
        raise NoPlace(
            Mistake.NOT_A_PLACE,
            f"`{arrow.span.text}` would follow a pointer that lies in memory",
            arrow.span,
            "no op can do that; load the pointer first and hand it in as a parameter",
        )

    def loaded(self, load: Load) -> Type | None:
        """What an argument points to, or what `&` was taken of."""
        match load.address:
            case AddressOf(place=place):
                return resolve(place, self).type
            case Name(name=name) if name in self.parameters:
                type = self.parameters[name].type
                return self.scope.target(type) if isinstance(type, Pointer) else None
            case _:
                return None


def _base(
    place: TypedPlace, span: Span, scope: Scope, parameters: Parameters | None
) -> AddressValue | None:
    """Where a place begins, on the CPU that it names."""
    cpu: int | None = None
    if place.cpu is not None:
        cpu = scope.evaluate(place.cpu, "a constant number of a CPU", parameters or ())
        if cpu is None:
            return None
        percpu = isinstance(place.base, OfVariable) and place.base.symbol.area is Area.PERCPU
        if not percpu:
            message = f"`{span.text}`: only a percpu variable has CPUs"
            scope.problems.error("OPV015", message, span)
            return None
        if cpu < 0:
            scope.problems.error("OPV019", f"there is no CPU {cpu}", place.cpu.span)
            return None
    match place.base:
        case OfVariable(symbol=symbol):
            return SymbolAddress(symbol.name, cpu=cpu)
        case OfReader(name=name):
            return SlotAddress(name)
        case AtAddress(address=address):
            found = address_of(address, scope, parameters)
            return None if found is None else found.value


def address_of(
    expression: Expression, scope: Scope, parameters: Parameters | None
) -> Address | None:
    """An address as a value: ``&x``, a parameter, either with a constant added, or a number.

    The type is that of what lies there.
    """
    match expression:
        case AddressOf(place=place):
            return place_of(place, scope, parameters)
        case Name(name=name) if parameters is not None and name in parameters:
            type = parameters[name].type
            if type is UNKNOWN:
                return None
            target = scope.target(type) if isinstance(type, Pointer) else None
            return Address(ArgumentValue(name), target)
        case Name(name=name, span=span) if name in scope.symbols:
            scope.problems.error(
                "OPV015",
                f"`{name}` is memory, where an address must stand",
                span,
                help=f"its address is `&{name}`",
            )
            return None
        case Binary(operator="+" | "-" as operator, left=left, right=right) if _is_address(
            left, scope, parameters
        ) or _is_address(right, scope, parameters):
            if operator == "+" and not _is_address(left, scope, parameters):
                left, right = right, left
            base = address_of(left, scope, parameters)
            offset = scope.evaluate(right, "a constant number of bytes", parameters or ())
            if base is None or offset is None:
                return None
            offset = -offset if operator == "-" else offset
            return Address(moved(base.value, offset), None) if offset else base
        case _:
            number = scope.evaluate(
                expression, "a constant, or one parameter plus a constant,", parameters or ()
            )
            if number is None:
                return None
            if not 0 <= number < scope.abi.model.addresses:
                scope.problems.error(
                    "OPV019",
                    f"{number_text(number)} is not an address",
                    expression.span,
                    help=f"addresses are 0 to {scope.abi.model.addresses - 1:#x}",
                )
                return None
            return Address(number, None)


def _is_address(expression: Expression, scope: Scope, parameters: Parameters | None) -> bool:
    """Whether an expression has an address or a parameter in it, as opposed to constants only."""
    match expression:
        case AddressOf():
            return True
        case Name(name=name):
            return (parameters is not None and name in parameters) or name in scope.symbols
        case Unary(operand=operand):
            return _is_address(operand, scope, parameters)
        case Binary(left=left, right=right):
            return _is_address(left, scope, parameters) or _is_address(right, scope, parameters)
        case Number():
            return False
        case _:
            return isinstance(expression, Member | Arrow | Index | AtCpu | Load)
