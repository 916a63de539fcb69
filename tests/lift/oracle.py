"""Machine code under unicorn beside its lifted text in the interpreter, from the same states.

Memory is made up as the text first reads it, from values that make compares equal often; unicorn
then gets the same memory, and both must write the same bytes, leave by the same way and leave the
same values in every register that the section sets.
"""

from __future__ import annotations

import ctypes
import random
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple, Protocol

import pytest

import opvasm
from opvasm.audit.subject import Subject
from opvasm.interpreter.section import Endless, SectionRun, Surroundings
from opvasm.lift.lift import Lifted, lift
from opvasm.lift.roles import roles_of
from opvasm.lift.state import AREA, Area
from opvasm.program import section as ir
from opvasm.text.section_printer import section_text
from tests.lift.area import from_the_area

STEPS_MAX = 3000
_EARLY = 0.7
_REGION = 0x10_0000
_LOWEST, _HIGHEST = 0x1_0000, 1 << 46
_OTHERS = {
    "x86-64": (
        *("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", *(f"r{n}" for n in range(8, 16))),
        *(f"xmm{n}" for n in range(8)),
    ),
    "aarch64": (*(f"x{n}" for n in range(31)), *(f"v{n}" for n in range(8))),
}  # registers that hold something also where a section has no parameter of their name


class Skip(Exception):
    """A state that says nothing: an endless loop, or an address that no program has."""


class Ran(NamedTuple):
    """How a section ended: its label, the bytes it wrote, the registers it set."""

    label: str
    written: dict[int, int]
    registers: dict[str, int]


class Memory:
    """Bytes that are made up when they are first read."""

    def __init__(self, generator: random.Random, pool: list[int]) -> None:
        self.generator = generator
        self.pool = pool
        self.first: dict[int, int] = {}
        self.now: dict[int, int] = {}

    def read(self, address: int, length: int) -> bytes:
        """The bytes there, made up as one number where they are all new."""
        self.check(address, length)
        if all(address + at not in self.now for at in range(length)):
            value = self.generator.choice(self.pool) & (1 << 8 * length) - 1
            for at, byte in enumerate(value.to_bytes(length, "little")):
                self.first[address + at] = self.now[address + at] = byte
        return bytes(self._byte(address + at) for at in range(length))

    def _byte(self, address: int) -> int:
        if address not in self.now:
            self.first[address] = self.now[address] = 0
        return self.now[address]

    def write(self, address: int, data: bytes) -> None:
        """Set bytes; what they were first is made up as well."""
        self.check(address, len(data))
        for at, byte in enumerate(data):
            self._byte(address + at)
            self.now[address + at] = byte

    def check(self, address: int, length: int) -> None:
        """Only addresses that a program may have."""
        if not _LOWEST <= address <= _HIGHEST - length:
            raise Skip

    @property
    def written(self) -> dict[int, int]:
        """The bytes that differ from what was there first."""
        return {at: byte for at, byte in self.now.items() if self.first[at] != byte}


def lifted(subject: Subject, results: bool = True) -> tuple[Lifted, ir.Section]:
    """A section lifted, and the same after its text was written and assembled again."""
    changed: set[str] = set()
    if results and not subject.has_loop:
        for code in subject.codes:
            changed |= {each for each in code.writes if each[0] not in "v" and "mm" not in each}
    lead = subject.lead
    area = Area(lead.codes, lead.area) if lead is not None else None
    found = lift(
        "lifted", subject.context.machine, subject.codes, subject.end, area, sorted(changed)
    )
    text = section_text(found.section)
    program = opvasm.assemble(opvasm.SourceFile("lifted.opv", text)).program
    return found, program.sections["lifted"]


