"""Vectors a second of the interpreter, as a ratio to a small interpreter in C (raw.c)."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from time import perf_counter

from opvasm.abi.revisions import get_abi
from opvasm.assembler import assemble
from opvasm.binary import encode
from opvasm.binding import bind
from opvasm.interpreter import Machine
from opvasm.interpreter.prepared import prepare
from opvasm.machine import Cpus, Memory
from opvasm.program import Instruction, default_layout
from opvasm.source import SourceFile

from .measure import interleaved, table

# The four shapes, each leaving memory such that the next call runs all ops again.
SHAPES = {
    "1 op": "add.u64 word[0], 1",
    "3 ops": "cmpeq.u64 word[0], word[1]\nmemcpy.u64 word[2], word[3]\nmemcpy.u64 word[0], word[1]",
    "16 ops": "\n".join(
        [
            "cmpeq.u64 word[0], word[1]",
            "add.u64 word[4], 1",
            "cmpne.u64 word[4], word[15]",
            *("or.u32 half, 0", "and.u16 small, 0xf0f"),
            *("xor.u8 tiny, 3", "lshift.u64 word[8], 1", "rshift.u64 word[9], 1", "mb"),
            *(f"memcpy.u64 word[{index + 8}], word[{index}]" for index in range(7)),
        ]
    ),
    "4096-byte memcpy + 15": "\n".join(
        ["memcpy to, from, 4096", *(f"add.u64 word[{index}], 1" for index in range(15))]
    ),
}
DATA = (
    "shared word: u64[16]\nshared half: u32\nshared small: u16\nshared tiny: u8\n"
    "shared from: u8[4096]\nshared to: u8[4096]\n"
)
SECONDS_A_ROUND = 0.1


def vectors() -> dict[str, tuple[Instruction, ...]]:
    """Each shape's ops, bound to addresses."""
    abi = get_abi()
    bound = {}
    for name, ops in SHAPES.items():
        program = assemble(SourceFile(name, f"{DATA}vector v() {{\n{ops}\n}}\n")).program
        layout = default_layout(abi, program.data)
        bound[name] = bind(program.vectors["v"], program, layout, 0, {})
    return bound


def pages(ops: Sequence[Instruction]) -> list[int]:
    """The pages that a vector touches, by their addresses."""
    memory = Memory()
    touched = {
        part.page << memory.shift
        for op in ops
        for _, address, _ in op.operands()
        if isinstance(address, int)
        for part in memory.ranges(address, op.length)
    }
    return sorted(touched)


def machine_for(ops: Sequence[Instruction]) -> Machine:
    """A machine that has the vector's pages, filled with zeros."""
    memory = Memory()
    for page in pages(ops):
        memory.map(page, memory.page_size)
    return Machine(get_abi(), memory, Cpus(1))


def python_time(ops: Sequence[Instruction], calls: int) -> float:
    """Nanoseconds a call of a vector that was made ready once."""
    machine = machine_for(ops)
    ready = prepare(tuple(ops), machine.abi)
    call, count = machine.cpu_opv, len(ops)
    started = perf_counter()
    for _ in range(calls):
        call(ready, count, 0)
    return (perf_counter() - started) / calls * 1e9


def checksum(ops: Sequence[Instruction], calls: int) -> tuple[int, int]:
    """The last result, and the sum over all bytes of the pages as raw.c adds it."""
    machine = machine_for(ops)
    ready = prepare(tuple(ops), machine.abi)
    result = 0
    for _ in range(calls):
        result = machine.cpu_opv(ready, len(ops), 0)
    total = 0
    for page in pages(ops):
        for byte in machine.memory.read(page, machine.memory.page_size):
            total = (total * 31 + byte) % (1 << 64)
    return result, total


class Yardstick:
    """raw.c, compiled on the spot."""

    def __init__(self, folder: Path) -> None:
        self._program = folder / "raw"
        self._folder = folder
        source = Path(__file__).with_name("raw.c")
        subprocess.run(["gcc", "-O2", "-o", self._program, source], check=True)

    def run(self, ops: Sequence[Instruction], calls: int) -> tuple[float, int, int]:
        """Nanoseconds a call, the last result, the sum over the pages."""
        file = self._folder / "vector"
        file.write_bytes(encode(ops, get_abi()))
        words = [str(self._program), str(file), str(calls), *map(hex, pages(ops))]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        time, result, total = done.stdout.split()
        return float(time), int(result), int(total)

    def time(self, ops: Sequence[Instruction], calls: int = 200_000) -> float:
        """Nanoseconds a call."""
        return self.run(ops, calls)[0]


def measure(rounds: int = 7) -> str:
    """The table of ratios; both must leave the same memory behind."""
    if shutil.which("gcc") is None:
        return "interpreter against C: skipped, gcc is not installed\n"
    rows = [("shape", "C, ns", "Python, ns", "ratio", "vectors/s")]
    with tempfile.TemporaryDirectory() as name:
        yardstick = Yardstick(Path(name))
        for shape, ops in vectors().items():
            result, total = checksum(ops, 50)
            if yardstick.run(ops, 50)[1:] != (result, total):
                raise RuntimeError(f"{shape}: C and Python disagree")
            calls = max(10, int(SECONDS_A_ROUND * 1e9 / python_time(ops, 50)))
            times = interleaved(
                {
                    "c": partial(yardstick.time, ops),
                    "python": partial(python_time, ops, calls),
                },
                rounds,
            )
            rows.append(
                (
                    shape,
                    f"{times['c']:.0f}",
                    f"{times['python']:.0f}",
                    f"{times['python'] / times['c']:.0f}",
                    f"{1e9 / times['python']:,.0f}",
                )
            )
    return table("the reference interpreter against raw.c, decoded vectors", rows)
