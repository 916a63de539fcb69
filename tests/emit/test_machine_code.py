"""The compiled sections, instruction by instruction in unicorn, against the reference interpreter.

Both run the same vector on the same random memory, for the CPU that was asked for and for the one the
thread is on; then the section is cut off before each of its instructions, goes where its descriptor
says, and is run again: memory must come out as if nothing had happened.
"""

from __future__ import annotations

import random
import struct
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from opvasm.assembler import assemble
from opvasm.elf.descriptors import Descriptor, find_descriptors
from opvasm.elf.file import open_elf
from opvasm.emit import Naming, Request, header
from opvasm.emit.names import control_offset, stride
from opvasm.emit.positions import Position, find_position
from opvasm.machine import Cpus
from opvasm.program import Layout, Pointer, Program, Vector
from opvasm.scenario.world import World
from opvasm.source import SourceFile

from .conftest import ELIDE, need, run

unicorn: Any = pytest.importorskip("unicorn")

TEXT = """
struct node { next: ptr<node>, value: u64 }
struct pair { low: u32, high: u16, flags: u8, rest: u8[5] }
percpu head:   ptr<node>
percpu words:  u64[6]
percpu small:  pair
percpu bytes:  u8[200]
percpu far:    u64[5000]
percpu total:  u32
shared nodes:  node[4]
shared wide:   u8[200]
shared limits: u64[4]

vector bump(n: i64) { add words[1], n }
vector bump_far(n: i64) { add far[4999], n + 3 }
vector push(node: ptr<node>, expect: ptr<node>) {
    cmpeq   head, expect
    memcpy  node->next, expect
    memcpy  head, node
}
vector pop(expect: ptr<node>) { cmpeq head, expect; memcpy head, expect->next }
vector differs(a: u64) { cmpne words[0], a; memcpy words[2], words[3] }
vector literal() { cmpeq words[0], =2; memcpy words[1], =0x123456789abcdef0; memcpy total, =7 }
vector negative() { cmpeq words[0], =1; memcpy words[1], =0xffffffffffffffff; add.u32 total, -5 }
vector address() { cmpeq head, &nodes[1]; memcpy words[0], &words[3], 8; memcpy head, &nodes[2] }
vector sizes(a: u8, b: u16, c: u32) {
    cmpeq   small.flags, a
    cmpne   small.high, b
    cmpeq   small.low, c
    memcpy  bytes[3], a
    memcpy  small.low, c
    memcpy  small.high, b
}
vector narrow(a: u32) { cmpeq total, a; memcpy small.low, a }
vector odd() { cmpeq bytes, wide, 13; memcpy bytes, wide, 29; memcpy total, =1 }
vector unequal() { cmpne bytes, wide, 13; memcpy total, =2 }
vector long_copy(from: ptr) { memcpy bytes, [from], 173; memcpy words[4], =1 }
vector masks(m: u64) { cmpeq words[0], words[1]; or words[2], m }
vector clear() { and words[2], ~0xff }
vector clear_small() { and.u16 small.high, 0x8001 }
vector flip() { xor words[2], 0xfedcba9876543210 }
vector left(n: u64) { lshift.u32 total, n }
vector right() { rshift words[3], 5 }
vector fenced(a: u64) { cmpeq words[0], a; memcpy words[1], a; mb; memcpy words[2], a }
vector other() { cmpeq head@2, head@1; memcpy head, nodes[3].next }
vector shared_limit(n: u64) { cmpne limits[1], n; cmpeq limits[2], limits[3]; memcpy words[5], limits[0] }
vector constants() { cmpne words[0], =1; cmpne small.low, =2; add.u8 small.flags, 200 }
vector text() { memcpy wide_target.bytes, ="hello, world"; memcpy total, =3 }
percpu wide_target: pair_of_texts
struct trio { first: u32, second: u32, third: u32 }
percpu trios: trio[7]
percpu copied: u8[100]
vector spot_put(spot: ptr<u64>, a: u64) { cmpeq words[0], a; memcpy.u64 [spot], a; memcpy words[1], words[2] }
vector spot_same(spot: ptr<u64>, a: u64) { cmpeq.u64 [spot], a; memcpy total, =4 }
vector spot_add(spot: ptr<u64>) { add.u64 [spot], 9 }
vector corner_put(corner: ptr<trio>, other: ptr<trio>, a: u32) {
    cmpne   corner->second, a
    memcpy  corner->third, other->first
    memcpy  other->second, a
}
vector piece_copy(piece: ptr<u8>) { memcpy copied, [piece], 100; memcpy total, =5 }
vector piece_set(piece: ptr<u8>, a: u8) { cmpne total, =1; memcpy.u8 [piece], a }
struct pair_of_texts { bytes: u8[12], more: u32 }
"""
# The parameters that are an element's number: scaled by the processor, by C, and in bytes.
POSITIONS = {"spot": "far", "corner": "trios", "other": "trios", "piece": "bytes"}
CPUS = 3
CODE_STACK, AREA, RETURN = 0x2000_0000, 0x3000_0000, 0x3100_0000
MEMORY = 0x3200_0000
ABORTED_STATES = 2  # of each answer of each vector
PERIOD = 1009  # random words, then they repeat: a prime, so that no size of an element divides it
INVALID, ABORTED, BUSY = -22, -0x0F70, -0x0F71


