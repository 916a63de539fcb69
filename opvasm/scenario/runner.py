"""Run the ``test`` blocks of a file, statement by statement."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from ..abi.layout import OP_BYTES
from ..binary import encode
from ..errors import BindError, Crash, Diagnostic, Note
from ..expression import Expression, Name, Unevaluable, constant
from ..interpreter import errno
from ..interpreter.events import Event, Stored
from ..interpreter.reason import Reason
from ..interpreter.section import STEPS_MAX, Endless
from ..light_typing import NamedTuple
from ..machine import Fault
from ..program import Instruction, Layout, Program, Vector
from ..program.section import Section
from ..text.tree import (
    Assert,
    AssertUnchanged,
    Assign,
    CpuChoice,
    CpuSet,
    Fill,
    Repeat,
    Run,
    Test,
    TestStatement,
)
from .assertions import changed_memory, failed_condition
from .cpu_choices import BadCpus, CpuChoices
from .evaluate import Scope, locate, number
from .events import (
    Asserted,
    CallBegins,
    CallEnds,
    CpusSet,
    MachineReady,
    SectionBegins,
    SectionEnds,
    SectionStepped,
    StatementBegins,
    TestEvent,
    TestObserver,
)
from .sections import enter, finish
from .store import fill_place, store_initial
from .world import World

CANNOT_EVALUATE = "OPV451"
CANNOT_CALL = "OPV452"
WRONG_RESULT = "OPV453"


class Result(NamedTuple):
    """How a test went: nothing in ``findings`` when it passed.  ``calls`` counts those made."""

    test: Test
    findings: tuple[Diagnostic, ...]
    calls: int

    @property
    def passed(self) -> bool:
        """Whether every expectation held."""
        return not self.findings


class Stop(Exception):
    """A statement that can't be carried out, so that the test ends there."""

    def __init__(self, finding: Diagnostic) -> None:
        super().__init__(finding.message)
        self.finding = finding


def run_test(
    program: Program,
    test: Test,
    *,
    layout: Layout | None = None,
    quirks: Collection[str] = (),
    observe: TestObserver | None = None,
) -> Result:
    """Run a test on a fresh machine.

    A wrong result or a failed assertion is a finding, and the test goes on; a statement that can't
    be carried out at all ends it.
    """
    run = Runner(program, test, layout=layout, quirks=quirks, observe=observe)
    for statement in run.statements():
        if not run.execute(statement):
            break
    return Result(test, tuple(run.findings), run.calls)


