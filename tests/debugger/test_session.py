"""Points, conditions, moves, who and why, on a program small enough to follow by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from opvasm.debugger.load import session_of_case, session_of_test
from opvasm.debugger.packing import pack, revert_packed, writes
from opvasm.debugger.points import AtMemory, Mode
from opvasm.debugger.shell import Shell
from opvasm.debugger.stops import Reason
from opvasm.debugger.timeline import LiveTimeline
from opvasm.debugger.writers import writers
from tests.debugger.sessions import Transcript, assembly_of, cases, many_calls, session, state

# Of the program in sessions.py, test "a list" on CPU 1: statements 0 to 8.
NODES = 0x6000_0000_0000


def test_steps_have_three_sizes() -> None:
    """A step goes from op to op, stepi from movement to movement, next over a statement."""
    walk = session()
    walk.next_statement()
    walk.next_statement()
    assert walk.entry == 2
    assert walk.index == 0
    ops = []
    while walk.entry == 2:
        walk.step_op()
        ops.append(walk.op)
    assert ops == [0, 1, 2, 3, None]
    walk.goto(walk.position - 1)
    position = walk.position
    walk.step_movement(forward=False)
    assert walk.position == position - 1


def test_the_start_and_the_end_are_said_and_nothing_moves() -> None:
    """Reverse execution stops at the start, a run at the end, with a reason."""
    walk = session()
    assert walk.resume(forward=False).reason is Reason.START
    assert walk.position == 0
    assert walk.resume().reason is Reason.END
    end = walk.position
    assert walk.resume().reason is Reason.END
    assert walk.step_movement().reason is Reason.END
    assert walk.position == end


@pytest.mark.parametrize(
    ("command", "stops"),
    [
        ("break push", 3),
        ("break push.0", 3),
        ("break push.1", 2),  # the second push is stopped by its compare
        ("break program.opv:11", 3),
        ("break program.opv:12", 2),
        ("break result 1", 1),
        ("break EFAULT", 1),
        ("break errno 14", 1),
        ("break result 0", 3),
        ("watch head@1", 2),
        ("watch head@0", 0),
        ("watch -w nodes[0].value", 1),  # the test's own assignment
        ("rwatch head@1", 3),
        ("awatch count@1", 4),  # two adds, each reads and writes
        ("rwatch count@1", 2),
        ("break push.0 if head != 0", 2),
        ("break push.0 if node == &nodes[1]", 2),
        ("watch text", 1),
    ],
)
def test_a_point_stops_as_often_forwards_as_backwards(command: str, stops: int) -> None:
    """Counted by hand; the same number on the way back."""
    transcript = Transcript(session())
    transcript(command)
    walk = transcript.shell.session
    found = 0
    while (stop := walk.resume()).reason is Reason.POINT:
        found += 1
    assert stop.reason is Reason.END
    assert found == stops
    back = 0
    while (last := walk.resume(forward=False)).reason is Reason.POINT:
        back += 1
    assert last.reason is Reason.START
    assert back == stops
    assert walk.points[0].hits == 2 * stops


def test_a_change_is_watched_and_not_the_writing_of_the_same_bytes() -> None:
    """`watch` stops at changes, `watch -w` at every write."""
    text = """
    shared x: u32
    vector set(v: u32) { memcpy.u32 x, v }
    test "t" { cpu 0
        run set(5) -> 0
        run set(5) -> 0
        run set(6) -> 0
    }"""
    assembly = assembly_of(text)
    for command, expected in (("watch x", 2), ("watch -w x", 3)):
        transcript = Transcript(session_of_test(assembly, assembly.tests[0]))
        transcript(command)
        found = 0
        while transcript.shell.session.resume().reason is Reason.POINT:
            found += 1
        assert found == expected


def test_a_condition_without_a_value_stops_and_says_so() -> None:
    """OPV600: the run is not silently passed on."""
    transcript = Transcript(session())
    transcript("break push.0 if nobody == 1")
    said = transcript("run")
    assert "OPV600" in said
    assert "`nobody`" in said


def test_a_failed_expectation_stops_the_run() -> None:
    """A wrong result and a false assertion stop, and the test goes on after them."""
    walk = session("fails")
    first = walk.resume()
    assert first.reason is Reason.FAILED
    assert "returned 1, not 0" in first.findings[0].message
    second = walk.resume()
    assert second.reason is Reason.FAILED
    assert "does not hold" in second.findings[0].message
    assert walk.resume().reason is Reason.END


def test_who_names_every_writer_in_turn() -> None:
    """The chain of writers of head on CPU 1, with what was there before and after."""
    walk = session()
    walk.resume()
    head = 0x7F00_0000_1000
    chain = [
        (writer.op, int.from_bytes(writer.before, "little"), int.from_bytes(writer.after, "little"))
        for writer in writers(walk, head, 8)
    ]
    assert chain == [(2, NODES, NODES + 16), (2, 0, NODES)]
    value = [(each.op, each.after[0]) for each in writers(walk, NODES + 8, 8)]
    assert value == [(None, 7)]  # the test itself


def test_who_knows_of_parts_of_bytes() -> None:
    """Asked for two of the bytes that a copy of 100 wrote, it names the copy."""
    transcript = Transcript(session())
    transcript("run")
    assert "op 0 of long" in transcript("who copy[98], 2")
    assert "0 (as before)" in transcript("who copy[0], 1")  # 0 was written over 0
    assert "nothing has written" in transcript("who nodes[3]")


def test_why_names_the_check_and_its_rule() -> None:
    """A pin that was refused: operand, page, expect_fault, errno."""
    transcript = Transcript(session())
    transcript("break EFAULT")
    transcript("run")
    said = transcript("why")
    assert "operand dst" in said
    assert "not mapped" in said
    assert "expect_fault byte is not set, so it is EFAULT" in said


def test_why_names_a_static_rule() -> None:
    """A reference case that breaks a static rule: its code, value and limit."""
    case = next(
        each for each in cases() if each.category == "shift-bits" and each.expect.result == -22
    )
    transcript = Transcript(session_of_case(case))
    transcript("next")
    said = transcript("why")
    assert "returned EINVAL" in said
    assert "rule: OPV204: bits is" in said


def test_every_case_can_be_stepped_shown_and_explained() -> None:
    """No stop, no why and no info fails, whatever a case does."""
    for case in cases()[::60]:
        transcript = Transcript(session_of_case(case))
        while not transcript.shell.session.at_end:
            transcript("stepi")
            transcript("why")
            transcript("where")
        for command in (
            "info pages",
            "info cpus",
            "info pins",
            "info limits",
            "list",
            "rs",
            "list",
        ):
            transcript(command)
        wrong = [line for line in transcript.lines if "internal error" in line]
        assert wrong == [], case.identifier


def test_marks_and_positions_bring_back_the_same_state() -> None:
    """mark, goto, and the state there."""
    transcript = Transcript(session())
    walk = transcript.shell.session
    transcript("step 7")
    before = state(walk)
    transcript("mark here")
    transcript("goto end")
    assert walk.at_end
    transcript("goto here")
    assert state(walk) == before
    assert "position" in transcript("when")
    assert "no mark is called" in transcript("goto nowhere")
    assert "this is the end" in transcript("goto 100000")


def test_a_broken_command_never_loses_the_session() -> None:
    """Whatever is typed, position and state stay, and a reason is given."""
    transcript = Transcript(session())
    transcript("step 4")
    walk = transcript.shell.session
    position, before = walk.position, state(walk)
    for line in (
        "nonsense",
        "print",
        "print nodez",
        "print head +",
        "print [0x10].u64",
        "print " + "(" * 500,
        "x/9q head",
        "x/0x head",
        "break",
        "break nosuch",
        "break push.9",
        "break nosuch.opv:3",
        "watch",
        "watch 5 +",
        "watch head, 0",
        "who",
        "who 0x10, 4",
        "delete 7",
        "condition",
        "condition 9 x",
        "goto",
        "goto -1",
        "step x",
        "step 0",
        "info nosuch",
        "list nosuch",
        "source /no/such/file",
        "record /no/such/folder/file",
        "display nodez",
        "undisplay 3",
        "help nosuch",
        "mark a b",
        "until nowhere",
    ):
        transcript.shell.execute(line)
        assert (walk.position, state(walk)) == (position, before), line
    assert transcript.shell.failures >= 30
    assert not any("internal error" in line for line in transcript.lines)


def test_values_are_shown_by_their_types() -> None:
    """Structs by fields, arrays with runs said once, pointers by what they point to, formats."""
    transcript = Transcript(session())
    transcript("break bad")
    transcript("run")
    assert transcript("print nodes[0]") == "$1 = { .next = 0, .value = 7 }"
    assert transcript("print head") == f"$2 = {NODES + 16:#x} (&nodes[1])"
    assert transcript("print/x nodes[0].value") == "$3 = 0x0000000000000007"
    assert transcript("print nodes[0].value * 6") == "$4 = 42"
    assert "7" in transcript("x/1dg &nodes[0].value")
    text = transcript("x/8xb &text")
    assert text.endswith("0x00  0x01  0x02  0x03  0x04  0x05  0x06  0x07")
    assert "head@1: ptr<node>" in transcript("info symbols head")
    assert "the caller is here" in transcript("info cpus")


def test_a_history_keeps_little_and_undoes_all() -> None:
    """A call of a hundred bytes packs to less than twice that, and unpacks to the same bytes."""
    walk = session()
    walk.add_point(AtMemory(NODES + 64 + 100, 100, Mode.WRITE, "copy"))
    walk.resume()
    movements = list(walk.movements)
    packed = pack(movements)
    assert len(packed) < 200
    assert {write.op for write in writes(packed)} == {0}
    assert sum(len(write.before) for write in writes(packed)) == 100
    walk.finish()
    before = state(walk)
    walk.finish(forward=False)
    start = state(walk)
    walk.finish()
    assert state(walk) == before
    revert_packed(packed, walk.holder)
    assert walk.holder.memory == start[0]


def test_long_histories_do_not_keep_events() -> None:
    """An entry of a thousand calls holds its ops once and what it overwrote, no event of the call."""
    walk = many_calls(1000)
    walk.resume()
    timeline = walk.timeline
    assert isinstance(timeline, LiveTimeline)
    assert len(timeline.entries) == 1000
    assert all(entry.call is not None for entry in timeline.entries)
    assert max(len(entry.undo) for entry in timeline.entries) < 200
    assert max(len(entry.opening) + len(entry.closing) for entry in timeline.entries) <= 3


def test_displays_and_command_files(tmp_path: Path) -> None:
    """display prints at each stop; a command file ends at the first command that fails."""
    transcript = Transcript(session())
    transcript("display head")
    assert "1: head = 0" in transcript("next")
    transcript("undisplay 1")
    assert "1: head" not in transcript("next")
    shell: Shell = transcript.shell
    shell.execute("source /dev/null")
    before = shell.session.position
    assert shell.failures == 0
    (tmp_path / "commands").write_text("# a remark\nnext\nnonsense\nnext\n")
    said = transcript(f"source {tmp_path}/commands")
    assert "commands:3: the command failed" in said
    assert shell.session.position > before
