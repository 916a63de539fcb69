"""The operands of x86-64 instructions, read and written as terms."""

from __future__ import annotations

from typing import Any

from capstone import x86_const as x86

from ..program import section as ir
from .code import Code, Memory
from .decode_x86_64 import full_name
from .state import NotLifted, State
from .terms import UNSIGNED, binary, number, part, wide


class OperandsX86:
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

    def place(self, index: int) -> Memory:
        """A memory operand."""
        places = [*self.code.stores, *self.code.loads]
        if self.all[index].type != x86.X86_OP_MEM or not places or self.has_half_address:
            raise self.unknown()
        return places[0]

    @property
    def has_half_address(self) -> bool:
        """Whether an address is made of 32 bits, as the prefix 67 says."""
        return bool(self.code.instruction.addr_size == 4)

    def is_memory(self, index: int) -> bool:
        """Whether an operand is in memory."""
        return bool(self.all[index].type == x86.X86_OP_MEM)

    def read(self, index: int) -> ir.Term:
        """The value of an operand, in its own width."""
        operand = self.all[index]
        size = operand.size
        if operand.type == x86.X86_OP_IMM:
            return number(operand.imm, self.all[0].size if index else size)
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
        operand = self.all[index]
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
