"""A scenario for one configuration, ready to run: memory, code, limits, who is alike."""

from __future__ import annotations

from collections.abc import Mapping

from ...errors import Diagnostic, OpvasmError
from ...expression import Expression, Index, Name
from ...interpreter.access import BOUNCE_BUFFER
from ...kernels.disturbances import BUDGETS, Disturbance
from ...light_typing import TYPE_CHECKING, NamedTuple
from ...program import Array, Pointer, Program, Scalar, Struct, Type
from ...source import Span
from ...suggestion import did_you_mean
from ...text.scenario_tree import Fence, LinkList, Own, RunVector, Scenario, Set, Statement, Thread
from ..claims.conditions import Judge, observed_locals
from ..claims.judge_scope import JudgeScope
from ..lowering.bodies import ThreadPlan
from ..lowering.lower import lower_thread
from ..lowering.meaning import Compiler
from ..setting.configuration import Configuration, interchangeable
from ..setting.statements import CPU_ID, CPU_ID_START, ID_NAMES, assigned, walk
from ..steps.code import Code
from ..steps.evaluate import getter, known
from ..steps.ids import ID_SIZE, IDS_SIZE, ids_bytes
from ..steps.image import Image, OwnVariable
from ..steps.state import UNLIMITED
from ..steps.step import Kind
from ..steps.work import Work
from .refusals import environment_problems, page_problems

if TYPE_CHECKING:
    from ...verifier.section_vector import AsVector


class ScenarioError(OpvasmError):
    """A scenario that can't be explored: names, values, strategies that the rules refuse."""


class Plan(NamedTuple):
    """Everything about a configuration that does not change while it runs.

    ``ids[t]`` is where thread t's cpu_id_start lies in the state (None: nobody looks at it).
    ``unprotected`` says which threads lose their section's protection, and at which op of which
    vector (None: anywhere).
    ``groups`` are tuples of threads that are alike in all but their number.  ``reach[t]`` are the
    CPUs on which thread t can run or whose threads it can disturb.
    """

    scenario: Scenario
    configuration: Configuration
    program: Program
    image: Image
    codes: tuple[Code, ...]
    names: tuple[str, ...]
    homes: tuple[int, ...]
    allowed: tuple[frozenset[int], ...]
    groups: tuple[tuple[int, ...], ...]
    reach: tuple[frozenset[int], ...]
    ids: tuple[int | None, ...]
    limits: Mapping[Disturbance, int]
    stepped: tuple[int, ...]
    unprotected: tuple[tuple[tuple[int, ...], tuple[str, int] | None], ...]
    stalled: tuple[int, ...]
    memory: bytes
    judge: Judge
    chunk: int
    retries_migration: bool
    tracks_running: bool


def make_plan(program: Program, scenario: Scenario, configuration: Configuration) -> Plan:
    """The plan of a configuration.  Raises ScenarioError with everything wrong with its text."""
    problems: list[Diagnostic] = []
    planner = _Planner(program, scenario, configuration, problems)
    plan = planner.plan()
    if problems:
        raise ScenarioError(problems)
    return plan


class Plans:
    """The first plans that a check makes, for the searches that come next: each is taken once.

    Only a few are kept, so that a scenario of many configurations takes no more memory.
    """

    _MOST = 8

    def __init__(self) -> None:
        self._kept: list[Plan] = []

    def keep(self, plan: Plan) -> None:
        """Keep a plan, while there are few."""
        if len(self._kept) < self._MOST:
            self._kept.append(plan)

    def take(self, program: Program, scenario: Scenario, configuration: Configuration) -> Plan:
        """The plan of a configuration: the one that was kept, or made now, as by ``make_plan``."""
        for index, plan in enumerate(self._kept):
            same = plan.program is program and plan.scenario is scenario
            if same and plan.configuration == configuration:
                return self._kept.pop(index)
        return make_plan(program, scenario, configuration)


