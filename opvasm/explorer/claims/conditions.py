"""What a scenario claims: conditions over states, as terms, and asked of a state."""

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
from ..lowering.meaning import Compiler
from ..steps.code import Code
from ..steps.evaluate import TROUBLE, follower, getter
from ..steps.image import Image
from ..steps.terms import Nodes, RegisterOf, Term
from .judge_scope import JudgeScope, ThreadView, View, thread_local


class Seen(Protocol):
    """The parts of a state that a condition looks at."""

    @property
    def memory(self) -> bytes:
        """The bytes."""

    @property
    def threads(self) -> tuple[tuple[int, ...], ...]:
        """The threads' local states."""


class AddressesOf(NamedTuple):
    """The test of a partition: the addresses ``elements`` are those of ``whole``, each as often.

    ``whole`` are lists, and single addresses; those that are 0 do not count.
    """

    elements: tuple[Term, ...]
    whole: tuple[Nodes | Term, ...]


class Claim(NamedTuple):
    """A condition: what it asks, and ``holds``, the same ready to be asked of a state.

    A ``never`` holds where the test does not.
    """

    condition: Condition
    label: str
    test: Term | AddressesOf
    holds: Callable[[View], bool]


class Observed(NamedTuple):
    """A column of the table of outcomes.

    ``shows`` is a list of nodes, or the values of several threads, which stand sorted in one cell;
    ``get`` is the cell's text.
    """

    text: str
    shows: Nodes | tuple[Term, ...]
    get: Callable[[View], str]


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
        # A condition names a thread's copies by one name, so that symmetry can't change an outcome.
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
                found.append(column.get(view))
            except TROUBLE:
                found.append("fault")
        return tuple(found)

    def _claim(self, condition: Condition) -> Claim:
        label = condition.label or _text(condition)
        test: Term | AddressesOf
        if isinstance(condition.test, Partition):
            test = self._partition(condition.test)
            holds = _matches(test)
        else:
            test = self.compiler.value(condition.test).term
            holds = _is_true(test)
        if condition.kind == "never":
            return Claim(condition, label, test, lambda view: not holds(view))
        return Claim(condition, label, test, holds)

    def _partition(self, partition: Partition) -> AddressesOf:
        elements = [self.compiler.spot(each, None).address for each in partition.elements]
        return AddressesOf(tuple(elements), self._bag(partition.whole))

    def _bag(self, expression: Expression) -> tuple[Nodes | Term, ...]:
        """The addresses that a sum of lists and locals holds."""
        if isinstance(expression, Binary) and expression.operator == "+":
            return self._bag(expression.left) + self._bag(expression.right)
        if isinstance(expression, Call) and expression.function == "list" and expression.arguments:
            nodes = self.scope.nodes(expression.arguments[0], self.compiler)
            return () if nodes is None else (nodes,)
        registers = self.scope.registers(expression)
        if registers is not None:
            return tuple(RegisterOf(thread, register) for thread, register in registers)
        return (self.compiler.value(expression).term,)

    def _columns(self, scenario: Scenario) -> list[Observed]:
        wanted: list[Expression] = list(scenario.observed)
        if not wanted:
            for condition in scenario.conditions:
                wanted += _parts(condition.test, self.scope)
        found: dict[str, Observed] = {}
        for expression in wanted:
            text = expression.span.text
            if text not in found:
                shows = self._shows(expression)
                found[text] = Observed(text, shows, self._cell(shows))
        return list(found.values())

    def _shows(self, expression: Expression) -> Nodes | tuple[Term, ...]:
        if isinstance(expression, Call) and expression.function == "list":
            nodes = self.scope.nodes(expression.arguments[0], self.compiler)
            return () if nodes is None else nodes
        registers = self.scope.registers(expression)
        if registers is not None:
            return tuple(RegisterOf(thread, register) for thread, register in registers)
        return (self.compiler.value(expression).term,)

    def _cell(self, shows: Nodes | tuple[Term, ...]) -> Callable[[View], str]:
        image, names = self.image, self.scope.thread_names

        def text(value: int) -> str:
            return image.describe_value(value, names)

        match shows:
            case Nodes():
                follow = follower(shows)
                return lambda view: ",".join(text(each) for each in follow(view)) or "empty"
            case (only,):
                get = getter(only)
                return lambda view: text(get(view))
            case _:
                getters = [getter(each) for each in shows]
                return lambda view: ",".join(sorted(text(get(view)) for get in getters))


def _is_true(test: Term) -> Callable[[View], bool]:
    """Whether a term is not 0; one that has no value is not true."""
    get = getter(test)

    def holds(view: View) -> bool:
        try:
            return bool(get(view))
        except TROUBLE:
            return False

    return holds


def _matches(test: AddressesOf) -> Callable[[View], bool]:
    """Whether two bags of addresses are the same."""
    elements = [getter(each) for each in test.elements]
    lists = [follower(each) for each in test.whole if isinstance(each, Nodes)]
    single = [getter(each) for each in test.whole if not isinstance(each, Nodes)]

    def holds(view: View) -> bool:
        wanted = Counter(address(view) for address in elements)
        found = Counter(address for follow in lists for address in follow(view) if address)
        found.update(address for get in single if (address := get(view)))
        return wanted == found

    return holds


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
        named = thread_local(tree) if isinstance(tree, Member) else None
        if named is not None and named.thread in found:
            found[named.thread].add(named.local)
        if isinstance(tree, tuple):
            for each in tree:
                look(each)

    look((tuple(c.test for c in scenario.conditions), scenario.observed))
    return {name: frozenset(names) for name, names in found.items()}


def _text(condition: Condition) -> str:
    span = condition.test.span
    return f"{condition.kind} {span.text}"
