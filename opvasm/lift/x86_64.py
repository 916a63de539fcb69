"""What x86-64 instructions do to registers, flags and memory, as terms and steps.

What is not here is not lifted.
"""

from __future__ import annotations

from typing import Any

from capstone import x86_const as x86

from ..program import section as ir
from . import flags as of
from .code import Code, Memory
from .decode_x86_64 import full_name
from .flags import Flags
from .state import NotLifted, State
from .terms import (
    UNSIGNED,
    add,
    binary,
    bit,
    choose,
    convert,
    known,
    number,
    part,
    sign_extended,
    wide,
)

_CONDITIONS = {
    "e": "e", "z": "e", "ne": "ne", "nz": "ne", "b": "b", "c": "b", "nae": "b", "ae": "ae",
    "nb": "ae", "nc": "ae", "be": "be", "na": "be", "a": "a", "nbe": "a", "l": "l", "nge": "l",
    "ge": "ge", "nl": "ge", "le": "le", "ng": "le", "g": "g", "nle": "g", "s": "s", "ns": "ns",
    "o": "o", "no": "no",
}  # fmt: skip
_MOVES = frozenset(
    ["mov", "movabs", "movnti", "movups", "movaps", "movdqu", "movdqa", "movapd", "movupd"]
)
_NOTHING = frozenset(
    [
        "nop",
        "endbr64",
        "pause",
        "prefetcht0",
        "prefetcht1",
        "prefetcht2",
        "prefetchnta",
        "prefetchw",
    ]
)
_FENCES = frozenset(["mfence", "lfence", "sfence"])
_CHANGES = {"add": "+", "sub": "-", "and": "&", "or": "|", "xor": "^"}


def condition(code: Code, state: State) -> ir.Term:
    """When a branch is taken.  Raises NotLifted."""
    return _condition(code, state, code.mnemonic[1:])


def execute(code: Code, state: State) -> None:
    """Do what an instruction does.  Raises NotLifted."""
    Instruction(code, state).execute()


def kept(code: Code) -> frozenset[str]:
    """The registers that an instruction changes a part of, or perhaps not at all."""
    if code.mnemonic.startswith(("cmov", "cmpxchg")):
        return code.writes
    text = code.text.partition(" ")[2].partition(",")[0].strip()
    return code.writes if text not in code.writes and text[:1] not in "er" else frozenset()


def _condition(code: Code, state: State, suffix: str) -> ir.Term:
    name = _CONDITIONS.get(suffix)
    found = state.flags.condition(name) if name is not None else None
    if found is None:
        raise NotLifted(f"{code.text}: what the flags are is not known there", code.address)
    return found


