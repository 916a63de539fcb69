"""Each kind of movement is told in words that are true of it: a walk through calls known by hand."""

from __future__ import annotations

import json
import struct

from opvasm.binary import decode
from opvasm.debugger.load import (
    session_of_case,
    session_of_ops,
    session_of_test,
    session_of_trace,
)
from opvasm.debugger.record import trace_records
from opvasm.interpreter.events import Faulted, Stored
from opvasm.machine import Cpus
from tests.debugger.sessions import Transcript, assembly_of, cases, program, session, state

TEXT = """
shared x: u32
shared y: u64
vector change() {
    cmpeq   [&x], [&x], 0
    mb
    add.u32 x, 5
}
vector add() { add.u32 x, 1 }
vector far(p: ptr) { memcpy.u64 [p], y }
test "words" {
    cpus 0..2
    online 0..1
    allowed 1
    cpu 0
    x = 2
    run change() on 1 -> 0
    assert x == 8
    run add() on 7 -> 0
    cpu 0
    run far(0xffffffffffff0000) -> EFAULT
    repeat 2 - 3 { x = 1 }
}
"""


def walk(text: str = TEXT) -> Transcript:
    assembly = assembly_of(text)
    return Transcript(session_of_test(assembly, assembly.tests[0]))


def coming(shell: Transcript) -> list[str]:
    """What each step by a movement says comes next, to the end."""
    found = []
    while not shell.shell.session.at_end:
        shown = shell("stepi").splitlines()
        found += [line.partition("next: ")[2] for line in shown if line.startswith("    next: ")]
    return found


def test_each_movement_of_a_call_is_told_before_it_happens() -> None:
    """The calls of TEXT, by hand: a compare of nothing, a barrier, an add on another CPU."""
    told = coming(walk())
    assert told == [
        "the test sets x: 0 -> 2",
        # run change() on 1
        "the test calls change()",
        "call: cpu_opv(ops, 3, 1, 0), arguments checked",
        "check: 3 ops copied in, static rules asked",
        "pin: op 0, a x for reading: 0 pages",
        "pin: op 0, b x for reading: 0 pages",
        "pin: op 2, p x for reading and writing: 1 page",
        "CPU: moves from 0 to 1",
        "read: op 0 reads x: no bytes",
        "read: op 0 reads x: no bytes",
        "compute: op 0 compares no bytes, no bytes: they are equal",
        "op 0 is done",
        "barrier: op 1 orders every earlier access before every later one",
        "op 1 is done",
        "read: op 2 reads x: 2",
        "compute: op 2: add of 2 and count 5 is 7",
        "write: op 2 writes x: 2 -> 7",
        "op 2 is done",
        "the call returns 0",
        "the result is the expected one",
        "FAILED: `x == 8` does not hold",
        # run add() on 7, which does not exist
        "the test calls add()",
        "call: cpu_opv(ops, 1, 7, 0), arguments checked",
        "check: 1 op copied in, static rules asked",
        "pin: op 0, p x for reading and writing: 1 page",
        "CPU 7 can't be had: only CPUs 0 to 2 exist",
        "the call returns EINVAL",
        "the result is EINVAL, expected was 0",
        "the test sets the CPUs: 3 exist, online 0, 1, allowed 1, the caller on 0",
        # run far(0xffffffffffff0000): the argument is the kernel's
        "the test sets p: 0 -> 0xffffffffffff0000",
        "the test calls far(p = 0xffffffffffff0000)",
        "call: cpu_opv(ops, 1, 0, 0), arguments checked",
        "check: 1 op copied in, static rules asked",
        *told[-3:-2],  # the refused pin, whose words are why's
        "the call returns EFAULT",
        "the result is the expected one",
    ]