class Processor(NamedTuple):
    """What differs between the two: compiler, unicorn's names, the C calling convention."""

    name: str
    compiler: str
    arch: str
    mode: str
    arguments: tuple[str, ...]
    result: str
    counter: str


X86_64 = Processor(
    "x86-64", "gcc", "UC_ARCH_X86", "UC_MODE_64", ("RDI", "RSI", "RDX", "RCX", "R8", "R9"), "RAX", "RIP"
)  # fmt: skip
AARCH64 = Processor(
    *("aarch64", "aarch64-linux-gnu-gcc", "UC_ARCH_ARM64", "UC_MODE_ARM"),
    tuple(f"X{number}" for number in range(8)),
    *("X0", "PC"),
)


class Machine:
    """A compiled file in unicorn, with the memory of a World."""

    def __init__(self, program: Path, processor: Processor) -> None:
        self.processor = processor
        self.engine = unicorn.Uc(getattr(unicorn, processor.arch), getattr(unicorn, processor.mode))
        with open_elf(str(program)) as file:
            self.descriptors: tuple[Descriptor, ...] = find_descriptors(file).descriptors
            self.inside = {at for each in self.descriptors for at in range(each.start, each.end)}
            for segment in file.loaded:
                first = segment.address & ~0xFFF
                last = -(-(segment.address + segment.memory_size) // 0x1000) * 0x1000
                self.engine.mem_map(first, last - first)
                data = file.at(segment.address, segment.file_size)
                self.engine.mem_write(segment.address, bytes(data))
        for address in (CODE_STACK, AREA, RETURN, MEMORY):
            self.engine.mem_map(address, 0x10000)
        if processor is X86_64:
            self._set("FS_BASE", AREA - 64)
        else:
            self._set("TPIDR_EL0", AREA - 64)
            self._set("CPACR_EL1", 3 << 20)
        self.ran = 0
        self.cut: int | None = None
        self.hook: int | None = None

    def watch(self, wanted: bool) -> None:
        """Have, or have not, each instruction of a section counted; a change has all code translated again."""
        if wanted and self.hook is None:
            ends = (min(self.inside), max(self.inside))
            self.hook = self.engine.hook_add(unicorn.UC_HOOK_CODE, self._before, None, *ends)
        elif not wanted and self.hook is not None:
            self.engine.hook_del(self.hook)
            self.hook = None

    def _register(self, name: str) -> int:
        module = unicorn.x86_const if self.processor is X86_64 else unicorn.arm64_const
        prefix = "UC_X86_REG_" if self.processor is X86_64 else "UC_ARM64_REG_"
        return int(getattr(module, prefix + name))

    def _set(self, name: str, value: int) -> None:
        self.engine.reg_write(self._register(name), value)

    def call(
        self,
        address: int,
        arguments: list[int],
        cpu: int,
        cut: int | None,
        watched: bool = True,
    ) -> tuple[int, int]:
        """Call a function; ``cut``: abort before that many instructions of the section have run.

        Returns the answer, and how many instructions of the section ran; none are counted, which is
        much faster, where the call is not ``watched``.
        """
        self.engine.mem_write(AREA, struct.pack("<IIQIIQ", cpu, cpu, 0, 0, 0, 0))
        stack = CODE_STACK + 0x8000
        if self.processor is X86_64:
            stack -= 8
            self.engine.mem_write(stack, struct.pack("<Q", RETURN))
            self._set("RSP", stack)
        else:
            self._set("SP", stack)
            self._set("LR", RETURN)
        for name, value in zip(self.processor.arguments, arguments, strict=False):
            self._set(name, value)
        self.watch(watched)
        self.ran, self.cut = 0, cut
        self.engine.emu_start(address, RETURN, count=5000)
        raw = self.engine.reg_read(self._register(self.processor.result)) & 0xFFFFFFFF
        return raw - (1 << 32) if raw >> 31 else raw, self.ran

    def _before(self, engine: Any, at: int, size: int, data: object) -> None:
        """Count an instruction of a section; the one to cut off at goes where the descriptor says."""
        if at not in self.inside:
            return
        if self.ran == self.cut:
            self.cut = None
            chosen = struct.unpack("<Q", engine.mem_read(AREA + 8, 8))[0]
            one = next(each for each in self.descriptors if each.address == chosen)
            engine.mem_write(AREA + 8, bytes(8))
            self._set(self.processor.counter, one.abort)
            return
        self.ran += 1


def c_file(program: Program) -> str:
    """Functions that can be called: each vector's section, in both forms."""
    lines = ["#include <stddef.h>", "const ptrdiff_t __rseq_offset = 64;", '#include "t.h"']
    naming = Naming("t", {})
    for vector in program.vectors.values():
        pointers = [naming.declare(each.type, each.name) for each in vector.parameters]
        numbers = [
            f"uint64_t {each.name}" if each.name in POSITIONS else pointer
            for each, pointer in zip(vector.parameters, pointers, strict=True)
        ]
        names = [each.name for each in vector.parameters]
        for form, first in (("", ["opv_cpu"]), ("_again", ["opv_cpu"]), ("_here", [])):
            parameters = pointers if form == "_again" else numbers
            declared = ", ".join(["const struct t *opv_m", "unsigned opv_cpu", *parameters])
            call = ", ".join(["opv_m", *first, *names])
            lines.append(f"int try_{vector.name}{form}({declared})")
            lines.append(f"{{ (void)opv_cpu; return t_{vector.name}{form}_section({call}); }}")
    return "\n".join(lines) + "\n"


def positions_of(program: Program) -> dict[str, Position]:
    """The arrays of the parameters that are an element's number."""
    return {name: find_position(path, program.data) for name, path in POSITIONS.items()}


def symbols_of(program: Path) -> dict[str, int]:
    """The functions' addresses."""
    lines = run("nm", program).stdout.splitlines()
    return {line.split()[-1]: int(line.split()[0], 16) for line in lines if len(line.split()) == 3}


def random_memory(world: World, program: Program, chance: random.Random) -> list[int]:
    """Fill the World's data with few different words, so that compares go both ways; the words."""
    layout, data = world.layout, program.data
    nodes = data.symbols["nodes"]
    words = [0, 1, 2, 7, *(layout.symbol_address(nodes, 0) + 16 * index for index in range(4))]
    chosen = chance.sample(words, 2)
    sizes = [
        (layout.percpu + cpu * layout.percpu_stride, control_offset(data)) for cpu in range(CPUS)
    ]
    sizes.append(
        (
            layout.shared,
            sum(each.size for each in data.symbols.values() if each.area.value == "shared"),
        )
    )
    for address, size in sizes:
        # A word for each random byte: a choice for each word would be most of the test's time.
        # Where one of the two is rare, compares of many bytes find them equal.
        rare = chance.choice((128, 32, 8))
        packed = [struct.pack("<Q", chosen[at < rare]) for at in range(256)]
        raw = b"".join(map(packed.__getitem__, chance.randbytes(PERIOD)))
        world.memory.write(address, (raw * (1 + size // len(raw)))[:size])
    return [*chosen, *words[4:]]


@pytest.mark.parametrize("processor", [X86_64, AARCH64], ids=lambda each: each.name)
def test_sections_do_what_the_interpreter_does(processor: Processor, tmp_path: Path) -> None:
    """Result and memory are equal on random states, also after an abort before each instruction."""
    need(processor.compiler, "nm")
    program = assemble(SourceFile("t.opv", TEXT)).program
    vectors = tuple(program.vectors.values())
    request = Request(program, vectors, ELIDE, Naming("t", {}), positions=positions_of(program))
    (tmp_path / "t.h").write_text(header(request))
    (tmp_path / "t.c").write_text(c_file(program))
    target = tmp_path / "t"
    options = (
        "-nostdlib",
        "-static",
        "-fno-stack-protector",
        "-fno-pie",
        "-no-pie",
        "-Wl,-e,try_bump",
    )
    done = run(processor.compiler, "-O2", "-w", *options, tmp_path / "t.c", "-o", target)
    assert done.returncode == 0, done.stderr
    machine, symbols = Machine(target, processor), symbols_of(target)
    distance = stride(program.data)
    layout = Layout(0x4000_0000, distance, 0x5000_0000, 0x5100_0000, 0x5200_0000, 0x5300_0000)
    machine.engine.mem_map(layout.percpu, -(-CPUS * distance // 0x1000) * 0x1000)
    machine.engine.mem_map(layout.shared, 0x1000)
    ran: Counter[tuple[str, int]] = Counter()
    for vector in vectors:
        chance = random.Random(
            f"{vector.name} 6"
        )  # the states of one do not change with the others
        for _ in range(24):
            compare(program, vector, layout, machine, symbols, chance, ran)
    # A state generator that never passes a compare, or never fails one, would prove little.
    for vector in vectors:
        assert (vector.name, 0) in ran, f"{vector.name} was never done"
        compares = [
            i
            for i, op in enumerate(vector.instructions)
            if op.operation and op.operation.is_compare
        ]
        assert not compares or any((vector.name, i + 1) in ran for i in compares), vector.name


def compare(
    program: Program,
    vector: Vector,
    layout: Layout,
    machine: Machine,
    symbols: dict[str, int],
    chance: random.Random,
    ran: Counter[tuple[str, int]],
) -> None:
    """One random state: interpreter, then machine code in both forms, then every abort.

    ``ran`` counts the states of each answer: only the first ones are cut off, but some of each.
    """
    world = World(program, cpus=Cpus(CPUS), layout=layout)
    words = random_memory(world, program, chance)
    cpu = chance.randrange(CPUS)
    arguments: dict[str, int] = {}
    numbers: dict[str, int] = {}
    positions = positions_of(program)
    for each in vector.parameters:
        pointers = words[2:] if isinstance(each.type, Pointer) else words[:2]
        value = chance.choice(pointers)
        arguments[each.name] = value % (1 << 8 * each.type.size)
        if each.name in positions:
            position = positions[each.name]
            # piece_copy reads 100 bytes from there.
            numbers[each.name] = chance.randrange(
                100 if each.name == "piece" else position.elements
            )
            area = layout.percpu + cpu * layout.percpu_stride
            element = position.offset + numbers[each.name] * position.stride
            arguments[each.name] = area + element
    regions = [
        (layout.percpu + c * layout.percpu_stride, control_offset(program.data))
        for c in range(CPUS)
    ]
    regions.append((layout.shared, 400))
    before = [world.memory.read(address, size) for address, size in regions]
    ops = world.ops(vector, cpu=cpu, arguments=arguments)
    want = world.machine.cpu_opv(ops, len(ops), cpu=cpu)
    if want == INVALID:  # bits as wide as the word: refused before any section (test_header.py)
        return
    assert want >= 0, f"{vector.name}: {want}"
    aborts = ran[vector.name, want] < ABORTED_STATES
    ran[vector.name, want] += 1
    after = [world.memory.read(address, size) for address, size in regions]
    head = struct.pack("<QQI", layout.percpu, layout.shared, CPUS)
    machine.engine.mem_write(MEMORY, head)
    rare = [MEMORY, cpu, *(arguments[each.name] for each in vector.parameters)]
    given = [
        *(MEMORY, cpu),
        *(numbers.get(each.name, arguments[each.name]) for each in vector.parameters),
    ]

    def restore() -> None:
        for (address, _), data in zip(regions, before, strict=True):
            machine.engine.mem_write(address, data)

    def call(form: str, cut: int | None = None) -> tuple[int, int]:
        values = rare if form == "_again" else given
        return machine.call(symbols[f"try_{vector.name}{form}"], values, cpu, cut, watched=aborts)

    def check(what: str) -> None:
        for (address, size), data in zip(regions, after, strict=True):
            found = bytes(machine.engine.mem_read(address, size))
            assert found == data, f"{vector.name}{what} at {address:#x}, arguments {arguments}"

    for form in ("", "_here"):
        restore()
        answer, instructions = call(form)
        assert answer == want, f"{vector.name}{form}({arguments}) on {cpu}"
        check(form)
        cuts = range(instructions) if instructions < 40 else (0, 5, instructions - 1)
        for cut in cuts if aborts else ():
            restore()
            assert call(form, cut)[0] == ABORTED, f"{vector.name}{form} cut at {cut}"
            assert call(form)[0] == want
            check(f"{form} cut at {cut}")
    restore()
    flag = layout.percpu + cpu * layout.percpu_stride + control_offset(program.data)
    machine.engine.mem_write(flag, struct.pack("<I", 1))
    assert call("")[0] == BUSY
    assert call("_again")[0] == BUSY
    # The switch that forces the fallback sends the fast path away, and the rare path looks past it.
    machine.engine.mem_write(flag, struct.pack("<I", 2))
    assert call("")[0] == BUSY
    assert call("_again")[0] == want
    check("_again")
    machine.engine.mem_write(flag, bytes(4))
    elsewhere = (cpu + 1) % CPUS
    moved = machine.call(symbols[f"try_{vector.name}"], given, elsewhere, None, watched=aborts)[0]
    assert moved == ABORTED, "the thread is not on the CPU that was asked for"
