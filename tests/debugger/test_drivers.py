"""Schedules of several threads, calls that are made once, and what can't be debugged."""

from __future__ import annotations

import pytest

from opvasm.debugger.drivers import CaseDriver, OpsDriver, map_operands
from opvasm.debugger.load import (
    session_of_ops,
    session_of_test,
    session_of_vector,
)
from opvasm.debugger.schedule import session_of_schedule
from opvasm.debugger.session import Session
from opvasm.debugger.stops import Reason
from opvasm.debugger.timeline import LiveTimeline
from opvasm.errors import BindError, Crash
from opvasm.explorer.plan.validate import strategy_table
from opvasm.explorer.schedules.replay_file import read_replay, replay
from opvasm.machine import Cpus
from opvasm.scenario.world import World
from tests.debugger.sessions import Transcript, assembly_of, cases, program, session
from tests.explorer.helpers import sample
from tests.explorer.test_replay_files import saved


def walk(text: str) -> Transcript:
    assembly = assembly_of(text)
    return Transcript(session_of_test(assembly, assembly.tests[0]))


def scheduled() -> Transcript:
    """The explorer's schedule of ABA on the naive list: A -> B -> C, then A is handed out again."""
    assembly = sample("list")
    found = read_replay(saved(), "saved.json")
    strategies = strategy_table(assembly.strategies)
    made = replay(assembly.program, assembly.sources, assembly.scenarios, strategies, found)
    return Transcript(session_of_schedule(made))


@pytest.mark.parametrize(
    ("place", "stops"),
    [
        # t1 pops A and B and pushes A, then t0 pops with the next that it had read: four runs.
        ("push", 1),
        ("push.2", 1),
        ("pop_naive", 3),
        ("pop_naive.1", 3),
        ("list.opv:12", 3),
        ("pop", 0),
    ],
)
def test_a_schedule_stops_at_lines_vectors_and_ops(place: str, stops: int) -> None:
    """As often on the way back as on the way there."""
    shell = scheduled()
    shell(f"break {place}")
    walk = shell.shell.session
    for forward in (True, False):
        found = 0
        while walk.resume(forward).reason is Reason.POINT:
            found += 1
        assert found == stops


def test_a_schedule_is_told_thread_by_thread() -> None:
    """Where, what comes next, who wrote the head: t0's commit, after three of t1."""
    shell = scheduled()
    assert shell("where") == "#0  old = load head at list.opv:29"
    assert "next: t0 on CPU 0: next = load old->next" in shell("next")
    shell("goto end")
    said = shell("who head").splitlines()
    assert [line.removeprefix("before it: ").split(":")[0] for line in said[:4]] == [
        "t0 on CPU 0",
        *["t1 on CPU 0"] * 3,
    ]
    assert "pop_naive[1] memcpy.u64 head, next at list.opv:12" in said[0]
    shell("break push.2")
    shell("rc")
    coming = shell("stepi").splitlines()[-1]
    assert coming.startswith("    next: write: op 2 writes head@0: ")
    assert coming.endswith("(&A)")


# -- what can't be debugged --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statements", "code", "reason"),
    [
        ("cpus 1..2", "OPV456", "without gaps"),
        ("cpus 0..1\ncpu 5", "OPV456", "only CPUs 0 to 1 exist"),
    ],
)
def test_a_test_whose_machine_can_not_be_made_has_no_session(
    statements: str, code: str, reason: str
) -> None:
    """The CPUs of a test are its machine."""
    text = f'shared x: u32\nvector v() {{ add.u32 x, 1 }}\ntest "t" {{\n{statements}\nx = 1\n}}'
    assembly = assembly_of(text)
    with pytest.raises(BindError, match=reason) as raised:
        session_of_test(assembly, assembly.tests[0])
    assert [each.code for each in raised.value.diagnostics] == [code]


def test_a_statement_that_can_not_be_carried_out_ends_the_test() -> None:
    """An argument that does not fit its parameter: the finding, and nothing behind it runs."""
    text = """
    shared x: u32
    vector set(v: u8) { memcpy.u8 [&x], v }
    test "t" { cpu 0
        run set(300) -> 0
        x = 9
    }"""
    shell = walk(text)
    shell("next")
    assert "next: the test ends: 300 does not fit u8" in shell("stepi")
    shell("start")
    said = shell("run")
    assert "The test failed here:" in said
    assert "300 does not fit u8" in said
    assert shell.shell.session.at_end
    assert shell("print x") == "$1 = 0"


def test_an_argument_that_does_not_fit_leaves_the_machine_as_it_was() -> None:
    """A vector called by itself: the session is not made, and nothing was set."""
    assembly = assembly_of("shared x: u32\nvector set(v: u8) { memcpy.u8 [&x], v }")
    world = World(assembly.program)
    before = world.memory.copy()
    with pytest.raises(BindError, match="300"):
        session_of_vector(world, assembly.program.vectors["set"], {"v": 300}, 0)
    assert world.memory == before


def test_a_single_call_is_made_once() -> None:
    """Ops, a case and a vector have one statement; there is an end after it."""
    vector = program().program.vectors["long"]
    world = World(program().program)
    abi = program().program.abi
    ops = world.ops(vector, 0, {})
    machine = map_operands(ops, abi, Cpus(2))
    for walk in (
        session_of_vector(world, vector, {}, 0),
        session_of_ops(ops, abi, Cpus(2), 0),
        Session(LiveTimeline(OpsDriver(machine, ops, 0)), program().program, world.layout),
        Session(LiveTimeline(CaseDriver(cases()[0])), program().program, world.layout),
    ):
        walk.next_statement()
        assert (walk.entry, walk.at_end) == (1, True)


def test_a_machine_that_answers_differently_is_not_walked_on() -> None:
    """Going back makes a call again; if it were not the same call, that would be a crash."""
    walk = session()
    walk.goto(10_000)
    # Somebody changes memory behind the session's back: the first push finds another head.
    walk.goto(0)
    walk.holder.memory.write(0x7F00_0000_1000, b"\x01")
    with pytest.raises(Crash, match="was not the same"):
        walk.goto(10_000)
