"""Where the variables lie in their areas, and what they hold at first."""

from __future__ import annotations

from ..abi.pages import PageKind
from ..expression import AddressOf, Binary, Expression, Unary
from ..program import Area, Array, Pointer, Scalar, Struct, Symbol, SymbolAddress, Type, Value
from ..source import Span
from ..suggestion import did_you_mean
from ..text.names import type_text
from ..text.tree import Braces, Constant, Initial, Page, Text, Variable
from .places import Address, address_of
from .scope import Scope
from .types import aligned, alignment_of

Piece = tuple[int, int, Value]
_AREAS = {"percpu": Area.PERCPU, "shared": Area.SHARED}
# Bytes; several CPUs' areas, and all areas together, have to fit into a 32-bit address space.
AREA_MAX = {Area.PERCPU: 16 << 20, Area.SHARED: 128 << 20, Area.PAGE: 128 << 20}


def lay_out(scope: Scope) -> None:
    """Give the scope a symbol for every variable and page, in the order of the text."""
    ends = dict.fromkeys(Area, 0)
    for name, declaration in scope.declared.values.items():
        match declaration:
            case Variable():
                symbol = _variable(declaration, scope, ends)
            case Page():
                symbol = _page(declaration, scope, ends)
            case Constant():
                continue
        if symbol is not None:
            scope.symbols[name] = symbol
    for name, declaration in scope.declared.values.items():
        if isinstance(declaration, Variable) and declaration.initial is not None:
            _give_initial(name, declaration.initial, scope)


def _give_initial(name: str, initial: Initial, scope: Scope) -> None:
    symbol = scope.symbols.get(name)
    if symbol is not None and symbol.type is not None:
        pieces = initial_pieces(initial, symbol.type, scope)
        if symbol.area is Area.SHARED:
            _check_one_cpu(pieces, initial.span, scope)
        scope.symbols[name] = symbol._replace(initial=pieces)


def _check_one_cpu(pieces: tuple[Piece, ...], span: Span, scope: Scope) -> None:
    """What is shared can't hold the address of a percpu variable without saying of which CPU."""
    for _, _, value in pieces:
        if isinstance(value, SymbolAddress) and value.cpu is None:
            symbol = scope.symbols[value.symbol]
            if symbol.area is Area.PERCPU:
                scope.problems.error(
                    "OPV022",
                    f"`{value.symbol}` has an address for each CPU",
                    span,
                    help=f"say which: `&{value.symbol}@0`",
                )


def _variable(declaration: Variable, scope: Scope, ends: dict[Area, int]) -> Symbol | None:
    type = scope.type_of(declaration.type)
    if type is None:
        return None
    area = _AREAS[declaration.area]
    offset = aligned(ends[area], alignment_of(type))
    return _placed(declaration.name, area, offset, type, declaration.name_span, scope, ends)


def _page(declaration: Page, scope: Scope, ends: dict[Area, int]) -> Symbol | None:
    kinds = [kind.value for kind in PageKind]
    kind = next((each for each in PageKind if each.value == declaration.kind), None)
    if kind is None:
        scope.problems.error(
            "OPV035",
            f"the kind of page `{declaration.kind}` is unknown",
            declaration.kind_span,
            help=did_you_mean(declaration.kind, kinds) or f"the kinds are {', '.join(kinds)}",
        )
    type = scope.page_type(declaration)
    if type is None:
        return None
    symbol = _placed(
        declaration.name, Area.PAGE, ends[Area.PAGE], type, declaration.name_span, scope, ends
    )
    return symbol._replace(page_kind=kind or PageKind.MAPPED) if symbol is not None else None


def _placed(
    name: str,
    area: Area,
    offset: int,
    type: Type,
    span: Span,
    scope: Scope,
    ends: dict[Area, int],
) -> Symbol | None:
    end = offset + type.size
    if end > AREA_MAX[area]:
        scope.problems.error(
            "OPV033",
            f"with `{name}` the {area.value} data is larger than {AREA_MAX[area] >> 20} MiB",
            span,
        )
        return None
    ends[area] = end
    return Symbol(name, area, offset, type.size, type, place=span)


