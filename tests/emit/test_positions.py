"""Pointers that are handed over as the number of an array's element: what is refused, and what callers get."""

from __future__ import annotations

from pathlib import Path

import pytest

from opvasm.cli.main import main
from opvasm.emit import Naming
from opvasm.emit.positions import NoPosition, check_parameter, find_position
from opvasm.emit.refusals import refusals

from .conftest import ELIDE, SAMPLES, WARNINGS, assembled, need, run, write_headers

TEXT = """
struct part { a: u32, b: u32 }
struct row { n: u64, part: part[3], word: u64[4] }
percpu first: u64
percpu rows: row
percpu plain: u8[16]
shared common: u64[4]
vector put(at: ptr<u64>, other: ptr<part>, any: ptr, n: u64) {
    cmpeq.u64  [at], n
    cmpeq.u8   [any], =1
    memcpy     other->b, =2
}
vector keep(at: ptr<u64>) { cmpeq first, at; memcpy.u64 [at], =1 }
vector more(n: ptr<u64>) { add first, n }
"""


def test_an_array_is_found_as_the_compiler_lays_it_out() -> None:
    """Offset, distance and number of elements, by hand: 8 bytes of first, 8 of n, 3 parts of 8 bytes."""
    data = assembled(TEXT).program.data
    assert find_position("rows.part", data)[:4] == ("rows.part", 16, 8, 3)
    assert find_position("rows.word", data)[:4] == ("rows.word", 40, 8, 4)
    assert find_position("plain", data)[:4] == ("plain", 72, 1, 16)


@pytest.mark.parametrize(
    ("parameter", "path", "says"),
    [
        ("at", "row", "there is no percpu variable 'row'"),
        ("at", "common", "there is no percpu variable 'common'"),
        ("at", "rows", "'rows' is a row, not an array"),
        ("at", "rows.words", "there is no field 'words'"),
        ("at", "rows.n.x", "there is no field 'x'"),
        ("at", "rows.part", "at of put is a ptr<u64>, and rows.part has elements of part"),
        ("n", "rows.word", "n of put is a u64, and"),
        ("at", "rows.word", "op 0 of keep uses the address that at is"),
        ("out", "rows.word", "no vector has a parameter 'out'"),
    ],
)
def test_what_can_not_be_an_element_is_refused(parameter: str, path: str, says: str) -> None:
    """It says what is not there, or what does not fit, by name."""
    program = assembled(TEXT).program
    with pytest.raises(NoPosition) as refused:
        check_parameter(parameter, find_position(path, program.data), program.vectors.values())
    assert says in str(refused.value)
    assert refused.value.help


def test_a_number_that_is_an_operand_is_refused() -> None:
    """The address of `n` is added, which no number of an element is."""
    program = assembled(TEXT).program
    with pytest.raises(NoPosition, match="op 0 of more"):
        check_parameter("n", find_position("rows.word", program.data), [program.vectors["more"]])


def test_pointers_to_anything_and_to_structs_can_be_elements() -> None:
    """`ptr` is an element of any array; ptr<part> one of parts."""
    program = assembled(TEXT).program
    put = [program.vectors["put"]]
    for name, path in (("at", "rows.word"), ("other", "rows.part"), ("any", "plain")):
        check_parameter(name, find_position(path, program.data), put)


def test_an_element_is_not_read_through_a_pointer_that_was_loaded_before() -> None:
    """Rule R8 asks for a compare of such a pointer; the section works the address of an element out itself."""
    program = assembled((SAMPLES / "ring.opv").read_text()).program
    vectors = tuple(program.vectors.values())
    warned = refusals(program, vectors, ELIDE, Naming("ring", {}))
    assert [each.code for each in warned] == ["OPV408"]
    assert refusals(program, vectors, ELIDE, Naming("ring", {}), {"slot"}) == ()


