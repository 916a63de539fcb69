"""Sessions of everything that can be debugged."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from ..abi.revisions import Abi
from ..assembler import Assembly
from ..conformance_case import Case
from ..interpreter import Machine
from ..machine import Cpus
from ..program import Instruction, Layout, Program, Vector, default_layout
from ..scenario.world import World
from ..text.tree import Repeat, Test, TestStatement
from .branch import BranchTimeline
from .drivers import (
    CallDriver,
    CaseDriver,
    OpsDriver,
    TestDriver,
    VectorsDriver,
    empty_program,
    map_operands,
)
from .replay import TraceTimeline, header_of
from .session import Session
from .timeline import LiveTimeline


def session_of_test(
    assembly: Assembly, test: Test, quirks: Collection[str] = (), layout: Layout | None = None
) -> Session:
    """A test of a file, statement by statement; ``layout`` None is the default one.

    Raises BindError where its machine can't be made.
    """

    def make() -> TestDriver:
        return TestDriver(assembly.program, test, quirks, layout)

    return Session(BranchTimeline(make), assembly.program, make().world.layout, test)


def session_of_vector(
    world: World, vector: Vector, arguments: Mapping[str, int], cpu: int
) -> Session:
    """One call of a vector on a loaded program; a wrong argument raises BindError."""
    driver = VectorsDriver(world, [(vector, arguments, cpu)])
    return Session(LiveTimeline(driver), world.program, world.layout)


def session_of_case(case: Case, quirks: Collection[str] = ()) -> Session:
    """A reference case: one call on the machine that it describes."""
    driver = CaseDriver(case, quirks)
    layout = default_layout(driver.program.abi, driver.program.data)
    return Session(LiveTimeline(driver), driver.program, layout)


def session_of_ops(instructions: Sequence[Instruction], abi: Abi, cpus: Cpus, cpu: int) -> Session:
    """Raw ops, called once, with ordinary memory wherever they point."""
    driver = OpsDriver(map_operands(instructions, abi, cpus), instructions, cpu)
    layout = default_layout(abi, driver.program.data)
    return Session(LiveTimeline(driver), driver.program, layout)


def session_of_call(
    machine: Machine,
    program: Program,
    layout: Layout,
    arguments: tuple[int, int, int, int],
    names: Mapping[str, int],
) -> Session:
    """A call of a real program, on a copy of its memory.

    ``arguments`` are the address of the ops, their number, the CPU and the flags; ``program`` and
    ``layout`` name the process's variables, ``names`` the call's own numbers.
    """
    driver = CallDriver(machine, program, *arguments, names)
    return Session(LiveTimeline(driver), program, layout)


def session_of_trace(
    text: str, name: str, assembly: Assembly | None = None
) -> tuple[Session, tuple[str, ...]]:
    """A recorded trace, and what is odd about it.

    With the file that it was recorded of, ``assembly``, names and types are known too.
    Raises DecodeError where it is not a trace.
    """
    program = None if assembly is None else assembly.program
    statements = {} if assembly is None else dict(_statements(assembly))
    timeline = TraceTimeline(text, name, program, statements)
    if program is None:
        program = empty_program(timeline.reader.abi)
    layout = default_layout(program.abi, program.data)
    return Session(timeline, program, layout), tuple(timeline.notes)


def abi_of_trace(text: str, name: str) -> Abi:
    """What a trace was recorded for, by its first line.  Raises DecodeError where it is not a trace."""
    return header_of(text, name).abi


def _statements(assembly: Assembly) -> Iterator[tuple[str, TestStatement]]:
    """Every statement of the tests by its place."""
    pending: list[TestStatement] = [each for test in assembly.tests for each in test.statements]
    while pending:
        statement = pending.pop()
        yield str(statement.span), statement
        if isinstance(statement, Repeat):
            pending.extend(statement.statements)
