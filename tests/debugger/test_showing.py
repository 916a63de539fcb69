"""What the commands that show answer, worked out by hand from a program of a few lines."""

from __future__ import annotations

import pytest

from opvasm.abi.revisions import get_abi
from opvasm.debugger.load import session_of_case, session_of_ops, session_of_test
from opvasm.machine import Cpus
from tests.debugger.sessions import PROGRAM, Transcript, assembly_of, cases, line_of, session

# Of the default layout (grammar/README.md): the second page of the percpu area is CPU 1's.
NODES = 0x6000_0000_0000
HEAD_1 = 0x7F00_0000_1000

VALUES = """
struct pair { low: u32, high: i32 }
shared small: i8
shared wide: u64
shared letter: u8
shared bits: u16
shared signed: i32[2]
shared four: u8[4]
shared five: u8[5]
shared many: u8[300]
shared both: pair
shared floating: ptr
vector nothing() { mb }
test "values" {
    cpu 0
    small = -1
    wide = 0xffffffffffffffff
    letter = 65
    bits = 5
    signed[0] = -2
    fill many with index & 0xff
    both.low = 3; both.high = -3
    run nothing() -> 0
}
"""


COMPARE = line_of("cmpeq.ptr   head, expect")
COMMIT = line_of("memcpy.ptr  head, node")


@pytest.fixture
def shell() -> Transcript:
    """The prompt at the start of the first test of PROGRAM, on CPU 1."""
    return Transcript(session())


@pytest.fixture
def values() -> Transcript:
    """The prompt after all assignments of VALUES."""
    assembly = assembly_of(VALUES)
    made = Transcript(session_of_test(assembly, assembly.tests[0]))
    made("break nothing")
    made("run")
    return made


def numbers(listing: str) -> list[int]:
    """The line numbers of a listing."""
    return [int(line[2:].split()[0]) for line in listing.splitlines()]


def arrow(listing: str) -> str:
    """The text of the line that is marked as the current one."""
    (marked,) = [line for line in listing.splitlines() if line.startswith("=>")]
    return marked[2:].strip()


# -- values ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        # Bases are gdb's: x, o, t and u show the bits of the type's size, d takes them as signed.
        ("print small", "-1"),
        ("print/d small", "-1"),
        ("print/x small", "0xff"),
        ("print/u small", "255"),
        ("print/t small", "0b11111111"),
        ("print/o small", "0o377"),
        ("print/d wide", "-1"),
        ("print/u wide", "18446744073709551615"),
        ("print/c letter", "65 'A'"),
        ("print/c bits", "5"),
        ("print/t bits", "0b101"),
        ("print/x -2", "0xfffffffffffffffe"),
        ("print letter == 65 && bits != 5", "0"),
        ("print signed", "{ -2, 0 }"),
        ("print/x both", "{ .low = 0x00000003, .high = 0xfffffffd }"),
        # More than four equal elements are said once.
        ("print four", "{ 0, 0, 0, 0 }"),
        ("print five", "{ 0 <5 times> }"),
        ("print &wide", f"{NODES + 8:#x} (&wide)"),  # after one byte, aligned to its own size
        ("print sizeof(pair) + offsetof(pair, high)", "12"),
    ],
)
def test_values_are_printed_in_the_base_that_is_asked_for(
    values: Transcript, command: str, shown: str
) -> None:
    """One value after the other gets the next number."""
    assert values("print 0") == "$1 = 0"
    assert values(command) == f"$2 = {shown}"


def test_a_long_array_is_printed_as_far_as_a_person_reads(values: Transcript) -> None:
    """200 of its 300 different elements, then how many more there are."""
    shown = values("print many")
    assert shown.startswith("$1 = { 0, 1, 2, 3, ")
    assert shown.endswith(", 199, … 100 more }")


