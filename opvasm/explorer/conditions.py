"""What a scenario claims: conditions over states, as closures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from ..errors import Diagnostic
from ..expression import Binary, Call, Expression, Index, Member, Name, Number
from ..light_typing import NamedTuple, Protocol
from ..machine.memory import Fault
from ..program import Area, Array, Pointer, Program, Struct
from ..text.scenario_tree import Condition, Partition, Scenario
from .code import POINT, Code, Kind
from .image import MAIN, Image
from .meaning import NOTHING, Compiler, Context, Spot, Value, constant_value

LIST_LIMIT = 4096


class Seen(Protocol):
    """The parts of a state that a condition looks at."""

    @property
    def memory(self) -> bytes:
        """The bytes."""

    @property
    def threads(self) -> tuple[tuple[int, ...], ...]:
        """The threads' local states."""


class View:
    """A state as conditions see it; also what closures of meaning.py run on."""

    __slots__ = ("image", "local", "memory", "threads")

    def __init__(self, image: Image) -> None:
        self.image = image
        self.local: list[int] = []
        self.memory = b""
        self.threads: tuple[tuple[int, ...], ...] = ()

    def load_number(self, address: int, size: int) -> int:
        """The unsigned number at an address.  Raises Fault."""
        region = self.image.locate(address, size, False)
        if region.store != MAIN:
            raise Fault(address, size, False, address, region.kind)
        start = region.start + address - region.base
        return int.from_bytes(self.memory[start : start + size], self.image.byteorder)


