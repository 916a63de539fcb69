"""Source, C, machine code, and back: the lifted section is the vector that it was made from.

`opvasm audit` finds each section, passes it, and lifts it to a text; that text's steps are matched with
the ops of the source, register by register. The matcher is written here, from the ops' meaning alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from opvasm.abi.ops import CMPEQ, CMPNE, MB
from opvasm.assembler import assemble
from opvasm.emit.names import Naming, control_offset
from opvasm.emit.positions import Position, find_position
from opvasm.program import (
    ArgumentValue,
    PoolAddress,
    Program,
    SlotAddress,
    SymbolAddress,
    Value,
    Vector,
    section as ir,
)
from opvasm.source import SourceFile

from .conftest import POSITIONS, SAMPLES, audit, need, run, write_headers

pytest.importorskip("capstone")

# The vectors whose every op is one word: longer copies are loops, which no vector is.
VECTORS = {
    "counter": ("bump", "bump_fenced"),
    "list": ("push", "pop"),
    "ring": ("put", "take"),
    "buffer": ("push", "pop"),
    "spinlock": ("acquire",),
    "cmpxchg": ("exchange",),
}
# A name that stands for a register, a number, or memory: ("at", base, offset, bytes).
Term = str | int | tuple[object, ...]


class Differs(Exception):
    """The lifted section is not the vector."""


def program_of(sample: str) -> Program:
    """A sample's program."""
    file = SAMPLES / f"{sample}.opv"
    return assemble(SourceFile(file.name, file.read_text())).program


# ---- the source's side ------------------------------------------------------------------------------


def steps_of(
    vector: Vector, program: Program, positions: Mapping[str, Position]
) -> list[tuple[str, Term, Term]]:
    """What the ops do: ("differs" | "same" | "store" | "add", place or value, value)."""
    steps: list[tuple[str, Term, Term]] = []
    ops = list(vector.instructions)
    while ops[-1].operation is MB:
        ops.pop()  # it comes after the section, where nobody lifts anything
    for op in ops:
        size = op.length
        terms = [operand(value, size, program, positions) for value in op.addresses]
        if op.operation is CMPEQ or op.operation is CMPNE:
            steps.append(("differs" if op.operation is CMPEQ else "same", terms[0], terms[1]))
        elif len(terms) == 2:
            steps.append(("store", terms[0], terms[1]))
        else:
            number = op.immediate
            steps.append(
                ("add", terms[0], number.parameter if isinstance(number, ArgumentValue) else 0)
            )
    return steps


def operand(value: Value, size: int, program: Program, positions: Mapping[str, Position]) -> Term:
    """An operand as a term; "percpu" is the register with the CPU's area."""
    match value:
        case SymbolAddress(symbol=name, addend=addend, cpu=None):
            return ("at", "percpu", program.data.symbols[name].offset + addend, size)
        case ArgumentValue(parameter=name, addend=addend) if name in positions:
            element = ("+", "percpu", ("*", name, positions[name].stride))
            return ("at", element, positions[name].offset + addend, size)
        case ArgumentValue(parameter=name, addend=addend):
            return ("at", name, addend, size)
        case SlotAddress(parameter=name, addend=0):
            return name
        case PoolAddress(offset=offset):
            item = next(each for each in program.data.pool if each.offset == offset)
            assert isinstance(item.value, bytes)
            return int.from_bytes(item.value[:size], "little")
        case _:
            raise AssertionError(f"{value} is in no sample")


# ---- the machine code's side ------------------------------------------------------------------------