def test_memory_is_examined_in_units_with_the_names_of_its_rows(values: Transcript) -> None:
    """Eight bytes a row, or sixteen bytes of larger units; signed where d is asked for."""
    rows = values("x/10xb &many").splitlines()
    assert [row.partition("\t")[2] for row in rows] == [
        "0x00  0x01  0x02  0x03  0x04  0x05  0x06  0x07",
        "0x08  0x09",
    ]
    assert [row.partition("<")[2].partition(">")[0] for row in rows] == ["many[0]", "many[8]"]
    assert values("x/2dw &signed").endswith("\t-2  0")
    # 3 in the lower half, -3 in the upper: 2**64 - 3 * 2**32 + 3.
    assert values("x/xg &both").endswith("\t0xfffffffd00000003")
    assert values("x/xh &bits").endswith("\t0x0005")
    assert values("x &wide").endswith("\t0xffffffffffffffff")


def test_memory_that_is_not_mapped_ends_an_examination(shell: Transcript) -> None:
    """The shared area of this program is one page: its last two words, and nothing behind."""
    shown = shell(f"x/4xg {NODES + 4096 - 16:#x}").splitlines()
    assert shown[0].endswith("\t0x0000000000000000  0x0000000000000000")
    assert shown[1] == f"{NODES + 4096:#x}:\tnot mapped (page {NODES + 4096:#x})"
    assert shell("x").startswith("error: say where")


@pytest.mark.parametrize("command", ["print/8x head", "print/xb head", "display/2x head"])
def test_a_value_takes_no_count_and_no_size(shell: Transcript, command: str) -> None:
    """As in gdb, where counts and sizes are for memory."""
    assert "a value takes a base alone" in shell(command)
    assert shell("info display") == "nothing is displayed"


def test_displays_are_numbered_formatted_and_forgotten(shell: Transcript) -> None:
    """Each stop prints them; one without a value here says why and stays."""
    shell("break push.0")
    shell("run")
    assert shell("display/x head") == "1: /x head = 0x0000000000000000"
    assert shell("display expect + 1") == "2: expect + 1 = 1"
    assert shell("info display") == "1: /x head\n2: expect + 1"
    shell("delete")
    assert "2: expect + 1 = <the name `expect` is unknown" in shell("start")
    assert shell("display").splitlines()[0] == "1: /x head = 0x0000000000000000"
    assert shell("undisplay 9") == "error: there is no display 9"
    shell("undisplay 1")
    assert shell("info display") == "2: expect + 1"
    shell("undisplay")
    assert shell("display") == ""


# -- text --------------------------------------------------------------------------------------


def test_list_shows_the_lines_around_and_goes_on(shell: Transcript) -> None:
    """As in gdb: ten lines, then the next ten, by the command or by Enter; a stop begins anew."""
    here = line_of("cpu 1")
    first = shell("list")
    assert numbers(first) == list(range(here - 5, here + 5))
    assert arrow(first).endswith("cpu 1")
    total = PROGRAM.count("\n")
    assert numbers(shell("list")) == list(range(here + 5, here + 15))
    assert numbers(shell("")) == list(range(here + 15, total + 1))
    assert shell("") == f"error: program.opv has {total} lines"
    shell("next")
    assert arrow(shell("list")).endswith("nodes[0].value = 7")


def test_list_takes_lines_vectors_and_ops(shell: Transcript) -> None:
    """Around a line; from where a vector or an op is written; Enter goes on from there."""
    assert numbers(shell(f"list {COMMIT}")) == list(range(COMMIT - 5, COMMIT + 5))
    assert numbers(shell("")) == list(range(COMMIT + 5, COMMIT + 15))
    assert numbers(shell("list program.opv:1")) == list(range(1, 11))
    assert numbers(shell("list push"))[0] == line_of("vector push")
    assert numbers(shell("list push.2"))[0] == COMMIT
    assert "no file is called 'other.opv'" in shell("list other.opv:1")
    assert shell("list result 1").startswith("error: list takes")


def test_at_the_end_there_is_still_a_text_to_list(shell: Transcript) -> None:
    """Nothing is current; the file is shown from its beginning, and no line is marked."""
    shell("goto end")
    shown = shell("list")
    assert numbers(shown) == list(range(1, 11))
    assert "=>" not in shown


