"""Thread bodies as steps, statement by statement."""

from __future__ import annotations

from collections.abc import Callable

from ...errors import Diagnostic
from ...kernels.profiles import Profile
from ...light_typing import NamedTuple
from ...program import Pointer, Program, SlotAddress, Vector
from ...program.section import ABORTED, OK, Section, labels as labels_of, local_types
from ...source import Span
from ...suggestion import did_you_mean
from ...text.scenario_tree import (
    Arm,
    Compute,
    Fence,
    If,
    Leave,
    LoadPlace,
    Loop,
    RunVector,
    Statement,
    StorePlace,
)
from ..setting.statements import assigned, names_in, walk
from ..steps.code import CPU, CRASH, KILLED, Builder, Code, Kind, Label, Node
from ..steps.image import Image
from ..steps.work import Work
from .bodies import BodyScope, ThreadPlan
from .lower_run import RunLowering
from .lower_section import SectionLowering, SectionSite
from .meaning import Compiler, Context, Value, constant_value
from .site import Exits, Site

LOOP_LIMIT = 64


class Exit(NamedTuple):
    """Where ``return``, ``break`` and failures go."""

    end: Label
    leave: Label | None
    crash: Label


def lower_thread(
    plan: ThreadPlan,
    image: Image,
    profile: Profile,
    problems: list[Diagnostic],
) -> Code:
    """The code of one thread.  What is wrong with its text is added to ``problems``."""
    builder = Builder()
    entry = builder.here(Label())
    crash = _Body(plan, image, profile, problems, builder, plan.body, "").lower()
    handler: Label | None = None
    if plan.handler is not None:
        handler = builder.here(Label())
        first = len(builder.nodes)
        _Body(plan, image, profile, problems, builder, plan.handler, "handler.").lower()
        for node in builder.nodes[first:]:
            node.handler = True
    killed: Label | None = None
    if plan.ids(image) is not None and profile.id_store_kills:
        killed = end = builder.here(Label())
        builder.add(Node(Kind.FAIL, lambda _: end, (end,), KILLED))
    observed = {
        builder.registers.numbers[n] for n in plan.observed if n in builder.registers.numbers
    }
    return Code(builder, entry, handler, crash, observed, killed)