def test_why_names_what_a_failed_test_found() -> None:
    """A wrong result, an assertion with the values in it, a statement that can't be carried out."""
    shell = walk()
    shell("continue")
    assert shell("why").splitlines() == [
        "stopped because an expectation of the test failed",
        "`x == 8` does not hold",
        "  x is 7",
    ]
    shell("continue")
    assert shell("why").splitlines()[1:] == [
        "add() returned EINVAL:",
        "  CPU 7 can't be had: only CPUs 0 to 2 exist",
    ]
    shell("continue")
    assert "-1 times is less than never" in shell("why").splitlines()[1]


def test_why_names_the_end_of_user_space() -> None:
    """abi.md: an operand outside of user space fails access_ok(), whatever is mapped there."""
    shell = walk()
    shell("break EFAULT")
    while "Breakpoint 1" not in shell("continue"):
        assert not shell.shell.session.at_end
    said = shell("why")
    assert "rule: access_ok(): user space ends at 0x7ffffffff000" in said
    assert "expect_fault byte is not set, so it is EFAULT" in said
    assert "nothing ran" in said


def test_why_at_a_watchpoint_says_what_was_written() -> None:
    """The write that stopped the run."""
    shell = walk()
    shell("watch x")
    shell("run")
    assert shell("why").splitlines() == [
        "stopped by watchpoint 1: x (changes)",
        "the test sets x: 0 -> 2",
    ]
    assert "by the test itself" in shell("rc")
    shell("continue 2")
    shell("condition 1 x == 7")
    shell("run")
    assert shell("why").splitlines()[:2] == [
        "stopped by watchpoint 1: x (changes) if x == 7",
        "write: op 2 writes x: 2 -> 7",
    ]


def test_a_watch_that_reaches_into_unmapped_memory_shows_what_was_written() -> None:
    """The shared area is one page; 8 bytes from its last 4 on are half mapped."""
    text = """
    shared area: u8[4092]
    shared last: u32
    vector set(v: u32) { memcpy.u32 last, v }
    test "t" { cpu 0
        run set(6) -> 0
    }"""
    shell = walk(text)
    assert shell("watch &last, 8").startswith("Watchpoint 1")
    stopped = shell("run").splitlines()
    assert "    old value: 0" in stopped
    assert "    new value: 6" in stopped


def test_a_read_that_is_watched_says_who_read_what() -> None:
    """rwatch: the op, and the value."""
    shell = walk()
    shell("rwatch x")
    shell("run")
    assert "    read by op 0 of change: no bytes" not in shell.lines  # no byte of it was read
    assert "    read by op 2 of change: 2" in shell.lines


def test_an_op_whose_write_is_refused_while_it_runs_says_so() -> None:
    """2017-10 pins for reading only: the store itself meets the page, and earlier ops stay done."""
    case = next(
        each
        for each in cases()
        if each.revision == "2017-10"
        and each.category == "write-protected"
        and any(isinstance(m, Faulted) and m.op == 1 for m in session_of_case(each).movements)
    )
    shell = Transcript(session_of_case(case))
    shell("step 2")
    shown = shell("frame")
    assert "    op 1 of the call on CPU " in shown
    assert "op 1 faulted while it ran: write of " in shown
    assert "earlier effects stay" in shown
    shell("step")
    assert "returned EFAULT" in shell("why")


def test_a_vector_at_an_address_is_called_by_it() -> None:
    """A case may place the ops where the kernel finds them or not."""
    case = next(each for each in cases() if each.vector_address is not None)
    shell = Transcript(session_of_case(case))
    shell("stepi")
    assert f"the ops at @{case.vector_address:#x}()" in shell("where")


def test_a_trace_that_is_cut_off_ends_in_an_op_that_does_not_finish() -> None:
    """What a crash leaves is walked as far as it goes."""
    recorded = session()
    recorded.goto(10_000)
    lines = [json.dumps(each) for each in trace_records(recorded)]
    cut = next(i for i, line in enumerate(lines) if json.loads(line).get("event") == "loaded")
    shell = Transcript(session_of_trace("\n".join(lines[: cut + 1]), "cut", program())[0])
    shell("break push.0")
    assert "it does not finish" in shell("run")
    shell("goto end")
    assert shell.shell.session.at_end