def states(
    subject: Subject, found: Lifted, section: ir.Section, count: int, seed: int
) -> Iterator[tuple[dict[str, int], dict[str, int], Memory, Ran]]:
    """States in which the text runs to an end: arguments, ids, memory, and what came of it.

    Three tenths of them commit, unless so many are not found in 40 tries for each.
    """
    generator = random.Random(seed)
    near = from_the_area(subject, unicorn_of(subject.context.machine)) if subject.lead else {}
    pointers, indexes = _roles(section)
    roles = roles_of(section)
    tries = made = others = 0
    while made < count and tries < 40 * count:
        tries += 1
        arguments: dict[str, int] = {}
        data = [generator.choice([0, 1, 2, 3, 5, generator.getrandbits(64)]) for _ in range(3)]
        for number, parameter in enumerate(section.parameters, 1):
            if parameter.name in pointers:
                value = number * _REGION + 0x1_0000 + 8 * generator.randrange(64)
            elif parameter.name in indexes:
                value = generator.randrange(6)
            else:
                value = generator.choice(data)
            arguments[parameter.name] = value
        small = [0, 1, 2, 4, 9]
        far = [40 * _REGION + 64 * each for each in range(4)]
        pool = [*arguments.values(), *data, *small, *far]
        # Half of what is read is what the section expects there, nearly all ids are its own.
        expected = [arguments[name] for name, role in roles.items() if role == "expect"]
        if expected:
            pool += expected * len(pool)
        own = {
            role: arguments[name] & 0xFFFF_FFFF
            for name, role in roles.items()
            if role in ("cpu", "mm_cid", "node")
        }
        area = {
            "cpu_id_start": generator.choice([1, 0x8000_0001, 0x8000_0002, 0x8000_0003]),
            "cpu_id": generator.choice([*(each & 0xFFFF_FFFF for each in data), 1]),
            "node_id": generator.choice([each & 0xFFFF_FFFF for each in data]),
            "mm_cid": generator.choice([*(each & 0xFFFF_FFFF for each in data), 1]),
        }
        for field, role in (("cpu_id", "cpu"), ("mm_cid", "mm_cid"), ("node_id", "node")):
            if role in own and generator.random() < 0.85:
                area[field] = own[role]
        memory = Memory(generator, pool)
        place = _place_area(subject, arguments, generator, near)
        if place is not None:
            for name, offset in ir.AREA_FIELDS.items():
                for at, byte in enumerate(area[name].to_bytes(4, "little")):
                    memory.first[place + offset + at] = memory.now[place + offset + at] = byte
        surroundings = Surroundings(
            memory.read, memory.write, lambda symbol, cpu: 0, area, "little"
        )
        run = SectionRun(section, arguments, surroundings)
        try:
            while run.label is None:
                if run.steps > STEPS_MAX:
                    raise Skip
                run.step()
        except (Skip, Endless):
            continue
        if run.label != "ok":
            # Of the states that leave early there are enough after seven tenths.
            if others >= int(_EARLY * count):
                continue
            others += 1
        made += 1
        registers = {
            found.registers[local]: value & (1 << 64) - 1 for local, value in run.results.items()
        }
        yield arguments, area, memory, Ran(run.label, memory.written, registers)


def _roles(section: ir.Section) -> tuple[set[str], set[str]]:
    pointers: set[str] = set()
    indexes: set[str] = set()
    for step in ir.walk(section.body):
        addresses: tuple[ir.Term, ...] = ()
        match step:
            case ir.Load() | ir.Store() | ir.Change() | ir.CompareExchange() | ir.AtomicChange():
                addresses = (step.address,)
            case ir.Copy():
                addresses = (step.target, step.source)
            case _:
                pass
        for address in addresses:
            for term in ir.every_term(address):
                if isinstance(term, ir.Binary) and term.operator == "*":
                    indexes |= {e.name for e in ir.every_term(term) if isinstance(e, ir.Argument)}
            pointers |= {e.name for e in ir.every_term(address) if isinstance(e, ir.Argument)}
    return pointers - indexes, indexes


