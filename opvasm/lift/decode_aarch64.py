"""aarch64 instructions by capstone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set

import capstone
from capstone import arm64_const as arm

from .code import Code, Flow, Memory, Step
from .instruction_cache import InstructionCache

_REG = arm.ARM64_OP_REG
_BRANCHES = ("b.", "cbz", "cbnz", "tbz", "tbnz")
_ATOMIC = (
    *("ldadd", "ldclr", "ldeor", "ldset", "ldsmax", "ldsmin", "ldumax", "ldumin", "swp", "cas"),
    *("stadd", "stset", "stclr", "steor"),
)
_COMPARES = ("cmp", "cmn", "tst")
_KEPT = 1 << 16  # instructions that are remembered
_REGISTER = re.compile(r"\b[xw](\d+)\b")
_EXCLUSIVE = ("stxr", "stlxr", "stxp", "stlxp")


def full_name(register: str) -> str:
    """The 64-bit register that a register is part of; vector registers by their number."""
    if register in ("wsp", "wzr"):
        return {"wsp": "sp", "wzr": "xzr"}[register]
    if register in ("fp", "lr"):
        return {"fp": "x29", "lr": "x30"}[register]
    if register[:1] == "w" and register[1:].isdigit():
        return "x" + register[1:]
    if register[:1] in "bhsdq" and register[1:].isdigit():
        return "v" + register[1:]
    return register


def _flow(mnemonic: str) -> Flow:
    if mnemonic in ("svc", "hvc", "smc"):
        return Flow.SYSTEM_CALL
    if mnemonic in ("brk", "udf", "hlt"):
        return Flow.TRAP
    if mnemonic == "bl" or mnemonic.startswith("blr"):
        return Flow.CALL
    if mnemonic.startswith(("ret", "eret")):
        return Flow.RETURN
    if mnemonic == "b":
        return Flow.JUMP
    if mnemonic in ("br", "braa", "brab", "braaz", "brabz"):
        return Flow.INDIRECT
    return Flow.BRANCH if mnemonic.startswith(_BRANCHES) else Flow.NEXT


def _relative(text: str) -> bool:
    return text.startswith("adr") or ("#" in text and text.startswith("ldr") and "[" not in text)


class DecoderArm:
    """Decodes aarch64."""

    name = "aarch64"
    unit = 4

    def __init__(self) -> None:
        self._engine = capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_LITTLE_ENDIAN)
        self._engine.detail = True
        self._fast = capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_LITTLE_ENDIAN)
        self._cache = InstructionCache(self._fast, self._engine, self._code, _relative, self.unit)
        self._steps: dict[bytes, tuple[Flow, int | None, str]] = {}

    def decode(self, data: bytes, address: int, until_branch: bool = False) -> tuple[Code, ...]:
        """The instructions of these bytes, as far as they decode, or up to the first that may go elsewhere."""
        return self._cache.decode(data, address, until_branch)

    def steps(self, data: bytes, address: int) -> Iterator[Step]:
        """The flow of the instructions of these bytes, as far as they decode: fast."""
        for offset in range(0, len(data) - 3, 4):
            at, raw = address + offset, bytes(data[offset : offset + 4])
            known = self._steps.get(raw) or self._new_step(raw, at)
            if known is None:
                return
            flow, distance, operands = known
            target = None
            if distance is not None:
                target = at + distance & (1 << 64) - 1
                operands = f"{operands}#{target:#x}"
            yield Step(at, at + 4, flow, target, operands, "")

    def _new_step(self, raw: bytes, address: int) -> tuple[Flow, int | None, str] | None:
        """An instruction's flow, how far it goes where it has a target, and its operands up to that.

        None where these bytes are no instruction.  It is kept where its address does not matter.
        """
        found = next(self._fast.disasm_lite(raw, address, 1), None)
        if found is None:
            return None
        _, _, mnemonic, operands = found
        flow, distance = _flow(mnemonic), None
        if flow in (Flow.JUMP, Flow.BRANCH, Flow.CALL) and "#" in operands:
            operands, _, goal = operands.rpartition("#")
            distance = int(goal, 0) - address
        known = flow, distance, operands
        if not _relative(f"{mnemonic} {operands}") and len(self._steps) < _KEPT:
            self._steps[raw] = known
        return known

    def may_set(self, step: Step, wanted: Set[str]) -> bool:
        """Whether an instruction may set one of these registers: only a call sets others than it names."""
        names = {f"x{number}" for number in _REGISTER.findall(step.operands)}
        return step.flow is Flow.CALL or bool(names & wanted)

    def makes_address(self, data: bytes, address: int, wanted: int) -> tuple[int, ...]:
        """Where an adrp of the page of an address stands before an add of its low bits, or an adr."""
        found = []
        for at in range(0, len(data) - 3, 4):
            word = int.from_bytes(data[at : at + 4], "little")
            offset = (word >> 5 & 0x7FFFF) << 2 | word >> 29 & 3
            offset -= (offset & 1 << 20) << 1
            if (
                word >> 24 & 0x9F == 0x90
                and ((address + at) & ~0xFFF) + (offset << 12) == (wanted & ~0xFFF)
            ) or (word >> 24 & 0x9F == 0x10 and address + at + offset == wanted):
                found.append(address + at)
        return tuple(sorted(found, reverse=True))

    def _code(self, each: capstone.CsInsn) -> Code:
        mnemonic = each.mnemonic
        loads, stores = self._memory(each, mnemonic)
        read_numbers, written_numbers = each.regs_access()
        reads = tuple(full_name(each.reg_name(number)) for number in read_numbers)
        reads = tuple(name for name in reads if name != "xzr")
        written = {full_name(each.reg_name(number)) for number in written_numbers}
        if mnemonic.startswith(_ATOMIC):
            # capstone 5.0.9 names of these only the register of the address.
            named = [full_name(each.reg_name(op.reg)) for op in each.operands if op.type == _REG]
            at = 0 if mnemonic.startswith("cas") else 1
            written |= set() if mnemonic.startswith("st") else {*named[at : at + 1]} - {"xzr"}
            values = named if mnemonic.startswith("cas") else named[:1]
            reads = (*reads, *(name for name in values if name != "xzr"))
        elif mnemonic in _COMPARES and each.operands[0].type == _REG:
            # capstone 5.0.9 says of their first register that it is written, and not that it is read.
            first = full_name(each.reg_name(each.operands[0].reg))
            written.discard(first)
            reads = (first, *reads)
        flow = _flow(mnemonic)
        numbers = [op.imm for op in each.operands if op.type == arm.ARM64_OP_IMM]
        target = None
        if flow in (Flow.JUMP, Flow.BRANCH, Flow.CALL) and numbers:
            target = numbers[-1]
        stack = bool(each.writeback) and any(place.base == "sp" for place in (*loads, *stores))
        text = f"{mnemonic} {each.op_str}".rstrip()
        return Code(
            *(each.address, bytes(each.bytes), text, mnemonic, flow, target, loads, stores),
            *(frozenset(written - {"nzcv", "xzr"}), stack, reads, each),
        )

    def _memory(
        self, each: capstone.CsInsn, mnemonic: str
    ) -> tuple[tuple[Memory, ...], tuple[Memory, ...]]:
        if mnemonic.startswith(("prfm", "prfum")):
            return (), ()
        loads: list[Memory] = []
        stores: list[Memory] = []
        size = self._size(each, mnemonic)
        for operand in each.operands:
            if operand.type != arm.ARM64_OP_MEM:
                continue
            memory = operand.mem
            base = full_name(each.reg_name(memory.base)) if memory.base else ""
            index = full_name(each.reg_name(memory.index)) if memory.index else ""
            scale = 1 << operand.shift.value if memory.index and operand.shift.type else 1
            displacement = memory.disp
            if each.writeback and each.post_index:
                displacement = 0
            place = Memory("", base, index, scale, displacement, size)
            if mnemonic.startswith(_ATOMIC):
                loads.append(place)
                stores.append(place)
            elif mnemonic.startswith("st"):
                stores.append(place)
            else:
                loads.append(place)
        return tuple(loads), tuple(stores)

    def _size(self, each: capstone.CsInsn, mnemonic: str) -> int:
        if mnemonic.endswith("b") and not mnemonic.endswith("sub"):
            return 1
        if mnemonic.endswith("h"):
            return 2
        if mnemonic.endswith("sw"):
            return 4
        registers = [each.reg_name(op.reg) for op in each.operands if op.type == arm.ARM64_OP_REG]
        if mnemonic.startswith(_EXCLUSIVE):
            registers = registers[1:]
        width = {"w": 4, "x": 8, "q": 16, "d": 8, "s": 4, "h": 2, "b": 1}.get(
            registers[0][:1] if registers else "x", 8
        )
        if registers and registers[0] in ("fp", "lr", "sp"):
            width = 8
        return width * (2 if mnemonic in ("ldp", "stp", "ldnp", "stnp", "ldxp", "stxp") else 1)
