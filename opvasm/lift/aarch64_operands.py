"""The operands of aarch64 instructions, read and written as terms."""

from __future__ import annotations

from typing import Any

from capstone import arm64_const as arm

from ..program import section as ir
from .aarch64_tables import CONDITIONS, EXTENSIONS, SIZES
from .code import Code, Memory
from .decode_aarch64 import full_name
from .state import NotLifted, State
from .terms import binary, convert, number, part, sign_extended, wide


def arithmetic_shift(value: ir.Term, count: ir.Term) -> ir.Term:
    """``asr``: to the right, with copies of the sign."""
    with_sign = convert(value, ir.I32 if value.type.size == 4 else ir.I64)
    return convert(binary(">>", with_sign, count), value.type)


class OperandsArm:
    """An instruction's operands: what they hold, and setting them."""

    def __init__(self, code: Code, state: State) -> None:
        self.code = code
        self.state = state
        self.all: list[Any] = code.instruction.operands

    def __len__(self) -> int:
        return len(self.all)

    def __getitem__(self, index: int) -> Any:
        """An operand as capstone describes it."""
        return self.all[index]

    def unknown(self) -> NotLifted:
        """The refusal of an instruction."""
        return NotLifted(f"`{self.code.text}` is not known to the lifter", self.code.address)

    def flag(self, name: str) -> ir.Term:
        """A condition by its name."""
        found = self.state.flags.condition(CONDITIONS.get(name, ""))
        if found is None:
            what = f"{self.code.text}: what the flags are is not known there"
            raise NotLifted(what, self.code.address)
        return found

    def register(self, index: int) -> str:
        """The name of a register operand."""
        return str(self.code.instruction.reg_name(self.all[index].reg))

    def size(self, index: int = 0) -> int:
        """The bytes of a register operand."""
        name = self.register(index)
        return 8 if name in ("sp", "fp", "lr", "xzr") else SIZES[name[0]]

    def read(self, index: int, size: int | None = None) -> ir.Term:
        """The value of a register or number, shifted or extended as the operand says."""
        operand = self.all[index]
        width = self.size() if size is None else size
        if operand.type == arm.ARM64_OP_IMM:
            shift = operand.shift.value if operand.shift.type else 0
            return number(operand.imm << shift, width)
        if operand.type != arm.ARM64_OP_REG:
            raise self.unknown()
        name = self.register(index)
        if name in ("xzr", "wzr"):
            return number(0, width)
        value = part(self.state.get(full_name(name)), self.size(index))
        return self._modified(operand, value, width)

    def _modified(self, operand: Any, value: ir.Term, width: int) -> ir.Term:
        if operand.ext in EXTENSIONS:
            size, with_sign = EXTENSIONS[operand.ext]
            low = part(value, min(size, value.type.size))
            value = sign_extended(low, width) if with_sign else part(wide(low), width)
        if operand.shift.type and operand.shift.value:
            count = number(operand.shift.value, 1)
            match operand.shift.type:
                case arm.ARM64_SFT_LSL:
                    return binary("<<", value, count)
                case arm.ARM64_SFT_LSR:
                    return binary(">>", value, count)
                case arm.ARM64_SFT_ASR:
                    return arithmetic_shift(value, count)
                case _:
                    raise self.unknown()
        return value

    def write(self, index: int, value: ir.Term) -> None:
        """Set a register; the rest of it becomes zero."""
        name = self.register(index)
        if name in ("xzr", "wzr"):
            return
        size = self.size(index)
        if name[0] in "bhsd" and name[1:].isdigit():
            # The lowest bytes of a vector register; what is above them becomes zero.
            self.state.set(full_name(name), convert(part(value, size), ir.U128))
            return
        self.state.set(full_name(name), value if size == 16 else wide(part(value, size)))

    def place(self) -> tuple[Memory, int]:
        """The memory operand, and what is added to its base afterwards."""
        found = [each for each in self.all if each.type == arm.ARM64_OP_MEM]
        places = [*self.code.stores, *self.code.loads]
        if len(found) != 1 or not places or found[0].ext in EXTENSIONS:
            raise self.unknown()
        memory = found[0].mem
        if not self.code.instruction.writeback:
            return places[0], 0
        if self.code.instruction.post_index:
            after = memory.disp or next(
                (each.imm for each in self.all[-1:] if each.type == arm.ARM64_OP_IMM), 0
            )
            return places[0]._replace(displacement=0), after
        return places[0], memory.disp

    def reached(self) -> tuple[Memory, ir.Term | None, int]:
        """The memory operand, what an index that is extended from 32 bits adds, and what its base gains.

        ``place`` refuses such an index.
        """
        found = next((each for each in self.all if each.type == arm.ARM64_OP_MEM), None)
        if found is None or found.ext not in EXTENSIONS:
            place, after = self.place()
            return place, None, after
        size, with_sign = EXTENSIONS[found.ext]
        place = [*self.code.stores, *self.code.loads][0]
        index = part(self.state.get(place.indexed), size)
        value = sign_extended(index, 8) if with_sign else wide(index)
        if found.shift.value:
            value = binary("*", value, number(1 << found.shift.value))
        return place._replace(indexed="", scale=1), value, 0
