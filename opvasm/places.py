"""Places in memory, resolved once: what ``head``, ``node->next``, ``nodes[i].value``, ``[p + 8]``, ``x@1`` are.

``resolve`` is the only walk over such an expression that gives it a meaning: a base, a number of
bytes, elements whose index is known later, a type, a CPU.  The assembler makes relocations of that,
tests and the debugger addresses, the explorer functions of a state, the exports terms of their
language.  What is wrong with a place is said here, in the same words to all; a customer chooses the
code of its own phase by the Mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from .expression import Arrow, AtCpu, Expression, Index, Load, Member, Name, Number
from .light_enum import Enum
from .light_typing import Protocol, Record
from .program import Area, Array, Member as Field, Pointer, Scalar, Struct, Symbol, Type
from .source import Span
from .suggestion import did_you_mean, listing
from .text.names import type_text

SCALARS: Mapping[str, Scalar] = {
    f"{letter}{8 * size}": Scalar(f"{letter}{8 * size}", size, letter == "i")
    for letter in "ui"
    for size in (1, 2, 4, 8)
}
POINTER = "ptr"


class OfVariable(Record):
    """A variable of the program; of a percpu one, the instance of the place's CPU."""

    symbol: Symbol


class OfReader(Record):
    """Memory that only the reader has: a vector's argument as it lies in its slot, a thread's own."""

    name: str


class AtAddress(Record):
    """Memory at an address, which is the value of an expression: ``[address]``, ``pointer->``."""

    address: Expression


Base = OfVariable | OfReader | AtAddress


class Element(Record):
    """``[index]`` in a place: ``index`` times ``stride`` bytes, of ``count`` elements."""

    index: Expression
    stride: int
    count: int
    array: Span

    def checked(self, number: int) -> int:
        """The offset (bytes) of an element whose number is known.  Raises NoPlace."""
        if 0 <= number < self.count:
            return number * self.stride
        has = f"{self.count}, 0 to {self.count - 1}"
        raise NoPlace(
            Mistake.NO_ELEMENT,
            f"there is no element {_number(number)}: `{self.array.text}` has {has}",
            self.index.span,
        )


class TypedPlace(Record):
    """A place in memory: ``base + offset + Σ index × stride`` bytes, of a type where one is known.

    ``cpu`` is what stands after its ``@``: it chooses the instance of a percpu variable, also of
    those that the place's own pointers are read from.  None: the reader's own CPU.
    """

    base: Base
    type: Type | None
    offset: int = 0
    elements: tuple[Element, ...] = ()
    cpu: Expression | None = None


class Mistake(Enum):
    """What can be wrong with a place; each customer has a code for each."""

    UNKNOWN_NAME = "the name is not known"
    NOT_A_PLACE = "the expression is not a place"
    NO_FIELD = "what has no such field"
    NOT_AN_ARRAY = "an element of what is not an array"
    NO_ELEMENT = "an element that does not exist"
    NOT_A_POINTER = "-> after what is not a pointer to a struct"
    UNKNOWN_TYPE = "the type of a load is not known"


class NoPlace(Exception):
    """An expression is not a place, and why; ``mistake`` None where that was reported elsewhere.

    ``name`` and ``known``: the word that may be misspelt, and what it could have been.
    """

    def __init__(
        self,
        mistake: Mistake | None,
        message: str = "",
        span: Span | None = None,
        help: str | None = None,
        name: str = "",
        known: Iterable[str] = (),
    ) -> None:
        super().__init__(message)
        self.mistake = mistake
        self.message = message
        self.span = span
        self.name = name
        self.known = tuple(known)
        self._help = help

    @property
    def near(self) -> str | None:
        """A line of help with the known name that is nearest to a misspelt one."""
        return did_you_mean(self.name, self.known) if self.name else None

    @property
    def help(self) -> str | None:
        """The known name that is nearest, else what to do."""
        return self.near or self._help


REPORTED = NoPlace(None)


