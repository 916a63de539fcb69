"""What the commands that move and the prompt itself do, worked out by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from opvasm.debugger.commands import COMMANDS
from opvasm.debugger.points import AtLine, AtResult
from opvasm.debugger.shell import Command, Shell
from opvasm.debugger.stops import Reason
from tests.debugger.sessions import Transcript, line_of, session, state

# Of the default layout (grammar/README.md): the second page of the percpu area is CPU 1's.
NODES = 0x6000_0000_0000
HEAD_1 = 0x7F00_0000_1000


COMPARE = line_of("cmpeq.ptr   head, expect")
COMMIT = line_of("memcpy.ptr  head, node")


@pytest.fixture
def shell() -> Transcript:
    """The prompt at the start of the first test of PROGRAM, on CPU 1."""
    return Transcript(session())


# -- moves and points --------------------------------------------------------------------------


def test_until_stops_at_a_place_of_this_call_or_at_its_end(shell: Transcript) -> None:
    """Without a place it is next."""
    shell("until")
    shell("until")
    walk = shell.shell.session
    assert walk.entry == 2
    shell("until push.2")
    assert (walk.entry, walk.op) == (2, 2)
    shell("until push.1")
    assert (walk.entry, walk.op) == (3, None)


def test_continue_takes_a_number_of_stops(shell: Transcript) -> None:
    """The third call of push is the seventh statement after the first."""
    shell("break push")
    shell("continue 3")
    assert shell.shell.session.entry == 7
    shell("reverse-continue 2")
    assert shell.shell.session.entry == 2
    assert "This is the end" in shell("continue 99")
    for wrong, reason in (("x", "is not a number of times"), ("0", "1 to")):
        assert reason in shell(f"continue {wrong}")


def test_marks_have_names_of_their_own(shell: Transcript) -> None:
    """Numbers are positions, start and end are taken."""
    shell("step 3")
    assert shell("mark").startswith("mark m1: position ")
    shell("mark there_2")
    at = shell.shell.session.position
    shell("start")
    shell("goto there_2")
    assert shell.shell.session.position == at
    assert shell("info marks") == f"m1: position {at}\nthere_2: position {at}"
    assert "begins with a letter" in shell("mark 7")
    for taken in ("start", "end", "a-b"):
        assert f"{taken!r} is not a name for a mark" in shell(f"mark {taken}")
    assert shell("goto nowhere") == "error: no mark is called 'nowhere'; marks: m1, there_2"
    assert "positions count from 0" in shell("goto -1")
    assert "say where to" in shell("goto")


def test_a_run_that_is_interrupted_stops_behind_its_statement(shell: Transcript) -> None:
    """Ctrl-C, for each kind of run; the next one is not stopped by it."""
    walk = shell.shell.session
    walk.interrupted = True
    assert walk.resume().reason is Reason.INTERRUPTED
    assert walk.entry == 1
    walk.interrupted = True
    assert walk.goto(10_000).reason is Reason.INTERRUPTED
    assert walk.entry == 2
    assert walk.goto(10_000).reason is Reason.GOTO
    assert shell("frame") == "nothing comes after this"
    end = walk.position
    walk.interrupted = True
    assert walk.resume(forward=False).reason is Reason.INTERRUPTED
    assert walk.position < end
    walk.add_point(AtLine("program.opv", 1))  # so that every entry has to be looked at
    walk.interrupted = True
    assert walk.resume(forward=False).reason is Reason.INTERRUPTED
    assert walk.resume(forward=False).reason is Reason.START


def test_a_disabled_point_stops_nothing_and_a_condition_can_be_taken_away(
    shell: Transcript,
) -> None:
    """Of the three pushes only the last finds a head."""
    shell("break push.2")
    shell("condition 1 head != 0")
    shell("run")
    walk = shell.shell.session
    assert (walk.entry, walk.op) == (7, 2)
    assert shell("condition 1") == "1 stops always now"
    shell("run")
    assert (walk.entry, walk.op) == (2, 2)
    shell("disable")
    assert "This is the end" in shell("continue")
    assert shell("condition") == "error: say which: condition NUMBER EXPRESSION"


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("break push if", "an expression is missing after `if`"),
        ("break pusch", "did you mean push?"),
        ("break push.4", "vector push has 4 ops, 0 to 3"),
        ("break nosuch.opv:3", "no file is called 'nosuch.opv'"),
        ("break result nothing", "'result nothing' is not a result"),
        ("break a b", "'a b' is not a place to stop"),
        ("watch", "an expression is missing"),
        ("watch head, 0", "a range of 0 bytes holds nothing"),
        ("watch nodez", "the name `nodez` is unknown"),
        ("who", "say whose bytes"),
        ("record", "say into which file"),
        ("source", "say which file"),
        ("nosuch", "there is no command 'nosuch'; try help"),
        ("steps", "there is no command 'steps'; did you mean step?"),
        ("re", "'re' is not clear: record, reverse-continue, "),
        ("help nosuch", "there is no command 'nosuch'"),
    ],
)
def test_a_command_that_can_not_be_carried_out_says_why(
    shell: Transcript, command: str, reason: str
) -> None:
    """And changes nothing."""
    before = state(shell.shell.session)
    said = shell(command)
    assert said.startswith("error: ")
    assert reason in said
    assert shell.shell.failures == 1
    assert state(shell.shell.session) == before
    assert shell.shell.session.points == []


@pytest.mark.parametrize(
    ("command", "stops"),
    [
        ("break errno 14", -14),
        ("break efault", -14),
        ("break result -14", -14),
        ("break result EFAULT", -14),
        ("break result 1", 1),
    ],
)
def test_results_are_named_in_several_ways(shell: Transcript, command: str, stops: int) -> None:
    """An errno is negative wherever it is spelled without a sign."""
    shell(command)
    shell("run")
    assert shell.shell.session.last.reason is Reason.POINT
    assert shell("why").splitlines()[0].startswith("stopped by breakpoint 1: result ")
    assert [each.location for each in shell.shell.session.points] == [AtResult(stops)]


@pytest.mark.parametrize(
    ("watch", "address", "length"),
    [
        ("head", HEAD_1, 8),
        ("head@0", HEAD_1 - 4096, 8),
        ("nodes[2].value", NODES + 2 * 16 + 8, 8),
        ("nodes", NODES, 64),
        ("&nodes[1]", NODES + 16, 8),
        ("&nodes[1], 16", NODES + 16, 16),
        ("nodes[1], 2 * 2", NODES + 16, 4),
        ("[0x1000].u16", 0x1000, 2),
        ("0x1000, 3", 0x1000, 3),
        ("gone", 0x5000_0000_0000, 4096),
    ],
)
def test_memory_to_watch_is_a_place_or_an_address_with_a_length(
    shell: Transcript, watch: str, address: int, length: int
) -> None:
    """A percpu variable is the instance of the CPU where the session is."""
    shell("next")
    said = shell(f"watch {watch}")
    assert said == f"Watchpoint 1: {watch} (changes), {length} bytes at {address:#x}"


# -- the shell ---------------------------------------------------------------------------------


def test_help_has_every_command_with_its_short_forms(shell: Transcript) -> None:
    """One line a command; more for one that is named."""
    listed = shell("help").splitlines()
    assert {line.split()[0].rstrip(":").split("/")[0] for line in listed[:-1]} == {
        command.name for command in COMMANDS.values()
    }
    for command in COMMANDS.values():
        said = shell(f"help {command.name}")
        assert said.startswith(f"{command.usage}\n  {command.summary}")
        assert all(alias in said for alias in command.aliases)


def test_words_of_commands_are_given_once() -> None:
    """No alias hides another command."""
    words = [word for each in set(COMMANDS.values()) for word in (each.name, *each.aliases)]
    assert len(words) == len(set(words)) == len(COMMANDS)


def test_enter_repeats_a_step_and_nothing_else(shell: Transcript) -> None:
    """An empty line before any command does nothing; a remark is none."""
    walk = shell.shell.session
    shell("")
    shell("# next")
    assert walk.position == 0
    shell("next")
    shell("")
    assert walk.entry == 2
    shell("when")
    shell("")
    assert walk.entry == 2
    assert shell("echo two  words") == "two  words"


def test_command_files_end_at_quit_and_do_not_name_each_other_for_ever(
    shell: Transcript, tmp_path: Path
) -> None:
    """A file that names itself ends with an error, not a crash; quit leaves the rest out."""
    loop = tmp_path / "loop"
    loop.write_text(f"source {loop}\n")
    assert "command files name each other without end" in shell(f"source {loop}")
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    assert "can't be read" in shell(f"source {binary}")
    leaving = tmp_path / "leaving"
    leaving.write_text("\nnext\nquit\nnext\n")
    shell(f"source {leaving}")
    assert shell.shell.quitting
    assert shell.shell.session.entry == 1


def test_a_trace_is_recorded_or_the_reason_why_not(shell: Transcript, tmp_path: Path) -> None:
    """The number of events is that of the lines after the header."""
    shell("next 4")
    path = tmp_path / "trace.jsonl"
    said = shell(f"record {path}")
    count = len(path.read_text().splitlines()) - 1
    assert said == f"{path}: {count} events, from the start to here"
    assert "No such file" in shell(f"record {tmp_path}/no/trace")


def _boom(shell: Shell, argument: str) -> None:
    raise ZeroDivisionError("of our own making")


def _nested(shell: Shell, argument: str) -> None:
    raise RecursionError


def _stopped(shell: Shell, argument: str) -> None:
    raise KeyboardInterrupt


def test_a_mistake_of_the_debugger_never_loses_the_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is named as one; OPVASM_TRACEBACK shows where; an interrupt is let through."""
    lines: list[str] = []
    commands = {
        name: Command(name, (), name, "", run)
        for name, run in (("boom", _boom), ("nested", _nested), ("stopped", _stopped))
    }
    shell = Shell(session(), commands, lines.append)
    monkeypatch.delenv("OPVASM_TRACEBACK", raising=False)
    shell.execute("boom")
    assert "internal error: ZeroDivisionError: of our own making" in lines[-1]
    assert "the session goes on" in lines[-1]
    shell.execute("nested")
    assert lines[-1] == "error: the expression is nested too deeply"
    with pytest.raises(KeyboardInterrupt):
        shell.execute("stopped")
    monkeypatch.setenv("OPVASM_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        shell.execute("boom")
