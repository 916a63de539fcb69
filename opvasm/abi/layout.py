"""The 32 bytes of ``struct cpu_op``: which field stands where (abi.md section 1.5).

The header (op, len) is common; the union's members differ.  On a 32-bit data model a pointer field
is a value word and a padding word, whose order follows the byte order; the header of 2018-10 and
later declares plain 64-bit fields, of which a 32-bit kernel uses the same value word.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..light_enum import Enum
from ..light_typing import Literal, NamedTuple

OP_BYTES = 32
UNION_OFFSET = 8

ByteOrder = Literal["little", "big"]


class DataModel(NamedTuple):
    """The word size and byte order of the machine that the vector lies in.

    ``task_size`` is the first address above user space; ``addresses`` is the number of addresses
    (2**64 or 2**32), past which a range wraps.
    """

    name: str
    word: int
    byteorder: ByteOrder
    task_size: int

    @property
    def addresses(self) -> int:
        """One more than the largest address."""
        return 1 << (8 * self.word)


# 47-bit user space less the guard page, as on x86-64; the 3 GiB split of 32-bit kernels.
DATA_MODELS: tuple[DataModel, ...] = (
    DataModel("64le", 8, "little", 0x7FFF_FFFF_F000),
    DataModel("64be", 8, "big", 0x7FFF_FFFF_F000),
    DataModel("32le", 4, "little", 0xC000_0000),
    DataModel("32be", 4, "big", 0xC000_0000),
)


class FieldKind(Enum):
    """What the bytes of a field are."""

    SIGNED = "signed"
    UNSIGNED = "unsigned"
    POINTER = "pointer"
    EXPECT_FAULT = "expect_fault"
    PADDING = "padding"


class Field(NamedTuple):
    """A field of the struct: its name in the header, its place, and what it is (bytes)."""

    name: str
    offset: int
    size: int
    kind: FieldKind

    @property
    def end(self) -> int:
        """The offset after the field's last byte."""
        return self.offset + self.size


def number_range(size: int, signed: bool) -> tuple[int, int]:
    """The smallest and the largest number that ``size`` bytes hold."""
    bits = 8 * size
    return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)


HEADER: tuple[Field, ...] = (
    Field("op", 0, 4, FieldKind.SIGNED),
    Field("len", 4, 4, FieldKind.UNSIGNED),
)


def pointer_fields(name: str, offset: int, model: DataModel) -> tuple[Field, ...]:
    """A pointer at ``offset`` of the struct: eight bytes, or a value word and a padding word."""
    if model.word == 8:
        return (Field(name, offset, 8, FieldKind.POINTER),)
    value, padding = (offset, offset + 4) if model.byteorder == "little" else (offset + 4, offset)
    return (
        Field(name, value, 4, FieldKind.POINTER),
        Field(f"{name}_padding", padding, 4, FieldKind.PADDING),
    )


def check_layout(fields: Iterable[Field]) -> tuple[Field, ...]:
    """The fields in the order of their offsets.

    Raises ValueError when one leaves the 32 bytes or two overlap.
    """
    ordered = tuple(sorted(fields, key=lambda field: field.offset))
    end = 0
    for field in ordered:
        if field.offset < end:
            raise ValueError(
                f"field {field.name} at byte {field.offset} overlaps the one before it"
            )
        if field.size < 1 or field.end > OP_BYTES:
            raise ValueError(f"field {field.name} leaves the {OP_BYTES} bytes of struct cpu_op")
        end = field.end
    return ordered


def unused_bytes(fields: Iterable[Field]) -> tuple[int, ...]:
    """The offsets in the union that no field covers, or only padding does; no kernel reads them."""
    used = {
        byte
        for field in fields
        if field.kind is not FieldKind.PADDING
        for byte in range(field.offset, field.end)
    }
    return tuple(byte for byte in range(UNION_OFFSET, OP_BYTES) if byte not in used)