class Instruction:
    """One instruction while its effect is worked out."""

    def __init__(self, code: Code, state: State) -> None:
        self.code = code
        self.state = state
        self.operands: list[Any] = code.instruction.operands
        self.name = code.mnemonic

    # ---- operands ---------------------------------------------------------------------------------

    def place(self, index: int) -> Memory:
        """A memory operand."""
        places = [*self.code.stores, *self.code.loads]
        if self.operands[index].type != x86.X86_OP_MEM or not places:
            raise self.unknown()
        return places[0]

    def is_memory(self, index: int) -> bool:
        """Whether an operand is in memory."""
        return bool(self.operands[index].type == x86.X86_OP_MEM)

    def read(self, index: int) -> ir.Term:
        """The value of an operand, in its own width."""
        operand = self.operands[index]
        size = operand.size
        if operand.type == x86.X86_OP_IMM:
            return number(operand.imm, self.operands[0].size if index else size)
        if operand.type == x86.X86_OP_MEM:
            return self.state.load(self.place(index), self.code, size)
        name = self.code.instruction.reg_name(operand.reg)
        if name in ("ah", "bh", "ch", "dh"):
            return part(binary(">>", self.state.get(full_name(name)), number(8, 1)), 1)
        if size not in UNSIGNED:
            raise self.unknown()
        return part(self.state.get(full_name(name)), size)

    def write(self, index: int, value: ir.Term) -> None:
        """Set an operand."""
        operand = self.operands[index]
        if operand.type == x86.X86_OP_MEM:
            self.state.store(self.place(index), part(value, operand.size), self.code)
            return
        name = self.code.instruction.reg_name(operand.reg)
        whole = full_name(name)
        if name in ("ah", "bh", "ch", "dh") or name.startswith(("ymm", "zmm")):
            raise self.unknown()
        match operand.size:
            case 16:
                self.state.set(whole, value)
            case 8:
                self.state.set(whole, value)
            case 4:
                self.state.set(whole, wide(part(value, 4)))
            case 1 | 2 as size:
                mask = (1 << 64) - (1 << 8 * size)
                kept = binary("&", self.state.get(whole), number(mask))
                self.state.set(whole, binary("|", kept, wide(part(value, size))))
            case _:
                raise self.unknown()

    def unknown(self) -> NotLifted:
        """The refusal of an instruction."""
        return NotLifted(f"`{self.code.text}` is not known to the lifter", self.code.address)

    # ---- what they do -----------------------------------------------------------------------------

    def execute(self) -> None:
        """The effect of the instruction."""
        name, state = self.name, self.state
        if name in _NOTHING:
            return
        if name in _FENCES:
            if name == "mfence":
                state.emit(ir.Barrier(), self.code)
            return
        if name in _MOVES:
            self.write(0, self.read(1))
        elif name in ("movzx", "movsx", "movsxd"):
            value = self.read(1)
            size = self.operands[0].size
            self.write(
                0, part(wide(value), size) if name == "movzx" else sign_extended(value, size)
            )
        elif name == "lea":
            self.write(0, part(self._effective(), self.operands[0].size))
        elif name in ("cdqe", "cwde"):
            size = 4 if name == "cdqe" else 2
            self._set_part("rax", sign_extended(part(state.get("rax"), size), 2 * size))
        elif name.startswith("cmov"):
            when = _condition(self.code, state, name[4:])
            self.write(0, choose(when, self.read(1), self.read(0)))
        elif name.startswith("set") and len(self.operands) == 1:
            self.write(0, convert(_condition(self.code, state, name[3:]), ir.U8))
        elif name == "cmpxchg":
            self._exchange()
        elif name == "xchg":
            self._swap()
        elif name == "xadd":
            self._fetch_and_add()
        elif name in ("movsb", "movsq") and "rep" in self.code.text:
            self._copy(1 if name == "movsb" else 8)
        else:
            self._arithmetic()

    def _effective(self) -> ir.Term:
        memory = self.operands[1].mem
        named = self.code.instruction.reg_name
        base = named(memory.base) if memory.base else ""
        if base == "rip":
            return number(memory.disp + self.code.end)
        index = named(memory.index) if memory.index else ""
        place = Memory("", full_name(base), full_name(index), memory.scale, memory.disp, 8)
        return self.state.address(place)

    def _set_part(self, register: str, value: ir.Term) -> None:
        self.state.set(register, wide(value))

    def _exchange(self) -> None:
        state = self.state
        size = self.operands[0].size
        if not self.is_memory(0):
            raise self.unknown()
        expected, new = part(state.get("rax"), size), self.read(1)
        if self.locked:
            old = state.exchange(self.place(0), expected, new, self.code)
            same = binary("==", old, expected)
        else:
            # Other CPUs can come between its read and its write, which there is in either case.
            old = self.read(0)
            same = binary("==", old, expected)
            state.store(self.place(0), choose(same, new, old), self.code)
        if size == 8:
            state.set("rax", old)
        elif size == 4:
            state.set("rax", choose(same, state.get("rax"), wide(old)))
        else:
            kept = binary("&", state.get("rax"), number((1 << 64) - (1 << 8 * size)))
            state.set("rax", binary("|", kept, wide(old)))
        state.flags = Flags(zero=same, compared=(expected, old))

    def _swap(self) -> None:
        """xchg: with memory it is one step for every CPU, also without ``lock``."""
        memory = next((index for index in (0, 1) if self.is_memory(index)), None)
        if memory is None:
            first, second = self.read(0), self.read(1)
            self.write(0, second)
            self.write(1, first)
            return
        register = 1 - memory
        old = self.state.atomic(None, self.place(memory), self.read(register), self.code)
        self.write(register, old)

    def _fetch_and_add(self) -> None:
        """xadd: without ``lock`` other CPUs can come between its read and its write."""
        state = self.state
        by = self.read(1)
        if self.is_memory(0) and self.locked:
            old = state.atomic("+", self.place(0), by, self.code)
        else:
            old = self.read(0)
            self.write(0, add(old, by))
        if self.is_memory(0) or not self._same_registers():
            self.write(1, old)
        result = add(old, by)
        state.flags = of.arithmetic(result, binary("<", result, by))

    @property
    def locked(self) -> bool:
        """Whether the instruction is one step for every CPU."""
        return (
            x86.X86_PREFIX_LOCK in self.code.instruction.prefix
        )  # the text may begin with xacquire

    def _copy(self, unit: int) -> None:
        state = self.state
        count = state.get("rcx")
        length = binary("*", count, number(unit))
        target, source = state.get("rdi"), state.get("rsi")
        state.emit(ir.Copy(target, source, length), self.code)
        state.set("rdi", add(target, length))
        state.set("rsi", add(source, length))
        state.set("rcx", number(0))

    def _arithmetic(self) -> None:
        name, state = self.name, self.state
        match name:
            case "cmp":
                state.flags = of.of_compare(self.read(0), self._second())
            case "test":
                state.flags = of.of_result(binary("&", self.read(0), self._second()))
            case "add" | "sub" | "and" | "or" | "xor" | "inc" | "dec":
                self._change()
            case "neg" | "not" if self.is_memory(0) and self.locked:
                if name == "neg":
                    raise self.unknown()  # no step for every CPU takes a word from zero
                ones = number(-1, self.operands[0].size)
                state.atomic("^", self.place(0), ones, self.code, False)
            case "neg":
                value = self.read(0)
                zero = number(0, value.type.size)
                self.write(0, binary("-", zero, value))
                state.flags = of.of_compare(zero, value)
            case "not":
                value = self.read(0)
                self.write(0, ir.Unary("~", value, value.type))
            case "shl" | "sal" | "shr" | "sar":
                self._shift()
            case "shlx" | "shrx" | "sarx":
                value = self.read(1)
                self.write(0, _shifted(name[:3], value, part(self.read(2), 1)))
            case "imul" if len(self.operands) in (2, 3):
                first = self.read(len(self.operands) - 2)
                second = self.read(len(self.operands) - 1)
                self.write(0, binary("*", first, second))
                state.flags = of.NOTHING
            case "bt" | "btr" | "bts" | "btc":
                self._bits()
            case _:
                raise self.unknown()

    def _second(self) -> ir.Term:
        return part(self.read(1), self.operands[0].size)

    def _change(self) -> None:
        state, name = self.state, self.name
        one = name in ("inc", "dec")
        operator = "+" if name == "inc" else "-" if name == "dec" else _CHANGES[name]
        if self.is_memory(0):
            by = number(1, self.operands[0].size) if one else self._second()
            if self.locked:
                old = state.atomic(operator, self.place(0), by, self.code)
                self._flags(operator, one, old, by, binary(operator, old, by))
                return
            state.change(operator, self.place(0), by, self.code)
            state.flags = of.NOTHING  # they tell of what was in memory, which no local holds
            return
        first: ir.Term
        second: ir.Term
        if name in ("xor", "sub") and self._same_registers():
            first = second = number(0, self.operands[0].size)
        else:
            first = self.read(0)
            second = number(1, first.type.size) if one else self._second()
        result = binary(operator, first, second)
        if operator == "+":
            result = add(first, second)
        self.write(0, result)
        self._flags(operator, one, first, second, result)

    def _flags(
        self, operator: str, one: bool, first: ir.Term, second: ir.Term, result: ir.Term
    ) -> None:
        """The flags after ``first operator second``; inc and dec leave carry as it is."""
        state = self.state
        if one:
            carry = state.flags.condition("b")
            state.flags = of.arithmetic(result, carry)
        elif operator == "-":
            state.flags = of.of_compare(first, second)
        elif operator == "+":
            state.flags = of.arithmetic(result, binary("<", result, first))
        else:
            state.flags = of.of_result(result)

    def _same_registers(self) -> bool:
        first, second = self.operands[:2]
        kinds = first.type == second.type == x86.X86_OP_REG
        return bool(kinds and first.reg == second.reg)

    def _shift(self) -> None:
        value = self.read(0)
        if self.is_memory(0):
            raise self.unknown()
        count = number(1, 1) if len(self.operands) == 1 else part(self.read(1), 1)
        size = value.type.size
        times = known(count)
        # The count is taken modulo 64 or 32, also where the value is narrower.
        limit = 64 if size == 8 else 32
        if times is not None:
            count = number(times % limit, 1)
        elif size < 4:
            raise self.unknown()
        else:
            count = binary("&", count, number(limit - 1, 1))
        if size < 4 and (known(count) or 0) >= 8 * size:
            raise self.unknown()
        result = _shifted(self.name, value, count)
        self.write(0, result)
        self.state.flags = of.arithmetic(result) if known(count) else of.NOTHING

    def _bits(self) -> None:
        state = self.state
        if self.is_memory(0) and self.operands[1].type != x86.X86_OP_IMM:
            raise self.unknown()  # a register as index reaches beyond the operand
        value = self.read(0)
        size = value.type.size
        at = part(self.read(1), size)
        index = known(at)
        state.flags = state.flags._replace(carry=bit(value, at), compared=None, overflow=None)
        state.flags = state.flags._replace(zero=None, sign=None)
        if self.name == "bt":
            return
        if self.is_memory(0):
            raise self.unknown()
        if index is not None:
            mask: ir.Term = number(1 << index % (8 * size), size)
        else:
            mask = binary("<<", number(1, size), at)
        match self.name:
            case "btr":
                turned = ir.Unary("~", mask, mask.type)
                value_of = known(mask)
                keep = number(~value_of, size) if value_of is not None else turned
                self.write(0, binary("&", value, keep))
            case "bts":
                self.write(0, binary("|", value, mask))
            case _:
                self.write(0, binary("^", value, mask))


def _shifted(name: str, value: ir.Term, count: ir.Term) -> ir.Term:
    if name in ("shl", "sal"):
        return binary("<<", value, count)
    if name == "shr":
        return binary(">>", value, count)
    signed = convert(value, {4: ir.I32, 8: ir.I64, 1: ir.I8, 2: ir.I16}[value.type.size])
    return convert(binary(">>", signed, count), value.type)
