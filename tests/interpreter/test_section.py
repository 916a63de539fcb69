"""What sections do, against C's own arithmetic and against what a person works out."""

from __future__ import annotations

import ctypes
import random

import pytest

from opvasm.assembler import assemble
from opvasm.interpreter.section import Endless, SectionRun, Surroundings, run_section
from opvasm.machine import Fault, Memory
from opvasm.program import section as ir
from opvasm.program.flat import Branch, Leave, flatten
from opvasm.source import SourceFile

AREA = {"cpu_id": 1, "cpu_id_start": 1, "node_id": 0, "mm_cid": 3}
BASE = 0x10000
WIDTHS = {
    f"{letter}{bits}": getattr(ctypes, f"c_{'u' if letter == 'u' else ''}int{bits}")
    for letter in "ui"
    for bits in (8, 16, 32, 64)
}


def run(
    text: str, *, abort_after: int | None = None, **arguments: int
) -> tuple[SectionRun, Memory]:
    """Run the section of a text on 64 KiB of memory; its variables begin at BASE."""
    program = assemble(SourceFile("s.opv", text)).program
    (section,) = program.sections.values()
    memory = Memory()
    memory.map(BASE, 1 << 16)
    surroundings = Surroundings(
        memory.read,
        memory.write,
        lambda name, cpu: BASE
        + 0x1000 * (1 if cpu is None else cpu)
        + program.data.symbols[name].offset,
        AREA,
        "little",
    )
    return run_section(section, arguments, surroundings, abort_after), memory


@pytest.mark.parametrize("name", WIDTHS)
@pytest.mark.parametrize(
    "operator", ["+", "-", "*", "&", "|", "^", "<<", ">>", "<", "<=", "==", "!="]
)
def test_arithmetic_is_that_of_the_machine(name: str, operator: str) -> None:
    """Every operator at every width and sign gives what a C type of that width holds."""
    type, make = ir.REGISTER_TYPES[name], WIDTHS[name]
    chooser = random.Random(f"{name} {operator}")
    edges = [0, 1, -1, 1 << (8 * type.size - 1), (1 << (8 * type.size - 1)) - 1, 5]
    for _ in range(40):
        left = make(chooser.choice([*edges, chooser.getrandbits(64)])).value
        right = make(chooser.choice([*edges, chooser.getrandbits(64)])).value
        count = right % (8 * type.size)
        match operator:
            case "<<":
                wanted = make(left << count).value
            case ">>":
                wanted = left >> count
            case "<":
                wanted = left < right
            case "<=":
                wanted = left <= right
            case "==":
                wanted = left == right
            case "!=":
                wanted = left != right
            case _:
                wanted = make(eval(f"{left} {operator} {right}")).value
        result = ir.U8 if operator in ir.COMPARES else type
        term = ir.Binary(operator, ir.Constant(left, type), ir.Constant(right, type), result)
        assert ir.evaluate(term, _Nothing()) == wanted, (left, right)


@pytest.mark.parametrize("source", WIDTHS)
@pytest.mark.parametrize("target", WIDTHS)
def test_conversions_are_those_of_c(source: str, target: str) -> None:
    """A signed number keeps its sign, another is filled with zeros, a wider one is cut."""
    chooser = random.Random(source + target)
    for _ in range(20):
        number = WIDTHS[source](chooser.getrandbits(64)).value
        term = ir.Convert(ir.Constant(number, ir.REGISTER_TYPES[source]), ir.REGISTER_TYPES[target])
        assert ir.evaluate(term, _Nothing()) == WIDTHS[target](number).value


class _Nothing:
    def local(self, name: str) -> int:
        raise AssertionError

    def argument(self, name: str) -> int:
        raise AssertionError

    def area(self, name: str) -> int:
        raise AssertionError

    def address(self, symbol: str, cpu: int | None) -> int:
        raise AssertionError


COUNTER = """
percpu counter: u64
percpu log: u64[4]
section bump(n: u64) -> old {
    old = load counter
    exit full if old + n > 10
    store log[0], old
    commit counter, old + n
}
"""


def test_a_section_ends_ok_with_its_results() -> None:
    """The commit is the last store; the results are the locals named."""
    done, memory = run(COUNTER, n=3)
    assert (done.label, done.results) == ("ok", {"old": 0})
    assert memory.read(BASE + 0x1000, 16) == (3).to_bytes(8, "little") + bytes(8)


def test_an_exit_leaves_without_a_commit_and_keeps_what_was_set() -> None:
    """11 is more than 10: nothing is stored, and old was loaded."""
    done, memory = run(COUNTER, n=11)
    assert (done.label, done.results) == ("full", {"old": 0})
    assert memory.read(BASE + 0x1000, 64) == bytes(64)