def test_the_command_records_what_it_was_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The head names --index, --check makes the header again with it, and a wrong one is exit 2."""
    target = tmp_path / "ring.h"
    words = ["emit", str(SAMPLES / "ring.opv"), "--strategy", "elide", "--no-explore"]
    assert main([*words, "--index", "slot=log.slot", "-o", str(target)]) == 0
    assert "--index slot=log.slot" in target.read_text().partition("*/")[0]
    assert main(["emit", "--check", str(target)]) == 0
    assert main([*words, "-o", str(tmp_path / "pointers.h")]) == 0
    assert "uint64_t slot," not in (tmp_path / "pointers.h").read_text()
    capsys.readouterr()
    assert main([*words, "--index", "slot=log.tail"]) == 2
    assert "--index: 'log.tail' is a u64, not an array" in capsys.readouterr().err


PROGRAM = """
#include "ring.h"
int main(void)
{
    struct ring m;
    uint64_t i;
    if (ring_create(&m) < 0)
        return 2;
    /* The last element is there, the one after it is not, and nothing was touched. */
    if (ring_put(&m, 0, 0, 0, 256, 7, 1) != OPV_INVALID || ring_put_here(&m, 0, 0, 1u << 30, 7, 1) != OPV_INVALID
        || ring_put(&m, 0, 0, 0, (uint64_t)-1, 7, 1) != OPV_INVALID || ring_put(&m, m.cpus, 0, 0, 3, 7, 1) != OPV_INVALID)
        return 3;
    if (ring_take(&m, 0, 0, 256, 0, 1) != OPV_INVALID || m.percpu[0].log.tail || m.percpu[0].log.head)
        return 4;
    for (i = 0; i < 256; i++)
        if (ring_put(&m, 1 % m.cpus, 0, i, i, 1000 + i, i + 1) != 0)
            return 5;
    for (i = 0; i < 256; i++)
        if (m.percpu[1 % m.cpus].log.slot[i] != 1000 + i)
            return 6;
    if (ring_take(&m, 1 % m.cpus, 0, 0, 999, 1) != 2 || ring_take(&m, 1 % m.cpus, 0, 255, 1255, 1) != 0)
        return 7;
    return m.percpu[1 % m.cpus].log.head != 1;
}
"""


@pytest.mark.parametrize(
    ("compiler", "options", "start"),
    [
        ("gcc", ("-O2",), ()),
        ("gcc", ("-O0", "-DOPV_ASK_CPU_ID"), ()),
        ("g++", ("-O2", "-x", "c++"), ()),
        ("clang", ("-O1",), ()),
        ("aarch64-linux-gnu-gcc", ("-O2", "-static"), ("qemu-aarch64",)),
    ],
)
def test_an_element_that_is_not_there_is_invalid(
    compiler: str, options: tuple[str, ...], start: tuple[str, ...], tmp_path: Path
) -> None:
    """By section and by the fallback, each element is the one with its number, and no other is reached."""
    need(compiler, *start)
    (tmp_path / "t.c").write_text(PROGRAM)
    for strategy in ("elide", "lock"):
        write_headers(tmp_path, strategy)
        target = tmp_path / strategy
        words = (*WARNINGS, *options, f"-I{tmp_path}", "-lpthread")
        done = run(compiler, *words, tmp_path / "t.c", "-o", target)
        assert done.returncode == 0, done.stderr
        for switch in ("never", "always", "3"):
            ran = run(*start, target, env={"OPV_FALLBACK": switch})
            assert ran.returncode == 0, (strategy, switch, ran.returncode)


WRITTEN_OVER = """
#include "counter.h"
int main(void)
{
    struct counter m;
    unsigned cpu;
    if (counter_create(&m) != 1)
        return 4;
    opv_set_cpu_hint(0x7ffd1234); /* as half a pointer would be */
    cpu = opv_current_cpu();
    return !(cpu < m.cpus && (int32_t)cpu == opv_cpu_id() && counter_bump(&m, cpu, 1) == 0);
}
"""


def test_a_cpu_is_known_where_another_library_writes_into_the_area(tmp_path: Path) -> None:
    """With OPV_ASK_CPU_ID the number is right, whatever stands in cpu_id_start."""
    need("gcc")
    write_headers(tmp_path, "elide")
    (tmp_path / "t.c").write_text(WRITTEN_OVER)
    words = ("-O2", *WARNINGS, "-DOPV_ASK_CPU_ID", f"-I{tmp_path}", "-lpthread")
    done = run("gcc", *words, tmp_path / "t.c", "-o", tmp_path / "t")
    assert done.returncode == 0, done.stderr
    answer = run(tmp_path / "t").returncode
    if answer == 4:
        pytest.skip("no restartable sections here")
    assert answer == 0
