"""A vector as a restartable section for aarch64.

Registers: x11 and x12 are scratch, x13 is the CPU's area in the form that loads its CPU's number
inside, x14 an address that is too far for an offset, x15 an element of an array, x9 and x10 the ends of a
long copy and x15 its count.

Memory there is weakly ordered, and what the explorer proves is for memory that is not.  So the slow
flag is loaded with acquire (what its last holder stored is seen by the loads after it), and a commit
that publishes earlier stores of its section is a store with release.
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
from .x86_64 import Line, pieces

# Bytes that are copied or compared word by word without a loop.
_UNROLLED = 64
_LETTER = {1: "b", 2: "h", 4: "", 8: ""}
_WIDTH = {1: "w", 2: "w", 4: "w", 8: "x"}
_EXTEND = {1: ", uxtb", 2: ", uxth", 4: "", 8: ""}
_CHANGES = {"add": "add", "add.release": "add", "or": "orr", "and": "and", "xor": "eor"}


def section_lines(context: Context, operands: Operands) -> Iterator[Line]:
    """The instructions between start and the end of the section, commit last."""
    writer = _Writer(context, operands)
    yield "ldr w11, [%[opv_rseq], #4]", "the CPU that this thread is on"
    if context.here:
        operands.add("opv_limit", "r", "opv_m->limit")
        operands.add("opv_base", "r", "opv_m->percpu")
        yield "cmp w11, %w[opv_limit]", ""
        yield "b.hs %l[opv_aborted]", "not registered, or switched off"
        yield f"lsl x13, x11, #{stride(context.data).bit_length() - 1}", "its data begins there"
        yield "add x13, x13, %[opv_base]", ""
    else:
        operands.add("opv_cpu", "r", "opv_cpu")
        operands.add("opv_percpu", "r", "opv_percpu")
        yield "cmp w11, %w[opv_cpu]", "is this the CPU that was asked for?"
        yield "b.ne %l[opv_aborted]", ""
    if context.subscribes:
        offset = control_offset(context.data) + SLOW_OFFSET
        lines, place = writer.bare(writer.area(), offset)
        yield from lines
        yield f"ldar w11, {place}", "the slow flag is looked at before anything else"
        yield ("tbnz w11, #0" if context.rare else "cbnz w11") + ", %l[opv_busy]", ""
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
        commit = self.context.is_last_store(index) and self._publishes(index, instruction)
        match operation:
            case _ if operation is CMPEQ or operation is CMPNE:
                first, second = instruction.addresses
                yield from self._compare(first, second, length, index, operation is CMPEQ)
            case _ if operation is MEMCPY or operation is MEMCPY_RELEASE:
                target, source = instruction.addresses
                yield from self._copy(target, source, length, commit)
            case _ if operation in (ADD, ADD_RELEASE, OR, AND, XOR):
                assert operation is not None
                yield from self._change(_CHANGES[operation.mnemonic], instruction, commit)
            case _ if operation is LSHIFT or operation is RSHIFT:
                yield from self._shift("lsl" if operation is LSHIFT else "lsr", instruction, commit)
            case _ if operation is MB:
                yield "dmb ish", ""
            case _:
                raise ValueError(f"op {index} has no code for aarch64")

    def _publishes(self, index: int, instruction: Instruction) -> bool:
        """Whether a commit must be seen after earlier stores, or says so itself."""
        if instruction.operation is not None and instruction.operation.release:
            return True
        return any(
            operand.access.writes
            for earlier in self.context.vector.instructions[:index]
            for operand, _, _ in earlier.operands()
        )

    # ---- operands ----

    def area(self) -> str:
        """The register with the address of the CPU's own area."""
        return "x13" if self.context.here else "%[opv_percpu]"

    def element(self, value: Value) -> list[Line]:
        """What puts the address of an element of an array in the CPU's own area, without the offset of the
        array, into the register that ``place`` names for it."""
        if not isinstance(value, ArgumentValue) or value.parameter not in self.context.positions:
            return []
        name, position = value.parameter, self.context.positions[value.parameter]
        shift = position.stride.bit_length() - 1
        scale = position.stride if position.stride == 1 << shift else 1
        register = f"opv_at_{identifier(name)}"
        self.operands.add(register, "r", position.distance(name, scale))
        shifted = f", lsl #{shift}" if scale > 1 else ""
        return [(f"add x15, {self.area()}, %[{register}]{shifted}", "")]

    def place(self, value: Value, offset: int, length: int) -> tuple[str, int]:
        """A base register and an offset from it in bytes."""
        match value:
            case SymbolAddress(symbol=name, addend=addend, cpu=cpu):
                symbol = self.context.data.symbols[name]
                distance = symbol.offset + addend + offset
                if symbol.area is Area.PERCPU and cpu is None:
                    return self.area(), distance
                if symbol.area is Area.PERCPU and cpu is not None:
                    self.operands.add("opv_base", "r", "opv_m->percpu")
                    return "%[opv_base]", distance + cpu * stride(self.context.data)
                self.operands.add("opv_shared", "r", "opv_m->shared")
                return "%[opv_shared]", distance
            case ArgumentValue(parameter=name, addend=addend) if name in self.context.positions:
                return "x15", self.context.positions[name].offset + addend + offset
            case ArgumentValue(parameter=name, addend=addend):
                return f"%[{self._argument(name)}]", addend + offset
            case _:
                return f"%[{self.operands.pointer(self.context, value, length)}]", offset

    def bare(self, base: str, offset: int) -> tuple[list[Line], str]:
        """A place that is a register alone, as acquire and release want it."""
        return ([*offset_lines("x14", base, offset)], "[x14]") if offset else ([], f"[{base}]")

    def reach(self, base: str, offset: int, size: int) -> tuple[list[Line], str]:
        """A place for an ordinary load or store."""
        if offset % size == 0 and 0 <= offset < 4096 * size:
            return [], f"[{base}, #{offset}]" if offset else f"[{base}]"
        if -256 <= offset < 256:
            return [], f"[{base}, #{offset}]"
        return self.bare(base, offset)

    def _argument(self, name: str) -> str:
        return self.operands.add(f"p_{identifier(name)}", "r", self.context.argument(name))

    def _word(self, value: Value, length: int, scratch: str) -> tuple[list[Line], str] | None:
        """A register that holds an operand (``scratch``: a number), and the lines that fill it."""
        word = self.context.word(value, length)
        match word:
            case None:
                return None
            case 0:
                return [], "xzr" if length == 8 else "wzr"
            case int():
                return [*number_lines(f"x{scratch}", word)], f"{_WIDTH[length]}{scratch}"
            case SlotAddress(parameter=name):
                return [], f"%{_WIDTH[length]}[{self._argument(name)}]"
            case SymbolAddress():
                base, offset = self.place(word, 0, 0)
                if not offset:
                    return [(f"mov x{scratch}, {base}", "")], f"x{scratch}"
                return [*offset_lines(f"x{scratch}", base, offset)], f"x{scratch}"

    def _load(self, value: Value, offset: int, size: int, length: int, scratch: str) -> list[Line]:
        lines, place = self.reach(*self.place(value, offset, length), size)
        load = f"ldr{_LETTER[size]} {_WIDTH[size]}{scratch}, {place}"
        return [*self.element(value), *lines, (load, "")]

    def _store(
        self, value: Value, offset: int, size: int, length: int, register: str
    ) -> list[Line]:
        lines, place = self.reach(*self.place(value, offset, length), size)
        return [*self.element(value), *lines, (f"str{_LETTER[size]} {register}, {place}", "")]

    def _commit(self, value: Value, length: int, register: str, release: bool) -> list[Line]:
        if not release:
            return self._store(value, 0, length, length, register)
        lines, place = self.bare(*self.place(value, 0, length))
        return [*self.element(value), *lines, (f"stlr{_LETTER[length]} {register}, {place}", "")]

    # ---- ops ----

    def _compare(
        self, first: Value, second: Value, length: int, index: int, equal: bool
    ) -> Iterator[Line]:
        label = f"%l[opv_op{index}]"
        if length == 0:
            if not equal:
                yield f"b {label}", ""
            return
        groups = list(self._words_of_compare(first, second, length))
        for number, lines in enumerate(groups):
            yield from lines
            if equal:
                yield f"b.ne {label}", ""
            else:
                # Different as soon as one word is: then the rest is not looked at.
                yield (f"b.eq {label}" if number == len(groups) - 1 else "b.ne 8f"), ""
        if not equal and len(groups) > 1:
            yield "8:", ""

    def _words_of_compare(self, first: Value, second: Value, length: int) -> Iterator[list[Line]]:
        if length in WORD_LENGTHS:
            one, two = self._word(first, length, "11"), self._word(second, length, "12")
            if one is not None and two is None:
                first, second, two, one = second, first, self._word(first, length, "12"), None
            if two is not None:
                lines = self._load(first, 0, length, length, "11") if one is None else one[0]
                left = f"{_WIDTH[length]}11"
                if one is not None:
                    if length < 4:
                        extend = f"uxt{_LETTER[length]} w11, {one[1]}"
                        lines = [*lines, (extend, "")]
                    else:
                        left = one[1] if one[1] not in ("xzr", "wzr") else left
                        if left != one[1]:
                            lines = [*lines, (f"mov {left}, {one[1]}", "")]
                extend = _EXTEND[length] if two[1] != "wzr" else ""
                yield [*lines, *two[0], (f"cmp {left}, {two[1]}{extend}", "")]
                return
        for offset, size in pieces(length):
            width = _WIDTH[size]
            yield [
                *self._load(first, offset, size, length, "11"),
                *self._load(second, offset, size, length, "12"),
                (f"cmp {width}11, {width}12", ""),
            ]

    def _copy(self, target: Value, source: Value, length: int, release: bool) -> Iterator[Line]:
        word = self._word(source, length, "11") if length in WORD_LENGTHS else None
        if word is not None:
            lines, register = word
            yield from lines
            yield from self._commit(target, length, register, release)
        elif length in WORD_LENGTHS:
            yield from self._load(source, 0, length, length, "11")
            yield from self._commit(target, length, f"{_WIDTH[length]}11", release)
        elif length > _UNROLLED:
            yield from self._copy_loop(target, source, length)
        else:
            for offset, size in pieces(length):
                yield from self._load(source, offset, size, length, "11")
                yield from self._store(target, offset, size, length, f"{_WIDTH[size]}11")

    def _copy_loop(self, target: Value, source: Value, length: int) -> Iterator[Line]:
        """Eight bytes a round; the rest word by word."""
        for value, register in ((source, "x9"), (target, "x10")):
            yield from self.element(value)
            base, offset = self.place(value, 0, length)
            yield from (
                offset_lines(register, base, offset)
                if offset
                else [(f"mov {register}, {base}", "")]
            )
        yield from number_lines("x15", length // 8)
        yield "8:", ""
        yield "ldr x11, [x9], #8", ""
        yield "str x11, [x10], #8", ""
        yield "sub x15, x15, #1", ""
        yield "cbnz x15, 8b", ""
        for offset, size in pieces(length % 8):
            yield f"ldr{_LETTER[size]} {_WIDTH[size]}11, [x9, #{offset}]", ""
            yield f"str{_LETTER[size]} {_WIDTH[size]}11, [x10, #{offset}]", ""

    def _change(self, mnemonic: str, instruction: Instruction, release: bool) -> Iterator[Line]:
        length, (place,) = instruction.length, instruction.addresses
        width = _WIDTH[length]
        value = instruction.immediate
        yield from self._load(place, 0, length, length, "11")
        if isinstance(value, int):
            number = value % (1 << 8 * length)
            if mnemonic == "add" and number < 4096:
                yield f"add {width}11, {width}11, #{number}", ""
            else:
                yield from number_lines("x12", number)
                yield f"{mnemonic} {width}11, {width}11, {width}12", ""
        else:
            name = f"opv_number{len(self.operands.inputs)}"
            if isinstance(value, ArgumentValue) and value.addend == 0:
                name = f"p_{identifier(value.parameter)}"
            self.operands.add(name, "r", self.context.immediate(instruction))
            yield f"{mnemonic} {width}11, {width}11, %{width}[{name}]", ""
        yield from self._commit(place, length, f"{width}11", release)

    def _shift(self, mnemonic: str, instruction: Instruction, release: bool) -> Iterator[Line]:
        length, (place,) = instruction.length, instruction.addresses
        width = _WIDTH[length]
        yield from self._load(place, 0, length, length, "11")
        if isinstance(instruction.immediate, int):
            yield f"{mnemonic} {width}11, {width}11, #{instruction.immediate}", ""
        else:
            name = self.operands.add("opv_bits", "r", self.context.immediate(instruction))
            yield f"{mnemonic} {width}11, {width}11, %{width}[{name}]", ""
        yield from self._commit(place, length, f"{width}11", release)


def offset_lines(register: str, base: str, offset: int) -> Iterator[Line]:
    """register = base + offset."""
    if 0 < offset < 4096:
        yield f"add {register}, {base}, #{offset}", ""
    elif -4096 < offset < 0:
        yield f"sub {register}, {base}, #{-offset}", ""
    else:
        yield from number_lines(register, offset % (1 << 64))
        yield f"add {register}, {base}, {register}", ""


def number_lines(register: str, value: int) -> Iterator[Line]:
    """register = a number of 64 bits, 16 of them an instruction."""
    parts = [(shift, value >> shift & 0xFFFF) for shift in (0, 16, 32, 48)]
    used = [(shift, part) for shift, part in parts if part] or [(0, 0)]
    for number, (shift, part) in enumerate(used):
        shifted = f", lsl #{shift}" if shift else ""
        yield f"{'movk' if number else 'movz'} {register}, #{part}{shifted}", ""


def clobbers(lines: Iterable[Line]) -> list[str]:
    """The registers that lines write besides their operands; x11 is always one."""
    text = "\n".join(instruction for instruction, _ in lines)
    return [
        f"x{number}"
        for number in (9, 10, 11, 12, 13, 14, 15)
        if number == 11 or f"x{number}" in text or f"w{number}" in text
    ]
