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
from ..places import REPORTED, Base, Element, NoPlace, resolve, values_in
from ..program import Array, Struct, Type
from ..source import Span
from ..suggestion import did_you_mean
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
    SectionDefinition,
    Test,
    TestStatement,
    Text,
    VectorDefinition,
)
from .scope import Scope, ScopeNames

FUNCTIONS = ("sum",)
ERRNO_NAMES = ("EAGAIN", "EFAULT", "EINVAL", "ENOMEM")


def check_test(test: Test, scope: Scope) -> None:
    """Report what is wrong with a test before it ever runs."""
    _Checker(scope).statements(test.statements)


def _labels(node: object) -> list[str]:
    """The labels in a part of a section's tree, whose nodes are tuples all."""
    from ..text.section_tree import ExitStep  # few files have sections

    if isinstance(node, ExitStep):
        return [node.label]
    if isinstance(node, tuple) and not isinstance(node, Span):
        return [label for child in node for label in _labels(child)]
    return []


class _Checker(ScopeNames):
    def __init__(self, scope: Scope) -> None:
        super().__init__(scope)
        self.problems = scope.problems
        self.extra: tuple[str, ...] = ()
        self.results: tuple[str, ...] = ()  # of the sections that ran so far

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
        section = self.scope.declared.sections.get(run.vector or "")
        if section is not None:
            self._run_section(run, section)
            return
        self.extra = ERRNO_NAMES
        self.expressions(run.result)
        self.extra = ()
        if run.vector is None:
            return
        vector = self.scope.declared.vectors.get(run.vector)
        if vector is None:
            self.problems.unknown(
                "OPV010",
                f"the vector `{run.vector}` is unknown",
                run.vector,
                run.vector_span,
                [*self.scope.declared.vectors, *self.scope.declared.sections],
                help=f"write it: `vector {run.vector}() {{ … }}`",
            )
            return
        body = vector.ops[0].span.start if vector.ops else vector.span.end
        self._count(run, vector, body)

    def _count(self, run: Run, called: VectorDefinition | SectionDefinition, body: int) -> None:
        """As many arguments as parameters; the head ends before ``body`` (an offset)."""
        wants, has = len(called.parameters), len(run.arguments)
        head = Span(called.span.file, called.name_span.end, body)
        if wants != has and self.problems.could_be_read(head):
            names = ", ".join(each.name for each in called.parameters) or "no arguments"
            self.problems.error(
                "OPV031",
                f"`{run.vector}` takes {names}; {has} given",
                run.span,
            )

    def _run_section(self, run: Run, section: SectionDefinition) -> None:
        """A run of a section: a label for a result, and no arguments of a system call."""
        self.results += tuple(each.name for each in section.results)
        body = section.body[0].span.start if section.body else section.span.end
        self._count(run, section, body)
        for word, each in (("on", run.cpu), ("flags", run.flags), ("at", run.address)):
            if each is not None:
                self.problems.error(
                    "OPV044",
                    f"a section is not a system call and has no `{word}`",
                    each.span,
                    help="it runs on the CPU that the caller is on: `cpu 1` or `current 1`",
                )
        # Only here: most texts have no sections that load.
        from ..program.section import ABORTED, OK

        known = [OK, *_labels(section.body), ABORTED]
        result = run.result
        if not isinstance(result, Name) or result.name not in known:
            help = did_you_mean(result.span.text, known) or f"it is left by {', '.join(known)}"
            self.problems.error(
                "OPV044",
                f"`{result.span.text}` is not how {section.name} ends",
                result.span,
                help=help,
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
            case Name() | Member() | Arrow() | Index() | AtCpu() | Load():
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
                    "OPV010",
                    f"the function `{function}` is unknown",
                    function,
                    name,
                    (),
                    help=(
                        "the conditions of a scenario have it; in a test there is `sum(x)`"
                        if function in ("length", "list", "done")
                        else "there is `sum(x)`"
                    ),
                )
            case _:
                self.expressions(*children(expression))

    def place(self, expression: Expression) -> Type | None:
        """The type of a place; None where it has none, or where something was reported."""
        for value in values_in(expression):
            self._expression(value)
        try:
            place = resolve(expression, self)
            for element in place.elements:
                self._element(element)
        except NoPlace as problem:
            self.scope.no_place(problem)
            return None
        return place.type

    def _element(self, element: Element) -> None:
        """An index that is known before the test runs must be that of an element."""
        try:
            number = constant(element.index, lambda _: None)
        except Unevaluable:
            return
        element.checked(number)

    def base(self, name: Name) -> tuple[Base, Type | None]:
        """A variable; constants and the names of values are not places, but no mistake either."""
        known = any(
            name.name in each for each in (self.scope.declared.values, self.extra, self.results)
        )
        if known and name.name not in self.scope.symbols:
            raise REPORTED
        return super().base(name)

    def known(self) -> list[str]:
        """Names of values, too."""
        return [*super().known(), *self.extra, *self.results]