def _place_area(
    subject: Subject,
    arguments: dict[str, int],
    generator: random.Random,
    near: Mapping[str, int],
) -> int | None:
    """Where struct rseq is: registers that the section does not read are given values for it.

    ``near`` are those that hold its address, or one so far from it.
    """
    lead = subject.lead
    if lead is None:
        return None
    place = lead.codes[lead.store].stores[0]
    total = place.displacement - 8
    for name, scale in ((place.base, 1), (place.indexed, place.scale), (place.segment, 1)):
        if name:
            far = 90 * _REGION if name == place.base and not place.segment else 30 * _REGION
            arguments.setdefault(name, far + 0x40 * generator.randrange(1, 9))
            total += arguments[name] * scale
    if AREA in arguments:
        arguments[AREA] = total
    for name, distance in near.items():
        arguments.setdefault(name, total + distance)
    return total


class Executes(Protocol):
    """Executes the machine code of sections."""

    def run(
        self, subject: Subject, found: Lifted, arguments: dict[str, int], memory: Memory
    ) -> Ran:
        """Run the machine code of a section from a state."""


class Machine:
    """unicorn for one architecture."""

    def __init__(self, machine: str) -> None:
        self.const: Any
        unicorn = pytest.importorskip("unicorn")
        self.uc = unicorn
        self.machine = machine
        self._kept: list[Any] = []
        self._engine: Any = None
        self._new: Any = None  # what a new engine's registers hold
        self._hooks: list[int] = []
        if machine == "x86-64":
            from unicorn import x86_const

            self.prefix, self.const = "UC_X86_REG_", x86_const
            self.names = {"fs": "FS_BASE", "gs": "GS_BASE"}
            self.pc = "RIP"
        else:
            from unicorn import arm64_const

            self.prefix, self.const = "UC_ARM64_REG_", arm64_const
            self.names = {"tpidr_el0": "TPIDR_EL0", "v": "Q"}
            self.pc = "PC"

    def _map(self, engine: Any, page: int) -> None:
        """Memory; on aarch64 also where a mark stands in the address's uppermost byte.

        Linux lets programs put anything there, and unicorn knows no such mode.
        """
        if self.machine == "x86-64":
            engine.mem_map(page, 0x1000)
            return
        memory = ctypes.create_string_buffer(0x2000)
        self._kept.append(memory)  # unicorn keeps its address only
        start = (ctypes.addressof(memory) + 0xFFF) & ~0xFFF
        for address in (page, page | 0x80 << 56):
            engine.mem_map_ptr(address, 0x1000, self.uc.UC_PROT_ALL, start)

    def engine(self) -> Any:
        """An engine as a new one is: to make one takes longer than to run a section."""
        if self._engine is None:
            self._engine = self._made()
            self._new = self._engine.context_save()
        for hook in self._hooks:
            self._engine.hook_del(hook)
        self._hooks.clear()
        for first, last, _ in list(self._engine.mem_regions()):
            self._engine.mem_unmap(first, last - first + 1)
        self._engine.context_restore(self._new)
        return self._engine

    def hook(self, kinds: int, call: Callable[..., object]) -> None:
        """Have something called until the next time that an engine is asked for."""
        self._hooks.append(self._engine.hook_add(kinds, call))

    def _made(self) -> Any:
        uc = self.uc
        if self.machine == "x86-64":
            return uc.Uc(uc.UC_ARCH_X86, uc.UC_MODE_64)
        engine = uc.Uc(uc.UC_ARCH_ARM64, uc.UC_MODE_ARM)
        engine.ctl_set_cpu_model(self.const.UC_CPU_ARM64_MAX)
        return engine

    def register(self, name: str) -> Any:
        """unicorn's number of a register."""
        if self.machine == "aarch64" and name[0] == "v" and name[1:].isdigit():
            name = "q" + name[1:]
        return getattr(self.const, self.prefix + self.names.get(name, name.upper()))

    def run(
        self, subject: Subject, found: Lifted, arguments: dict[str, int], memory: Memory
    ) -> Ran:
        """Run the machine code of a section from a state."""
        uc, engine = self.uc, self.engine()
        code = b"".join(each.data for each in subject.codes)
        base = subject.start & ~0xFFF
        # The code lies where nothing of the state does.
        whole = range(base, (subject.end + 0x1FFF) & ~0xFFF, 0x1000)
        # An exit may lead to another page, at which it is stopped; what is decoded there may reach the next.
        left = {at + more & ~0xFFF for at in found.exits.values() for more in (0, 0x1000)}
        left -= set(whole)
        for page in (*whole, *sorted(left)):
            engine.mem_map(page, 0x1000, uc.UC_PROT_ALL)
        engine.mem_write(subject.start, code)
        self._kept.clear()
        pages = {at & ~0xFFF: bytearray(0x1000) for at in memory.first}
        for at, byte in memory.first.items():
            pages[at & ~0xFFF][at & 0xFFF] = byte
        for page, first in pages.items():
            if page in whole or page in left:
                raise Skip
            self._map(engine, page)
            engine.mem_write(page, bytes(first))
        for name, value in arguments.items():
            if name == AREA:
                continue
            engine.reg_write(self.register(name), value)
        last = [0]

        def each(engine: Any, address: int, size: int, data: object) -> None:
            if subject.inside(address):
                last[0] = address
            else:
                engine.emu_stop()

        self.hook(uc.UC_HOOK_CODE, each)
        written: dict[int, int] = {}
        engine.emu_start(subject.start, subject.end, count=20_000)
        pc = engine.reg_read(self.register(self.pc))
        for page, first in pages.items():
            data = engine.mem_read(page, 0x1000)
            for start in range(0, 0x1000, 64):
                part, before = data[start : start + 64], first[start : start + 64]
                if part != before:
                    changed = enumerate(zip(part, before, strict=True), page + start)
                    written |= {at: byte for at, (byte, old) in changed if byte != old}
        labels = {address: label for label, address in found.exits.items()}
        if pc == subject.end and last[0] == subject.codes[-1].address:
            label = "ok"
        else:
            label = labels.get(pc, hex(pc))
        registers = {
            register: engine.reg_read(self.register(register))
            for local, register in found.registers.items()
            if local in found.section.results
        }
        return Ran(label, written, registers)


