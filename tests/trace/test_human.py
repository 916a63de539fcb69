"""The trace that a person reads, held against calls worked out by hand."""

from __future__ import annotations

from opvasm.abi.pages import PageKind
from opvasm.abi.revisions import get_abi
from opvasm.debugger.drivers import empty_program
from opvasm.interpreter import Machine
from opvasm.program import Instruction, default_layout
from opvasm.trace.human import CallTrace
from tests.cli.conftest import LIST, Run, opvasm
from tests.interpreter.build import BASE, machine, op

__all__ = ["opvasm"]

DATA = """\
percpu n: u64
shared big: u8[64]
shared other: u8[64]
page gone: unmapped
page fixed: readonly
vector add_it(by: i64) {
    add n, by
}
vector copy() {
    memcpy big, other, 64
}
vector same() {
    cmpeq big, other, 64
}
vector touch() {
    add n, 1
    memcpy.u64 [&gone], n
}
vector fixed_store() {
    memcpy.u64 [&fixed], n
}
vector barrier() {
    mb
}
unverified vector wide() {
    memcpy [&big], [&other], 5000
}
"""


def traced(opvasm: Run, *words: str, text: str = DATA) -> list[str]:
    """The lines of a call's trace, without what stands to their left."""
    ran = opvasm("run", "-", *words, input=text)
    assert ran.code == 0, ran.errors
    return [" ".join(line.split()) for line in ran.text.splitlines()]


def test_an_addition_shows_before_and_after(opvasm: Run) -> None:
    """The percpu variable by name and CPU, both values."""
    lines = traced(opvasm, "add_it", "--arg", "by=-3", "--set", "n=10", "--cpu", "2")
    assert lines == [
        "add_it(by = -3) on CPU 2",
        "op 0 add n, by",
        "p n@2 10 -> 7",
        "-> 0 the op ran",
    ]


def test_a_failed_compare_shows_both_values(opvasm: Run) -> None:
    """What they are, for words; where they differ first, for long ones."""
    lines = traced(opvasm, "push", "--arg", "node=&nodes[1]", "--arg", "expect=7", text=LIST)
    assert lines[-1] == "-> 1 op 0 stopped the vector: head@0 is 0, expect is 7"
    lines = traced(opvasm, "same", "--set", "other[3]=9")
    assert lines[-1] == (
        "-> 1 op 0 stopped the vector: big and other differ: "
        "byte 3 is the first that differs: 0x00 and 0x09"
    )


def test_a_long_copy_shows_what_changed(opvasm: Run) -> None:
    """How many bytes, and the first of them."""
    lines = traced(opvasm, "copy", "--set", "other[2]=255", "--set", "other[40]=1")
    assert lines[2] == (
        "dst big 2 of 64 bytes changed, from byte 2: "
        "00 00 00 00 00 00 00 00 -> ff 00 00 00 00 00 00 00"
    )
    assert lines[3] == "src other 00 00 ff 00 00 00 00 00 00 00 00 00 00 00 00 00 … (64 bytes)"


def test_a_fault_names_everything(opvasm: Run) -> None:
    """Op, operand, access, size, address, the nearest name, the kind of page, what ran."""
    lines = traced(opvasm, "touch")
    assert lines[1] == "op 1 memcpy.u64 [&gone], n (not run)"
    assert lines[2] == (
        "-> EFAULT op 1, operand dst: write of 8 bytes at 0x500000000000 (gone): "
        "the page is not mapped; nothing ran"
    )


def test_a_fault_in_the_middle_keeps_what_ran(opvasm: Run) -> None:
    """2017-10 finds a read-only page when the op runs."""
    text = DATA.replace("    mb\n", "    add n, 1\n")
    lines = traced(opvasm, "fixed_store", "-a", "2017-10", text=text)
    assert lines[1] == "op 0 memcpy.u64 [&fixed], n"
    assert lines[-1].startswith("-> EFAULT op 0, operand dst: write of 8 bytes at 0x5000")
    assert "is readonly; what ran before stays done" in lines[-1]


def test_a_refused_vector_names_the_rule(opvasm: Run) -> None:
    """The op, the rule, its limit."""
    lines = traced(opvasm, "wide")
    assert lines[1] == "op 0 memcpy [&big], [&other], 5000 (not run)"
    assert lines[-1].startswith("-> EINVAL op 0: ")
    assert "4096" in lines[-1]
    assert "(OPV202); nothing ran" in lines[-1]


def test_a_barrier_is_told(opvasm: Run) -> None:
    """mb has no operands."""
    assert traced(opvasm, "barrier")[1:] == [
        "op 0 mb",
        "barrier: every earlier access comes before every later one",
        "-> 0 the op ran",
    ]


def test_a_refused_argument_and_cpu_are_told(opvasm: Run) -> None:
    """What the kernel looks at before and after the vector."""
    assert traced(opvasm, "barrier", "--cpu=-1")[-1] == (
        "-> EINVAL the argument cpu = -1 is refused before anything is read"
    )
    assert traced(opvasm, "barrier", "--cpu", "9")[-1] == (
        "-> EINVAL CPU 9: only CPUs 0 to 3 exist; nothing ran"
    )


def test_the_exit_status_follows_only_when_asked(opvasm: Run) -> None:
    """A failed compare is a normal result; -e makes it 1."""
    words = ("run", "-", "same", "--set", "other[3]=9")
    assert opvasm(*words, input=DATA).code == 0
    assert opvasm(*words, "-e", input=DATA).code == 1
    assert opvasm("run", "-", "same", "-e", input=DATA).code == 0


def test_calls_that_end_before_their_ops_are_told_in_one_line() -> None:
    """A question, a refused argument, a vector that can't be read, a retry that lost its way."""
    lines: list[str] = []
    program = empty_program(get_abi("2018-03"))
    trace = CallTrace(program, default_layout(program.abi, program.data), lines.append, indent="")

    def told(target: Machine, ops: int | list[Instruction], count: int, flags: int = 0) -> str:
        target.observe = trace
        trace.begin(None)
        target.cpu_opv(ops, count, 0, flags)
        return lines[-1]

    asked = machine("2018-03")
    # abi.md section 1.3: flag 1 asks for the number of ops, which is ten.
    assert told(asked, 0, 0, flags=1).startswith("-> 10  the answer to ")
    assert told(asked, 0, -1).startswith("-> EINVAL  the argument cpuopcnt = -1 is refused")
    assert told(asked, 0x90000, 2).startswith("-> EFAULT  the 64 bytes of the vector at ")
    shared = machine("2018-03", pages={0x90000: PageKind.ZERO}, quirks=("first-touch-retry",))
    read = op(shared.abi, "memcpy", 8, BASE, 0x90000)
    write = op(shared.abi, "memcpy", 8, 0x90000, BASE)
    assert told(shared, [read, write], 2) == (
        "-> EFAULT  page 0x90000 was replaced while pinned, and the retry lost the addresses"
    )