def initial_pieces(initial: Initial, type: Type, scope: Scope, at: int = 0) -> tuple[Piece, ...]:
    """What a value writes into a place of some type, ``at`` bytes from its start; zeros left out."""
    match initial, type:
        case Text(value=value, span=span), Array(element=Scalar(size=1), count=count):
            if len(value) > count:
                scope.problems.error(
                    "OPV019",
                    f"a text of {len(value)} bytes does not fit",
                    span,
                    help=f"there is room for {count}",
                )
                return ()
            return tuple((at + index, 1, byte) for index, byte in enumerate(value) if byte)
        case Braces(), Array() | Struct():
            return _parts(initial, type, scope, at)
        case (Text() | Braces()), _:
            _wrong_shape(initial, type, scope)
            return ()
        case _, Scalar() | Pointer():
            number = _scalar(initial, type, scope)
            return () if number is None or number == 0 else ((at, type.size, number),)
        case _:
            _wrong_shape(initial, type, scope)
            return ()


def _wrong_shape(initial: Initial, type: Type, scope: Scope) -> None:
    wants = {
        Scalar: "a number",
        Pointer: "a number or an address",
        Array: "{ … } with its elements",
        Struct: "{ … } with its members",
    }[type.__class__]
    if isinstance(type, Array) and isinstance(type.element, Scalar) and type.element.size == 1:
        wants += ' or "text"'
    scope.problems.error(
        "OPV032", f"a value of type {type_text(type)} is written as {wants}", initial.span
    )


def _parts(braces: Braces, type: Array | Struct, scope: Scope, at: int) -> tuple[Piece, ...]:
    """The elements or members in order; ``.name = value`` goes on from that member."""
    pieces: list[Piece] = []
    position = 0
    count = type.count if isinstance(type, Array) else len(type.members)
    seen: set[int] = set()
    for item in braces.items:
        if item.member is not None:
            member = scope.member(type, item.member, item.span)
            if member is None or not isinstance(type, Struct):
                continue
            position = type.members.index(member)
        if position >= count:
            what = "elements" if isinstance(type, Array) else "members"
            scope.problems.error("OPV032", f"{type_text(type)} has only {count} {what}", item.span)
            break
        if position in seen:
            scope.problems.error("OPV032", "this member has its value already", item.span)
        seen.add(position)
        if isinstance(type, Array):
            part, offset = type.element, position * type.element.size
        else:
            part, offset = type.members[position].type, type.members[position].offset
        pieces += initial_pieces(item.value, part, scope, at + offset)
        position += 1
    return tuple(pieces)


def _scalar(initial: Initial, type: Scalar | Pointer, scope: Scope) -> Value | None:
    assert not isinstance(initial, Text | Braces)
    if not has_address(initial):
        value = scope.evaluate(initial)
        return value if value is not None and scope.fits(value, type, initial.span) else None
    address = address_of(initial, scope, None)
    if address is None:
        return None
    if type.size != scope.abi.model.word:
        scope.problems.error(
            "OPV019",
            f"an address has {scope.abi.model.word} bytes and does not fit into {type_text(type)}",
            initial.span,
        )
        return None
    return symbol_value(address, scope, initial.span)


def symbol_value(address: Address, scope: Scope, span: Span) -> SymbolAddress | int | None:
    """An address that no argument takes part in."""
    if isinstance(address.value, SymbolAddress | int):
        return address.value
    scope.problems.error(
        "OPV022",
        f"`{span.text}` depends on an argument; only a variable's address can stand here",
        span,
    )
    return None


def has_address(expression: Expression) -> bool:
    """Whether an expression is made of an address."""
    match expression:
        case AddressOf():
            return True
        case Binary(left=left, right=right):
            return has_address(left) or has_address(right)
        case Unary(operand=operand):
            return has_address(operand)
        case _:
            return False