@cache
def unicorn_of(machine: str) -> Machine:
    """unicorn for an architecture, one for all tests of a process."""
    return Machine(machine)


def _whole(
    arguments: dict[str, int], others: tuple[str, ...], generator: random.Random
) -> dict[str, int]:
    """Registers by their names: vector registers put together from what two parameters hold.

    What no parameter is holds something, too: a section that reads it must not do as if it were zero.
    """
    registers: dict[str, int] = {
        each: generator.getrandbits(128 if each[0] == "v" or "mm" in each else 64)
        for each in others
    }
    for name, value in arguments.items():
        register, _, half = name.partition("_")
        if half in ("low", "high"):
            up = 64 * (half == "high")
            kept = registers.get(register, 0) & ~((1 << 64) - 1 << up)
            name, value = register, kept | value << up
        registers[name] = value
    return registers


def compare(
    subject: Subject, count: int, seed: int = 16, machine: Executes | None = None
) -> tuple[int, int]:
    """Hold a section's text against its code in ``count`` states; how many ran, and committed.

    ``machine`` executes the code: unicorn, unless another one is given.
    """
    found, section = lifted(subject)
    if machine is None:
        machine = unicorn_of(subject.context.machine)
    ran = committed = 0
    others = random.Random(seed)
    for arguments, area, memory, expected in states(subject, found, section, count, seed):
        del area
        try:
            registers = _whole(arguments, _OTHERS[subject.context.machine], others)
            actual = machine.run(subject, found, registers, memory)
        except Skip:
            continue
        ran += 1
        committed += expected.label == "ok"
        assert actual == expected, (section_text(section), arguments)
    return ran, committed
