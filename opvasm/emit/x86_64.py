"""A vector as a restartable section for x86-64, in the assembler's AT&T syntax.

Registers: rax is scratch (and holds the descriptor's address on the way in), rcx a second scratch
and the count of a shift, rdx the CPU's area in the form that loads its CPU's number inside, rsi and
rdi the ends of a long copy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..abi.ops import (
    ADD,
    ADD_RELEASE,
    AND,
    CMPEQ,
    CMPNE,
    LSHIFT,
    MB,
    MEMCPY,
    MEMCPY_RELEASE,
    OR,
    RSHIFT,
    WORD_LENGTHS,
    XOR,
)
from ..formats.c_words import identifier
from ..program import Area, ArgumentValue, Instruction, SlotAddress, SymbolAddress, Value
from .context import Context, Operands
from .names import SLOW_OFFSET, control_offset, stride
from .positions import Position

Line = tuple[str, str]
"""One instruction, and what it is for."""

SCRATCH = {
    "rax": ("%%rax", "%%eax", "%%ax", "%%al"),
    "rcx": ("%%rcx", "%%ecx", "%%cl"),
    "rdx": ("%%rdx", "%%edx"),
    "rsi": ("%%rsi",),
    "rdi": ("%%rdi",),
}
# Bytes that are copied or compared word by word without a loop.
_UNROLLED = 64
_SUFFIX = {1: "b", 2: "w", 4: "l", 8: "q"}
_MODIFIER = {1: "b", 2: "w", 4: "k", 8: "q"}
_RAX = {1: "%%al", 2: "%%ax", 4: "%%eax", 8: "%%rax"}
_CHANGES = {"add": "add", "add.release": "add", "or": "or", "and": "and", "xor": "xor"}


def section_lines(context: Context, operands: Operands) -> Iterator[Line]:
    """The instructions between start and the end of the section, commit last."""
    writer = _Writer(context, operands)
    if context.here:
        yield "movl %%fs:4(%[opv_rseq]), %%edx", "the CPU that this thread is on"
        operands.add("opv_limit", "r", "opv_m->limit")
        yield "cmpl %[opv_limit], %%edx", ""
        yield "jae %l[opv_aborted]", "not registered, or switched off"
        yield f"shlq ${stride(context.data).bit_length() - 1}, %%rdx", "its data begins there"
        if context.whole_area:
            operands.add("opv_base", "r", "opv_m->percpu")
            yield "addq %[opv_base], %%rdx", ""
    else:
        operands.add("opv_cpu", "r", "opv_cpu")
        yield "cmpl %[opv_cpu], %%fs:4(%[opv_rseq])", "is this the CPU that was asked for?"
        yield "jne %l[opv_aborted]", ""
    if context.subscribes:
        flag = writer.percpu(control_offset(context.data) + SLOW_OFFSET)
        why = "the slow flag is looked at before anything else"
        if context.rare:
            yield f"testl $1, {flag}", why
        else:
            # Processors join a test of a register with the jump after it, and no cmpl $0 with an offset.
            yield f"movl {flag}, %%eax", why
            yield "testl %%eax, %%eax", ""
        yield "jne %l[opv_busy]", ""
    for index, instruction in enumerate(context.section):
        for number, (text, why) in enumerate(writer.op(index, instruction)):
            yield text, why or (context.comment(index) if number == 0 else "")


class _Writer:
    """Writes ops; ``operands`` collects what C must hand over."""

    def __init__(self, context: Context, operands: Operands) -> None:
        self.context = context
        self.operands = operands

    def op(self, index: int, instruction: Instruction) -> Iterator[Line]:
        """One op."""
        operation, length = instruction.operation, instruction.length
        match operation:
            case _ if operation is CMPEQ or operation is CMPNE:
                first, second = instruction.addresses
                yield from self._compare(first, second, length, index, operation is CMPEQ)
            case _ if operation is MEMCPY or operation is MEMCPY_RELEASE:
                target, source = instruction.addresses
                yield from self._copy(target, source, length)
            case _ if operation in (ADD, ADD_RELEASE, OR, AND, XOR):
                assert operation is not None
                yield self._change(_CHANGES[operation.mnemonic], instruction)
            case _ if operation is LSHIFT or operation is RSHIFT:
                yield from self._shift("shl" if operation is LSHIFT else "shr", instruction)
            case _ if operation is MB:
                yield "lock; addl $0, -128(%%rsp)", ""
            case _:
                raise ValueError(f"op {index} has no code for x86-64")

    # ---- operands ----

    def percpu(self, offset: int) -> str:
        """A place in the CPU's own area."""
        if self.context.here and not self.context.whole_area:
            self.operands.add("opv_base", "r", "opv_m->percpu")
            return f"{_offset(offset)}(%[opv_base], %%rdx)"
        return f"{_offset(offset)}({self._area()})"

    def _area(self) -> str:
        """The register with the address of the CPU's own area."""
        if self.context.here:
            return "%%rdx"
        return f"%[{self.operands.add('opv_percpu', 'r', 'opv_percpu')}]"

    def _element(self, name: str, position: Position, offset: int) -> str:
        """A place in an element of an array in the CPU's own area."""
        scale = position.stride if position.stride in _SUFFIX else 1
        index = position.distance(name, scale)
        register = self.operands.add(f"opv_at_{identifier(name)}", "r", index)
        return f"{_offset(position.offset + offset)}({self._area()}, %[{register}], {scale})"

    def memory(self, value: Value, offset: int, length: int) -> str:
        """An operand in memory, ``offset`` bytes into it."""
        match value:
            case SymbolAddress(symbol=name, addend=addend, cpu=cpu):
                symbol = self.context.data.symbols[name]
                place = symbol.offset + addend + offset
                if symbol.area is Area.PERCPU and cpu is None:
                    return self.percpu(place)
                if symbol.area is Area.PERCPU and cpu is not None:
                    self.operands.add("opv_base", "r", "opv_m->percpu")
                    return f"{_offset(place + cpu * stride(self.context.data))}(%[opv_base])"
                self.operands.add("opv_shared", "r", "opv_m->shared")
                return f"{_offset(place)}(%[opv_shared])"
            case ArgumentValue(parameter=name, addend=addend) if name in self.context.positions:
                return self._element(name, self.context.positions[name], addend + offset)
            case ArgumentValue(parameter=name, addend=addend):
                operand = self._argument(name, "r")
                return f"{_offset(addend + offset)}(%[{operand}])"
            case _:
                operand = self.operands.pointer(self.context, value, length)
                return f"{_offset(offset)}(%[{operand}])"

    def _argument(self, name: str, constraint: str) -> str:
        return self.operands.add(f"p_{identifier(name)}", constraint, self.context.argument(name))

    def _word(self, value: Value, length: int) -> tuple[list[Line], str] | None:
        """A register or immediate that holds an operand, and the lines that put it there."""
        word = self.context.word(value, length)
        match word:
            case None:
                return None
            case int():
                signed = word - (1 << 8 * length) if word >> (8 * length - 1) else word
                if -(1 << 31) <= signed < 1 << 31:
                    return [], f"${signed}"
                return [(f"movabsq ${signed}, %%rax", "")], "%%rax"
            case SlotAddress(parameter=name):
                operand = self._argument(name, "er" if length == 8 else "r")
                return [], f"%{_MODIFIER[length]}[{operand}]"
            case SymbolAddress():
                place = self.memory(word, 0, 0)
                return [(f"leaq {place}, %%rax", "")], "%%rax"

    # ---- ops ----

    def _compare(
        self, first: Value, second: Value, length: int, index: int, equal: bool
    ) -> Iterator[Line]:
        label = f"%l[opv_op{index}]"
        if length == 0:
            if not equal:
                yield f"jmp {label}", ""
            return
        words = self._words_of_compare(first, second, length)
        if equal:
            for lines in words:
                yield from lines
                yield f"jne {label}", ""
            return
        # Different as soon as one word is: then the rest is not looked at.
        for number, lines in enumerate(words):
            yield from lines
            last = number == len(words) - 1
            yield (f"je {label}" if last else "jne 8f"), ""
        if len(words) > 1:
            yield "8:", ""

    def _words_of_compare(self, first: Value, second: Value, length: int) -> list[list[Line]]:
        groups: list[list[Line]] = []
        if length in WORD_LENGTHS:
            one, two = self._word(first, length), self._word(second, length)
            if one is not None and two is None:
                first, second, one, two = second, first, two, one
            suffix, scratch = _SUFFIX[length], _RAX[length]
            if two is not None and one is None:
                lines, source = two
                groups.append(
                    [*lines, (f"cmp{suffix} {source}, {self.memory(first, 0, length)}", "")]
                )
                return groups
            if one is not None and two is not None:
                lines = [*one[0], (f"mov{suffix} {one[1]}, {scratch}", "")]
                if two[0]:
                    lines = [*one[0], (f"movq {one[1]}, %%rcx", ""), *two[0]]
                    groups.append([*lines, ("cmpq %%rax, %%rcx", "")])
                else:
                    groups.append([*lines, (f"cmp{suffix} {two[1]}, {scratch}", "")])
                return groups
        for offset, size in pieces(length):
            scratch = _RAX[size]
            groups.append(
                [
                    (f"mov{_SUFFIX[size]} {self.memory(first, offset, length)}, {scratch}", ""),
                    (f"cmp{_SUFFIX[size]} {self.memory(second, offset, length)}, {scratch}", ""),
                ]
            )
        return groups

    def _copy(self, target: Value, source: Value, length: int) -> Iterator[Line]:
        word = self._word(source, length) if length in WORD_LENGTHS else None
        if word is not None:
            lines, text = word
            yield from lines
            yield f"mov{_SUFFIX[length]} {text}, {self.memory(target, 0, length)}", ""
            return
        if length > _UNROLLED:
            yield from self._copy_loop(target, source, length)
            return
        for offset, size in pieces(length):
            scratch = _RAX[size]
            yield f"mov{_SUFFIX[size]} {self.memory(source, offset, length)}, {scratch}", ""
            yield f"mov{_SUFFIX[size]} {scratch}, {self.memory(target, offset, length)}", ""

    def _copy_loop(self, target: Value, source: Value, length: int) -> Iterator[Line]:
        """Eight bytes a round; the rest word by word."""
        whole = length // 8 * 8
        yield f"leaq {self.memory(source, 0, length)}, %%rsi", ""
        yield f"leaq {self.memory(target, 0, length)}, %%rdi", ""
        yield "xorl %%ecx, %%ecx", ""
        yield "8:", ""
        yield "movq (%%rsi, %%rcx), %%rax", ""
        yield "movq %%rax, (%%rdi, %%rcx)", ""
        yield "addq $8, %%rcx", ""
        yield f"cmpq ${whole}, %%rcx", ""
        yield "jb 8b", ""
        for offset, size in pieces(length - whole):
            scratch = _RAX[size]
            yield f"mov{_SUFFIX[size]} {whole + offset}(%%rsi), {scratch}", ""
            yield f"mov{_SUFFIX[size]} {scratch}, {whole + offset}(%%rdi)", ""

    def _change(self, mnemonic: str, instruction: Instruction) -> Line:
        length = instruction.length
        place = self.memory(instruction.addresses[0], 0, length)
        value = instruction.immediate
        if isinstance(value, int):
            word = value % (1 << 8 * length)
            signed = word - (1 << 8 * length) if word >> (8 * length - 1) else word
            if -(1 << 31) <= signed < 1 << 31:
                return f"{mnemonic}{_SUFFIX[length]} ${signed}, {place}", ""
        constraint = "er" if length == 8 else "r"
        name = f"opv_number{len(self.operands.inputs)}"
        if isinstance(value, ArgumentValue) and value.addend == 0:
            name = f"p_{identifier(value.parameter)}"
        self.operands.add(name, constraint, self.context.immediate(instruction))
        return f"{mnemonic}{_SUFFIX[length]} %{_MODIFIER[length]}[{name}], {place}", ""

    def _shift(self, mnemonic: str, instruction: Instruction) -> Iterator[Line]:
        place = self.memory(instruction.addresses[0], 0, instruction.length)
        value = instruction.immediate
        suffix = _SUFFIX[instruction.length]
        if isinstance(value, int):
            yield f"{mnemonic}{suffix} ${value}, {place}", ""
            return
        name = self.operands.add("opv_bits", "r", self.context.immediate(instruction))
        yield f"movl %k[{name}], %%ecx", ""
        yield f"{mnemonic}{suffix} %%cl, {place}", ""


def clobbers(lines: Iterable[Line]) -> list[str]:
    """The registers that lines write besides their operands; rax is always one."""
    text = "\n".join(instruction for instruction, _ in lines)
    return [
        name
        for name, spellings in SCRATCH.items()
        if name == "rax" or any(each in text for each in spellings)
    ]


def pieces(length: int) -> Iterator[tuple[int, int]]:
    """The offsets and sizes of the words that a number of bytes falls into, largest first."""
    offset = 0
    while offset < length:
        size = next(size for size in (8, 4, 2, 1) if size <= length - offset)
        yield offset, size
        offset += size


def _offset(offset: int) -> str:
    return str(offset) if offset else ""
