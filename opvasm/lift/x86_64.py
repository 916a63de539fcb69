"""What x86-64 instructions do to registers, flags and memory, as terms and steps.

What is not here is not lifted.
"""

from __future__ import annotations

from capstone import x86_const as x86

from ..program import section as ir
from . import flags as of
from .bits import leading_zeros, ones, reversed_bytes, rotated_right, trailing_zeros
from .code import Code, Memory
from .decode_x86_64 import full_name, is_half
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
from .x86_64_operands import OperandsX86
from .x86_64_strings import is_string, string

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
_COUNTERS = frozenset(["jrcxz", "jecxz", "loop"])
_FENCES = frozenset(["mfence", "lfence", "sfence"])
_CHANGES = {"add": "+", "sub": "-", "and": "&", "or": "|", "xor": "^"}


def condition(code: Code, state: State) -> ir.Term:
    """When a branch is taken.  Raises NotLifted."""
    if code.mnemonic not in _COUNTERS:
        return _condition(code, state, code.mnemonic[1:])
    counter = state.get("rcx")
    if code.mnemonic == "loop":
        counter = add(counter, -1)
        state.set("rcx", counter)
    size = 4 if code.mnemonic == "jecxz" else 8
    operator = "!=" if code.mnemonic == "loop" else "=="
    return binary(operator, part(counter, size), number(0, size))


def execute(code: Code, state: State) -> None:
    """Do what an instruction does.  Raises NotLifted."""
    Instruction(code, state).execute()


