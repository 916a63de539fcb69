"""Machine code as VEX, executed on numbers: what Valgrind takes an instruction for, beside the lifted text.

VEX is made by pyvex, one instruction at a time and without its optimiser; flags are worked out here
from the operands that VEX keeps of the instruction that set them.  It is a third reading of the same
instructions, by people who had nothing to do with capstone's or unicorn's.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from opvasm.audit.subject import Subject
from opvasm.lift.lift import Lifted
from opvasm.lift.state import AREA
from tests.lift.oracle import Memory, Ran, Skip

_STACK = 0x7000_0000_0000  # a bit test by a register writes below the stack pointer in VEX
_STEPS_MAX = 20_000
_NAME = re.compile(
    r"Iop_(Cas|ExpCmp)?(?P<what>[A-Za-z]+?)(?P<size>8|16|32|64|V128)(?P<sign>[SU]?)(x\d)?$"
)
_CONVERSION = re.compile(r"Iop_(?P<part>V?\d+)(?P<how>HI|S|U|)to(?P<size>V?\d+)$")
_JOINED = re.compile(r"Iop_(?P<half>\d+)HLto(V?\d+)$")


class NotKnown(Exception):
    """An operation that is not worked out here, or that VEX does not decode."""


def _signed(value: int, bits: int) -> int:
    return value - ((value >> bits - 1 & 1) << bits)


class VexMachine:
    """An architecture's sections, executed as VEX."""

    def __init__(self, machine: str) -> None:
        self.pyvex: Any = pytest.importorskip("pyvex")
        known = pytest.importorskip("archinfo")  # pyvex's own ARCH_ARM64_LE decodes nothing
        self.machine = machine
        self.arch = known.ArchAMD64() if machine == "x86-64" else known.ArchAArch64()
        self.pc = "rip" if machine == "x86-64" else "pc"
        self._blocks: dict[int, Any] = {}
        self._code: Subject | None = None

    def run(
        self, subject: Subject, found: Lifted, arguments: dict[str, int], memory: Memory
    ) -> Ran:
        """Run the machine code of a section from a state.  Raises NotKnown, Skip."""
        if subject is not self._code:
            self._code, self._blocks = subject, {}
        state = _State(self, memory)
        for name, value in arguments.items():
            if name != AREA:
                state.set(self.offset(name), value, 128 if name[0] == "v" or "mm" in name else 64)
        known = {self.offset(name) for name in arguments if name != AREA}
        stack = self.offset("rsp" if self.machine == "x86-64" else "xsp")
        if stack not in known:
            state.set(stack, _STACK, 64)
        at = last = subject.start
        for _ in range(_STEPS_MAX):
            if not subject.inside(at):
                break
            last = at
            at = state.step(self._block(subject, at))
        else:
            raise Skip
        labels = {address: label for label, address in found.exits.items()}
        done = at == subject.end and last == subject.codes[-1].address
        registers = {
            register: state.get(self.offset(register), 64)
            for local, register in found.registers.items()
            if local in found.section.results
        }
        return Ran("ok" if done else labels.get(at, hex(at)), state.written(), registers)

    def offset(self, name: str) -> int:
        """Where a register is in VEX's state."""
        names = {"fs": "fs_const", "gs": "gs_const", "sp": "xsp"}
        if self.machine == "aarch64" and name[0] == "v":
            name = "q" + name[1:]
        found = self.arch.get_register_offset(names.get(name, name))
        if name.startswith("xmm") and found is None:
            found = self.arch.get_register_offset(name.replace("xmm", "ymm"))
        assert isinstance(found, int), name
        return found

    def _block(self, subject: Subject, at: int) -> Any:
        if at not in self._blocks:
            code = next((each for each in subject.codes if each.address == at), None)
            if code is None:
                raise Skip
            block = self.pyvex.lift(code.data, at, self.arch, max_inst=1, opt_level=0)
            if block.jumpkind == "Ijk_NoDecode" or block.size == 0:
                raise NotKnown(code.text)
            self._blocks[at] = block
        return self._blocks[at]


