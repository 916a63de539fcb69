"""Makes the trees of expressions and of names of types, a method per rule of the grammar."""

from __future__ import annotations

from ..errors import Diagnostic
from ..expression import (
    PRECEDENCE,
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
    TypeName,
    Unary,
    height,
)
from ..light_typing import Any
from ..source import SourceFile, Span
from .lalr import Token
from .literals import character_value, number_value
from .part_builder import PartBuilder

# Levels of one expression: keeps walks over it far inside Python's own limit of calls.
HEIGHT_MAX = 100
DIMENSIONS_MAX = 16


class ExpressionBuilder(PartBuilder):
    """The callbacks of expressions; ``problems`` collects what is wrong with single tokens."""

    too_high: int | None = None  # where an expression begins that was too high

    def renew(self, source: SourceFile, problems: list[Diagnostic]) -> None:
        """Make ready for another text."""
        super().renew(source, problems)
        self.too_high = None

    def _low(self, expression: Expression, begin: int, end: int) -> Expression:
        """An expression, unless it is too high: then a report, and a leaf in its place."""
        if end - begin <= HEIGHT_MAX:
            return expression  # so short a text has no room for many levels
        span = self.span(begin, end)
        if begin != self.too_high:
            if height(expression) <= HEIGHT_MAX:
                return expression
            self.too_high = begin
            self.problem(
                "OPV006",
                f"this expression has more than {HEIGHT_MAX} levels",
                span,
                help="give parts of it names with `const`",
            )
        return Number(0, span)

    # ---- names of types -----------------------------------------------------------------------

    def named_type(self, begin: int, end: int, name: Token) -> TypeName:
        """``u64``."""
        return TypeName(name[0], None, (), Span(self.source, begin, end))

    def pointer_type(self, begin: int, end: int, name: Token, target: TypeName) -> TypeName:
        """``ptr<node>``."""
        return TypeName(name[0], target, (), self.span(begin, end))

    def pointer_pointer_type(
        self, begin: int, end: int, outer: Token, inner: Token, target: TypeName
    ) -> TypeName:
        """``ptr<ptr<node>>``, whose closing signs are one token."""
        middle = TypeName(inner[0], target, (), self.span(inner[1], end - 1))
        return TypeName(outer[0], middle, (), self.span(begin, end))

    def array_type(self, begin: int, end: int, element: TypeName, count: Expression) -> TypeName:
        """``u64[4]``; of ``u64[2][3]`` the counts are (2, 3)."""
        if len(element.counts) > DIMENSIONS_MAX:
            return element  # said already
        if len(element.counts) == DIMENSIONS_MAX:
            self.problem(
                "OPV006",
                f"this array has more than {DIMENSIONS_MAX} dimensions",
                self.span(begin, end),
            )
        return element._replace(counts=(*element.counts, count), span=self.span(begin, end))

    # ---- expressions --------------------------------------------------------------------------

    def chain(self, begin: int, end: int, first: Expression, *rest: Any) -> Expression:
        """Operands with operators between them, joined as tightly as PRECEDENCE says."""
        operands = [first]
        operators: list[str] = []
        for token, operand in zip(rest[::2], rest[1::2], strict=True):
            self._join(operands, operators, PRECEDENCE[token[0]])
            operators.append(token[0])
            operands.append(operand)
        self._join(operands, operators, 0)
        return self._low(operands[0], begin, end)

    def _join(self, operands: list[Expression], operators: list[str], precedence: int) -> None:
        """Join what binds at least as tightly as ``precedence``."""
        while operators and PRECEDENCE[operators[-1]] >= precedence:
            operator = operators.pop()
            right = operands.pop()
            left = operands[-1]
            operands[-1] = Binary(operator, left, right, left.span.to(right.span))

    def unary(self, begin: int, end: int, operator: Token, operand: Expression) -> Expression:
        """``-x``."""
        return self._low(Unary(operator[0], operand, self.span(begin, end)), begin, end)

    def group(self, begin: int, end: int, inner: Expression) -> Expression:
        """``(x)``: no node of its own, but what stands for it includes the parentheses."""
        return inner._replace(span=self.span(begin, end))

    def address_of(self, begin: int, end: int, place: Expression) -> Expression:
        """``&place``."""
        return self._low(AddressOf(place, self.span(begin, end)), begin, end)

    def address_of_name(self, begin: int, end: int, name: Token) -> AddressOf:
        """``&place`` where only a name can stand."""
        return AddressOf(Name(name[0], self.span_of(name)), self.span(begin, end))

    def absolute(self, begin: int, end: int, number: Token) -> Load:
        """``@0x7f0000001000``."""
        return Load(self.number(number[1], number[2], number), Span(self.source, begin, end))

    def size_of(self, begin: int, end: int, type: TypeName) -> SizeOf:
        """``sizeof(node)``."""
        return SizeOf(type, self.span(begin, end))

    def offset_of(self, begin: int, end: int, type: TypeName, path: Token) -> OffsetOf:
        """``offsetof(node, next)``."""
        return OffsetOf(type, tuple(path[0].split(".")), self.span(begin, end))

    def number(self, begin: int, end: int, token: Token) -> Number:
        """``10``."""
        value = number_value(token, self.source, self.problems)
        return Number(value, Span(self.source, begin, end))

    def character(self, begin: int, end: int, token: Token) -> Number:
        """``'c'``."""
        return Number(character_value(token, self.source, self.problems), self.span(begin, end))

    def name(self, begin: int, end: int, token: Token) -> Name:
        """``head``."""
        return Name(token[0], Span(self.source, begin, end))

    def path(self, begin: int, end: int, token: Token) -> Expression:
        """``ring0.slot``."""
        first, dot, rest = token[0].partition(".")
        base = Name(first, self.span(begin, begin + len(first)))
        return self._members(base, begin, (rest, begin + len(first + dot), end))

    def member(self, begin: int, end: int, base: Expression, path: Token) -> Expression:
        """``base.field.field``."""
        return self._members(base, begin, path)

    def arrow(self, begin: int, end: int, base: Expression, path: Token) -> Expression:
        """``base->field.field``."""
        first, dot, rest = path[0].partition(".")
        stop = path[1] + len(first)
        arrow = self._low(Arrow(base, first, self.span(begin, stop)), begin, stop)
        return self._members(arrow, begin, (rest, stop + len(dot), end)) if dot else arrow

    def _members(self, base: Expression, begin: int, path: Token) -> Expression:
        end = path[1] - 1
        for field in path[0].split("."):
            end += 1 + len(field)
            base = self._low(Member(base, field, Span(self.source, begin, end)), begin, end)
        return base

    def index(self, begin: int, end: int, base: Expression, index: Expression) -> Expression:
        """``base[2]``."""
        return self._low(Index(base, index, self.span(begin, end)), begin, end)

    def at_cpu(self, begin: int, end: int, base: Expression, cpu: Expression) -> Expression:
        """``base@2``."""
        return self._low(AtCpu(base, cpu, self.span(begin, end)), begin, end)

    def load(self, begin: int, end: int, address: Expression) -> Expression:
        """``[address]``."""
        return self._low(Load(address, self.span(begin, end)), begin, end)

    def call(
        self, begin: int, end: int, function: Token, *arguments: Expression | None
    ) -> Expression:
        """``sum(counter)``."""
        known = tuple(each for each in arguments if each is not None)
        return self._low(Call(function[0], known, self.span(begin, end)), begin, end)

    def only_expression(self, begin: int, end: int, expression: Expression) -> Expression:
        """A text that is one expression."""
        return expression
