"""Values and places of a section: expressions become terms of a fixed width.

A literal has no width until something beside it has one; a plain int stands for it here.  None is
what could not be understood, and was reported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..errors import Crash
from ..expression import (
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
    apply_binary,
    apply_unary,
)
from ..light_typing import NamedTuple
from ..places import (
    POINTER,
    REPORTED,
    SCALARS,
    AtAddress,
    Base,
    Element,
    Mistake,
    NoPlace,
    OfReader,
    OfVariable,
    TypedPlace,
    resolve,
    values_in,
)
from ..program import Area, Parameter, Pointer, Scalar, Type, section as ir
from ..source import Span
from ..text.names import type_text
from .places import UNKNOWN
from .scope import Scope, ScopeNames
from .types import number_text

Value = ir.Term | int | None


class Spot(NamedTuple):
    """A place: its address as a term, and the type of what lies there, where it is known."""

    address: ir.Term
    type: Type | None


class Terms:
    """Makes terms of a section's expressions.

    ``locals_`` are those that were set so far with their types; ``unset(name, span)`` is asked of
    each that is read, so that a use before the first assignment is reported.
    """

    def __init__(
        self,
        scope: Scope,
        parameters: Mapping[str, Parameter],
        locals_: Mapping[str, ir.RegisterType],
        unset: Callable[[str, Span], None],
    ) -> None:
        self.scope = scope
        self.problems = scope.problems
        self.parameters = parameters
        self.locals = locals_
        self.unset = unset
        self.pointer = Pointer(None, scope.abi.model.word)

    # ---- values -------------------------------------------------------------------------------

    def term(self, expression: Expression, type: ir.RegisterType) -> ir.Term | None:
        """A value that must have the width of ``type``; a literal takes the type."""
        return self.typed(self.value(expression), type, expression.span)

    def typed(self, value: Value, type: ir.RegisterType, span: Span) -> ir.Term | None:
        """A value as one of the width of ``type``."""
        if value is None or type is UNKNOWN:
            return None
        if isinstance(value, int):
            return self._literal(value, type, span)
        if value.type is UNKNOWN:
            return None
        if value.type.size != type.size:
            self._widths(span, value.type, type)
            return None
        return value

    def condition(self, expression: Expression) -> ir.Term | None:
        """A value of any width that is asked whether it is 0."""
        value = self.value(expression)
        return None if value is None else _truth(value)

    def number_of_bytes(self, expression: Expression) -> ir.Term | None:
        """A length or address: a literal is one of the machine's words, others are widened."""
        return self._word(self.value(expression), expression.span)

    def value(self, expression: Expression) -> Value:
        """The term of an expression, or the number that a literal stands for."""
        match expression:
            case Number(value=number):
                return number
            case Name(name=name, span=span):
                return self._named(name, span)
            case SizeOf() | OffsetOf():
                return self.scope.evaluate(expression)
            case AddressOf(place=place):
                spot = self.spot(place)
                return None if spot is None else spot.address
            case Unary(operator=operator, operand=operand):
                return self._unary(operator, operand)
            case Binary():
                return self._binary(expression)
            case Call():
                return self._call(expression)
            case Member() | Arrow() | Index() | AtCpu() | Load():
                self._memory(expression.span)
                return None

    def _named(self, name: str, span: Span) -> Value:
        if name in self.locals:
            self.unset(name, span)
            return ir.Local(name, self.locals[name])
        parameter = self.parameters.get(name)
        if parameter is not None:
            return ir.Argument(name, parameter.type)
        if name in ir.AREA_FIELDS and name not in self.scope.declared.values:
            return ir.Id(name)
        if name in self.scope.symbols:
            self._memory(span)
            return None
        if name in self.scope.declared.values:
            return self.scope.evaluate(Name(name, span))
        known = [*self.locals, *self.parameters, *self.scope.declared.values, *ir.AREA_FIELDS]
        self.problems.unknown("OPV010", f"the name `{name}` is unknown", name, span, known)
        return None

    def _memory(self, span: Span) -> None:
        self.problems.error(
            "OPV015",
            f"`{span.text}` is memory, and a section reads memory only with load",
            span,
            help=f"first `x = load {span.text}`, then use x; `&` before it is its address",
        )

    def _unary(self, operator: str, operand: Expression) -> Value:
        value = self.value(operand)
        if value is None or operator == "+":
            return value
        if isinstance(value, int):
            return apply_unary(operator, value)
        if operator == "!":
            return ir.Unary("!", value, ir.U8)
        return ir.Unary(operator, value, value.type)

    def _binary(self, expression: Binary) -> Value:
        operator, span = expression.operator, expression.span
        left, right = self.value(expression.left), self.value(expression.right)
        if left is None or right is None:
            return None
        if isinstance(left, int) and isinstance(right, int):
            try:
                return apply_binary(operator, left, right)
            except ValueError as error:
                self.problems.error("OPV023", str(error), span)
                return None
        if operator in "/%":
            self.problems.error(
                "OPV046",
                f"a section has no `{operator}`",
                span,
                help="shift, or mask with `&`, where the divisor is a power of two",
            )
            return None
        if operator in ir.LOGIC:
            return ir.Binary(operator, _truth(left), _truth(right), ir.U8)
        if operator in ir.SHIFTS:
            return self._shift(operator, left, right, expression)
        first: ir.Term | None
        second: ir.Term | None
        if isinstance(right, ir.Term) and isinstance(left, int):
            first, second = self._literal(left, right.type, expression.left.span), right
        else:
            assert isinstance(left, ir.Term)
            first, second = left, self.typed(right, left.type, expression.right.span)
        if first is None or second is None:
            return None
        return self._joined(operator, first, second, span)

    def _joined(self, operator: str, left: ir.Term, right: ir.Term, span: Span) -> ir.Term | None:
        if operator in ir.COMPARES:
            if operator not in ("==", "!=") and ir.is_signed(left.type) != ir.is_signed(right.type):
                self.problems.error(
                    "OPV040",
                    f"`{operator}` compares a {type_text(left.type)} with a {type_text(right.type)}",
                    span,
                    help="give both one sign: `i64(x)` or `u64(x)`",
                )
                return None
            return ir.Binary(operator, left, right, ir.U8)
        if operator == "+" and isinstance(left, ir.Address) and isinstance(right, ir.Constant):
            return left._replace(addend=left.addend + _signed(right))
        type = ir.binary_type(operator, left.type, right.type, self.pointer.size)
        return ir.Binary(operator, left, right, type)

    def _shift(
        self, operator: str, left: ir.Term | int, right: ir.Term | int, whole: Binary
    ) -> Value:
        if isinstance(left, int):
            self.problems.error(
                "OPV040",
                f"`{whole.left.span.text}` has no width to be shifted in",
                whole.span,
                help=f"write `u64({whole.left.span.text})`",
            )
            return None
        type = ir.binary_type(operator, left.type, left.type, self.pointer.size)
        if isinstance(right, int):
            if not 0 <= right < 8 * type.size:
                self.problems.error(
                    "OPV019",
                    f"a shift of a {type_text(type)} by {number_text(right)}",
                    whole.right.span,
                    help=f"a count is 0 to {8 * type.size - 1}",
                )
                return None
            right = ir.Constant(right, ir.U8)
        return ir.Binary(operator, left, right, type)

    def _call(self, call: Call) -> Value:
        name, span = call.function, call.span
        word = Span(span.file, span.start, span.start + len(name))
        if name == "choose" and len(call.arguments) == 3:
            return self._choose(call)
        type = ir.REGISTER_TYPES.get(name) or (self.pointer if name == POINTER else None)
        if type is None or len(call.arguments) != 1:
            if type is None and name != "choose":
                known = [*ir.REGISTER_TYPES, POINTER, "choose"]
                self.problems.unknown(
                    "OPV010",
                    f"the function `{name}` is unknown",
                    name,
                    word,
                    known,
                    help="there are the types, such as `u64(x)`, and `choose(condition, a, b)`",
                )
            else:
                wants = "three values" if name == "choose" else "one value"
                given = len(call.arguments)
                self.problems.error("OPV031", f"`{name}` takes {wants}; {given} given", span)
            return None
        value = self.value(call.arguments[0])
        if value is None:
            return None
        if isinstance(value, int):
            return self._literal(value, type, span)
        return value if value.type == type else ir.Convert(value, type)

    def _choose(self, call: Call) -> Value:
        condition = self.condition(call.arguments[0])
        then, other = self.value(call.arguments[1]), self.value(call.arguments[2])
        if condition is None or then is None or other is None:
            return None
        if isinstance(then, int) and isinstance(other, int):
            self.problems.error(
                "OPV040",
                f"`{call.span.text}` has no width",
                call.span,
                help="write `choose(condition, u64(1), 0)`",
            )
            return None
        beside = other if isinstance(then, int) else then
        assert isinstance(beside, ir.Term)
        type = beside.type
        first = self.typed(then, type, call.arguments[1].span)
        second = self.typed(other, type, call.arguments[2].span)
        if first is None or second is None:
            return None
        return ir.Choose(condition, first, second, type)

    def _literal(self, value: int, type: ir.RegisterType, span: Span) -> ir.Constant | None:
        """A number of a type; a negative one of an unsigned type is taken modulo its width."""
        width = 8 * type.size
        if -(1 << (width - 1)) <= value < 1 << width:
            return ir.Constant(ir.fitted(value, type), type)
        self.problems.error(
            "OPV019",
            f"{number_text(value)} does not fit into {type_text(type)}",
            span,
            help=f"it has {width} bits",
        )
        return None

    def _word(self, value: Value, span: Span) -> ir.Term | None:
        """A value as wide as an address: a smaller one keeps its sign, where it has one."""
        if value is None:
            return None
        if isinstance(value, int):
            return self._literal(value, self.pointer, span)
        if value.type is UNKNOWN:
            return None
        if value.type.size == self.pointer.size:
            return value
        if value.type.size > self.pointer.size:
            self._widths(span, value.type, self.pointer)
            return None
        letter = "i" if ir.is_signed(value.type) else "u"
        return ir.Convert(value, ir.REGISTER_TYPES[f"{letter}{8 * self.pointer.size}"])

    def _widths(self, span: Span, has: ir.RegisterType, wants: ir.RegisterType) -> None:
        to = POINTER if isinstance(wants, Pointer) else type_text(wants)
        self.problems.error(
            "OPV040",
            f"`{span.text}` is a {type_text(has)}, where {8 * wants.size} bits must stand",
            span,
            help=f"write `{to}({span.text})`",
        )

    # ---- places -------------------------------------------------------------------------------

    def spot(self, expression: Expression) -> Spot | None:
        """The address and type of a place in memory."""
        try:
            place = resolve(expression, SectionNames(self))
        except NoPlace as problem:
            for each in values_in(expression):
                self.value(each)
            self.scope.no_place(problem)
            return None
        address = self._base(place, expression.span)
        if address is not None:
            address = moved(address, place.offset)
        for element in place.elements:
            step = self._step(element)
            if address is None or step is None:
                address = None
            elif isinstance(step, int):
                address = moved(address, step)
            else:
                address = ir.Binary("+", address, step, self.pointer)
        return None if address is None else Spot(address, place.type)

    def _base(self, place: TypedPlace, span: Span) -> ir.Term | None:
        cpu: ir.Term | None = None
        if place.cpu is not None:
            percpu = isinstance(place.base, OfVariable) and place.base.symbol.area is Area.PERCPU
            number = self.value(place.cpu)
            if not percpu:
                message = f"`{span.text}`: only a percpu variable has CPUs"
                self.problems.error("OPV015", message, span)
                return None
            if isinstance(number, int) and number < 0:
                self.problems.error("OPV019", f"there is no CPU {number}", place.cpu.span)
                return None
            if number is None:
                return None
            cpu = ir.Constant(number, ir.U32) if isinstance(number, int) else number
        match place.base:
            case OfVariable(symbol=symbol):
                return ir.Address(symbol.name, 0, cpu, self.pointer)
            case AtAddress(address=address):
                return self.number_of_bytes(address)
            case OfReader(name=name):
                raise Crash(f"{name}: a section has no memory of its own")

    def _step(self, element: Element) -> ir.Term | int | None:
        """The bytes from the start of an array to an element."""
        index = self.value(element.index)
        if isinstance(index, int):
            try:
                return element.checked(index)
            except NoPlace as problem:
                self.scope.no_place(problem)
                return None
        at = self._word(index, element.index.span)
        if at is None or element.stride == 1:
            return at
        return ir.Binary("*", at, ir.Constant(element.stride, at.type), at.type)


