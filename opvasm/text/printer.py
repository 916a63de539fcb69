"""From ops to ``.opv`` text, such that assembling the text gives the same ops.

A Speller writes operands; ``vector_text`` lays the lines out in columns.  Nothing here reads text,
so that printing costs no parser.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ..abi.layout import UNION_OFFSET
from ..abi.revisions import Abi
from ..light_typing import NamedTuple
from ..program import (
    ArgumentValue,
    Data,
    Instruction,
    Pointer,
    PoolAddress,
    Scalar,
    SlotAddress,
    SymbolAddress,
    Type,
    Value,
    Vector,
)
from .names import (
    argument_operand,
    literal_text,
    place_type,
    slot_operand,
    symbol_operand,
    type_text,
)

INDENT = "    "
SIZE_SUFFIXES = {1: ".u8", 2: ".u16", 4: ".u32", 8: ".u64"}
# Lines that are wider than this do not move the comments of the others.
_WIDEST_COLUMN = 72
# A count up to here is easier to read in decimal, an address or a larger one in hexadecimal.
_LARGEST_DECIMAL = 1 << 16

AddressName = Callable[[int, int], str | None]


class OpLine(NamedTuple):
    """One op as text: the mnemonic with its size, what follows it, and a remark."""

    mnemonic: str
    operands: str
    comment: str = ""

    def __str__(self) -> str:
        return f"{self.mnemonic} {self.operands}" if self.operands else self.mnemonic


class Speller(NamedTuple):
    """Writes the ops of a vector.

    ``data`` and ``vector`` give relocations their types, so that an offset reads ``node->next``.
    ``address_name(address, size)`` may name a known address (for traces and debuggers); without
    it, or where it knows none, an address is written as ``@0x…``.
    """

    abi: Abi
    data: Data | None = None
    vector: Vector | None = None
    address_name: AddressName | None = None

    def line(self, instruction: Instruction, comment: str = "") -> OpLine:
        """An op, with everything that its 32 bytes say."""
        operation, length = instruction.operation, instruction.length
        if operation is None:
            return OpLine(".raw", f'"{self._raw(instruction)}"', comment)
        operands: list[str] = []
        overrides = dict(instruction.extra)
        for operand, value, flag in instruction.operands():
            text = self.memory(value, length, instruction.addresses)
            if flag == 1:
                text += "?"
            elif flag:
                overrides[operand.expect_fault_offset] = flag
            operands.append(text)
        if instruction.immediate is not None:
            operands.append(self.immediate(instruction.immediate, operation.member))
        suffix = SIZE_SUFFIXES.get(length) if operation.operands else ""
        if suffix is None or (length and not operation.operands):
            operands.append(str(length))
        text = ", ".join(operands)
        if overrides:
            listed = ", ".join(
                f"{offset}: {byte:#04x}" for offset, byte in sorted(overrides.items())
            )
            text = f"{text} {{ {listed} }}" if text else f"{{ {listed} }}"
        return OpLine(operation.mnemonic + (suffix or ""), text, comment)

    def memory(self, value: Value, size: int, among: Sequence[Value] = ()) -> str:
        """An operand: the memory of ``size`` bytes at an address, ``among`` the op's operands."""
        match value:
            case int():
                name = self.address_name(value, size) if self.address_name is not None else None
                return f"@{value:#x}" if name is None else name
            case SymbolAddress():
                text = symbol_operand(value, size, self.data)
            case ArgumentValue():
                text = argument_operand(value, size, self.data, self.vector)
            case SlotAddress():
                text = slot_operand(value)
            case PoolAddress():
                others = [each for each in among if each is not value]
                other = self._type(others[0], size) if others else None
                return literal_text(value, size, self.data, self.abi, other)
        declared = self._type(value, size)
        if declared is None or _holds(declared, size):
            return text
        # The place has another size than the op: written as an address, it has no type.
        return f"[&{text}]"

    def _type(self, value: Value, size: int) -> Type | None:
        return place_type(value, size, self.data, self.vector)

    def immediate(self, value: Value, member: str | None) -> str:
        """A count, mask or number of bits."""
        if isinstance(value, int):
            decimal = member != "bitwise_op" and abs(value) <= _LARGEST_DECIMAL
            return str(value) if decimal else f"{value:#x}"
        if isinstance(value, ArgumentValue):
            addend = value.addend
            if not addend:
                return value.parameter
            return f"{value.parameter} {'+' if addend > 0 else '-'} {abs(addend)}"
        return f"&{self.memory(value, 1)}"

    def _raw(self, instruction: Instruction) -> str:
        """The 32 bytes of an op that the revision does not have."""
        image = bytearray(32)
        order = self.abi.model.byteorder
        image[0:4] = (instruction.opcode % (1 << 32)).to_bytes(4, order)
        image[4:UNION_OFFSET] = instruction.length.to_bytes(4, order)
        for offset, byte in instruction.extra:
            image[offset] = byte
        return f"{image[:4].hex()} {image[4:8].hex()} {image[8:].hex()}"


def _holds(declared: Type, size: int) -> bool:
    """Whether the assembler takes a place of this type for an op of so many bytes."""
    if isinstance(declared, Scalar | Pointer):
        return declared.size == size
    return declared.size >= size


def vector_text(
    vector: Vector,
    abi: Abi,
    data: Data | None = None,
    comments: Callable[[int], str] | None = None,
    address_name: AddressName | None = None,
) -> str:
    """A vector's text, ending in a newline.

    ``comments(index)`` gives the remark that stands after each op; by default its index.
    """
    speller = Speller(abi, data, vector, address_name)
    comments = comments or (lambda index: f"op {index}")
    parameters = ", ".join(f"{each.name}: {type_text(each.type)}" for each in vector.parameters)
    head = f"{'' if vector.verified else 'unverified '}vector {vector.name}({parameters}) {{"
    lines = [
        speller.line(instruction, comments(index))
        for index, instruction in enumerate(vector.instructions)
    ]
    return "\n".join([head, *columns(lines), "}\n"])


def columns(lines: Sequence[OpLine], indent: str = INDENT) -> Iterable[str]:
    """The lines with their operands below each other, and their comments too."""
    mnemonics = max((len(line.mnemonic) for line in lines if line.operands), default=0)
    bodies = [
        f"{line.mnemonic:<{mnemonics}}  {line.operands}" if line.operands else line.mnemonic
        for line in lines
    ]
    widest = max((len(body) for body in bodies if len(body) <= _WIDEST_COLUMN), default=0)
    for line, body in zip(lines, bodies, strict=True):
        yield f"{indent}{body:<{widest}}  // {line.comment}" if line.comment else indent + body
