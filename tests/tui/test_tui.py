"""The debugger on a whole terminal: keys and mouse move the session, and the parts follow."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from opvasm.assembler import assemble
from opvasm.debugger.load import session_of_test
from opvasm.debugger.schedule import session_of_schedule
from opvasm.debugger.session import Session
from opvasm.explorer.answers.diagnose import diagnosed
from opvasm.explorer.answers.verdict import run_scenario
from opvasm.explorer.plan.validate import strategy_table
from opvasm.explorer.schedules.branching import branched, decision_text
from opvasm.explorer.schedules.schedule import Replay
from opvasm.source import SourceFile

if importlib.util.find_spec("textual") is None:
    pytest.skip("textual is not installed", allow_module_level=True)

from textual.widgets import Static

from opvasm.tui.app import Bar, DebuggerApp

SAMPLES = Path(__file__).parents[2] / "samples"
LOST = """\
percpu counter: u64
scenario lost "an increment is lost" {
    cpus 1
    thread a @0 { x = load counter; store counter, x + 1 }
    thread b @0 { y = load counter; store counter, y + 1 }
    forall counter@0 == 2
    expect fails
}
"""
Play = Callable[[DebuggerApp, Any], Awaitable[None]]


def list_session() -> Session:
    """A session on the first test of a sample."""
    path = SAMPLES / "idioms" / "list.opv"
    assembly = assemble(SourceFile("list.opv", path.read_text()))
    return session_of_test(assembly, assembly.tests[0])


def lost_replay() -> Replay:
    """The schedule in which the explorer loses an increment."""
    assembly = assemble(SourceFile("lost.opv", LOST))
    scenario = assembly.scenarios[0]
    table = strategy_table(assembly.strategies)
    (run,) = diagnosed(run_scenario(assembly.program, scenario, table), True).runs
    assert run.diagnosis is not None
    return run.diagnosis.replay


def play(session: Session, what: Play, size: tuple[int, int] = (80, 24)) -> None:
    """One app on a screen that nobody sees."""

    async def played() -> None:
        app = DebuggerApp(session)
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await what(app, pilot)

    asyncio.run(played())


def text_of(app: DebuggerApp, part: str) -> str:
    """What a part of the screen shows."""
    return str(app.query_one(f"#{part}", Static).render())


def screen_of(app: DebuggerApp) -> list[str]:
    """The whole screen as lines of text."""
    return [
        "".join(segment.text for segment in line) for line in app.screen._compositor.render_strips()
    ]


def test_every_part_fits_a_screen_of_80_by_24() -> None:
    """Text, ops, memory, what is said, timeline and keys are all there on the smallest terminal."""

    async def looked_at(app: DebuggerApp, pilot: Any) -> None:
        lines = screen_of(app)
        assert len(lines) == 24
        assert all(len(line) == 80 for line in lines)
        screen = "\n".join(lines)
        for word in ("list.opv", "ops", "memory", "what the debugger says", "●", "q quit"):
            assert word in screen, word
        assert "=>" in text_of(app, "source")

    play(list_session(), looked_at)


def test_keys_step_and_go_back() -> None:
    """Stepping into a call shows its ops and what changed in memory; going back takes it away."""

    async def stepped(app: DebuggerApp, pilot: Any) -> None:
        session = app.shell.session
        await pilot.press("s", "s", "s")
        assert session.op is not None
        assert "=>" in text_of(app, "ops")
        before = session.position
        await pilot.press("n")
        assert session.position > before
        await pilot.press("S")
        await pilot.press("home")
        assert session.position == 0
        await pilot.press("right", "right")
        assert session.position == 2
        await pilot.press("left")
        assert session.position == 1
        await pilot.press("c")
        assert session.at_end

    play(list_session(), stepped)


def test_memory_marks_what_changed() -> None:
    """After the commit, the variable that it wrote stands out, and no other of its CPU."""

    async def changed(app: DebuggerApp, pilot: Any) -> None:
        for _ in range(60):
            await pilot.press("right")
            marked = [line for line in text_of(app, "memory").splitlines() if line.startswith("*")]
            if any("head@0" in line for line in marked):
                assert len(marked) == 1
                return
        pytest.fail("head@0 never changed")

    play(list_session(), changed)


def test_commands_are_those_of_the_prompt() -> None:
    """What is typed after the colon is carried out and answered; `w` says why."""

    async def typed(app: DebuggerApp, pilot: Any) -> None:
        await pilot.press("colon", *"info vectors", "enter")
        assert any("push(" in line for line in app.log_lines)
        await pilot.press("colon", *"nonsense", "enter")
        assert "error" in app.log_lines[-1]
        await pilot.press("s", "s", "s", "w")
        assert "(opv) why" in app.log_lines
        await pilot.press("question_mark")
        assert any("take another decision" in line for line in app.log_lines)

    play(list_session(), typed)


def test_the_timeline_is_dragged() -> None:
    """The mouse on the bar goes to any known position, back and forth."""

    async def dragged(app: DebuggerApp, pilot: Any) -> None:
        session = app.shell.session
        await pilot.press("c")
        end = session.position
        await pilot.mouse_down(Bar, offset=(0, 0))
        assert session.position == 0
        await pilot.hover(Bar, offset=(30, 0))
        middle = session.position
        assert 0 < middle < end
        await pilot.mouse_up(Bar, offset=(30, 0))
        await pilot.hover(Bar, offset=(10, 0))
        assert session.position == middle

    play(list_session(), dragged)


def test_another_decision_is_a_branch() -> None:
    """In a schedule that loses an increment, the other thread may go first, and both are kept."""
    replay = lost_replay()

    async def decided(app: DebuggerApp, pilot: Any) -> None:
        session = app.shell.session
        assert "a @0" in text_of(app, "ops")
        await pilot.press("right")  # one thread has loaded
        moment = session.entry
        choices = replay.choices(moment - 1)
        assert len(choices) == 2
        await pilot.press("x", "enter")  # what is offered first is another one
        branch = app.shell.session
        assert branch is not session
        assert branch.entry == moment
        assert app.replay is not None
        assert app.replay.moments[moment].decision != replay.moments[moment].decision
        await pilot.press("b")
        assert app.shell.session is session

    play(session_of_schedule(replay), decided)


def test_a_branch_ends_as_its_decisions_say() -> None:
    """Of a race between two loads and two stores, letting each thread finish loses nothing."""
    replay = lost_replay()
    first = replay.moments[0].decision
    again = next(each for each in replay.choices(0) if each.thread == first.thread)
    serial = branched(replay, 1, again)
    threads = [each.decision.thread for each in serial.moments]
    assert threads == sorted(threads, key=lambda thread: thread != first.thread)
    assert "store" in decision_text(replay, 1, again)
    with pytest.raises(ValueError, match="can't happen"):
        branched(replay, 0, first._replace(thread=7))