def test_disassemble_marks_the_op_that_is_next(shell: Transcript) -> None:
    """The vector of the call, or the one that is named."""
    assert shell("disassemble") == "error: no call is under way: step into one"
    shell("break push.2")
    shell("run")
    assert arrow(shell("disassemble")) == "memcpy.u64  head, node          // op 2"
    other = shell("disassemble long")
    assert "copy, text, 100" in other
    assert "=>" not in other
    assert "no vector is called 'pusch'" in shell("disassemble pusch")
    assert shell("disassemble push.1") == "error: 'push.1' is not a vector"


def test_ops_that_no_text_names_are_listed_with_their_numbers() -> None:
    """A reference case: list and disassemble show its ops, lines mean nothing."""
    case = next(each for each in cases() if each.expect.result == 0 and each.cpuopcnt == 3)
    shell = Transcript(session_of_case(case))
    assert "lines mean nothing" in shell("break 3")
    assert "say where" in shell("break")
    shell("step 2")
    for command in ("list", "disassemble"):
        shown = shell(command).splitlines()
        assert [line[3:7] for line in shown] == ["op 0", "op 1", "op 2"]
        assert [line[:2] for line in shown] == ["  ", "=>", "  "]
    assert shell("break").startswith("Breakpoint 1: op 1")
    assert shell("info args") == "the call has no arguments"
    assert shell("info vectors") == "no vectors are declared"
    assert shell("info symbols") == "no variables are declared"
    shell("goto end")
    assert shell("list") == "error: no call is under way: step into one"


def test_a_line_without_an_op_stands_for_the_next_one(shell: Transcript) -> None:
    """As in gdb; one that nothing follows in this run is refused."""
    assert shell("break 1").endswith(f": program.opv:{COMPARE}")
    assert shell("tbreak program.opv:2").endswith(f": program.opv:{COMPARE}")
    assert shell("break 900") == "error: no op or statement of this run is at line 900 or after it"


def test_where_has_the_op_the_call_and_the_statement(shell: Transcript) -> None:
    """The levels of a call, each with its line; a statement alone has one."""
    assert shell("where") == f"#0  cpu 1 at program.opv:{line_of('cpu 1')}"
    shell("break push.2")
    shell("run")
    assert shell("bt").splitlines() == [
        f"#0  op 2: memcpy.ptr head, node at program.opv:{COMMIT}",
        f"#1  push(node = {NODES:#x} (&nodes[0]), expect = 0) on CPU 1 at program.opv:"
        f"{line_of('vector push')}",
        f"#2  run push(&nodes[0], 0) -> 0 at program.opv:{line_of('run push(&nodes[0], 0) -> 0')}",
    ]
    shell("goto end")
    assert shell("where") == "nothing runs here"
    assert shell("frame") == "nothing comes after this"


def test_when_counts_movements_and_statements(shell: Transcript) -> None:
    """One more for each movement; the third statement is the first call."""
    assert shell("when").startswith("position 0 of ")
    shell("next 2")
    at = int(shell("when").split()[1])
    shell("stepi 3")
    words = shell("when").split()
    assert int(words[1]) == at + 3
    assert words[-2:] == ["statement", "3"]


# -- info --------------------------------------------------------------------------------------


def test_info_alone_lists_its_topics_and_gdbs_words_are_known(shell: Transcript) -> None:
    """A beginning is enough where it is clear."""
    topics = shell("info").splitlines()
    assert topics[0] == "info shows:"
    assert all(len(line.split()) > 1 for line in topics[1:])
    assert shell("info b") == shell("info watchpoints") == "no breakpoints or watchpoints"
    assert shell("info args") == "error: no call is under way"
    assert shell("info variables copy") == shell("info symbols copy")
    for unclear in ("info p", "info nosuch"):
        assert shell(unclear).startswith(f"error: {unclear}: one of breakpoints, symbols, ")