def test_an_abort_can_come_before_every_instruction_and_undoes_nothing() -> None:
    """After 0 to 3 instructions; from the third on the store before the commit has happened."""
    text = COUNTER.replace("store log[0], old", "store log[0], 7")
    for after in range(4):
        done, memory = run(text, n=3, abort_after=after)
        assert (done.label, done.results) == ("aborted", {})
        assert memory.read(BASE + 0x1000, 8) == bytes(8)
        assert memory.read(BASE + 0x1008, 1)[0] == (7 if after == 3 else 0)
    assert run(text, n=3, abort_after=4)[0].label == "ok"


def test_code_after_the_commit_is_not_protected() -> None:
    """An abort that would come there comes too late."""
    text = (
        "percpu word: u64\nsection swap(b: u64) -> old {\n    old = commit cmpxchg word, 0, b\n"
        "    exit lost if old != 0\n}\n"
    )
    assert run(text, b=5, abort_after=1)[0].label == "ok"
    assert run(text, b=5, abort_after=0)[0].label == "aborted"


def test_atomic_changes_give_what_was_there() -> None:
    """Each gives the old value in the word's width, and leaves what its operator makes of both."""
    for word, left in (
        *(("xchg", 200), ("fetch_add", 144), ("fetch_sub", 0), ("fetch_and", 200)),
        *(("fetch_or", 200), ("fetch_xor", 0)),
    ):
        text = (
            "percpu word: u8\nsection change(b: u8) -> old {\n    store word, 200\n"
            f"    old = commit {word} word, b\n}}\n"
        )
        done, memory = run(text, b=200)
        assert (done.label, done.results) == ("ok", {"old": 200})
        assert memory.read(BASE + 0x1000, 1)[0] == left, word


def test_loops_count_their_rounds_and_break() -> None:
    """At most four rounds; of seven wanted, four are made, of two, two."""
    text = """
        percpu sum: u64
        section add(n: u64) -> i {
            i: u64 = 0
            loop 4 { break if i == n; i = i + 1; store sum += 10 }
            commit sum += 1
        }
    """
    for wanted, made in ((7, 4), (2, 2), (0, 0)):
        done, memory = run(text, n=wanted)
        assert done.results == {"i": made}
        assert int.from_bytes(memory.read(BASE + 0x1000, 8), "little") == 10 * made + 1


def test_a_copy_goes_byte_by_byte_from_the_first() -> None:
    """Onto the bytes that follow it repeats the first one."""
    text = """
        percpu buffer: u8[16]
        percpu done: u8
        section smear(n: u32) { store buffer[0], 9; copy buffer[1], buffer[0], n; commit done, 1 }
    """
    assert run(text, n=5)[1].read(BASE + 0x1000, 8) == b"\t\t\t\t\t\t\0\0"


def test_ids_and_the_cpu_of_a_place() -> None:
    """cpu_id is 1, mm_cid 3; ``word@2`` is CPU 2's."""
    text = """
        percpu word: u64
        section ids() { c = mm_cid; store word@(cpu_id + 1), u64(c); commit word, 8 }
    """
    _, memory = run(text)
    assert memory.read(BASE + 0x1000, 1) == b"\x08"
    assert memory.read(BASE + 0x2000, 1) == b"\x03"


def test_128_bits_go_through_a_local() -> None:
    """Sixteen bytes are read and written."""
    text = """
        percpu from: u8[16] = "0123456789abcdef"
        percpu to: u64[2]
        section move() { x: u128 = load [&from].u128; commit [&to].u128, x }
    """
    program = assemble(SourceFile("s.opv", text)).program
    memory = Memory()
    memory.map(BASE, 1 << 12, data=b"0123456789abcdef")
    where = {"from": BASE, "to": BASE + 64}
    surroundings = Surroundings(
        memory.read, memory.write, lambda name, _: where[name], AREA, "little"
    )
    assert run_section(program.sections["move"], {}, surroundings).label == "ok"
    assert memory.read(BASE + 64, 16) == b"0123456789abcdef"


def test_memory_that_is_not_there_is_a_fault() -> None:
    """The section stands at the load that failed."""
    with pytest.raises(Fault):
        run("section wild(p: ptr) { x = load [p].u64; exit a if x == 0; exit b }", p=8)


def test_a_loop_that_goes_on_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A section that waits for another thread waits in vain here."""
    monkeypatch.setattr("opvasm.interpreter.section.STEPS_MAX", 10_000)
    with pytest.raises(Endless):
        run("percpu flag: u8\nsection wait() { loop { f = load flag; exit out if f != 0 } }")


def test_the_flat_form_keeps_what_is_protected_apart() -> None:
    """Of cmpxchg, branch, jump and leaves only the first stands inside."""
    text = "percpu w: u64\nsection s() { o = commit cmpxchg w, 0, 1; exit lost if o != 0 }"
    (section,) = assemble(SourceFile("s.opv", text)).program.sections.values()
    code = flatten(section)
    assert [each.protected for each in code] == [True, False, False, False, False]
    assert [type(each.step) for each in code[1:]] == [Branch, Branch, Leave, Leave]