def lifted_steps(section: ir.Section) -> list[tuple[str, Term, Term]]:
    """The same of a lifted section, locals replaced by the memory that they were loaded from."""
    known: dict[str, Term] = {}
    steps: list[tuple[str, Term, Term]] = []

    def term(value: ir.Term) -> Term:
        match value:
            case ir.Constant(value=number, type=type):
                return number % (1 << 8 * type.size)
            case ir.Argument(name=name):
                return name
            case ir.Local(name=name):
                return known[name]
            case ir.Id(name=name):
                return ("id", name)
            case ir.Convert(operand=inner):
                return term(inner)
            case ir.Binary(operator="+", left=left, right=right):
                return ("+", term(left), term(right))
            case ir.Binary(operator="*", left=left, right=ir.Constant(value=number)):
                return ("*", term(left), number)
            case ir.Binary(operator="<<", left=left, right=ir.Constant(value=number)):
                return ("*", term(left), 1 << number)
            case _:
                raise Differs(f"a term that no op makes: {value}")

    def place(value: ir.Term, size: int) -> Term:
        match term(value):
            case ("+", base, int(offset)):
                return ("at", base, offset, size)
            case base:
                return ("at", base, 0, size)

    for step in section.body:
        match step:
            case ir.Load(local=local, address=address, type=type):
                known[local] = place(address, type.size)
            case ir.Set(local=local, value=value):
                known[local] = term(value)
            case ir.Exit(condition=ir.Binary(operator="!=" | "==" as sign, left=left, right=right)):
                steps.append(("differs" if sign == "!=" else "same", term(left), term(right)))
            case ir.Store(address=address, value=value, type=type):
                target, new = place(address, type.size), term(value)
                match new:
                    case ("+", old, number) if old == target:
                        steps.append(("add", target, number))  # type: ignore[arg-type]
                    case _:
                        steps.append(("store", target, new))
            case ir.Change(operator="+", address=address, value=value, type=type):
                steps.append(("add", place(address, type.size), term(value)))
            case _:
                raise Differs(f"a step that no op makes: {step}")
    # What a register holds afterwards is the compiler's business.
    commits = [ir.is_commit(step) for step in section.body if not isinstance(step, ir.Set)]
    if commits != [False] * (len(commits) - 1) + [True]:
        raise Differs("the commit is not the last step")
    return steps


def match(
    section: ir.Section, vector: Vector, program: Program, positions: Mapping[str, Position]
) -> None:
    """Raise Differs unless the section looks at CPU and flag first, and then does the vector's ops."""
    found, wanted = lifted_steps(section), steps_of(vector, program, positions)
    flag = ("at", "percpu", control_offset(program.data), 4)
    wanted = [("differs", ("id", "cpu_id"), "cpu"), ("differs", flag, 0), *wanted]
    if len(found) != len(wanted):
        raise Differs(f"{len(found)} steps, not {len(wanted)}: {found}")
    names: dict[str, str] = {}
    for one, two in zip(found, wanted, strict=True):
        if one[0] != two[0] or not (
            unify(one[1:], two[1:], names)
            or (one[0] in ("differs", "same") and unify(one[:0:-1], two[1:], names))
        ):
            raise Differs(f"{one}, not {two}")
    if len(set(names.values())) != len(names):
        raise Differs(f"one argument in two registers, or two in one: {names}")


def unify(found: object, wanted: object, names: dict[str, str]) -> bool:
    """Whether two terms are equal where a register stands for an argument, always the same one."""
    if isinstance(found, tuple) and isinstance(wanted, tuple):
        kept = dict(names)
        if len(found) == len(wanted) and all(
            unify(one, two, names) for one, two in zip(found, wanted, strict=True)
        ):
            return True
        names.clear()
        names.update(kept)
        return False
    if (
        isinstance(found, str)
        and isinstance(wanted, str)
        and found not in ("at", "id", "cpu_id", "+", "*")
    ):
        return names.setdefault(found, wanted) == wanted
    return found == wanted


# ---- both -------------------------------------------------------------------------------------------


def build(samples: Iterable[str], headers: Path, folder: Path, compiler: str, level: str) -> Path:
    """A shared library with one function for each vector's section."""
    lines: list[str] = []
    for sample in samples:
        program, naming = program_of(sample), Naming(sample, {})
        positions = POSITIONS.get(sample, {})
        lines.insert(0, f'#include "{sample}.h"')
        for name in VECTORS[sample]:
            parameters = program.vectors[name].parameters
            declared = "".join(
                (
                    f", uint64_t {each.name}"
                    if each.name in positions
                    else f", {naming.declare(each.type, each.name)}"
                )
                for each in parameters
            )
            given = "".join(f", {each.name}" for each in parameters)
            head = f"int try_{sample}_{name}(const struct {sample} *m, unsigned cpu{declared})"
            lines.append(f"{head} {{ return {sample}_{name}_section(m, cpu{given}); }}")
    source, target = folder / "try.c", folder / "try.so"
    source.write_text("\n".join(lines) + "\n")
    done = run(compiler, level, "-w", "-fPIC", "-shared", f"-I{headers}", source, "-o", target)
    assert done.returncode == 0, done.stderr
    return target


