"""x86-64 instructions by capstone.

capstone 5.0.9 marks the memory operand of lock cmpxchg, movups, movnti and pextrq as read
only, so that the first operand is what counts here: it is written unless the instruction is one of
those that only read it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Set

import capstone
from capstone import x86_const as x86

from .code import Code, Flow, Memory, Step
from .instruction_cache import InstructionCache

_READ_ONLY = frozenset(
    [
        "cmp",
        "test",
        "bt",
        "push",
        "call",
        "jmp",
        "nop",
        "prefetch",
        "prefetchw",
        "prefetchnta",
        "prefetcht0",
        "prefetcht1",
        "prefetcht2",
        "clflush",
        "clflushopt",
        "clwb",
        "mul",
        "div",
        "idiv",
        "ucomisd",
        "ucomiss",
        "comisd",
        "comiss",
        "ldmxcsr",
        "fld",
        "fild",
        "ptest",
        "verr",
        "verw",
        "lgdt",
        "lidt",
        "invlpg",
        "ud1",
        "ud0",
        "ret",
        "retf",
        "scasb",
        "scasw",
        "scasd",
        "scasq",
        "lodsb",
        "lodsw",
        "lodsd",
        "lodsq",
        "cmpsb",
        "cmpsw",
        "cmpsd",
        "cmpsq",
        "outsb",
        "outsd",
        "outsw",
    ]
)
_SYSTEM = frozenset(["syscall", "sysenter", "int", "int1", "into"])
_TRAPS = frozenset(["ud0", "ud1", "ud2", "int3", "hlt"])
_RETURNS = frozenset(["ret", "retf", "retfq", "iretq", "sysret"])
_STACK = frozenset(
    ["push", "pop", "pushfq", "popfq", "pushf", "popf", "enter", "leave", "pushaw", "popaw"]
)
_BOTH = frozenset(["xchg", "xadd", "cmpxchg", "cmpxchg8b", "cmpxchg16b"])
# What begins with these only writes to memory where its first operand is there.
_NO_LOAD = (
    *(
        "mov",
        "vmov",
        "kmov",
        "pextr",
        "vpextr",
        "extractps",
        "vextract",
        "vpmov",
        "vcvt",
        "maskmov",
    ),
    *(
        "vmaskmov",
        "vpmaskmov",
        "stos",
        "set",
        "lea",
        "fst",
        "fist",
        "fnst",
        "stmxcsr",
        "vstmxcsr",
        "xsave",
    ),
    *("fxsave", "sgdt", "sidt", "vpcompress", "vcompress"),
)
_SETS_NOTHING = frozenset(["cmp", "test", "nop"])
_SETS_ITS_FIRST = frozenset(
    ["mov", "movabs", "movzx", "movsx", "movsxd", "lea", "add", "sub", "and", "or", "xor"]
)
_FULL: dict[str, str] = {}
for _low, _names in {
    "rax": "eax ax al ah", "rbx": "ebx bx bl bh", "rcx": "ecx cx cl ch", "rdx": "edx dx dl dh",
    "rsi": "esi si sil", "rdi": "edi di dil", "rbp": "ebp bp bpl", "rsp": "esp sp spl",
}.items():  # fmt: skip
    _FULL |= dict.fromkeys(_names.split(), _low)
for _number in range(8, 16):
    _FULL |= dict.fromkeys((f"r{_number}d", f"r{_number}w", f"r{_number}b"), f"r{_number}")


def full_name(register: str) -> str:
    """The 64-bit register that a register is part of."""
    return _FULL.get(register, register)


def is_half(register: str) -> bool:
    """Whether a register is the lower half of a whole one, whose upper half a write clears."""
    return register[:1] == "e" or (register[:1] == "r" and register[-1:] == "d")


def _flow(mnemonic: str, target: int | None) -> Flow:
    if mnemonic in _SYSTEM:
        return Flow.SYSTEM_CALL
    if mnemonic in _TRAPS:
        return Flow.TRAP
    if mnemonic in ("call", "lcall"):
        return Flow.CALL
    if mnemonic in _RETURNS:
        return Flow.RETURN
    if mnemonic in ("jmp", "ljmp"):
        return Flow.JUMP if target is not None else Flow.INDIRECT
    if mnemonic.startswith(("j", "loop")) or mnemonic == "xbegin":
        return Flow.BRANCH
    return Flow.NEXT


def _relative(text: str) -> bool:
    return "rip" in text or "eip" in text


class DecoderX86:
    """Decodes x86-64."""

    name = "x86-64"
    unit = 0

    def __init__(self) -> None:
        self._engine = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
        self._engine.detail = True
        self._fast = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
        self._cache = InstructionCache(self._fast, self._engine, self._code, _relative)

    def decode(self, data: bytes, address: int, until_branch: bool = False) -> tuple[Code, ...]:
        """The instructions of these bytes, as far as they decode, or up to the first that may go elsewhere."""
        return self._cache.decode(data, address, until_branch)

    def steps(self, data: bytes, address: int) -> Iterator[Step]:
        """The flow of the instructions of these bytes, as far as they decode: fast."""
        for at, size, name, operands in self._fast.disasm_lite(data, address):
            mnemonic = name.rpartition(" ")[2]
            target = None
            if mnemonic[0] in "jlcx" and operands.startswith("0x"):
                target = int(operands, 16)
            yield Step(at, at + size, _flow(mnemonic, target), target, operands, mnemonic)

    def may_set(self, step: Step, wanted: Set[str]) -> bool:
        """Whether an instruction may set one of these registers; most set only what they name first."""
        if step.mnemonic in _SETS_ITS_FIRST:
            return full_name(step.operands.partition(",")[0]) in wanted
        return step.mnemonic not in _SETS_NOTHING and step.mnemonic[0] != "j"

    def makes_address(self, data: bytes, address: int, wanted: int) -> tuple[int, ...]:
        """Where an instruction begins that makes an address: lea, or mov of it as a number."""
        found = set()
        for at in range(len(data) - 4):
            (value,) = struct.unpack_from("<i", data, at)
            before = data[max(0, at - 3) : at]
            relative = len(before) == 3 and before[1] == 0x8D and before[2] & 0xC7 == 5
            if relative and before[0] in (0x48, 0x4C) and address + at + 4 + value == wanted:
                found.add(address + at - 3)
            elif value == wanted:
                # mov $imm32, %reg; movq $imm32, memory with or without a displacement and segment
                if at >= 1 and data[at - 1] & 0xF8 == 0xB8:
                    back = 2 if at >= 2 and data[at - 2] == 0x41 else 1
                    found.add(address + at - back)
                for back in range(3, 11):
                    start = at - back
                    if start >= 0 and 0xC7 in data[start:at] and data[start] in (0x48, 0x49, 0x64):
                        found.add(address + start)
        return tuple(sorted(found, reverse=True))

    def _code(self, each: capstone.CsInsn) -> Code:
        mnemonic = each.mnemonic.rpartition(" ")[2]
        operands = each.operands
        loads, stores = self._memory(each, mnemonic, operands)
        read_numbers, written_numbers = each.regs_access()
        reads = tuple(full_name(each.reg_name(number)) for number in read_numbers)
        written = {full_name(each.reg_name(number)) for number in written_numbers}
        if mnemonic.startswith("cmpxchg"):
            written |= {"rax"} if mnemonic == "cmpxchg" else {"rax", "rdx"}
        elif mnemonic == "syscall":
            written |= {"rax", "rcx", "r11"}
        target = None
        if operands and operands[0].type == x86.X86_OP_IMM:
            target = operands[0].imm & (1 << 64) - 1
        flow = _flow(mnemonic, target)
        if flow not in (Flow.CALL, Flow.JUMP, Flow.BRANCH):
            target = None
        text = f"{each.mnemonic} {each.op_str}".rstrip()
        return Code(
            *(each.address, bytes(each.bytes), text, mnemonic, flow, target, loads, stores),
            *(frozenset(written - {"rflags"}), mnemonic in _STACK, reads, each),
        )

    def _memory(
        self, each: capstone.CsInsn, mnemonic: str, operands: list[capstone.x86.X86Op]
    ) -> tuple[tuple[Memory, ...], tuple[Memory, ...]]:
        loads: list[Memory] = []
        stores: list[Memory] = []
        if mnemonic in ("lea", "nop") or mnemonic.startswith("prefetch"):
            return (), ()
        for index, operand in enumerate(operands):
            if operand.type != x86.X86_OP_MEM:
                continue
            place = self._place(each, operand)
            written = mnemonic in _BOTH or (index == 0 and mnemonic not in _READ_ONLY)
            if written:
                stores.append(place)
            silent = mnemonic.startswith(_NO_LOAD)
            if not written or mnemonic in _BOTH or not silent:
                loads.append(place)
        if mnemonic in ("push", "call"):
            stores.append(Memory("", "rsp", "", 1, -8, 8))
        return tuple(loads), tuple(stores)

    def _place(self, each: capstone.CsInsn, operand: capstone.x86.X86Op) -> Memory:
        memory = operand.mem
        segment = each.reg_name(memory.segment) if memory.segment else ""
        base = each.reg_name(memory.base) if memory.base else ""
        index = each.reg_name(memory.index) if memory.index else ""
        displacement = memory.disp
        if base in ("rip", "eip"):
            base, displacement = "", displacement + each.address + each.size
        if segment not in ("fs", "gs"):
            segment = ""
        return Memory(segment, base, index, memory.scale, displacement, operand.size)