class _Body:
    """Lowers one list of statements: a thread's, or its signal handler's."""

    def __init__(
        self,
        plan: ThreadPlan,
        image: Image,
        profile: Profile,
        problems: list[Diagnostic],
        builder: Builder,
        statements: tuple[Statement, ...],
        prefix: str,
    ) -> None:
        self.image = image
        self.plan = plan
        self.profile = profile
        self.builder = builder
        self.prefix = prefix
        self.statements = statements
        self.program: Program = image.program
        names = sorted(assigned(statements))
        locals_ = {name: builder.registers(prefix + name) for name in names}
        self.scope = BodyScope(plan, image, locals_, prefix, builder)
        self._type_locals(statements)
        self.compiler = Compiler(
            self.program, lambda s, cpu: image.layout.symbol_address(s, cpu), self.scope, problems
        )

    def lower(self) -> Label:
        """The statements, then the end (of a handler: back to where the signal struck).

        Gives the point at which the thread stands after an access to memory it must not touch.
        """
        end, crash = Label(), Label()
        self.block(self.statements, Exit(end, None, crash))
        self.builder.here(end)
        if self.prefix:
            # Where to is in the thread's state: the model reads it.
            text = "return from the signal handler"
            self.builder.add(Node(Kind.HANDLER_RETURN, lambda _: end, (), text))
        else:
            if self.plan.handler is not None:
                # A signal can still come behind the last access, so the end is a step of its own.
                gone = Label()
                self.builder.add(Node(Kind.ACCESS, lambda _: gone, (gone,), "return"))
                end = self.builder.here(gone)
            self.builder.add(Node(Kind.END, lambda _: end, (end,), "end"))
        self.builder.here(crash)
        self.builder.add(Node(Kind.FAIL, lambda _: crash, (crash,), CRASH))
        return crash

    def _type_locals(self, statements: tuple[Statement, ...]) -> None:
        """Locals loaded from a ``ptr<T>`` point to a T."""
        silent = Compiler(
            self.program, lambda s, cpu: self.image.layout.symbol_address(s, cpu), self.scope, []
        )
        for _ in range(2):  # a local's type may come from one that is typed further down
            for statement in walk(statements):
                match statement:
                    case LoadPlace(name=name, place=place):
                        kind = silent.spot(place, None).type
                    case Compute(name=name, value=value):
                        kind = silent.value(value).type
                    case RunVector(vector=called, results=results):
                        self._type_results(called, results)
                        continue
                    case _:
                        continue
                if isinstance(kind, Pointer) and kind.target and not self.scope.types.get(name):
                    self.scope.types[name] = kind

    def _type_results(self, called: str, names: tuple[str, ...]) -> None:
        """Locals that take the results of a section have the types of its locals."""
        section = self.program.sections.get(called)
        if section is None:
            return
        types = local_types(section)
        for name, result in zip(names, section.results, strict=False):
            if isinstance(types.get(result), Pointer):
                self.scope.types.setdefault(name, types[result])

    def block(self, statements: tuple[Statement, ...], leave: Exit) -> None:
        """Statements one after the other; ``retry`` points are found on the way."""
        # Where retry may go back to: from statement ``first`` on twice is the same as once.
        starts: list[Label] = []
        first = 0
        last_read: dict[str, int] = {}
        for index, statement in enumerate(statements):
            starts.append(self.builder.here(Label()))
            self.statement(statement, starts[first], leave)
            match statement:
                case LoadPlace(name=name, place=expression) | Compute(name=name, value=expression):
                    last_read |= dict.fromkeys(names_in(expression), index)
                    # From where a name is read before it is set, twice would not be the same.
                    first = max(first, last_read.get(name, -1) + 1)
                case _:
                    first = index + 1

    def statement(self, statement: Statement, restart: Label, leave: Exit) -> None:
        """One statement."""
        match statement:
            case LoadPlace():
                self._load(statement)
            case StorePlace():
                self._store(statement, leave)
            case Compute():
                self._compute(statement)
            case If():
                self._if(statement, leave)
            case Loop():
                self._loop(statement, leave)
            case Leave():
                self._leave(statement, leave)
            case Fence():
                self._fence(statement)
            case RunVector():
                self._run(statement, restart, leave)

    def _load(self, statement: LoadPlace) -> None:
        spot = self.compiler.spot(statement.place, None)
        value = self.compiler.load(spot, statement.place.span)
        register = self.scope.locals[statement.name]
        self._node(Kind.ACCESS, _assign(register, value), statement.span, value, (register,))

    def _store(self, statement: StorePlace, leave: Exit) -> None:
        spot = self.compiler.spot(statement.place, None)
        value = self.compiler.value(statement.value)
        size, _ = self.compiler.width(spot, statement.place.span)
        after, address, get = Label(), spot.address, value.get

        def run(work: Work) -> Label:
            work.store_number(address(work), size, get(work))
            return after

        reads = spot.registers | value.registers
        self.builder.add(
            Node(
                *(Kind.ACCESS, run, (after,), statement.span.text),
                reads=reads,
                place=statement.span,
                uses_cpu=spot.uses_cpu or value.uses_cpu,
            )
        )
        self.builder.here(after)

    def _compute(self, statement: Compute) -> None:
        value = self.compiler.value(statement.value)
        register = self.scope.locals[statement.name]
        kind = Kind.CURRENT if value.uses_cpu else Kind.LOCAL
        self._node(kind, _assign(register, value), statement.span, value, (register,))

    def _node(
        self,
        kind: Kind,
        action: Callable[[Work], None],
        span: Span,
        value: Value,
        writes: tuple[int, ...] = (),
    ) -> None:
        after = Label()

        def run(work: Work) -> Label:
            action(work)
            return after

        self.builder.add(
            Node(
                *(kind, run, (after,), span.text),
                reads=value.registers,
                writes=writes,
                place=span,
                uses_cpu=value.uses_cpu,
            )
        )
        self.builder.here(after)

    def _if(self, statement: If, leave: Exit) -> None:
        condition = self.compiler.value(statement.condition)
        then, otherwise, after = Label(), Label(), Label()
        get = condition.get

        def run(work: Work) -> Label:
            return then if get(work) else otherwise

        kind = Kind.CURRENT if condition.uses_cpu else Kind.LOCAL
        text = statement.condition.span.text
        self.builder.add(
            Node(kind, run, (then, otherwise), f"if {text}", reads=condition.registers)
        )
        self.builder.here(then)
        self.block(statement.then, leave)
        self._jump(after)
        self.builder.here(otherwise)
        self.block(statement.otherwise, leave)
        self.builder.here(after)

    def _loop(self, statement: Loop, leave: Exit) -> None:
        after = Label()
        if statement.times is not None:
            for _ in range(min(statement.times, LOOP_LIMIT)):
                self.block(statement.body, leave._replace(leave=after))
        else:
            start = self.builder.here(Label())
            self.block(statement.body, leave._replace(leave=after))
            self._jump(start)
        self.builder.here(after)

    def _leave(self, statement: Leave, leave: Exit) -> None:
        match statement.kind:
            case "return":
                self._jump(leave.end)
            case "break":
                if leave.leave is None:
                    self.compiler.problem("OPV523", "break stands in no loop", statement.span)
                self._jump(leave.leave or leave.end)
            case _:
                self._fail("the thread says fail", statement.span)

    def _fail(self, text: str, span: Span | None) -> None:
        here = self.builder.here(Label())
        self.builder.add(Node(Kind.FAIL, lambda _: here, (here,), text, place=span))

    def _jump(self, target: Label) -> None:
        self.builder.add(Node(Kind.LOCAL, lambda _: target, (target,), ""))

    def _fence(self, statement: Fence) -> None:
        kind = Kind.FENCE if statement.kind == "membarrier" else Kind.FENCE_VECTOR
        register = self.builder.registers(f"{self.prefix}$fence")
        targets: list[Value] = (
            [constant_value(cpu) for cpu in range(self.image.cpus)]
            if statement.cpu is None
            else [self.compiler.value(statement.cpu)]
        )
        if statement.cpu is not None and not targets[0].registers and not targets[0].uses_cpu:
            self._fence_is_there(targets[0].get(Work.__new__(Work)), statement)
        for value in targets:
            self._node(Kind.LOCAL, _assign(register, value), statement.span, value, (register,))
            after = Label()
            self.builder.add(
                Node(
                    kind,
                    lambda _, after=after: after,  # type: ignore[misc]
                    (after,),
                    statement.span.text,
                    reads=(register,),
                    cpu_register=register,
                    place=statement.span,
                    own_too=statement.cpu is not None,
                )
            )
            self.builder.here(after)

    def _fence_is_there(self, cpu: int, statement: Fence) -> None:
        """A CPU that is named by number must exist."""
        cpus = self.image.cpus
        if not 0 <= cpu < cpus:
            self.compiler.problem(
                "OPV530",
                f"a fence on CPU {cpu}, but there are {cpus} (0 to {cpus - 1})",
                statement.span,
                f"write cpus {cpu + 1}" if cpu >= 0 else "CPUs count from 0",
            )

    def _run(self, statement: RunVector, restart: Label, leave: Exit) -> None:
        section = self.program.sections.get(statement.vector)
        if section is not None:
            self._run_section(statement, section, restart, leave)
            return
        vector = self.program.vectors.get(statement.vector)
        if vector is None:
            self.compiler.problem(
                "OPV510",
                f"there is no vector {statement.vector}",
                statement.vector_span,
                did_you_mean(statement.vector, [*self.program.vectors, *self.program.sections]),
            )
            return
        arguments = self._arguments(statement, vector)
        if arguments is None:
            return
        for index, instruction in enumerate(vector.instructions):
            for operand, value, _ in instruction.operands():
                if operand.access.name != "READ" and isinstance(value, SlotAddress):
                    self.compiler.problem(
                        "OPV524",
                        f"op {index} of {vector.name} writes to its own argument {value.parameter}",
                        statement.span,
                        "give it the address of a variable to write to",
                    )
                    return
        chosen = (
            self.compiler.value(statement.cpu)
            if statement.cpu is not None
            else Value(lambda c: c.local[CPU], uses_cpu=True)
        )
        site = Site(self.image, vector, arguments, statement, self.prefix, self.builder)
        after = Label()
        labels = {result: Label() for result in Exits._fields if result != "crash"}
        exits = Exits(crash=leave.crash, **labels)
        RunLowering(
            *(site, self.plan.strategy, self.profile, self.builder, self.image.cpus),
            self.plan.ids(self.image),
        ).write(chosen, exits)
        self._arms(statement, labels, restart, after, leave)
        self.builder.here(after)

    def _arguments(
        self, statement: RunVector, called: Vector | Section
    ) -> tuple[Value, ...] | None:
        """The arguments of a run; None, and a report, where there are too few or too many."""
        arguments = tuple(self.compiler.value(each) for each in statement.arguments)
        if len(arguments) == len(called.parameters):
            return arguments
        self.compiler.problem(
            "OPV511",
            f"{called.name} takes {len(called.parameters)} arguments, not {len(arguments)}",
            statement.span,
            f"its parameters are {', '.join(p.name for p in called.parameters) or 'none'}",
        )
        return None

    def _run_section(
        self, statement: RunVector, section: Section, restart: Label, leave: Exit
    ) -> None:
        arguments = self._arguments(statement, section)
        if arguments is None:
            return
        if statement.cpu is not None:
            self.compiler.problem(
                "OPV526",
                f"{section.name} is a section, which runs on the CPU that the thread is on",
                statement.cpu.span,
                "hand the CPU in, and compare it with cpu_id inside",
            )
            return
        results = tuple(self.scope.locals[name] for name in statement.results)
        site = SectionSite(
            *(self.image, section, arguments, statement, results, self.prefix, self.builder)
        )
        labels = {name: Label() for name in (OK, *labels_of(section), ABORTED)}
        crash, after = leave.crash, Label()
        exits = Exits(labels[OK], crash, crash, crash, crash, crash, labels[ABORTED], crash)
        SectionLowering(
            *(site, self.plan.strategy, self.profile, self.builder, self.image.cpus),
            *(self.plan.ids(self.image), labels),
        ).write(Value(lambda c: c.local[CPU], uses_cpu=True), exits)
        self._arms(statement, labels, restart, after, leave)
        self.builder.here(after)

    def _arms(
        self,
        statement: RunVector,
        labels: dict[str, Label],
        restart: Label,
        after: Label,
        leave: Exit,
    ) -> None:
        """Where each result goes on; one that no arm names ends the thread with a failure."""
        by_result: dict[str, Arm] = {}
        for arm in statement.arms:
            for result in arm.results:
                by_result.setdefault(result, arm)
        shared: dict[int, Label] = {}
        for result, label in labels.items():
            arm_ = by_result.get(result)
            if result == "ok":
                self.builder.here(label)
                body = Label()
                self._jump(body)
                self.builder.nodes[-1].commits = True
                label = body
            if arm_ is None and result == "ok":
                self.builder.here(label)
                self._jump(after)
                continue
            if arm_ is None:
                self.builder.here(label)
                text = f"run {statement.vector} ended with {result}, which no arm handles"
                self._fail(text, statement.span)
                continue
            known = shared.get(id(arm_))
            self.builder.here(label)
            if known is not None:
                self._jump(known)
                continue
            shared[id(arm_)] = label
            match arm_.action:
                case "retry":
                    self._jump(restart)
                case "block":
                    self.block(arm_.body, leave)
                    self._jump(after)
                case action:
                    self._leave(Leave(action, arm_.span), leave)


def _assign(register: int, value: Value) -> Callable[[Work], None]:
    get = value.get

    def run(work: Context) -> None:
        work.local[register] = get(work)

    return run
