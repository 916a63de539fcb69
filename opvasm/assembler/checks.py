"""Looks through the tests: every name, field, element and vector that they speak of."""

from __future__ import annotations

from ..expression import (
    AddressOf,
    Arrow,
    AtCpu,
    Call,
    Expression,
    Index,
    Load,
    Member,
    Name,
    OffsetOf,
    SizeOf,
    Unevaluable,
    children,
    constant,
)
from ..program import Array, Pointer, Struct, Type
from ..source import Span
from ..text.names import type_text
from ..text.tree import (
    Assert,
    AssertUnchanged,
    Assign,
    Braces,
    CpuChoice,
    CpuSet,
    Fill,
    Initial,
    Repeat,
    Run,
    Test,
    TestStatement,
    Text,
)
from .scope import Scope
from .types import SCALARS

FUNCTIONS = ("sum",)
ERRNO_NAMES = ("EAGAIN", "EFAULT", "EINVAL", "ENOMEM")


def check_test(test: Test, scope: Scope) -> None:
    """Report what is wrong with a test before it ever runs."""
    _Checker(scope).statements(test.statements)


class _Checker:
    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.problems = scope.problems
        self.extra: tuple[str, ...] = ()

    def statements(self, statements: tuple[TestStatement, ...]) -> None:
        for statement in statements:
            self._statement(statement)

    def _statement(self, statement: TestStatement) -> None:
        match statement:
            case CpuSet(ranges=ranges):
                for each in ranges:
                    self.expressions(each.first, each.last)
            case CpuChoice(cpu=cpu):
                self.expressions(cpu)
            case Assign(place=place, value=value):
                self.initial(value, self.place(place))
            case Fill(place=place, value=value):
                type = self.place(place)
                if type is not None and not isinstance(type, Array):
                    self.problems.error(
                        "OPV017",
                        f"`{place.span.text}` is a {type_text(type)}, no array",
                        place.span,
                    )
                self.extra = ("index",)
                self.expressions(value)
                self.extra = ()
            case Run():
                self._run(statement)
            case Assert(condition=condition):
                self.expressions(condition)
            case AssertUnchanged():
                pass
            case Repeat(times=times, statements=inner):
                self.expressions(times)
                self.statements(inner)

    def _run(self, run: Run) -> None:
        for argument in run.arguments:
            self.expressions(argument)
        for each in (run.cpu, run.op_count, run.flags, run.address):
            if each is not None:
                self.expressions(each)
        self.extra = ERRNO_NAMES
        self.expressions(run.result)
        self.extra = ()
        if run.vector is None:
            return
        vector = self.scope.vectors.get(run.vector)
        if vector is None:
            self.problems.unknown(
                *("OPV010", f"the vector `{run.vector}` is unknown", run.vector),
                *(run.vector_span, self.scope.vectors),
                f"write it: `vector {run.vector}() {{ … }}`",
            )
            return
        wants, has = len(vector.parameters), len(run.arguments)
        body = vector.ops[0].span.start if vector.ops else vector.span.end
        head = Span(vector.span.file, vector.name_span.end, body)
        if wants != has and self.problems.could_be_read(head):
            names = ", ".join(each.name for each in vector.parameters) or "no arguments"
            self.problems.error(
                *("OPV031", f"`{run.vector}` takes {names}; {has} given", run.span),
            )

    def initial(self, initial: Initial, type: Type | None) -> None:
        """The value of an assignment."""
        match initial:
            case Text():
                return
            case Braces(items=items):
                for position, item in enumerate(items):
                    self.initial(item.value, self._part(type, item.member, position, item.span))
            case _:
                self.expressions(initial)

    def _part(self, type: Type | None, name: str | None, position: int, span: Span) -> Type | None:
        match type:
            case Array(element=element):
                return element
            case Struct(members=members) if name is not None:
                member = self.scope.member(type, name, span)
                return None if member is None else member.type
            case Struct(members=members):
                return members[position].type if position < len(members) else None
            case _:
                return None

    def expressions(self, *expressions: Expression) -> None:
        """Names and paths in expressions."""
        for expression in expressions:
            self._expression(expression)

    def _expression(self, expression: Expression) -> None:
        match expression:
            case Name() | Member() | Arrow() | Index() | AtCpu():
                self.place(expression)
            case AddressOf(place=place):
                self.place(place)
            case SizeOf() | OffsetOf():
                self.scope.evaluate(expression)
            case Call(function="sum", arguments=(argument,)):
                self.place(argument)
            case Call(function=function, span=span):
                name = Span(span.file, span.start, span.start + len(function))
                self.problems.unknown(
                    *("OPV010", f"the function `{function}` is unknown", function, name, ()),
                    "there is `sum(x)`",
                )
            case _:
                self.expressions(*children(expression))

    def place(self, expression: Expression) -> Type | None:
        """The type of a place; None where it has none, or where something was reported."""
        match expression:
            case Name(name=name, span=span):
                if name in self.scope.symbols:
                    return self.scope.symbols[name].type
                if name not in self.scope.values and name not in self.extra:
                    known = [*self.scope.values, *self.extra]
                    self.problems.unknown(
                        *("OPV010", f"the name `{name}` is unknown", name, span, known),
                        f"declare it: `shared {name}: u64`",
                    )
                return None
            case Member(base=Load(address=address), name=name) if name in SCALARS or name == "ptr":
                self.expressions(address)
                return SCALARS.get(name) or Pointer(None, self.scope.abi.model.word)
            case Member(base=base, name=name, span=span):
                return self._member(self.place(base), name, span)
            case Arrow(base=base, name=name, span=span):
                pointer = self.place(base)
                if pointer is None:
                    return None
                target = self.scope.target(pointer) if isinstance(pointer, Pointer) else None
                if target is None:
                    self.problems.error(
                        *("OPV017", f"`{base.span.text}` is no pointer to a struct", base.span),
                        help="give it the type `ptr<T>`",
                    )
                return self._member(target, name, span)
            case Index(base=base, position=index, span=span):
                return self._element(self.place(base), index, span)
            case AtCpu(base=base, cpu=cpu):
                self.expressions(cpu)
                return self.place(base)
            case _:
                self.expressions(expression)
                return None

    def _member(self, type: Type | None, name: str, span: Span) -> Type | None:
        if type is None:
            return None
        member = self.scope.member(type, name, Span(span.file, span.end - len(name), span.end))
        return None if member is None else member.type

    def _element(self, type: Type | None, index: Expression, span: Span) -> Type | None:
        self.expressions(index)
        if type is None:
            return None
        if not isinstance(type, Array):
            self.problems.error("OPV017", f"`{type_text(type)}` is no array", span)
            return None
        try:
            number = constant(index, lambda _: None)
        except Unevaluable:
            return type.element
        if not 0 <= number < type.count:
            self.problems.error(
                "OPV018",
                f"there is no element {number}: there are {type.count}, 0 to {type.count - 1}",
                index.span,
            )
        return type.element
