"""Thread bodies as steps, statement by statement."""

from __future__ import annotations

from ...errors import Diagnostic
from ...kernels.profiles import Profile
from ...light_typing import NamedTuple
from ...program import Pointer, Program, SlotAddress, Vector
from ...program.section import ABORTED, OK, Section, labels as labels_of, local_types
from ...source import Span
from ...suggestion import did_you_mean
from ...text.scenario_tree import (
    OPV,
    RSEQ,
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
from ..setting.statements import assigned, filled, names_in, walk
from ..steps.code import CRASH, KILLED, Builder, Code
from ..steps.evaluate import known
from ..steps.image import Image
from ..steps.step import (
    Action,
    Assign,
    Branch,
    End,
    Fail,
    Fence as FenceStep,
    FenceVector,
    HandlerReturn,
    Pause,
    Store,
)
from ..steps.terms import CurrentCpu, Number, Register, Term, plus
from .bodies import BodyScope, ThreadPlan
from .lower_run import RunLowering, VectorBody
from .meaning import Compiler
from .writer import Exits, Writer, new_site


class Exit(NamedTuple):
    """Where ``return`` and ``break`` go: labels."""

    end: int
    leave: int | None


def lower_thread(
    plan: ThreadPlan,
    image: Image,
    profile: Profile,
    problems: list[Diagnostic],
) -> Code:
    """The code of one thread.  What is wrong with its text is added to ``problems``."""
    builder = Builder()
    entry = builder.here()
    _Body(plan, image, profile, problems, builder, plan.body, "").lower()
    handler: int | None = None
    if plan.handler is not None:
        handler = builder.here()
        builder.in_handler = True
        _Body(plan, image, profile, problems, builder, plan.handler, "handler.").lower()
        builder.in_handler = False
    killed: int | None = None
    if plan.ids(image) is not None and profile.id_store_kills:
        killed = builder.here()
        builder.add(Fail(), KILLED)
    observed = {
        builder.registers.numbers[n] for n in plan.observed if n in builder.registers.numbers
    }
    return Code(builder, entry, handler, observed, killed)


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
        self.loops = 0
        self.program: Program = image.program
        names = sorted(assigned(statements))
        self.filled = filled(statements)
        locals_ = {name: builder.registers(prefix + name) for name in names}
        self.scope = BodyScope(plan, image, locals_, prefix, builder, profile.registered)
        self._type_locals(statements)
        self.compiler = Compiler(
            self.program, lambda s, cpu: image.layout.symbol_address(s, cpu), self.scope, problems
        )

    def lower(self) -> None:
        """The statements, then the end (of a handler: back to where the signal struck)."""
        end = self.builder.label()
        self.block(self.statements, Exit(end, None))
        self.builder.here(end)
        if self.prefix:
            # Where to is in the thread's state: the model reads it.
            self.builder.add(HandlerReturn(), "return from the signal handler")
            return
        if self.plan.handler is not None:
            # A signal can still come after the last access, so the end is a step of its own.
            gone = self.builder.label()
            self.builder.add(Pause(gone), "return")
            self.builder.here(gone)
        self.builder.add(End(), "end")
        self.builder.here(self.builder.crash)
        self.builder.add(Fail(), CRASH)

    def _type_locals(self, statements: tuple[Statement, ...]) -> None:
        """Locals loaded from a ``ptr<T>`` point to a T."""
        silent = Compiler(
            self.program, lambda s, cpu: self.image.layout.symbol_address(s, cpu), self.scope, []
        )
        types = self.scope.types
        for _ in range(2):  # a local's type may come from one that is typed further down
            before = len(types)
            for statement in walk(statements):
                match statement:
                    case LoadPlace(name=name) | Compute(name=name) if types.get(name):
                        continue
                    case LoadPlace(name=name, place=place):
                        kind = silent.spot(place, None).type
                    case Compute(name=name, value=value):
                        kind = silent.value(value).type
                    case RunVector(vector=called, results=results):
                        self._type_results(called, results)
                        continue
                    case _:
                        continue
                if isinstance(kind, Pointer) and kind.target:
                    types[name] = kind
            if len(types) == before:
                return

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
        starts: list[int] = []
        first = 0
        last_read: dict[str, int] = {}
        for index, statement in enumerate(statements):
            starts.append(self.builder.here())
            self.statement(statement, starts[first], leave)
            match statement:
                case LoadPlace(name=name, place=expression) | Compute(name=name, value=expression):
                    last_read |= dict.fromkeys(names_in(expression), index)
                    # From where a name is read before it is set, twice would not be the same.
                    first = max(first, last_read.get(name, -1) + 1)
                case _:
                    first = index + 1

    def statement(self, statement: Statement, restart: int, leave: Exit) -> None:
        """One statement."""
        match statement:
            case LoadPlace():
                self._load(statement)
            case StorePlace():
                self._store(statement)
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
        self._assign(self.scope.locals[statement.name], value.term, statement.span)

    def _store(self, statement: StorePlace) -> None:
        spot = self.compiler.spot(statement.place, None)
        value = self.compiler.value(statement.value).term
        size = self.compiler.width(spot, statement.place.span).size
        after = self.builder.label()
        self._step(Store(spot.address, size, value, after), statement.span)
        self.builder.here(after)

    def _compute(self, statement: Compute) -> None:
        if statement.name in self.program.data.symbols and statement.name not in self.filled:
            self.compiler.problem(
                "OPV514",
                f"`{statement.name}` is memory, and a thread writes memory only with store",
                statement.span,
                f"`store {statement.name}, VALUE`; a number of the thread's own needs another name",
            )
        value = self.compiler.value(statement.value).term
        self._assign(self.scope.locals[statement.name], value, statement.span)

    def _assign(self, register: int, value: Term, span: Span) -> None:
        after = self.builder.label()
        self._step(Assign((register,), (value,), after), span)
        self.builder.here(after)

    def _step(self, action: Action, span: Span) -> None:
        self.builder.add(action, span.text, place=span)

    def _if(self, statement: If, leave: Exit) -> None:
        condition = self.compiler.value(statement.condition).term
        then, otherwise, after = (self.builder.label() for _ in range(3))
        text = statement.condition.span.text
        self.builder.add(Branch(condition, then, otherwise), f"if {text}")
        self.builder.here(then)
        self.block(statement.then, leave)
        self.builder.jump(after)
        self.builder.here(otherwise)
        self.block(statement.otherwise, leave)
        self.builder.here(after)

    def _loop(self, statement: Loop, leave: Exit) -> None:
        after = self.builder.label()
        start = self.builder.label()
        if statement.times is None:
            self.builder.here(start)
        else:
            self._count_rounds(statement.times, start, after)
        self.block(statement.body, leave._replace(leave=after))
        self.builder.jump(start, ends=statement.times is not None)
        self.builder.here(after)

    def _count_rounds(self, times: int, start: int, after: int) -> None:
        """The head of a loop that ends by itself: a register holds how many rounds are left."""
        builder = self.builder
        self.loops += 1
        left = builder.registers(f"{self.prefix}$rounds{self.loops}")
        round_, body = builder.label(), builder.label()
        builder.add(Assign((left,), (Number(times),), start))
        builder.here(start)
        builder.add(Branch(Register(left), round_, after))
        builder.here(round_)
        builder.add(Assign((left,), (plus(Number(-1), Register(left)),), body))
        builder.here(body)

    def _leave(self, statement: Leave, leave: Exit) -> None:
        match statement.kind:
            case "return":
                self.builder.jump(leave.end)
            case "break":
                if leave.leave is None:
                    self.compiler.problem("OPV523", "break stands in no loop", statement.span)
                self.builder.jump(leave.leave or leave.end)
            case _:
                self._fail("the thread says fail", statement.span)

    def _fail(self, text: str, span: Span | None) -> None:
        self.builder.add(Fail(), text, place=span)

    def _fence(self, statement: Fence) -> None:
        register = self.builder.registers(f"{self.prefix}$fence")
        one = statement.cpu
        if one is None:
            targets: list[Term] = [Number(cpu) for cpu in range(self.image.cpus)]
        else:
            targets = [self.compiler.value(one).term]
            number = known(targets[0])
            if number is not None:
                self._fence_is_there(number, statement)
        for cpu in targets:
            self._assign(register, cpu, statement.span)
            after = self.builder.label()
            fence: Action = FenceVector(register, one is not None, after)
            if statement.kind == "membarrier":
                fence = FenceStep(register, one is not None, after)
            self._step(fence, statement.span)
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

    def _run(self, statement: RunVector, restart: int, leave: Exit) -> None:
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
        chosen = CurrentCpu() if statement.cpu is None else self.compiler.value(statement.cpu).term
        site = new_site(self.image, vector, self.prefix, self.builder)
        places = tuple(each.place for each in vector.instructions)
        writer = Writer(self.builder, site, statement, vector.name, places)
        after = self.builder.label()
        labels = {result: self.builder.label() for result in Exits._fields}
        body = VectorBody(writer, self.profile, self.plan.ids(self.image))
        run = RunLowering(writer, body, self.plan.strategy, self.image.cpus)
        run.write(chosen, arguments, Exits(**labels))
        self._arms(statement, labels, restart, after, leave)
        self.builder.here(after)

    def _arguments(self, statement: RunVector, called: Vector | Section) -> tuple[Term, ...] | None:
        """The arguments of a run; None, and a report, where there are too few or too many."""
        arguments = tuple(self.compiler.value(each).term for each in statement.arguments)
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
        self, statement: RunVector, section: Section, restart: int, leave: Exit
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
        from .lower_section import SectionBody  # few scenarios run sections that load

        results = tuple(self.scope.locals[name] for name in statement.results)
        site = new_site(
            self.image, Vector(section.name, section.parameters, ()), self.prefix, self.builder
        )
        labels = {name: self.builder.label() for name in (OK, *labels_of(section), ABORTED)}
        after = self.builder.label()
        body = SectionBody(
            builder=self.builder,
            site=site,
            section=section,
            statement=statement,
            results=results,
            prefix=self.prefix,
            profile=self.profile,
            ids=self.plan.ids(self.image),
            labels=labels,
            vector=self.plan.called.get(section.name),
        )
        strategy = self.plan.strategy
        # It begins as a section in any case.
        entered = strategy._replace(first=RSEQ) if strategy.first == OPV else strategy
        run = RunLowering(body.writer, body, entered, self.image.cpus)
        run.write(CurrentCpu(), arguments, body.exits())
        self._arms(statement, labels, restart, after, leave)
        self.builder.here(after)

    def _arms(
        self,
        statement: RunVector,
        labels: dict[str, int],
        restart: int,
        after: int,
        leave: Exit,
    ) -> None:
        """Where each result goes on; one that no arm names ends the thread with a failure."""
        by_result: dict[str, Arm] = {}
        for arm in statement.arms:
            for result in arm.results:
                by_result.setdefault(result, arm)
        shared: dict[int, int] = {}
        for result, label in labels.items():
            arm_ = by_result.get(result)
            if result == "ok":
                self.builder.here(label)
                body = self.builder.label()
                self.builder.jump(body, commits=True)
                label = body
            if arm_ is None and result == "ok":
                self.builder.here(label)
                self.builder.jump(after)
                continue
            if arm_ is None:
                self.builder.here(label)
                text = f"run {statement.vector} ended with {result}, which no arm handles"
                self._fail(text, statement.span)
                continue
            known = shared.get(id(arm_))
            self.builder.here(label)
            if known is not None:
                self.builder.jump(known)
                continue
            shared[id(arm_)] = label
            match arm_.action:
                case "retry":
                    self.builder.jump(restart)
                case "block":
                    self.block(arm_.body, leave)
                    self.builder.jump(after)
                case action:
                    self._leave(Leave(action, arm_.span), leave)