class _State:
    """VEX's registers, temporaries and memory."""

    def __init__(self, machine: VexMachine, memory: Memory) -> None:
        self.machine = machine
        self.bytes = bytearray(4096)
        self.first = dict(memory.first)
        self.now = dict(memory.first)
        self.temporaries: dict[int, int] = {}
        self.types: Any = None

    def get(self, offset: int, bits: int) -> int:
        return int.from_bytes(self.bytes[offset : offset + max(bits // 8, 1)], "little")

    def set(self, offset: int, value: int, bits: int) -> None:
        size = max(bits // 8, 1)
        self.bytes[offset : offset + size] = (value & (1 << 8 * size) - 1).to_bytes(size, "little")

    def load(self, address: int, bits: int) -> int:
        """Memory that the text did not touch is zero."""
        address = self.address(address)
        return sum(self.now.get(address + at, 0) << 8 * at for at in range(bits // 8))

    def address(self, address: int) -> int:
        """Without its uppermost byte, which Linux lets aarch64 programs use; VEX does not know that."""
        return address if self.machine.machine == "x86-64" else address & (1 << 56) - 1

    def store(self, address: int, value: int, bits: int) -> None:
        address = self.address(address)
        for at in range(bits // 8):
            self.now[address + at] = value >> 8 * at & 0xFF

    def written(self) -> dict[int, int]:
        """The bytes that differ from what was there first, but for the stack's."""
        return {
            at: byte
            for at, byte in self.now.items()
            if byte != self.first.get(at, 0) and not _STACK - 0x1000 <= at < _STACK + 0x1000
        }

    # ---- statements -----------------------------------------------------------------------------

    def step(self, block: Any) -> int:
        """Execute an instruction; the address of the next."""
        self.temporaries = {}
        self.types = block.tyenv
        for statement in block.statements:
            target = self.statement(statement)
            if target is not None:
                return target
        return self.value(block.next)

    def statement(self, each: Any) -> int | None:
        match each.tag:
            case "Ist_IMark" | "Ist_NoOp" | "Ist_AbiHint" | "Ist_MBE":
                pass
            case "Ist_WrTmp":
                self.temporaries[each.tmp] = self.value(each.data)
            case "Ist_Put":
                self.set(each.offset, self.value(each.data), self.bits(each.data))
            case "Ist_Store":
                self.store(self.value(each.addr), self.value(each.data), self.bits(each.data))
            case "Ist_CAS" if each.dataHi is None or each.dataHi.tag != "Iex_RdTmp":
                bits = self.bits(each.dataLo)
                address = self.value(each.addr)
                before = self.load(address, bits)
                self.temporaries[each.oldLo] = before
                if before == self.value(each.expdLo):
                    self.store(address, self.value(each.dataLo), bits)
            case "Ist_LLSC":
                if each.storedata is None or each.storedata.tag not in ("Iex_RdTmp", "Iex_Const"):
                    bits = self.types.sizeof(each.result)
                    self.temporaries[each.result] = self.load(self.value(each.addr), bits)
                else:
                    bits = self.bits(each.storedata)
                    self.store(self.value(each.addr), self.value(each.storedata), bits)
                    self.temporaries[each.result] = 1
            case "Ist_Exit":
                if self.value(each.guard):
                    return int(each.dst.value)
            case other:
                raise NotKnown(f"{other}: {each}")
        return None

    # ---- expressions ----------------------------------------------------------------------------

    def bits(self, expression: Any) -> int:
        return int(expression.result_size(self.types))

    def value(self, each: Any) -> int:
        match each.tag:
            case "Iex_RdTmp":
                return self.temporaries[each.tmp]
            case "Iex_Const":
                return int(each.con.value) & (1 << self.bits(each)) - 1
            case "Iex_Get":
                return self.get(each.offset, self.bits(each))
            case "Iex_Load":
                return self.load(self.value(each.addr), self.bits(each))
            case "Iex_ITE":
                return self.value(each.iftrue if self.value(each.cond) else each.iffalse)
            case "Iex_Unop" | "Iex_Binop":
                return self.operation(each)
            case "Iex_CCall":
                return self.call(each.callee.name, [self.value(one) for one in each.args])
            case other:
                raise NotKnown(f"{other}: {each}")

    def operation(self, each: Any) -> int:
        """An operation of VEX, worked out from its name."""
        values = [self.value(one) for one in each.args]
        widths = [self.bits(one) for one in each.args]
        result = self.bits(each)
        full = (1 << result) - 1
        joined = _JOINED.match(each.op)
        if joined:
            return values[0] << int(joined["half"]) | values[1]
        conversion = _CONVERSION.match(each.op)
        if conversion:
            if conversion["how"] == "HI":
                return values[0] >> widths[0] - result & full
            return (_signed(values[0], widths[0]) if conversion["how"] == "S" else values[0]) & full
        name = _NAME.match(each.op)
        if name is None:
            raise NotKnown(each.op)
        a, b = values[0], values[-1]
        bits = widths[0]
        sa, sb = _signed(a, bits), _signed(b, widths[-1])
        signed = name["sign"] == "S"
        match name["what"]:
            case "Add":
                return a + b & full
            case "Sub":
                return a - b & full
            case "Mul":
                return a * b & full
            case "MullS":
                return sa * sb & full
            case "MullU":
                return a * b & full
            case "And":
                return a & b
            case "Or":
                return a | b
            case "Xor":
                return a ^ b
            case "Not":
                return ~a & full
            case "Shl":
                return a << b & full if b < bits else 0
            case "Shr":
                return a >> b if b < bits else 0
            case "Sar":
                return sa >> min(b, bits - 1) & full
            case "CmpEQ":
                return int(a == b)
            case "CmpNE":
                return int(a != b)
            case "CmpNEZ":
                return int(a != 0)
            case "CmpLT":
                return int(sa < sb if signed else a < b)
            case "CmpLE":
                return int(sa <= sb if signed else a <= b)
            case "CmpwNEZ":
                return full if a else 0
            case "Left":
                return (a | -a) & full
            case _:
                raise NotKnown(each.op)

    # ---- flags ----------------------------------------------------------------------------------

    def call(self, name: str, values: list[int]) -> int:
        """One of VEX's helpers, which work out flags."""
        match name:
            case "amd64g_calculate_condition":
                condition, *rest = values
                return _x86_condition(condition, _x86_flags(*rest))
            case "amd64g_calculate_rflags_c":
                return _x86_flags(*values)["c"]
            case "arm64g_calculate_condition":
                operation, *rest = values
                return _arm_condition(operation >> 4, _arm_flags(operation & 15, *rest))
            case "arm64g_calculate_flag_c":
                return _arm_flags(*values)["c"]
            case _:
                raise NotKnown(name)


_X86 = ("add", "sub", "adc", "sbb", "logic", "inc", "dec", "shl", "shr")


def _x86_flags(operation: int, first: int, second: int, third: int) -> dict[str, int]:
    """Carry, zero, sign and overflow from what VEX keeps of an instruction."""
    if operation == 0:
        places = {"c": 0, "z": 6, "s": 7, "o": 11}
        return {flag: first >> place & 1 for flag, place in places.items()}
    if operation > 4 * len(_X86):
        raise NotKnown(f"flags of operation {operation}")
    what, bits = _X86[operation - 1 >> 2], 8 << (operation - 1 & 3)
    full, top = (1 << bits) - 1, bits - 1
    a, b = first & full, second & full
    match what:
        case "add":
            result, carry = a + b & full, a + b >> bits
            overflow = ~(a ^ b) & (a ^ result) & full
        case "sub":
            result, carry = a - b & full, int(a < b)
            overflow = (a ^ b) & (a ^ result) & full
        case "logic":
            result, carry, overflow = a, 0, 0
        case "inc":
            result, carry, overflow = a, third & 1, int(a == 1 << top) << top
        case "dec":
            result, carry, overflow = a, third & 1, int(a == (1 << top) - 1) << top
        case "shl":
            result, carry, overflow = a, b >> top & 1, a ^ b
        case "shr":
            result, carry, overflow = a, b & 1, a ^ b
        case _:
            raise NotKnown(f"flags of {what}")
    return {"c": carry & 1, "z": int(result == 0), "s": result >> top & 1, "o": overflow >> top & 1}


def _x86_condition(number: int, flags: dict[str, int]) -> int:
    c, z, s, o = (flags[each] for each in "czso")
    ways = {0: o, 2: c, 4: z, 6: c | z, 8: s, 12: s ^ o, 14: (s ^ o) | z}
    if number & ~1 not in ways:
        raise NotKnown(f"condition {number}")
    return ways[number & ~1] ^ (number & 1)


def _arm_flags(operation: int, first: int, second: int, third: int) -> dict[str, int]:
    del third
    if operation == 0:
        return {
            flag: first >> place & 1 for flag, place in zip("nzcv", (31, 30, 29, 28), strict=True)
        }
    kinds = {1: "add", 2: "add", 3: "sub", 4: "sub", 9: "logic", 10: "logic"}
    if operation not in kinds:
        raise NotKnown(f"flags of operation {operation}")
    bits = 32 if operation % 2 else 64
    full, top = (1 << bits) - 1, bits - 1
    a, b = first & full, second & full
    match kinds[operation]:
        case "add":
            result, carry = a + b & full, a + b >> bits
            overflow = ~(a ^ b) & (a ^ result)
        case "sub":
            result, carry = a - b & full, int(a >= b)
            overflow = (a ^ b) & (a ^ result)
        case _:
            result, carry, overflow = a, 0, 0
    return {"n": result >> top & 1, "z": int(result == 0), "c": carry, "v": overflow >> top & 1}


def _arm_condition(number: int, flags: dict[str, int]) -> int:
    n, z, c, v = (flags[each] for each in "nzcv")
    ways = {
        0: z,
        2: c,
        4: n,
        6: v,
        8: c & (1 - z),
        10: 1 - (n ^ v),
        12: (1 - (n ^ v)) & (1 - z),
        14: 1,
    }
    return ways[number & ~1] ^ (number & 1 if number < 14 else 0)
