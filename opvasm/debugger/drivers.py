"""What can be debugged: a reference case, raw ops, one vector of a file, a test of a file."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from ..abi.revisions import Abi
from ..binary import decode
from ..conformance_case import Case
from ..engines.reference import build_machine
from ..errors import BindError, Diagnostic
from ..expression import Number
from ..interpreter import Machine
from ..interpreter.supplied import accesses_of, supply
from ..machine import Cpus, Memory
from ..program import Data, Instruction, Layout, Program, Vector
from ..scenario.cpu_choices import BadCpus
from ..scenario.events import CallBegins, CallEnds
from ..scenario.runner import Runner
from ..scenario.world import World
from ..text.tree import CpuChoice, CpuSet, Run, Test, TestStatement
from .movements import Broken, Movement

Observe = Callable[[Movement], None]


def empty_program(abi: Abi) -> Program:
    """A program that declares nothing, for machines that no text describes."""
    return Program(abi, Data({}, {}, {}, ()), {})


class CaseDriver:
    """A reference case: one call on the machine that the case describes."""

    def __init__(self, case: Case, quirks: Collection[str] = ()) -> None:
        self.machine = build_machine(case, quirks)
        self.program = empty_program(self.machine.abi)
        self._case: Case | None = case
        self._expected = case.expectation(historic=case.historic_bug in quirks).result

    def advance(self, observe: Observe) -> bool:
        """Make the call, once."""
        case, self._case = self._case, None
        if case is None:
            return False
        ops = case.vector if case.vector_address is None else case.vector_address
        begins = CallBegins(None, None, (), {}, case.cpu, self.machine.cpus.current, None)
        result = _call(self.machine, ops, case.cpuopcnt, case.cpu, case.flags, begins, observe)
        observe(CallEnds(None, result, self._expected))
        return True


class VectorsDriver:
    """Calls of a loaded program's vectors, one after another, as (vector, arguments, cpu).

    ``calls`` may be endless; an argument that does not fit raises BindError from ``advance``.
    """

    def __init__(
        self, world: World, calls: Iterable[tuple[Vector, Mapping[str, int], int]]
    ) -> None:
        self.world = world
        self.machine = world.machine
        self.program = world.program
        self._calls = iter(calls)

    def advance(self, observe: Observe) -> bool:
        """Make the next call."""
        call = next(self._calls, None)
        if call is None:
            return False
        vector, arguments, cpu = call
        cpus = self.machine.cpus
        data_cpu = cpu if 0 <= cpu < cpus.possible else cpus.current
        self.world.observe_setup = observe
        try:
            bound = self.world.ops(vector, data_cpu, arguments)
        finally:
            self.world.observe_setup = None
        begins = CallBegins(None, vector, bound, arguments, cpu, data_cpu)
        result = _call(self.machine, bound, len(bound), cpu, 0, begins, observe)
        observe(CallEnds(None, result, result))
        return True


class OpsDriver:
    """Raw ops, called once on a machine; ``map_operands`` makes one where every operand is mapped."""

    def __init__(self, machine: Machine, instructions: Sequence[Instruction], cpu: int) -> None:
        self.machine = machine
        self.program = empty_program(machine.abi)
        self._instructions: tuple[Instruction, ...] | None = tuple(instructions)
        self._cpu = cpu

    def advance(self, observe: Observe) -> bool:
        """Make the call, once."""
        ops, self._instructions = self._instructions, None
        if ops is None:
            return False
        begins = CallBegins(None, None, ops, {}, self._cpu, self._cpu)
        result = _call(self.machine, ops, len(ops), self._cpu, 0, begins, observe)
        observe(CallEnds(None, result, result))
        return True


class CallDriver:
    """One call of the ops at an address, on a machine that has its memory: a real program's.

    ``names`` are what expressions may call the call's own numbers.
    """

    def __init__(
        self,
        machine: Machine,
        program: Program,
        address: int,
        cpuopcnt: int,
        cpu: int,
        flags: int,
        names: Mapping[str, int],
    ) -> None:
        self.machine = machine
        self.program = program
        self._arguments: tuple[int, int, int, int] | None = (address, cpuopcnt, cpu, flags)
        self._names = names

    def advance(self, observe: Observe) -> bool:
        """Make the call, once."""
        arguments, self._arguments = self._arguments, None
        if arguments is None:
            return False
        address, cpuopcnt, cpu, flags = arguments
        cpus = self.machine.cpus
        data_cpu = cpu if 0 <= cpu < cpus.possible else cpus.current
        begins = CallBegins(None, None, (), self._names, cpu, data_cpu)
        result = _call(self.machine, address, cpuopcnt, cpu, flags, begins, observe)
        observe(CallEnds(None, result, result))
        return True


def map_operands(instructions: Iterable[Instruction], abi: Abi, cpus: Cpus) -> Machine:
    """A machine on which pages of zeros are supplied where the ops point, as by ``run``."""
    memory = Memory(abi.page_size)
    supply(memory, accesses_of(instructions), abi)
    return Machine(abi, memory, cpus)


def _call(
    machine: Machine,
    ops: int | bytes | Sequence[Instruction],
    cpuopcnt: int,
    cpu: int,
    flags: int,
    begins: CallBegins,
    observe: Observe,
) -> int:
    """Make one call and tell of it."""
    match ops:
        case int():
            begins = begins._replace(address=ops)
        case bytes():
            begins = begins._replace(instructions=decode(ops, machine.abi, None))
        case _:
            pass
    observe(begins)
    machine.observe = observe
    try:
        return machine.cpu_opv(ops, cpuopcnt, cpu, flags)
    finally:
        machine.observe = None


class TestDriver:
    """A test of a file, statement by statement.

    The CPU statements in front of everything else say what machine it is, so they are carried out
    at once and only told of when their turn comes.  ``findings`` are those of the test so far.
    Raises BindError for CPUs that no machine has and for initial values that do not fit.
    """

    __test__ = False  # pytest: this is not a test class

    def __init__(
        self,
        program: Program,
        test: Test,
        quirks: Collection[str] = (),
        layout: Layout | None = None,
    ) -> None:
        self.program = program
        self._runner = Runner(program, test, layout=layout, quirks=quirks)
        self._statements = self._runner.statements()
        self._told: list[list[Movement]] = []
        self._next: TestStatement | None = None
        self._changed: dict[str, int] = {}
        self._broken = False
        self._begin()
        try:
            self._world = self._runner.world
        except BadCpus as problem:
            raise BindError([problem.finding]) from None

    @property
    def machine(self) -> Machine:
        """The test's machine."""
        return self._world.machine

    @property
    def world(self) -> World:
        """The program as it is loaded."""
        return self._world

    @property
    def findings(self) -> tuple[Diagnostic, ...]:
        """What was found wrong so far."""
        return tuple(self._runner.findings)

    def _begin(self) -> None:
        """Carry out the CPU statements in front; keep what they tell."""
        for statement in self._statements:
            if not isinstance(statement, CpuSet | CpuChoice):
                self._next = statement
                return
            told: list[Movement] = []
            self._execute(statement, told.append)
            self._told.append(told)
            if self._broken:
                raise BindError(self.findings)

    def advance(self, observe: Observe) -> bool:
        """Carry out the next statement; False when there is none or the test can't go on."""
        if self._told:
            for movement in self._told.pop(0):
                observe(movement)
            return True
        if self._broken:
            return False
        statement, self._next = self._next, None
        if statement is None:
            before = len(self._runner.findings)
            statement = next(self._statements, None)
            if statement is None:
                findings = tuple(self._runner.findings[before:])
                if findings:
                    observe(Broken(findings))
                return False
        self._execute(self._with_arguments(statement), observe)
        return True

    def change_arguments(self, values: Mapping[str, int]) -> None:
        """Give parameters of what the next statement calls other values, for that call."""
        self._changed = dict(values)

    def _with_arguments(self, statement: TestStatement) -> TestStatement:
        """The statement with the arguments that were changed."""
        values, self._changed = self._changed, {}
        if not values or not isinstance(statement, Run) or statement.vector is None:
            return statement
        name = statement.vector
        called = self.program.sections.get(name) or self.program.vectors[name]
        pairs = zip(called.parameters, statement.arguments, strict=True)
        return statement._replace(
            arguments=tuple(
                Number(values[each.name], written.span) if each.name in values else written
                for each, written in pairs
            )
        )

    def _execute(self, statement: TestStatement, observe: Observe) -> None:
        before = len(self._runner.findings)
        self._runner.observe = observe
        try:
            goes_on = self._runner.execute(statement)
        finally:
            self._runner.observe = None
        if not goes_on:
            self._broken = True
            observe(Broken(tuple(self._runner.findings[before:])))