class Names(Protocol):
    """What names mean to a reader of places.  ``scalars`` are the types of numbers in memory."""

    scalars: Mapping[str, Scalar]

    def base(self, name: Name) -> tuple[Base, Type | None]:
        """The memory of a name, and its type.  Raises NoPlace."""

    def pointer(self, arrow: Arrow) -> Type | None:
        """The type of the value before ``->``; None where it has none.  Raises NoPlace."""

    def loaded(self, load: Load) -> Type | None:
        """The type of ``[address]`` where the address says it, as that of a ``ptr<T>``."""

    def struct(self, name: str) -> Struct | None:
        """The struct of a name."""

    def structs(self) -> Mapping[str, Struct]:
        """Every struct."""

    def word(self) -> int:
        """The bytes of a pointer."""


def resolve(expression: Expression, names: Names) -> TypedPlace:
    """The place that an expression is.  Raises NoPlace."""
    match expression:
        case Name():
            base, type = names.base(expression)
            return TypedPlace(base, type)
        case AtCpu(base=inner, cpu=cpu, span=span):
            place = resolve(inner, names)
            if place.cpu is not None:
                raise NoPlace(Mistake.NOT_A_PLACE, f"`{span.text}` names two CPUs", span)
            return place._replace(cpu=cpu)
        case Member(base=Load() as load, name=name, span=span):
            return _typed_load(load, name, span, names)
        case Member(base=inner, name=name, span=span):
            return _field(resolve(inner, names), inner, name, span)
        case Arrow(base=inner, name=name, span=span):
            pointed = TypedPlace(AtAddress(inner), _target(expression, names))
            return _field(pointed, inner, name, span)
        case Index(base=inner):
            return _element(resolve(inner, names), expression)
        case Load(address=address):
            return TypedPlace(AtAddress(address), names.loaded(expression))
        case _:
            raise NoPlace(
                Mistake.NOT_A_PLACE,
                f"`{expression.span.text}` is not a place in memory",
                expression.span,
                "a place is a variable, a field or element of one, `node->next` or `[address]`",
            )


def with_threads(expression: Expression, own: Callable[[str], object]) -> Expression:
    """The same place, in which ``thread.variable`` is one name.

    So do conditions name memory that is a thread's own.  ``own`` knows such names, and gives None
    for others.
    """
    match expression:
        case Member(base=Name(name=thread), name=variable, span=span) if (
            own(f"{thread}.{variable}") is not None
        ):
            return Name(f"{thread}.{variable}", span)
        case Member(base=base) | Index(base=base) | AtCpu(base=base):
            inner = with_threads(base, own)
            return expression if inner is base else expression._replace(base=inner)
        case _:
            return expression


def values_in(expression: Expression) -> Iterator[Expression]:
    """The values along a place: indexes, CPUs, addresses; what is wrong with them is apart."""
    match expression:
        case AtCpu(base=inner, cpu=value) | Index(base=inner, position=value):
            yield from values_in(inner)
            yield value
        case Member(base=inner):
            yield from values_in(inner)
        case Arrow(base=value) | Load(address=value):
            yield value
        case _:
            return


def is_every_cpus(place: Expression, symbols: Mapping[str, Symbol]) -> bool:
    """Whether a place is (a part of) a percpu variable, with no CPU named."""
    while isinstance(place, Member | Index):
        place = place.base
    symbol = symbols.get(place.name) if isinstance(place, Name) else None
    return symbol is not None and symbol.area is Area.PERCPU


def unknown_name(name: Name, known: Iterable[str], help: str | None = None) -> NoPlace:
    """A name that nobody has declared, with what it could have been."""
    message = f"the name `{name.name}` is unknown"
    from .text.foreign_words import FOREIGN_VALUES  # only where something is wrong

    help = FOREIGN_VALUES.get(name.name, help)
    return NoPlace(Mistake.UNKNOWN_NAME, message, name.span, help, name.name, known)