def test_a_trace_of_two_machines_says_where_the_second_begins() -> None:
    """Traces of several tests one after the other; each variable is the machine's of its test."""
    records: list[str] = []
    for name in ("a list", "fails"):
        recorded = session(name)
        recorded.goto(10_000)
        records += [json.dumps(each) for each in trace_records(recorded)][bool(records) :]
    replay = session_of_trace("\n".join(records), "two", program())[0]
    shell = Transcript(replay)
    shell("goto end")
    end = state(replay)
    told = []
    while replay.position:
        shell("reverse-next")
        told.append(shell("when"))
    assert len(told) > 10
    shell("goto end")
    assert state(replay) == end
    # The machine of the second test has its caller on CPU 0, that of the first on CPU 1.
    assert replay.holder.cpus.current == 0
    shell("break EFAULT")
    shell("rc")
    assert replay.holder.cpus.current == 1


def test_who_knows_the_write_that_comes_next() -> None:
    """In front of the commit: about to be written, and nobody before."""
    shell = Transcript(session())
    shell("break push.2")
    shell("run")
    shell("stepi 2")  # into the op, and its read
    said = shell("who head").splitlines()
    assert said[0] == "about to be written, by the next movement:"
    assert said[1].startswith("op 2 of push at program.opv:13")
    assert said[-1] == "head: nothing has written these 8 bytes; they are as loaded"
    shell("stepi")
    said = shell("who head").splitlines()
    assert said[0].startswith("op 2 of push at ")
    assert said[-1] == "before it: as loaded"


def test_who_names_the_test_itself_and_what_was_written_before() -> None:
    """An assignment of the test; then, in front of the next commit, both writes."""
    shell = Transcript(session())
    shell("break push.2 if head != 0")
    shell("run")
    assert shell("who nodes[0].value").splitlines() == [
        "the test itself, program.opv:21: 0 -> 7",
        "before it: as loaded",
    ]
    shell("stepi 2")
    said = shell("who head").splitlines()
    assert said[0] == "about to be written, by the next movement:"
    assert said[3] == "written last:"
    assert said[4].startswith("op 2 of push at program.opv:13")


def test_who_of_a_word_with_many_writers_names_the_last_five() -> None:
    """And says that there are more."""
    text = """
    shared x: u32
    vector add(n: i64) { add.u32 x, n }
    test "t" { cpu 0
        repeat 7 { run add(1) -> 0 }
    }"""
    shell = walk(text)
    shell("goto end")
    said = shell("who x").splitlines()
    changes = [line.strip().partition(",")[0] for line in said if line.startswith("    ")]
    assert changes == ["6 -> 7", "5 -> 6", "4 -> 5", "3 -> 4", "2 -> 3"]
    assert said[-1] == "before it: and more"


def test_who_of_ops_without_a_name_tells_their_number() -> None:
    """A reference case."""
    for case in cases():
        walk = session_of_case(case)
        stored = [each for each in walk.movements if isinstance(each, Stored)]
        if len(stored) == 1:
            break
    shell = Transcript(walk)
    shell("goto end")
    (write,) = stored
    said = shell(f"who {write.address:#x}, {len(write.after)}").splitlines()
    assert said[0].startswith(f"op {write.op} of the call, statement 1: ")
    assert said[1] == "before it: as loaded"


def test_a_compare_of_raw_ops_is_explained_by_its_addresses() -> None:
    """No text names them, so addresses do."""
    data = struct.pack("<iIQQ8x", 0, 8, 0x1000, 0x2000)
    abi = program().program.abi
    walk = session_of_ops(decode(data, abi, "vector.bin"), abi, Cpus(1), 0)
    walk.holder.memory.write(0x1000, b"\x01")
    shell = Transcript(walk)
    shell("finish")
    said = shell("why")
    assert "op 0 stopped it: cmpeq.u64 @0x1000, @0x2000" in said
    assert "they differ, first at byte 0: 0x01 and 0x00" in said
