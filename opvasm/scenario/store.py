"""Setting memory from what a test says: ``place = value`` and ``fill place with value``."""

from __future__ import annotations

from ..expression import Expression, Unevaluable
from ..machine import Fault
from ..program import Array, Pointer, Scalar, Struct, Type
from ..text.tree import Braces, Initial, Item, Text
from .evaluate import Place, Scope, evaluate, number
from .world import World


def store_initial(world: World, place: Place, value: Initial, scope: Scope) -> None:
    """Set a place to a number, a string, or the parts between braces.

    Raises Unevaluable where the value does not fit the place's type or nothing is mapped there.
    """
    if place.type is None:
        raise Unevaluable(
            "the place has no type; write `[address].u64` or another size", value.span
        )
    _write(world, place.address, value_bytes(value, place.type, scope), value)


def value_bytes(value: Initial, kind: Type, scope: Scope) -> bytes:
    """A value as the bytes of a type.  Raises Unevaluable where it does not fit."""
    match value, kind:
        case Text(value=data), Array(element=Scalar(size=1), size=size):
            if len(data) > size:
                reason = f"the string has {len(data)} bytes, the place {size}"
                raise Unevaluable(reason, value.span)
            return data + bytes(size - len(data))
        case Braces(items=items), Array(element=element, count=count):
            if len(items) > count:
                raise Unevaluable(f"{len(items)} values for {count} elements", value.span)
            for item in items:
                if item.member is not None:
                    raise Unevaluable("an array has elements, no fields", item.span)
            parts = [value_bytes(item.value, element, scope) for item in items]
            return b"".join(parts) + bytes(element.size * (count - len(items)))
        case Braces(items=items), Struct():
            return _struct_bytes(items, kind, scope)
        case (Text() | Braces()), _:
            raise Unevaluable("these parts do not fit the place's type", value.span)
        case _, (Array() | Struct()):
            whole = evaluate(value, scope)
            if isinstance(whole, bytes) and len(whole) == kind.size:
                return whole
            raise Unevaluable(
                f"`{value.span.text}` is not {kind.size} bytes of such a place", value.span
            )
        case _, (Scalar() | Pointer()):
            return number_bytes(number(value, scope), kind, value, scope)


def number_bytes(value: int, kind: Scalar | Pointer, written: Expression, scope: Scope) -> bytes:
    """A number as the bytes of its type.  Raises Unevaluable when it is out of range."""
    signed = isinstance(kind, Scalar) and kind.signed
    bits = 8 * kind.size
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    if not low <= value <= high:
        name = kind.name if isinstance(kind, Scalar) else "ptr"
        raise Unevaluable(f"{value} does not fit {name}: {low} to {high}", written.span)
    return value.to_bytes(kind.size, scope.program.abi.model.byteorder, signed=signed)


def _struct_bytes(items: tuple[Item, ...], kind: Struct, scope: Scope) -> bytes:
    """Members by name or in their order, each once; one without a name follows the one before."""
    image = bytearray(kind.size)
    members = {member.name: position for position, member in enumerate(kind.members)}
    given: set[int] = set()
    position = 0
    for item in items:
        if item.member is not None:
            if item.member not in members:
                raise Unevaluable(f"struct {kind.name} has no field `{item.member}`", item.span)
            position = members[item.member]
        if position >= len(kind.members):
            raise Unevaluable(f"struct {kind.name} has only {position} fields", item.span)
        member = kind.members[position]
        if position in given:
            raise Unevaluable(f"`{member.name}` has its value already", item.span)
        given.add(position)
        data = value_bytes(item.value, member.type, scope)
        image[member.offset : member.offset + len(data)] = data
        position += 1
    return bytes(image)


def fill_place(
    world: World, place: Place, value: Expression, scope: Scope, written: Expression
) -> None:
    """Set each element of an array; ``index`` in the value is the element's number.

    Raises Unevaluable where the place is not an array of numbers or a value does not fit.
    """
    kind = place.type
    if not isinstance(kind, Array) or not isinstance(kind.element, Scalar | Pointer):
        raise Unevaluable(f"`{written.span.text}` is not an array of numbers", written.span)
    element = kind.element
    # One table of names for all elements: arrays have thousands of them.
    names = dict(scope.names)
    inside = scope._replace(names=names)
    parts = []
    for index in range(kind.count):
        names["index"] = index
        parts.append(number_bytes(number(value, inside), element, value, scope))
    _write(world, place.address, b"".join(parts), value)


def _write(world: World, address: int, data: bytes, written: Initial) -> None:
    """Write as the process would before the test.  Raises Unevaluable where nothing is mapped."""
    try:
        world.set_memory(address, data)
    except Fault as fault:
        raise Unevaluable(f"it can't be set: {fault}", written.span) from None