class _Planner:
    def __init__(
        self,
        program: Program,
        scenario: Scenario,
        configuration: Configuration,
        problems: list[Diagnostic],
    ) -> None:
        self.program = program
        self.scenario = scenario
        self.configuration = configuration
        self.problems = problems
        self.called: Mapping[str, AsVector] = {}
        self.threads: list[tuple[Thread, int]] = []  # of the text, with the number of the copy
        for thread in scenario.threads:
            self.threads += [(thread, copy) for copy in range(thread.count)]
        self.names = tuple(
            thread.name if thread.count == 1 else f"{thread.name}{copy}"
            for thread, copy in self.threads
        )

    def plan(self) -> Plan:
        """Everything, in the order in which one part needs the other."""
        scenario, configuration = self.scenario, self.configuration
        self.problems += environment_problems(scenario)
        self.problems += page_problems(self.program, scenario)
        own = tuple(self._own(thread) for thread, _ in self.threads)
        strategies = dict(
            zip((t.name for t in scenario.threads), configuration.strategies, strict=True)
        )
        program = self.program
        if program.sections:
            from .called import with_called  # few programs have sections that load

            program, self.called = with_called(program, scenario, strategies)
        image = Image(program, configuration.cpus, own)
        handlers = {handler.thread: handler.body for handler in scenario.handlers}
        watched = observed_locals(scenario)
        codes = []
        for index, (thread, copy) in enumerate(self.threads):
            problems = self.problems if copy == 0 else []
            plan = ThreadPlan(
                *(thread.name, index, thread.body, handlers.get(thread.name)),
                *(strategies[thread.name], own[index], watched.get(thread.name, frozenset())),
                self.called,
            )
            codes.append(lower_thread(plan, image, configuration.profile, problems))
        homes = tuple(self._home(thread) for thread, _ in self.threads)
        ids = tuple(self._ids(image, index) for index in range(len(self.threads)))
        judge = self._judge(image, tuple(codes))
        allowed = tuple(self._allowed(thread) for thread, _ in self.threads)
        kinds = {step.kind for code in codes for step in code.steps}
        survives = (
            not configuration.profile.preemption_aborts
            and Kind.FENCE in kinds
            and Kind.BEGIN in kinds
        )
        return Plan(
            scenario=scenario,
            configuration=configuration,
            program=self.program,
            image=image,
            codes=tuple(codes),
            names=self.names,
            homes=homes,
            allowed=allowed,
            groups=self._groups(),
            reach=tuple(self._reach(i, codes[i], homes[i]) for i in range(len(codes))),
            ids=ids,
            limits=self._limits(),
            stepped=self._struck(Disturbance.STEPPED),
            unprotected=self._unprotected(),
            stalled=self._struck(Disturbance.STALLED),
            memory=self._memory(image, ids, homes),
            judge=judge,
            chunk=1 << 16 if self.program.abi.revision.maps_operands else BOUNCE_BUFFER,
            retries_migration=self.program.abi.revision.retries_migration,
            tracks_running=any(each is not None for each in ids) or survives,
        )

    # ---- threads ----------------------------------------------------------------------------------

    def _own(self, thread: Thread) -> tuple[OwnVariable, ...]:
        """The layout of a thread's own memory."""
        data = self.program.data
        found: list[OwnVariable] = []
        offset = 0
        for each in thread.own:
            kind = self._type(each)
            align = _alignment(kind)
            offset = -(-offset // align) * align
            found.append(OwnVariable(each.name, offset, kind))
            offset += kind.size
        handlers = tuple(h.body for h in self.scenario.handlers if h.thread == thread.name)
        bodies = (thread.body, *handlers)
        taken = {each.name for each in thread.own} | assigned(thread.body)
        taken |= {e for d in (data.symbols, data.constants) for e in ID_NAMES if e in d}
        if not _mentioned(bodies).isdisjoint({*ID_NAMES} - taken):
            offset = -(-offset // IDS_SIZE) * IDS_SIZE
            found.append(OwnVariable(CPU_ID_START, offset, Scalar("u64", IDS_SIZE, False)))
            if CPU_ID not in taken:
                there = Scalar("u32", ID_SIZE, False)
                found.append(OwnVariable(CPU_ID, offset + ID_SIZE, there))
        return tuple(found)

    def _type(self, own: Own) -> Type:
        """The type that ``own`` names."""
        word = self.program.abi.model.word
        named = own.type
        base: Type
        scalars = {
            f"{s}{8 * n}": Scalar(f"{s}{8 * n}", n, s == "i") for s in "ui" for n in (1, 2, 4, 8)
        }
        structs = self.program.data.structs
        if named.name == "ptr":
            base = Pointer(None if named.target is None else named.target.name, word)
        elif named.name in scalars:
            base = scalars[named.name]
        elif named.name in structs:
            base = structs[named.name]
        else:
            known = [*scalars, "ptr", *structs]
            self.problems.append(
                Diagnostic(
                    "error",
                    "OPV516",
                    f"{named.name} is not a type",
                    named.span,
                    help=did_you_mean(named.name, known),
                )
            )
            return Scalar("u64", 8, False)
        for count in reversed(named.counts):
            number = self._constant(count)
            base = Array(base, number, number * base.size)
        return base

    def _constant(self, expression: Expression) -> int:
        """A number that needs no memory."""
        scope = JudgeScope(self.program, None, (), {}, False)
        compiler = Compiler(self.program, lambda s, c: 0, scope, self.problems)
        number = known(compiler.value(expression).term)
        if number is None:
            text = f"`{expression.span.text}` has no value before anything runs"
            self.problems.append(Diagnostic("error", "OPV530", text, expression.span))
            return 0
        return number

    def _home(self, thread: Thread) -> int:
        cpu = self._constant(thread.cpu)
        if not 0 <= cpu < self.configuration.cpus:
            self.problems.append(
                Diagnostic(
                    "error",
                    "OPV530",
                    f"thread {thread.name} begins on CPU {cpu}, but there are "
                    f"{self.configuration.cpus} (0 to {self.configuration.cpus - 1})",
                    thread.cpu.span,
                    help=f"write cpus {cpu + 1}",
                )
            )
            return 0
        return cpu

    def _allowed(self, thread: Thread) -> frozenset[int]:
        if thread.allowed is None:
            return frozenset(range(self.configuration.cpus))
        first, last = (self._constant(each) for each in thread.allowed)
        return frozenset(range(max(first, 0), min(last + 1, self.configuration.cpus)))

    def _groups(self) -> tuple[tuple[int, ...], ...]:
        """Threads that are alike: copies, and threads of one text and one strategy."""
        alike: dict[object, list[int]] = {}
        number = {thread.name: i for i, thread in enumerate(self.scenario.threads)}
        for index, (thread, _) in enumerate(self.threads):
            strategy = self.configuration.strategies[number[thread.name]]
            shape = interchangeable(thread, self.scenario)
            named = isinstance(shape, str) and not self._copies_are_alike(thread)
            key = (index,) if named else (repr(shape), strategy.name)
            alike.setdefault(key, []).append(index)
        return tuple(tuple(group) for group in alike.values() if len(group) > 1)

    def _copies_are_alike(self, thread: Thread) -> bool:
        """Whether conditions speak of a thread's copies only all together (``W.x``, not ``W[1]``)."""
        struck = {each.thread for each in self.scenario.environment}
        struck |= {each.thread for each in self.scenario.progress}
        tests = tuple(each.test for each in self.scenario.conditions)
        told_apart = _indexes((tests, self.scenario.observed), thread.name)
        return thread.name not in struck and not told_apart

    def _reach(self, index: int, code: Code, home: int) -> frozenset[int]:
        """The CPUs that a thread can run on or fence; all of them where it is not plain."""
        everything = frozenset(range(self.configuration.cpus))
        if any(limit and each.row.way.moves for each, limit in self._limits().items()):
            return everything
        thread = self.threads[index][0]
        targets = {home}
        handlers = tuple(h.body for h in self.scenario.handlers if h.thread == thread.name)
        for body in (thread.body, *handlers):
            found = self._targets(body)
            if found is None:
                return everything
            for expression in found:
                scope = JudgeScope(self.program, None, (), {}, False)
                problems: list[Diagnostic] = []
                compiler = Compiler(self.program, lambda s, c: 0, scope, problems)
                number = known(compiler.value(expression).term)
                if problems or number is None:
                    return everything
                targets.add(number)
        return frozenset(targets)

    def _targets(self, statements: tuple[Statement, ...]) -> list[Expression] | None:
        """The CPUs that a body names; None where it speaks of all of them."""
        found: list[Expression] = []
        for statement in walk(statements):
            match statement:
                case RunVector(cpu=cpu) if cpu is not None:
                    found.append(cpu)
                case RunVector(vector=name, arguments=given) if name in self.called:
                    # The call goes to the CPU that the section is handed.
                    parameters = self.program.sections[name].parameters
                    mine = zip(parameters, given, strict=False)
                    found += [each for p, each in mine if p.name == self.called[name].cpu]
                case Fence(cpu=None):
                    return None
                case Fence(cpu=cpu) if cpu is not None:
                    found.append(cpu)
                case _:
                    pass
        return found

    # ---- memory -----------------------------------------------------------------------------------

    def _ids(self, image: Image, index: int) -> int | None:
        for variable in image.own[index]:
            if variable.name == CPU_ID_START:
                return image.own_blocks[index].start + variable.offset
        return None

    def _memory(self, image: Image, ids: tuple[int | None, ...], homes: tuple[int, ...]) -> bytes:
        """What memory holds before anything runs."""
        work = Work(image, 64)
        work.memory = bytearray(image.initial)
        scope = JudgeScope(self.program, image, self.names, {}, False)
        compiler = Compiler(
            self.program, lambda s, cpu: image.layout.symbol_address(s, cpu), scope, self.problems
        )
        for statement in self.scenario.init:
            match statement:
                case Set(place=place, value=value, span=span):
                    spot = compiler.spot(place, None)
                    size = compiler.width(spot, span).size
                    given = compiler.value(value).term
                    if not self.problems:
                        work.store_number(getter(spot.address)(work), size, getter(given)(work))
                case LinkList():
                    self._link(statement, compiler, work)
        for index, home in zip(ids, homes, strict=True):
            if index is not None:
                registered = self.configuration.profile.registered
                ids_there = ids_bytes(home, image.byteorder, registered)
                work.memory[index : index + IDS_SIZE] = ids_there
        return bytes(work.memory)

    def _link(self, statement: LinkList, compiler: Compiler, work: Work) -> None:
        """``list head: A -> B``: head points to A, A's link to B, B's link nowhere."""
        head = compiler.spot(statement.head, None)
        nodes = [compiler.spot(node, None) for node in statement.nodes]
        if self.problems:
            return
        word = self.program.abi.model.word
        place = getter(head.address)(work)
        for node, written in zip(nodes, statement.nodes, strict=True):
            if not isinstance(node.type, Struct) or (link := link_member(node.type)) is None:
                text = f"`{written.span.text}` is not a struct with a pointer to link it by"
                self.problems.append(Diagnostic("error", "OPV531", text, written.span))
                return
            address = getter(node.address)(work)
            work.store_number(place, word, address)
            place = address + link
        work.store_number(place, word, 0)

    # ---- the rest ---------------------------------------------------------------------------------

    def _limits(self) -> dict[Disturbance, int]:
        limits = dict.fromkeys(BUDGETS, 0)
        for each in self.scenario.environment:
            if each.kind in limits:
                limits[each.kind] = UNLIMITED if each.limit is None else each.limit
        return limits

    def _unprotected(self) -> tuple[tuple[tuple[int, ...], tuple[str, int] | None], ...]:
        """The threads and the place of each ``unprotected``; the place must be there."""
        found = []
        for each in self.scenario.environment:
            if each.kind is not Disturbance.UNPROTECTED:
                continue
            if each.place is not None:
                self._place_is_there(each.place, each.span)
            struck = tuple(
                index
                for index, (thread, _) in enumerate(self.threads)
                if each.thread in (None, thread.name)
            )
            found.append((struck, each.place))
        return tuple(found)

    def _place_is_there(self, place: tuple[str, int], span: Span) -> None:
        name, index = place
        vector = self.program.vectors.get(name)
        if vector is None:
            help = did_you_mean(name, self.program.vectors)
            message = f"there is no vector {name}"
            self.problems.append(Diagnostic("error", "OPV510", message, span, help=help))
        elif index >= len(vector.instructions):
            ops = len(vector.instructions)
            message = f"{name} has {ops} ops (0 to {ops - 1}), so there is no {name}[{index}]"
            self.problems.append(Diagnostic("error", "OPV505", message, span))

    def _struck(self, kind: Disturbance) -> tuple[int, ...]:
        names = {each.thread for each in self.scenario.environment if each.kind == kind}
        everyone = None in names
        return tuple(
            index
            for index, (thread, _) in enumerate(self.threads)
            if everyone or thread.name in names
        )

    def _judge(self, image: Image, codes: tuple[Code, ...]) -> Judge:
        copies: dict[str, tuple[int, ...]] = {}
        for index, (thread, _) in enumerate(self.threads):
            copies[thread.name] = (*copies.get(thread.name, ()), index)
        locals_ = {thread.name: sorted(assigned(thread.body)) for thread in self.scenario.threads}
        return Judge(self.program, image, self.scenario, copies, codes, locals_, self.problems)


def link_member(struct: Struct) -> int | None:
    """The offset in bytes of the pointer that links a struct into a list: its first one."""
    return next((each.offset for each in struct.members if isinstance(each.type, Pointer)), None)


def _alignment(kind: Type) -> int:
    match kind:
        case Array(element=element):
            return _alignment(element)
        case Struct(alignment=alignment):
            return alignment
        case _:
            return kind.size


def _mentioned(tree: object) -> set[str]:
    """Every name in an expression of a tree."""
    found: set[str] = set()
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Name):
            found.add(node.name)
        elif isinstance(node, tuple) and not isinstance(node, Span):
            waiting += node
    return found


def _indexes(tree: object, name: str) -> bool:
    """Whether a copy of a thread is meant by its number somewhere: ``W[1].x``."""
    if isinstance(tree, Index) and isinstance(tree.base, Name) and tree.base.name == name:
        return True
    return isinstance(tree, tuple) and any(_indexes(each, name) for each in tree)