def kept(code: Code) -> frozenset[str]:
    """The registers that an instruction changes a part of, or perhaps not at all."""
    if code.mnemonic.startswith(("cmov", "cmpxchg", "bsf", "bsr")):
        return code.writes
    text = code.text.partition(" ")[2].partition(",")[0].strip()
    whole = text in code.writes or (is_half(text) and full_name(text) in code.writes)
    return frozenset() if whole else code.writes


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
        self.name = code.mnemonic
        self.operands = OperandsX86(code, state)

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
            self.operands.write(0, self.operands.read(1))
        elif name in ("movzx", "movsx", "movsxd"):
            value = self.operands.read(1)
            size = self.operands[0].size
            self.operands.write(
                0, part(wide(value), size) if name == "movzx" else sign_extended(value, size)
            )
        elif name == "lea":
            self.operands.write(0, part(self._effective(), self.operands[0].size))
        elif name in ("cdqe", "cwde"):
            size = 4 if name == "cdqe" else 2
            self._set_part("rax", sign_extended(part(state.get("rax"), size), 2 * size))
        elif name.startswith("cmov"):
            when = _condition(self.code, state, name[4:])
            self.operands.write(0, choose(when, self.operands.read(1), self.operands.read(0)))
        elif name.startswith("set") and len(self.operands) == 1:
            self.operands.write(0, convert(_condition(self.code, state, name[3:]), ir.U8))
        elif name == "cmpxchg":
            self._exchange()
        elif name == "xchg":
            self._swap()
        elif name == "xadd":
            self._fetch_and_add()
        elif is_string(self.operands):
            string(self.operands)
        elif name in ("movq", "movd", "vmovq", "vmovd"):
            self._move_part(8 if name.endswith("q") else 4)
        elif name in ("movhps", "movhpd", "movlps", "movlpd", "punpcklqdq", "movlhps"):
            self._move_half()
        elif name in ("pxor", "xorps", "xorpd") and self._same_registers():
            self.operands.write(0, number(0, 16))
        else:
            self._arithmetic()

    def _move_part(self, size: int) -> None:
        """The lowest bytes of a vector register to or from elsewhere; what is above them becomes zero."""
        target, source = self.operands.all[:2]
        value = part(self.operands.read(1), size)
        if target.type == x86.X86_OP_REG and target.size == 16:
            self.operands.write(0, convert(value, ir.U128))
        elif target.type == source.type == x86.X86_OP_REG or self.operands.is_memory(0):
            self.operands.write(0, value)
        else:
            raise self.operands.unknown()

    def _move_half(self) -> None:
        """Eight bytes to or from a half of a vector register, whose other half stays."""
        shift = number(64, 1)
        lower = self.name in ("movlps", "movlpd")
        if self.operands.is_memory(0):
            whole = self.operands.read(1)
            self.operands.write(0, part(whole if lower else binary(">>", whole, shift), 8))
            return
        before, value = self.operands.read(0), convert(part(self.operands.read(1), 8), ir.U128)
        if lower:
            upper = binary("<<", binary(">>", before, shift), shift)
            self.operands.write(0, binary("|", value, upper))
        else:
            low = convert(part(before, 8), ir.U128)
            self.operands.write(0, binary("|", low, binary("<<", value, shift)))

    def _effective(self) -> ir.Term:
        memory = self.operands[1].mem
        named = self.code.instruction.reg_name
        base = named(memory.base) if memory.base else ""
        if base in ("rip", "eip"):
            whole = memory.disp + self.code.end
            return number(whole & 0xFFFF_FFFF if base == "eip" else whole)
        index = named(memory.index) if memory.index else ""
        place = Memory("", full_name(base), full_name(index), memory.scale, memory.disp, 8)
        address = self.state.address(place)
        return wide(part(address, 4)) if self.operands.has_half_address else address

    def _set_part(self, register: str, value: ir.Term) -> None:
        self.state.set(register, wide(value))

    def _exchange(self) -> None:
        state = self.state
        size = self.operands[0].size
        if not self.operands.is_memory(0):
            raise self.operands.unknown()
        expected, new = part(state.get("rax"), size), self.operands.read(1)
        if self.locked:
            old = state.exchange(self.operands.place(0), expected, new, self.code)
            same = binary("==", old, expected)
        else:
            # Other CPUs can come between its read and its write, which there is in either case.
            old = self.operands.read(0)
            same = binary("==", old, expected)
            state.store(self.operands.place(0), choose(same, new, old), self.code)
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
        memory = next((index for index in (0, 1) if self.operands.is_memory(index)), None)
        if memory is None:
            first, second = self.operands.read(0), self.operands.read(1)
            self.operands.write(0, second)
            self.operands.write(1, first)
            return
        register = 1 - memory
        old = self.state.atomic(
            None, self.operands.place(memory), self.operands.read(register), self.code
        )
        self.operands.write(register, old)

    def _fetch_and_add(self) -> None:
        """xadd: without ``lock`` other CPUs can come between its read and its write."""
        state = self.state
        by = self.operands.read(1)
        if self.operands.is_memory(0) and self.locked:
            old = state.atomic("+", self.operands.place(0), by, self.code)
        else:
            old = self.operands.read(0)
            self.operands.write(0, add(old, by))
        if self.operands.is_memory(0) or not self._same_registers():
            self.operands.write(1, old)
        state.flags = of.of_sum(old, by, add(old, by))

    @property
    def locked(self) -> bool:
        """Whether the instruction is one step for every CPU."""
        return (
            x86.X86_PREFIX_LOCK in self.code.instruction.prefix
        )  # the text may begin with xacquire

    def _arithmetic(self) -> None:
        name, state = self.name, self.state
        match name:
            case "cmp":
                state.flags = of.of_compare(self.operands.read(0), self._second())
            case "test":
                state.flags = of.of_result(binary("&", self.operands.read(0), self._second()))
            case "add" | "sub" | "and" | "or" | "xor" | "inc" | "dec":
                self._change()
            case "neg" | "not" if self.operands.is_memory(0) and self.locked:
                if name == "neg":
                    raise self.operands.unknown()  # no step for every CPU takes a word from zero
                ones = number(-1, self.operands[0].size)
                state.atomic("^", self.operands.place(0), ones, self.code, False)
            case "neg":
                value = self.operands.read(0)
                zero = number(0, value.type.size)
                self.operands.write(0, binary("-", zero, value))
                state.flags = of.of_compare(zero, value)
            case "not":
                value = self.operands.read(0)
                self.operands.write(0, ir.Unary("~", value, value.type))
            case "shl" | "sal" | "shr" | "sar":
                self._shift()
            case "shlx" | "shrx" | "sarx":
                value = self.operands.read(1)
                self.operands.write(0, _shifted(name[:3], value, part(self.operands.read(2), 1)))
            case "imul" if len(self.operands) in (2, 3):
                first = self.operands.read(len(self.operands) - 2)
                second = self.operands.read(len(self.operands) - 1)
                self.operands.write(0, binary("*", first, second))
                state.flags = of.NOTHING
            case "bt" | "btr" | "bts" | "btc":
                self._bits()
            case "adc" | "sbb":
                self._with_carry()
            case "rol" | "ror":
                self._rotate()
            case "bswap":
                value = self.operands.read(0)
                self.operands.write(0, reversed_bytes(value, value.type.size, state, self.code))
            case "tzcnt" | "lzcnt" | "popcnt" | "bsf" | "bsr":
                self._count_bits()
            case _:
                raise self.operands.unknown()

    def _with_carry(self) -> None:
        name, state = self.name, self.state
        carry = state.flags.condition("b")
        if carry is None or self.operands.is_memory(0):
            raise self.operands.unknown()
        size = self.operands[0].size
        if name == "sbb" and self._same_registers():
            first: ir.Term = number(0, size)
            second = first
        else:
            first, second = self.operands.read(0), self._second()
        carry = state.named("carry", carry, self.code)
        one = convert(carry, UNSIGNED[size])
        if name == "adc":
            result = add(add(first, second), one)
            state.flags = of.of_sum(first, second, result, carry)
        else:
            result = binary("-", binary("-", first, second), one)
            state.flags = of.of_difference(first, second, result, carry)
        self.operands.write(0, result)

    def _rotate(self) -> None:
        value = self.operands.read(0)
        times = known(part(self.operands.read(1), 1)) if len(self.operands) > 1 else 1
        if self.operands.is_memory(0) or times is None:
            raise self.operands.unknown()
        times %= 64 if value.type.size == 8 else 32
        self.operands.write(0, rotated_right(value, -times if self.name == "rol" else times))
        if times:
            flags = self.state.flags
            kept = (flags.condition("e"), flags.condition("s"))
            self.state.flags = Flags(*kept)

    def _count_bits(self) -> None:
        name, state = self.name, self.state
        value = state.named("bits", self.operands.read(1), self.code)
        size = value.type.size
        nothing = binary("==", value, number(0, size))
        match name:
            case "popcnt":
                found = ones(value, state, self.code)
                state.flags = of.of_number(0, 0, 0, 0)._replace(zero=nothing)
            case "tzcnt" | "bsf":
                found = trailing_zeros(value, state, self.code)
            case _:
                found = leading_zeros(value, state, self.code)
        if name in ("tzcnt", "lzcnt"):
            state.flags = Flags(zero=binary("==", found, number(0, size)), carry=nothing)
        elif name != "popcnt":
            if name == "bsr":
                found = binary("-", number(8 * size - 1, size), found)
            # Nothing is written where there is nothing to find.
            whole = full_name(self.code.instruction.reg_name(self.operands[0].reg))
            before = state.get(whole)
            state.flags = Flags(zero=nothing)
            self.operands.write(0, found)
            state.set(whole, choose(nothing, before, state.get(whole)))
            return
        self.operands.write(0, found)

    def _second(self) -> ir.Term:
        return part(self.operands.read(1), self.operands[0].size)

    def _change(self) -> None:
        state, name = self.state, self.name
        one = name in ("inc", "dec")
        operator = "+" if name == "inc" else "-" if name == "dec" else _CHANGES[name]
        if self.operands.is_memory(0):
            by = number(1, self.operands[0].size) if one else self._second()
            if self.locked:
                old = state.atomic(operator, self.operands.place(0), by, self.code)
                self._flags(operator, one, old, by, binary(operator, old, by))
                return
            state.change(operator, self.operands.place(0), by, self.code)
            state.flags = of.NOTHING  # they tell of what was in memory, which no local holds
            return
        first: ir.Term
        second: ir.Term
        if name in ("xor", "sub") and self._same_registers():
            first = second = number(0, self.operands[0].size)
        else:
            first = self.operands.read(0)
            second = number(1, first.type.size) if one else self._second()
        result = binary(operator, first, second)
        if operator == "+":
            result = add(first, second)
        self.operands.write(0, result)
        self._flags(operator, one, first, second, result)

    def _flags(
        self, operator: str, one: bool, first: ir.Term, second: ir.Term, result: ir.Term
    ) -> None:
        """The flags after ``first operator second``; inc and dec leave carry as it is."""
        state = self.state
        if one:
            carry = state.flags.condition("b")
            last = number((1 << 8 * result.type.size - 1) - (operator == "-"), result.type.size)
            state.flags = of.arithmetic(result, carry)._replace(overflow=binary("==", result, last))
        elif operator == "-":
            state.flags = of.of_compare(first, second)
        elif operator == "+":
            state.flags = of.of_sum(first, second, result)
        else:
            state.flags = of.of_result(result)

    def _same_registers(self) -> bool:
        first, second = self.operands.all[:2]
        kinds = first.type == second.type == x86.X86_OP_REG
        return bool(kinds and first.reg == second.reg)

    def _shift(self) -> None:
        value = self.operands.read(0)
        if self.operands.is_memory(0):
            raise self.operands.unknown()
        count = number(1, 1) if len(self.operands) == 1 else part(self.operands.read(1), 1)
        size = value.type.size
        times = known(count)
        # The count is taken modulo 64 or 32, also where the value is narrower.
        limit = 64 if size == 8 else 32
        if times is not None:
            count = number(times % limit, 1)
        elif size < 4:
            raise self.operands.unknown()
        else:
            count = binary("&", count, number(limit - 1, 1))
        if size < 4 and (known(count) or 0) >= 8 * size:
            raise self.operands.unknown()
        result = _shifted(self.name, value, count)
        self.operands.write(0, result)
        self.state.flags = of.arithmetic(result) if known(count) else of.NOTHING

    def _bits(self) -> None:
        state = self.state
        if self.operands.is_memory(0):
            self._bits_of_memory()
            return
        value = self.operands.read(0)
        size = value.type.size
        at = part(self.operands.read(1), size)
        index = known(at)
        state.flags = state.flags._replace(carry=bit(value, at), compared=None, overflow=None)
        state.flags = state.flags._replace(zero=None, sign=None)
        if self.name == "bt":
            return
        if index is not None:
            mask: ir.Term = number(1 << index % (8 * size), size)
        else:
            mask = binary("<<", number(1, size), at)
        match self.name:
            case "btr":
                turned = ir.Unary("~", mask, mask.type)
                value_of = known(mask)
                keep = number(~value_of, size) if value_of is not None else turned
                self.operands.write(0, binary("&", value, keep))
            case "bts":
                self.operands.write(0, binary("|", value, mask))
            case _:
                self.operands.write(0, binary("^", value, mask))

    def _bits_of_memory(self) -> None:
        """A register as index reaches beyond the operand, also in front of it."""
        state, code, place = self.state, self.code, self.operands.place(0)
        size = self.operands[0].size
        bits = 8 * size
        at = part(self.operands.read(1), size)
        by: ir.Term | None = None
        if self.operands[1].type == x86.X86_OP_REG:
            units = _shifted("sar", at, number(bits.bit_length() - 1, 1))
            by = binary("*", sign_extended(units, 8), number(size))
            distance = known(by)
            if distance is not None:
                distance = ir.fitted(distance, ir.I64)
                place = place._replace(displacement=place.displacement + distance)
                by = None
        index = state.named("bit", binary("&", at, number(bits - 1, size)), code)
        mask = binary("<<", number(1, size), index)
        cleared = ir.Unary("~", mask, UNSIGNED[size])
        changes = {"bts": ("|", mask), "btr": ("&", cleared), "btc": ("^", mask)}
        operator, value = changes.get(self.name, ("", mask))
        if self.locked and self.name != "bt":
            found = state.atomic(operator, place, value, code, by=by)
        else:
            found = state.load(place, code, size, by)
        flags = state.flags
        state.flags = Flags(zero=flags.condition("e"), carry=bit(found, index))
        if self.name != "bt" and not self.locked:
            state.store(place, binary(operator, found, value), code, by)


def _shifted(name: str, value: ir.Term, count: ir.Term) -> ir.Term:
    if name in ("shl", "sal"):
        return binary("<<", value, count)
    if name == "shr":
        return binary(">>", value, count)
    signed = convert(value, {4: ir.I32, 8: ir.I64, 1: ir.I8, 2: ir.I16}[value.type.size])
    return convert(binary(">>", signed, count), value.type)