def _last(span: Span, name: str) -> Span:
    """The name at the end of a span."""
    return Span(span.file, span.end - len(name), span.end)


def _number(value: int) -> str:
    return str(value) if abs(value) < 1 << 20 else f"{value:#x}"


def _typed_load(load: Load, name: str, span: Span, names: Names) -> TypedPlace:
    """``[address].u32``; the name is a type's, or a field's where the type is known."""
    place, last = TypedPlace(AtAddress(load.address), None), _last(span, name)
    if name in names.scalars:
        return place._replace(type=names.scalars[name])
    if name == POINTER:
        return place._replace(type=Pointer(None, names.word()))
    type = names.loaded(load)
    if type is not None:
        return _field(place._replace(type=type), load, name, span)
    struct = names.struct(name)
    if struct is not None:
        return place._replace(type=struct)
    known = (*names.scalars, POINTER, *names.structs())
    message = f"the type `{name}` is unknown"
    raise NoPlace(Mistake.UNKNOWN_TYPE, message, last, "write `[address].u64`", name, known)


def _field(place: TypedPlace, base: Expression, name: str, span: Span) -> TypedPlace:
    type = place.type
    member = type.member(name) if isinstance(type, Struct) else None
    if member is None:  # the words for what is wrong take longer than all of the rest
        member = field_of(type, base.span.text, name, _last(span, name))
    offset = place.offset + member.offset
    return TypedPlace(place.base, member.type, offset, place.elements, place.cpu)


def field_of(type: Type | None, base: str, name: str, span: Span) -> Field:
    """The field of a struct; ``base`` is what has the type, as it is written.  Raises NoPlace."""
    if not isinstance(type, Struct):
        what = "has no type" if type is None else f"is a {type_text(type)}, not a struct"
        help = "give it a type: `ptr<T>`" if type is None else None
        if isinstance(type, Pointer) and type.target is not None:
            help = f"what it points to has fields: `{base}->{name}`"
        raise NoPlace(
            Mistake.NO_FIELD,
            f"`{base}` {what}, so it has no field `{name}`",
            span,
            help,
        )
    field = type.member(name)
    if field is None:
        known = [each.name for each in type.members]
        message = f"struct {type.name} has no field `{name}`"
        help = f"its fields are {listing(known)}"
        raise NoPlace(Mistake.NO_FIELD, message, span, help, name, known)
    return field


def _target(arrow: Arrow, names: Names) -> Struct:
    """The struct that a pointer points to; of a value without a type, the only one with the field."""
    type, span = names.pointer(arrow), arrow.base.span
    if isinstance(type, Pointer) and type.target is not None:
        struct = names.struct(type.target)
        if struct is not None:
            return struct
        what = f"points to {type.target}, not to a struct"
    elif type is None:
        fitting = [each for each in names.structs().values() if each.member(arrow.name)]
        if len(fitting) == 1:
            return fitting[0]
        which = "no struct has" if not fitting else "more than one struct has"
        what = f"has no type, and {which} a field {arrow.name}"
    elif isinstance(type, Pointer):
        what = "is a ptr, which does not say of what struct"
    else:
        what = f"is a {type_text(type)}, not a pointer to a struct"
    help = None if type is None else "give it the type `ptr<T>`"
    raise NoPlace(Mistake.NOT_A_POINTER, f"`{span.text}` {what}", span, help)


def _element(place: TypedPlace, expression: Index) -> TypedPlace:
    type, base, index = place.type, expression.base.span, expression.position
    if not isinstance(type, Array):
        what = "has no type" if type is None else f"is a {type_text(type)}, not an array"
        raise NoPlace(Mistake.NOT_AN_ARRAY, f"`{base.text}` {what}", expression.span)
    element = Element(index, type.element.size, type.count, base)
    if isinstance(index, Number):
        offset = place.offset + element.checked(index.value)
        return place._replace(type=type.element, offset=offset)
    return place._replace(type=type.element, elements=(*place.elements, element))