def round_trip(samples: Iterable[str], library: Path) -> None:
    """Audit, lift, read, match.  Raises Differs."""
    text = library.with_suffix(".opv")
    code, said = audit("--lift", text, library)
    if code != 0:
        raise Differs(f"audit: {said[:4400]}")
    lifted = assemble(SourceFile("lifted.opv", text.read_text())).program
    for sample in samples:
        program = program_of(sample)
        positions = {
            name: find_position(path, program.data)
            for name, path in POSITIONS.get(sample, {}).items()
        }
        for name in VECTORS[sample]:
            section = lifted.sections[f"try_{sample}_{name}"]
            match(section, program.vectors[name], program, positions)


@pytest.fixture(scope="module")
def headers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The headers of the strategy with a lock."""
    folder = tmp_path_factory.mktemp("headers")
    write_headers(folder, "elide")
    return folder


@pytest.mark.parametrize(
    ("compiler", "levels"),
    [
        ("gcc", ("-O0", "-O1", "-O2", "-O3")),
        ("clang", ("-O0", "-O2")),
        ("aarch64-linux-gnu-gcc", ("-O1", "-O2", "-O3")),
    ],
)
def test_machine_code_is_lifted_to_the_vector_it_was_made_from(
    compiler: str, levels: tuple[str, ...], headers: Path, tmp_path: Path
) -> None:
    """Each sample's vectors come back from each compiler at each level."""
    need(compiler)
    for level in levels:
        round_trip(VECTORS, build(VECTORS, headers, tmp_path, compiler, level))


# A slip of the emitter in list.h's push: (what, pattern, replacement).
PUSH = r'(\s*"movq %q\[p_expect\], \(%\[p_node\]\)\\n\\t"[^\n]*)(\s*"movq %q\[p_node\], \(%\[opv_percpu\]\)\\n\\t"[^\n]*)'
COMPARE = r'(\s*"cmpq %q\[p_expect\], \(%\[opv_percpu\]\)\\n\\t"[^\n]*\n\s*"jne %l\[opv_op0\]\\n\\t"[^\n]*)'
SLIPS = {
    "commit not last": (PUSH, r"\2\1"),
    "lost subscription": (r'\s*"movl 8\(%\[opv_percpu\]\), %%eax\\n\\t"[^\n]*\n\s*"testl %%eax, %%eax\\n\\t"[^\n]*\n\s*"jne %l\[opv_busy\]\\n\\t"[^\n]*', ""),
    "wrong offset": (r'"movq %q\[p_expect\], \(%\[p_node\]\)', r'"movq %q[p_expect], 8(%[p_node])'),
    "store before compare": (COMPARE + PUSH, r"\2\1\3"),
    "wrong value": (r'"movq %q\[p_node\], \(%\[opv_percpu\]\)', r'"movq %q[p_expect], (%[opv_percpu])'),
}  # fmt: skip


@pytest.mark.parametrize("slip", SLIPS)
def test_a_planted_slip_of_the_emitter_is_found(slip: str, headers: Path, tmp_path: Path) -> None:
    """By audit, or by the lifted difference."""
    need("gcc")
    pattern, replacement = SLIPS[slip]
    text = (headers / "list.h").read_text()
    text, count = re.subn(pattern, replacement, text, count=1)
    assert count == 1, slip
    (tmp_path / "list.h").write_text(text)
    with pytest.raises(Differs):
        round_trip(["list"], build(["list"], tmp_path, tmp_path, "gcc", "-O2"))


def test_a_barrier_after_the_commit_is_found(headers: Path, tmp_path: Path) -> None:
    """Put into the section, where an abort makes it happen twice, it is what audit calls OPV711."""
    need("gcc")
    text = (headers / "counter.h").read_text()
    barrier = r'        "lock; addl $0, -128(%%rsp)\n\t"'
    end = re.compile(r'        OPV_LEAVE\("counter_bump_fenced[^"]*"\)')
    text, count = end.subn(lambda found: f"{barrier}\n{found[0]}", text)
    assert count >= 3
    (tmp_path / "counter.h").write_text(text)
    with pytest.raises(Differs, match="OPV711"):
        round_trip(["counter"], build(["counter"], tmp_path, tmp_path, "gcc", "-O2"))