class JudgeScope:
    """Names inside conditions and init blocks: everything may be looked at."""

    reads_memory = True

    def __init__(
        self,
        program: Program,
        image: Image | None,
        names: tuple[str, ...],
        threads: Mapping[str, ThreadView],
        states: bool,
    ) -> None:
        self.program = program
        self.image = image
        self.thread_names = names
        self.threads = threads
        self.states = states
        self.reads_memory = image is not None

    def value(self, name: str) -> Value | None:
        """A constant."""
        constants = self.program.data.constants
        return constant_value(constants[name]) if name in constants else None

    def own(self, name: str) -> Spot | None:
        """No thread's own memory is meant without its name."""
        return None

    def member(self, expression: Member) -> Value | None:
        """``thread.local``, ``thread[1].local`` or ``thread.own``; of several copies, the sum."""
        found = self.registers(expression)
        if found is None:
            return None
        pairs = found
        if len(pairs) == 1:
            thread, register = pairs[0]
            return Value(lambda c: _view(c).threads[thread][register])
        return Value(lambda c: sum(_view(c).threads[t][r] for t, r in pairs))

    def registers(self, expression: Expression) -> list[tuple[int, int]] | None:
        """The (thread, register) pairs of ``thread.local``; None where it is something else."""
        if not isinstance(expression, Member):
            return None
        base, copy = expression.base, None
        if isinstance(base, Index) and isinstance(base.position, Number):
            base, copy = base.base, base.position.value
        if not isinstance(base, Name) or base.name not in self.threads:
            return None
        view = self.threads[base.name]
        if expression.name not in view.locals:
            return None
        copies = view.copies if copy is None else view.copies[copy : copy + 1]
        return [(thread, view.codes[thread].registers[expression.name]) for thread in copies]

    def call(self, expression: Call, compiler: Compiler) -> Value | None:
        """``sum(place)``, ``length(place)``, ``done(thread)``."""
        arguments = expression.arguments
        if len(arguments) != 1:
            return None
        match expression.function:
            case "sum":
                return self._sum(arguments[0], compiler)
            case "length":
                follow = self.list(arguments[0], compiler)
                return Value(lambda c: len(follow(c)))
            case "done" if isinstance(arguments[0], Name) and arguments[0].name in self.threads:
                view = self.threads[arguments[0].name]

                def ended(c: Context) -> int:
                    threads = _view(c).threads
                    return sum(
                        view.codes[t].nodes[threads[t][POINT]].kind is Kind.END for t in view.copies
                    )

                return Value(ended)
            case _:
                return None

    def _sum(self, place: Expression, compiler: Compiler) -> Value:
        """The sum over all CPUs of a percpu place, over the elements of an array, or both."""
        found = self.registers(place)
        if found is not None:
            value = self.member(place) if isinstance(place, Member) else None
            return value if value is not None else NOTHING
        cpus = self.image.cpus if self.image is not None and self._is_percpu(place) else 1
        getters = []
        for cpu in range(cpus):
            spot = compiler.spot(place, constant_value(cpu))
            if isinstance(spot.type, Array):
                element = spot.type.element
                for index in range(spot.type.count):
                    getters.append(self._element(compiler, spot, index * element.size, place))
            else:
                getters.append(compiler.load(spot, place.span).get)
        return Value(lambda c: sum(get(c) for get in getters))

    def _element(
        self, compiler: Compiler, spot: Spot, offset: int, place: Expression
    ) -> Callable[[Context], int]:
        assert isinstance(spot.type, Array)
        base = spot.address
        inner = spot._replace(address=lambda c: base(c) + offset, type=spot.type.element)
        return compiler.load(inner, place.span).get

    def _is_percpu(self, place: Expression) -> bool:
        while not isinstance(place, Name):
            if not hasattr(place, "base") or type(place).__name__ == "AtCpu":
                return False
            place = place.base
        symbol = self.program.data.symbols.get(place.name)
        return symbol is not None and symbol.area is Area.PERCPU

    def list(self, place: Expression, compiler: Compiler) -> Callable[[Context], tuple[int, ...]]:
        """The addresses of the nodes of a list, in order; a cycle gives its nodes over and over."""
        spot = compiler.spot(place, None)
        struct = self._node_type(spot)
        link = (
            None
            if struct is None
            else next((m.offset for m in struct.members if isinstance(m.type, Pointer)), None)
        )
        if link is None:
            compiler.problem("OPV532", f"`{place.span.text}` is no head of a list", place.span)
            return lambda _: ()
        head, word, step = spot.address, self.program.abi.model.word, link

        def follow(c: Context) -> tuple[int, ...]:
            found: list[int] = []
            try:
                node = c.load_number(head(c), word)
                while node and len(found) < LIST_LIMIT:
                    repeated = node in found
                    found.append(node)
                    if repeated:
                        break
                    node = c.load_number(node + step, word)
            except Fault:
                pass  # the address that is no node stays in the list
            return tuple(found)

        return follow

    def _node_type(self, spot: Spot) -> Struct | None:
        structs = self.program.data.structs
        if isinstance(spot.type, Pointer) and spot.type.target is not None:
            return structs.get(spot.type.target)
        linked = [
            each
            for each in structs.values()
            if any(isinstance(member.type, Pointer) for member in each.members)
        ]
        return linked[0] if len(linked) == 1 else None

    def cpu(self) -> Value | None:
        """A percpu name must say of which CPU, unless there is only one."""
        if self.image is not None and self.image.cpus == 1:
            return constant_value(0)
        return None

    def names(self) -> list[str]:
        """What could have been meant."""
        return [*self.threads]


class ThreadView(NamedTuple):
    """A thread of the text as conditions name it: its copies and its locals."""

    copies: tuple[int, ...]
    locals: tuple[str, ...]
    codes: tuple[Code, ...]


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
            except Fault:
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
                except Fault:
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
        if isinstance(expression, Call) and expression.function == "list":
            if len(expression.arguments) == 1:
                return self.scope.list(expression.arguments[0], self.compiler)
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
            follow = self.scope.list(expression.arguments[0], self.compiler)
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
        case Number():
            return []
        case Name(name=name) if scope.value(name) is not None:
            return []
        case Name() | Member() | Index() | Call():
            return [test]
        case _ if type(test).__name__ in ("Arrow", "AtCpu", "Load"):
            return [test]  # type: ignore[list-item]
        case _:
            found: list[Expression] = []
            for each in test if isinstance(test, tuple) else ():
                if isinstance(each, tuple) and hasattr(each, "span"):
                    found += _parts(each, scope)
            return found


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


def _view(context: Context) -> View:
    assert isinstance(context, View)
    return context
