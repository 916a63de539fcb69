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
from ..program import (
    Area,
    ArgumentValue,
    Array,
    Parameter,
    Pointer,
    Scalar,
    SlotAddress,
    SymbolAddress,
    Type,
)
from ..source import Span
from ..text.names import type_text
from ..text.tree import Constant
from .scope import Scope
from .types import SCALARS, number_text

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
    match expression:
        case Name(name=name, span=span):
            return _named(name, span, scope, parameters)
        case Member(base=Load() as base, name=name, span=span) if name in SCALARS or name == "ptr":
            load = place_of(base, scope, parameters)
            return None if load is None else Address(load.value, scope.named_type(name, span))
        case Member(base=base, name=name, span=span):
            inside = place_of(base, scope, parameters)
            if inside is None:
                return None
            return _field(inside, name, _last(span, name), scope, base)
        case Arrow(base=base, name=name, span=span):
            pointer = _pointer_argument(base, name, span, scope, parameters)
            return (
                None if pointer is None else _field(pointer, name, _last(span, name), scope, base)
            )
        case Index(base=base, position=index):
            inside = place_of(base, scope, parameters)
            number = scope.evaluate(
                *(index, "a constant index", parameters or ()),
                help=f"hand in the address: `run VECTOR(&{expression.span.text})`, a parameter"
                " `p: ptr` here, and `[p]` for the place",
            )
            if inside is None or number is None:
                return None
            return _element(inside, number, expression, scope)
        case AtCpu(base=base, cpu=cpu, span=span):
            inside = place_of(base, scope, parameters)
            number = scope.evaluate(cpu, "a constant number of a CPU", parameters or ())
            if inside is None or number is None:
                return None
            return _on_cpu(inside, number, span, scope)
        case Load(address=address):
            return address_of(address, scope, parameters)
        case _:
            scope.problems.error(
                *("OPV015", f"`{expression.span.text}` is no place in memory", expression.span),
                help="a place is a variable, a field or element of one, `node->next` or `[address]`",
            )
            return None


def _last(span: Span, name: str) -> Span:
    """The name at the end of a span."""
    return Span(span.file, span.end - len(name), span.end)


def _named(name: str, span: Span, scope: Scope, parameters: Parameters | None) -> Address | None:
    if parameters is not None and name in parameters:
        type = parameters[name].type
        return None if type is UNKNOWN else Address(SlotAddress(name), type)
    symbol = scope.symbols.get(name)
    if symbol is not None:
        return Address(SymbolAddress(name), symbol.type)
    declaration = scope.values.get(name)
    if isinstance(declaration, Constant):
        scope.problems.error(
            *("OPV015", f"`{name}` is a constant, which is no place in memory", span),
            help=f"write `={name}` for a constant in the literal pool",
        )
    elif declaration is None:
        known = [*(parameters or ()), *scope.values]
        scope.problems.unknown(
            *("OPV010", f"the name `{name}` is unknown", name, span, known),
            f"declare it: `shared {name}: u64` or `percpu {name}: u64`",
        )
    return None


def _field(
    inside: Address, name: str, span: Span, scope: Scope, base: Expression
) -> Address | None:
    if inside.type is None:
        scope.problems.error(
            *("OPV017", f"`{base.span.text}` has no type, so that `{name}` means nothing", span),
            help="give the parameter a type: `ptr<T>`",
        )
        return None
    member = scope.member(inside.type, name, span)
    return None if member is None else Address(moved(inside.value, member.offset), member.type)


def _pointer_argument(
    base: Expression, name: str, span: Span, scope: Scope, parameters: Parameters | None
) -> Address | None:
    """What a parameter points to."""
    if isinstance(base, Name):
        parameter = (parameters or {}).get(base.name)
        if parameter is not None and parameter.type is UNKNOWN:
            return None
        if parameter is not None and isinstance(parameter.type, Pointer):
            target = scope.target(parameter.type)
            if target is None and parameter.type.target is not None:
                return None  # an unknown type, reported where it stands
            return Address(ArgumentValue(base.name), target)
        if parameter is not None:
            scope.problems.error(
                *(
                    "OPV015",
                    f"`{base.name}` is a {type_text(parameter.type)}, no pointer",
                    base.span,
                ),
                help=f"give the parameter the type `ptr<T>`, T being a struct with `{name}`",
            )
            return None
        if base.name not in scope.values:
            known = [*(parameters or ()), *scope.values]
            scope.problems.unknown(
                "OPV010", f"the name `{base.name}` is unknown", base.name, base.span, known
            )
            return None
    scope.problems.error(
        *("OPV015", f"`{span.text}` would follow a pointer that lies in memory", span),
        help="no op can do that; load the pointer first and hand it in as a parameter",
    )
    return None


def _element(inside: Address, index: int, expression: Index, scope: Scope) -> Address | None:
    if not isinstance(inside.type, Array):
        what = "has no type" if inside.type is None else f"is a {type_text(inside.type)}, no array"
        scope.problems.error("OPV017", f"`{expression.base.span.text}` {what}", expression.span)
        return None
    if not 0 <= index < inside.type.count:
        scope.problems.error(
            "OPV018",
            f"there is no element {number_text(index)}: `{expression.base.span.text}` has"
            f" {inside.type.count}, 0 to {inside.type.count - 1}",
            expression.position.span,
        )
        return None
    element = inside.type.element
    return Address(moved(inside.value, index * element.size), element)


def _on_cpu(inside: Address, cpu: int, span: Span, scope: Scope) -> Address | None:
    value = inside.value
    if not isinstance(value, SymbolAddress) or scope.symbols[value.symbol].area is not Area.PERCPU:
        scope.problems.error("OPV015", f"`{span.text}`: only a percpu variable has CPUs", span)
        return None
    if value.cpu is not None:
        scope.problems.error("OPV015", f"`{span.text}` names two CPUs", span)
        return None
    if cpu < 0:
        scope.problems.error("OPV019", f"there is no CPU {cpu}", span)
        return None
    return Address(value._replace(cpu=cpu), inside.type)


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
                *("OPV015", f"`{name}` is memory, where an address must stand", span),
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
                    *("OPV019", f"{number_text(number)} is no address", expression.span),
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