class Runner:
    """A test under way, to be driven one statement at a time (``statements``, ``execute``).

    ``world`` is None until the first statement that needs the machine, since the statements before
    it say which CPUs there are.
    """

    def __init__(
        self,
        program: Program,
        test: Test,
        *,
        layout: Layout | None = None,
        quirks: Collection[str] = (),
        observe: TestObserver | None = None,
    ) -> None:
        self.program = program
        self.test = test
        self.layout = layout
        self.quirks = quirks
        self.observe = observe
        self.findings: list[Diagnostic] = []
        self.calls = 0
        self._choices = CpuChoices(test.span)
        self._world: World | None = None
        self._ended = False
        self._stores: list[Stored] = []
        self._results: dict[str, int] = {}  # of the last section that ran
        self._reason = Reason()

    def statements(self) -> Iterator[TestStatement]:
        """The statements in the order in which they are carried out; repetitions unrolled."""
        yield from self._flat(self.test.statements)

    def _flat(self, statements: tuple[TestStatement, ...]) -> Iterator[TestStatement]:
        for statement in statements:
            if isinstance(statement, Repeat):
                for _ in range(self._times(statement)):
                    yield from self._flat(statement.statements)
            else:
                yield statement
            if self._ended:
                return

    def _times(self, statement: Repeat) -> int:
        """How often to repeat; 0, and the test ends, where that can't be said."""
        try:
            times = number(statement.times, self.scope())
            if times < 0:
                raise Unevaluable(f"{times} times is less than never", statement.times.span)
        except _ENDS as problem:
            self._end(problem)
            return 0
        return times

    @property
    def world(self) -> World:
        """The machine with the program loaded; made when first asked for."""
        if self._world is None:
            self._world = World(
                self.program, cpus=self._choices.cpus(), layout=self.layout, quirks=self.quirks
            )
            self._world.machine.observe = self._on_event
            self._world.observe_setup = self._tell
            self._tell(MachineReady(self._world.memory, self._world.machine.cpus))
        return self._world

    @property
    def cpu(self) -> int:
        """The CPU that calls ask for, and whose instance a percpu name means."""
        return self._choices.cpu

    def scope(self, names: Mapping[str, int] | None = None) -> Scope:
        """What names mean at this point of the test."""
        world = self.world
        return Scope(
            self.program,
            world.layout,
            self.cpu,
            world.machine.cpus.possible,
            world.memory.read,
            {**self._results, **(names or {})},
        )

    def execute(self, statement: TestStatement) -> bool:
        """Carry out one statement; False when the test can't go on."""
        self._tell(StatementBegins(statement))
        try:
            self._carry_out(statement)
        except _ENDS as problem:
            self._end(problem)
            return False
        return True

    def _carry_out(self, statement: TestStatement) -> None:
        match statement:
            case CpuSet() | CpuChoice():
                self._choose(statement)
            case Assign(place=place, value=value):
                store_initial(self.world, locate(place, self.scope()), value, self.scope())
            case Fill(place=place, value=fill):
                fill_place(self.world, locate(place, self.scope()), fill, self.scope(), place)
            case Run():
                self._run(statement)
            case Assert(condition=condition):
                self._asserted(statement, failed_condition(condition, self.scope()))
            case AssertUnchanged(span=span):
                self._asserted(statement, changed_memory(self._stores, self.world, span))
            case Repeat():
                raise Crash("a repetition reached the runner whole")

    def _end(self, problem: Unevaluable | BindError | Stop | BadCpus) -> None:
        """The test can't go on."""
        self._ended = True
        match problem:
            case Unevaluable():
                self.findings.append(_finding(CANNOT_EVALUATE, problem))
            case BindError():
                self.findings.extend(problem.diagnostics)
            case Stop() | BadCpus():
                self.findings.append(problem.finding)

    def _tell(self, event: TestEvent | Event) -> None:
        if self.observe is not None:
            self.observe(event)

    def _on_event(self, event: Event) -> None:
        """Pass an event of the machine on, and remember what it tells."""
        self._reason(event)
        if isinstance(event, Stored):
            self._stores.append(event)
        self._tell(event)

    # -- CPUs ------------------------------------------------------------------------------

    def _choose(self, statement: CpuSet | CpuChoice) -> None:
        """Set which CPUs there are, run, are allowed; or where the caller is and asks to run."""
        self._choices.choose(statement, self._early_number)
        if self._world is None:
            return
        if statement.which == "cpus":
            raise BadCpus(
                "the CPUs that exist can't change in the middle of a test",
                statement.span,
                "write `cpus` before the first statement that touches memory",
            )
        moves = isinstance(statement, CpuChoice)
        stays = None if moves else self._world.machine.cpus.current
        machine = self._world.machine
        before, machine.cpus = machine.cpus, self._choices.cpus(stays)
        if machine.cpus != before:
            self._tell(CpusSet(before.copy(), machine.cpus.copy()))

    def _early_number(self, expression: Expression) -> int:
        """The number of a CPU, which must not need the machine that it describes."""
        constants = self.program.data.constants
        return constant(
            expression, lambda leaf: constants.get(leaf.name) if isinstance(leaf, Name) else None
        )

    # -- calls -----------------------------------------------------------------------------

    def _run_section(self, statement: Run, section: Section) -> None:
        """Enter a section and compare by which label it is left."""
        scope, world = self.scope(), self.world
        arguments = self._arguments(statement, section, scope)
        after = None if statement.op_count is None else number(statement.op_count, scope)
        assert isinstance(statement.result, Name)  # the assembler asks for a label
        expected = statement.result.name
        self._stores = []
        self.calls += 1
        self._tell(SectionBegins(statement, section, arguments, world.machine.cpus.current))
        run, observed = enter(world, section, arguments)
        try:
            label = finish(run, observed, after, self._section_stepped)
        except Fault as fault:
            place = run.code[run.point].step.place or statement.span
            message = f"{section.name} gets SIGSEGV: {fault}"
            raise Stop(Diagnostic("error", CANNOT_CALL, message, place)) from None
        except Endless:
            message = f"{section.name} has not ended after {STEPS_MAX} instructions"
            raise Stop(Diagnostic("error", CANNOT_CALL, message, statement.span)) from None
        self._results = run.results
        self._tell(SectionEnds(statement, label, expected, run.results))
        if label != expected:
            self.findings.append(
                Diagnostic(
                    "error",
                    WRONG_RESULT,
                    f"the section was left by {label}, not {expected}",
                    statement.result.span,
                )
            )

    def _section_stepped(self, event: SectionStepped) -> None:
        self._stores += [Stored(event.at, *each) for each in event.stores]
        self._tell(event)

    def _run(self, statement: Run) -> None:
        """Make the call and compare its result."""
        section = self.program.sections.get(statement.vector or "")
        if section is not None:
            self._run_section(statement, section)
            return
        world, scope = self.world, self.scope()
        cpu = self._int_argument("cpu", statement.cpu, self.cpu, scope)
        data_cpu = cpu if 0 <= cpu < world.machine.cpus.possible else self.cpu
        vector, arguments, bound = self._bind(statement, data_cpu, scope)
        flags = self._int_argument("flags", statement.flags, 0, scope)
        count = self._int_argument("cpuopcnt", statement.op_count, len(bound), scope)
        expected = number(statement.result, self.scope(_ERRNO_RESULTS))
        ops: int | tuple[Instruction, ...] = bound
        if statement.address is not None:
            ops = self._address_argument(statement.address, scope)
            if vector is not None:
                self._place_vector(ops, bound, statement)
        elif 0 <= count <= self.program.abi.revision.vector_length_max and count > len(bound):
            raise Stop(
                Diagnostic(
                    "error",
                    CANNOT_CALL,
                    f"count {count} of a vector of {len(bound)} ops: what lies after it is unknown",
                    statement.span,
                    help="place the vector with `at &buffer`, so that its memory is known",
                )
            )
        self._stores = []
        self.calls += 1
        address = ops if isinstance(ops, int) else None
        self._tell(CallBegins(statement, vector, bound, arguments, cpu, data_cpu, address))
        self._reason = Reason()
        result = world.machine.cpu_opv(ops, count, cpu, flags)
        self._tell(CallEnds(statement, result, expected))
        if result != expected:
            self.findings.append(
                Diagnostic(
                    "error",
                    WRONG_RESULT,
                    f"the call returned {errno.result_name(result)}, "
                    f"not {errno.result_name(expected)}",
                    statement.result.span,
                    notes=tuple(Note(text, place) for text, place in self._reason.lines()),
                )
            )

    def _int_argument(
        self, name: str, written: Expression | None, default: int, scope: Scope
    ) -> int:
        """An argument of the system call that is an ``int`` of C."""
        if written is None:
            return default
        value = number(written, scope)
        if -(1 << 31) <= value < 1 << 31:
            return value
        raise Unevaluable(
            f"{value} does not fit {name}: the call takes a signed 32-bit number", written.span
        )

    def _address_argument(self, written: Expression, scope: Scope) -> int:
        """Where the vector is said to lie."""
        value = number(written, scope)
        if 0 <= value < self.program.abi.model.addresses:
            return value
        raise Unevaluable(f"{value:#x} is not an address", written.span)

    def _bind(
        self, statement: Run, cpu: int, scope: Scope
    ) -> tuple[Vector | None, Mapping[str, int], tuple[Instruction, ...]]:
        """The vector of a ``run`` with its arguments, bound; nothing for a call by address."""
        if statement.vector is None:
            return None, {}, ()
        vector = self.program.vectors.get(statement.vector)
        if vector is None:
            raise Stop(
                Diagnostic(
                    "error",
                    CANNOT_CALL,
                    f"no vector is called `{statement.vector}`",
                    statement.vector_span,
                )
            )
        arguments = self._arguments(statement, vector, scope)
        try:
            return vector, arguments, self.world.ops(vector, cpu, arguments)
        except BindError as problem:
            raise BindError(
                each._replace(place=statement.span, notes=(*each.notes, *_at(each)))
                for each in problem.diagnostics
            ) from None

    def _arguments(self, statement: Run, called: Vector | Section, scope: Scope) -> dict[str, int]:
        """The values of the parameters of what is called."""
        if len(statement.arguments) != len(called.parameters):
            raise Stop(
                Diagnostic(
                    "error",
                    CANNOT_CALL,
                    f"{called.name} takes {len(called.parameters)} arguments, "
                    f"here are {len(statement.arguments)}",
                    statement.span,
                )
            )
        return {
            parameter.name: number(argument, scope)
            for parameter, argument in zip(called.parameters, statement.arguments, strict=True)
        }

    def _place_vector(self, address: int, bound: tuple[Instruction, ...], statement: Run) -> None:
        """Write the ops where the call will point."""
        try:
            self.world.set_memory(address, encode(bound, self.program.abi))
        except Fault as fault:
            message = f"the {len(bound) * OP_BYTES} bytes of the vector can't be placed: {fault}"
            raise Stop(Diagnostic("error", CANNOT_CALL, message, statement.span)) from None

    # -- assertions ------------------------------------------------------------------------

    def _asserted(self, statement: Assert | AssertUnchanged, finding: Diagnostic | None) -> None:
        self._tell(Asserted(statement, finding))
        if finding is not None:
            self.findings.append(finding)


# What makes a statement impossible to carry out.
_ENDS = (Unevaluable, BindError, Stop, BadCpus)
_ERRNO_RESULTS = {name: -value for name, value in errno.NUMBERS.items()}


def _finding(code: str, problem: Unevaluable) -> Diagnostic:
    return Diagnostic("error", code, problem.reason, problem.span)


def _at(diagnostic: Diagnostic) -> tuple[Note, ...]:
    return (Note("the parameter is declared here", diagnostic.place),) if diagnostic.place else ()