class SectionNames(ScopeNames):
    """Names of a section, to readers of places: locals and parameters are values."""

    scalars: Mapping[str, Scalar] = {**SCALARS, ir.U128.name: ir.U128}

    def __init__(self, terms: Terms) -> None:
        super().__init__(terms.scope)
        self.terms = terms

    def base(self, name: Name) -> tuple[Base, Type | None]:
        """A variable."""
        word = name.name
        if word in self.terms.locals or word in self.terms.parameters:
            raise NoPlace(
                Mistake.NOT_A_PLACE,
                f"`{word}` is a value of the section, not a place in memory",
                name.span,
                f"the memory it points to is `[{word}].u64`, or `{word}->field`",
            )
        return super().base(name)

    def constant_help(self, name: str) -> str | None:
        """A section has no literal pool."""
        return None

    def pointer(self, arrow: Arrow) -> Type | None:
        """The type of a value: a section follows no pointer that lies in memory."""
        value, span = self.terms.value(arrow.base), arrow.base.span
        if value is None:
            raise REPORTED
        if isinstance(value, int):
            message = f"`{span.text}` is a number, not a pointer to a struct"
            raise NoPlace(Mistake.NOT_A_POINTER, message, span)
        return self.readable(value.type)

    def loaded(self, load: Load) -> Type | None:
        """What lies at an address, where its type says so."""
        value = self.terms.value(load.address)
        if value is None:
            raise REPORTED
        if isinstance(value, int) or not isinstance(value.type, Pointer):
            return None
        return self.scope.target(value.type)


def _truth(value: ir.Term | int) -> ir.Term:
    """A value that is only asked whether it is 0."""
    return ir.Constant(int(bool(value)), ir.U8) if isinstance(value, int) else value


def moved(address: ir.Term, offset: int) -> ir.Term:
    """An address so many bytes further."""
    if not offset:
        return address
    match address:
        case ir.Address(addend=addend):
            return address._replace(addend=addend + offset)
        case ir.Constant(value=value, type=type):
            return ir.Constant(ir.fitted(value + offset, type), type)
        case ir.Binary(operator="+", right=ir.Constant(value=value, type=type) as right):
            return address._replace(right=right._replace(value=ir.fitted(value + offset, type)))
        case _:
            pointer = address.type
            word = pointer if isinstance(pointer, Pointer) else Pointer(None, pointer.size)
            plain = word._replace(target=None)
            return ir.Binary("+", address, ir.Constant(offset, plain), plain)


def _signed(constant: ir.Constant) -> int:
    """A constant as a distance: the upper half of its range counts backwards."""
    width = 8 * constant.type.size
    value = constant.value & ((1 << width) - 1)
    return value - (1 << width) if value >> (width - 1) else value