def test_info_breakpoints_says_what_has_become_of_each(shell: Transcript) -> None:
    """Place, condition, once, disabled, hits."""
    shell("tbreak push.1 if head == 0")
    shell("break result 1")
    shell("watch head@1")
    shell("disable 3")
    assert shell("info breakpoints").splitlines() == [
        "1   break push.1, if head == 0, once",
        "2   break result 1",
        "3   watch head@1 (changes), disabled",
    ]
    assert shell("run").startswith("Temporary breakpoint 1: push.1")
    shell("continue")
    assert shell("info breakpoints").splitlines() == [
        "2   break result 1, hit 1 time",
        "3   watch head@1 (changes), disabled",
    ]
    shell("enable 2,3")
    shell("reverse-continue 9")
    shell("run")
    assert shell("info breakpoints").splitlines() == [
        "2   break result 1, hit 1 time",
        "3   watch head@1 (changes), hit 2 times",
    ]
    assert shell("delete 2 7") == "error: there is no breakpoint or watchpoint 7"
    shell("delete")
    assert shell("info breakpoints") == "no breakpoints or watchpoints"


def test_info_symbols_has_every_instance_with_its_value(shell: Transcript) -> None:
    """A percpu variable once for each of the four CPUs; a page by its kind."""
    shell("next 2")
    assert shell("info symbols count").splitlines() == [
        f"{0x7F00_0000_0008 + 4096 * cpu:#x}  count@{cpu}: u32 = 0" for cpu in range(4)
    ]
    assert shell("info symbols gone").endswith("  gone: page, unmapped, 4096 bytes")
    assert shell("info symbols nodez") == "error: no variable is called 'nodez'"
    everything = shell("info symbols")
    assert f"{NODES:#x}  nodes: node[4] = {{ {{ .next = 0, .value = 7 }}, " in everything
    assert [line.split()[1] for line in everything.splitlines()[:2]] == ["head@0:", "head@1:"]


def test_info_vectors_has_parameters_and_ops(shell: Transcript) -> None:
    """As they are declared."""
    assert shell("info vectors").splitlines() == [
        "push(node: ptr<node>, expect: ptr<node>)  4 ops",
        "long()  1 op",
        "bad(p: ptr)  1 op",
    ]


def test_info_arguments_shows_what_the_call_was_given(shell: Transcript) -> None:
    """Addresses with the variable they point to."""
    shell("break push")
    shell("run")
    assert shell("info arguments") == f"node = {NODES:#x} (&nodes[0])\nexpect = 0"
    shell("delete")
    shell("break long")
    shell("continue")
    assert shell("info arguments") == "the call has no arguments"


def test_info_pins_has_each_operand_and_counts_pages_once(shell: Transcript) -> None:
    """push has 2 + 2 + 2 + 1 operands in the percpu page of CPU 1, the shared page and the slots."""
    shell("break push.0")
    shell("run")
    shown = shell("info pins").splitlines()
    assert shown[0] == "op 0 a: head@1, 8 bytes, 1 page"
    assert shown[-2] == "op 3 p: count@1, 4 bytes, 1 page"
    assert shown[-1] == "pinned: 7 operands, 3 different pages"
    shell("goto 0")
    assert shell("info pins") == "pinned: 0 operands, 0 different pages"


def test_info_limits_says_what_is_left_of_the_kernels_limits(shell: Transcript) -> None:
    """abi.md section 1.4: 16 ops, 4096 bytes an op, 4096 + 15 * 8 bytes a vector."""
    shell("break push.0")
    shell("run")
    assert shell("info limits").splitlines() == [
        "revision 2017-11",
        "ops: 4 of 16",
        f"bytes of a vector: {8 + 8 + 8 + 4} of 4216, {4216 - 28} left",
        "bytes of one op: 8 of 4096",
    ]


def test_a_revision_without_a_limit_of_the_sum_says_so() -> None:
    """2017-10 limits each op alone."""
    case = next(each for each in cases() if each.revision == "2017-10")
    assert " of no limit\nbytes of one op: " in Transcript(session_of_case(case))("info limits")


def test_info_marks_and_pages_of_nothing_say_that_there_are_none() -> None:
    """Ops that touch no memory, and no mark set."""
    shell = Transcript(session_of_ops((), get_abi("2017-11"), Cpus(1), 0))
    assert shell("info pages") == "no page is mapped"
    assert shell("info marks") == "no marks are set"
