"""What a scenario claims: conditions over states, as closures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from ...errors import Diagnostic
from ...expression import (
    Arrow,
    AtCpu,
    Binary,
    Call,
    Expression,
    Index,
    Load,
    Member,
    Name,
    Unary,
)
from ...light_typing import NamedTuple, Protocol
from ...program import Program
from ...text.scenario_tree import Condition, Partition, Scenario
from ..lowering.arithmetic import TROUBLE
from ..lowering.meaning import Compiler
from ..steps.code import Code
from ..steps.image import Image
from .judge_scope import JudgeScope, ThreadView, View


class Seen(Protocol):
    """The parts of a state that a condition looks at."""

    @property
    def memory(self) -> bytes:
        """The bytes."""

    @property
    def threads(self) -> tuple[tuple[int, ...], ...]:
        """The threads' local states."""


class Claim(NamedTuple):
    """A condition ready to be asked: ``holds`` of a state."""

    condition: Condition
    label: str
    holds: Callable[[View], bool]


class Observed(NamedTuple):
    """A column of the table of outcomes."""

    text: str
    get: Callable[[View], object]


class Judge:
    """All conditions of a scenario for one configuration."""

    def __init__(
        self,
        program: Program,
        image: Image,
        scenario: Scenario,
        copies: Mapping[str, tuple[int, ...]],
        codes: tuple[Code, ...],
        locals_: Mapping[str, list[str]],
        problems: list[Diagnostic],
    ) -> None:
        self.view = View(image)
        threads = {name: ThreadView(copies[name], tuple(locals_[name]), codes) for name in copies}
        # Copies of a thread are not told apart, so that symmetry can't change an outcome.
        owners = {index: name for name, numbers in copies.items() for index in numbers}
        names = tuple(owners[index] for index in sorted(owners))
        self.scope = JudgeScope(program, image, names, threads, True)
        self.compiler = Compiler(
            program, lambda s, cpu: image.layout.symbol_address(s, cpu), self.scope, problems
        )
        self.image = image
        claims = [self._claim(each) for each in scenario.conditions]
        self.final = tuple(c for c in claims if c.condition.kind in ("forall", "never", "exists"))
        self.always = tuple(c for c in claims if c.condition.kind == "invariant")
        self.quiescent = tuple(c for c in claims if c.condition.kind == "quiescent")
        self.columns = tuple(self._columns(scenario))

    def look(self, state: Seen) -> View:
        """The view of a state; valid until the next look."""
        self.view.memory = state.memory
        self.view.threads = state.threads
        return self.view

    def broken(self, claims: tuple[Claim, ...], state: Seen) -> Claim | None:
        """The first of some claims that a state breaks (``exists`` never breaks in one state)."""
        if not claims:
            return None
        view = self.look(state)
        for claim in claims:
            if claim.condition.kind != "exists" and not claim.holds(view):
                return claim
        return None

    def outcome(self, state: Seen) -> tuple[str, ...]:
        """The columns of a final state, as text."""
        view = self.look(state)
        found = []
        for column in self.columns:
            try:
                found.append(str(column.get(view)))
            except TROUBLE:
                found.append("fault")
        return tuple(found)

    def _claim(self, condition: Condition) -> Claim:
        label = condition.label or _text(condition)
        if isinstance(condition.test, Partition):
            holds = self._partition(condition.test)
        else:
            get = self.compiler.value(condition.test).get

            def holds(view: View) -> bool:
                try:
                    return bool(get(view))
                except TROUBLE:
                    return False

        if condition.kind == "never":
            return Claim(condition, label, lambda view: not holds(view))
        return Claim(condition, label, holds)

    def _partition(self, partition: Partition) -> Callable[[View], bool]:
        elements = []
        for each in partition.elements:
            elements.append(self.compiler.spot(each, None).address)
        whole = self._bag(partition.whole)

        def holds(view: View) -> bool:
            wanted = Counter(address(view) for address in elements)
            found = Counter(address for address in whole(view) if address)
            return wanted == found

        return holds

    def _bag(self, expression: Expression) -> Callable[[View], tuple[int, ...]]:
        """The addresses that a sum of lists and locals holds."""
        if isinstance(expression, Binary) and expression.operator == "+":
            left, right = self._bag(expression.left), self._bag(expression.right)
            return lambda view: left(view) + right(view)
        if isinstance(expression, Call) and expression.function == "list" and expression.arguments:
            return self.scope.nodes(expression.arguments[0], self.compiler)
        registers = self.scope.registers(expression)
        if registers is not None:
            return lambda view: tuple(view.threads[t][r] for t, r in registers)
        get = self.compiler.value(expression).get
        return lambda view: (get(view),)

    def _columns(self, scenario: Scenario) -> list[Observed]:
        wanted: list[Expression] = list(scenario.observed)
        if not wanted:
            for condition in scenario.conditions:
                wanted += _parts(condition.test, self.scope)
        found: dict[str, Observed] = {}
        for expression in wanted:
            text = expression.span.text
            if text not in found:
                found[text] = Observed(text, self._column(expression))
        return list(found.values())

    def _column(self, expression: Expression) -> Callable[[View], object]:
        image, names = self.image, self.scope.thread_names
        if isinstance(expression, Call) and expression.function == "list":
            follow = self.scope.nodes(expression.arguments[0], self.compiler)
            return lambda view: (
                ",".join(
                    image.describe_value(each, names).removeprefix("&") for each in follow(view)
                )
                or "empty"
            )
        registers = self.scope.registers(expression)
        if registers is not None and len(registers) > 1:
            return lambda view: ",".join(
                sorted(image.describe_value(view.threads[t][r], names) for t, r in registers)
            )
        get = self.compiler.value(expression).get
        return lambda view: image.describe_value(get(view), names).removeprefix("&")


def _parts(test: object, scope: JudgeScope) -> list[Expression]:
    """The places and sums that a condition speaks of."""
    match test:
        case Partition(whole=whole):
            return _parts(whole, scope)
        case Binary(left=left, right=right):
            return _parts(left, scope) + _parts(right, scope)
        case Name(name=name) if scope.value(name) is not None:
            return []
        case Name() | Member() | Index() | Call() | Arrow() | AtCpu() | Load():
            return [test]
        case Unary(operand=operand):
            return _parts(operand, scope)
        case _:  # addresses and sizes are the same in every state
            return []


def observed_locals(scenario: Scenario) -> dict[str, frozenset[str]]:
    """The locals of each thread that some condition or column looks at."""
    threads = {thread.name for thread in scenario.threads}
    found: dict[str, set[str]] = {name: set() for name in threads}

    def look(tree: object) -> None:
        if isinstance(tree, Member):
            base = tree.base.base if isinstance(tree.base, Index) else tree.base
            if isinstance(base, Name) and base.name in found:
                found[base.name].add(tree.name)
        if isinstance(tree, tuple):
            for each in tree:
                look(each)

    look((tuple(c.test for c in scenario.conditions), scenario.observed))
    return {name: frozenset(names) for name, names in found.items()}


def _text(condition: Condition) -> str:
    span = condition.test.span
    return f"{condition.kind} {span.text}"
