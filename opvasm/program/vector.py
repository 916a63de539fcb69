"""The intermediate form: ops, vectors and programs between text, bytes and machine.

An Instruction is one ``struct cpu_op``.  Where a field holds an address or a number that is not
known yet it holds a relocation; a plain int is a value that is known.  So the same type is what
the assembler makes of a text, what the decoder makes of bytes, what the verifier checks and what
the interpreter runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..abi.ops import Operand, Operation
from ..abi.pages import PageKind
from ..abi.revisions import Abi
from ..light_enum import Enum
from ..light_typing import NamedTuple, Record
from ..source import Place


class SymbolAddress(NamedTuple):
    """The address of a symbol plus ``addend`` bytes.

    ``cpu`` names the instance of a percpu symbol; None is the CPU that the vector runs on.
    """

    symbol: str
    addend: int = 0
    cpu: int | None = None


class ArgumentValue(NamedTuple):
    """The value of the vector's argument plus ``addend``: an address, a count, a mask or bits."""

    parameter: str
    addend: int = 0


class SlotAddress(NamedTuple):
    """The address of the place that holds the argument's own bytes: ``&expect`` in C."""

    parameter: str
    addend: int = 0


class PoolAddress(NamedTuple):
    """The address of a constant: ``offset`` bytes into the program's literal pool."""

    offset: int


Relocation = SymbolAddress | ArgumentValue | SlotAddress | PoolAddress
Value = int | Relocation


class Instruction(NamedTuple):
    """One op of a vector.

    ``opcode`` is the signed number of the encoding, ``operation`` its row of the op table or None
    where the revision has no such op.  ``addresses`` holds a value for each of the row's operands,
    ``expect_fault`` the flag byte of each (0..255; 0 where the revision has none), ``immediate``
    the count, mask or bits.  ``extra`` keeps the bytes of the union that no kernel reads, where
    they are not zero, as (offset in the struct, byte).  ``length`` is in bytes.

    ``place`` is the whole op; ``parts`` are the places of its fields in a text, by the header's
    names: ``op`` the mnemonic, ``len`` the suffix or the operand that gives the length, ``a``,
    ``src``, ``count`` … an operand without its mark, ``expect_fault_src`` the ``?`` after it,
    ``byte 26`` a byte set by its offset.  A field that follows from types has none.
    """

    opcode: int
    operation: Operation | None
    length: int
    addresses: tuple[Value, ...] = ()
    expect_fault: tuple[int, ...] = ()
    immediate: Value | None = None
    extra: tuple[tuple[int, int], ...] = ()
    place: Place | None = None
    parts: tuple[tuple[str, Place], ...] = ()

    def operands(self) -> Iterator[tuple[Operand, Value, int]]:
        """Each operand's row, value and expect_fault byte, in the order of the kernel's checks."""
        if self.operation is not None:
            yield from zip(self.operation.operands, self.addresses, self.expect_fault, strict=True)

    @property
    def is_bound(self) -> bool:
        """Whether every value is known."""
        return all(isinstance(value, int) for value in self.addresses) and (
            self.immediate is None or isinstance(self.immediate, int)
        )


class Scalar(Record):
    """A number type of the language: ``u8`` … ``i64``; ``size`` in bytes."""

    name: str
    size: int
    signed: bool


class Pointer(Record):
    """``ptr`` or ``ptr<T>``: an address of the machine's word size (bytes)."""

    target: str | None
    size: int


class Array(Record):
    """``T[n]``; ``size`` in bytes."""

    element: Type
    count: int
    size: int


class Member(Record):
    """A field of a struct, ``offset`` in bytes."""

    name: str
    type: Type
    offset: int


class Struct(Record):
    """``struct name { … }`` laid out as C lays it out; ``size`` and ``alignment`` in bytes."""

    name: str
    members: tuple[Member, ...]
    size: int
    alignment: int

    def member(self, name: str) -> Member | None:
        """The field of that name."""
        return next((each for each in self.members if each.name == name), None)


Type = Scalar | Pointer | Array | Struct


class Area(Enum):
    """Where a symbol lives."""

    PERCPU = "percpu"
    SHARED = "shared"
    PAGE = "page"


class Symbol(NamedTuple):
    """A declared variable.  ``offset`` counts bytes from the start of its area.

    A percpu symbol stands at the same offset of each CPU's area.  A page symbol has whole pages of
    its own, of ``page_kind``.  ``initial`` lists what the bytes hold at first, where not zero:
    (offset in the symbol, size in bytes, value).
    """

    name: str
    area: Area
    offset: int
    size: int
    type: Type | None
    page_kind: PageKind = PageKind.MAPPED
    initial: tuple[tuple[int, int, Value], ...] = ()
    place: Place | None = None


class Parameter(NamedTuple):
    """A vector's parameter; its slot stands ``offset`` bytes into the slot area."""

    name: str
    type: Scalar | Pointer
    offset: int
    place: Place | None = None


class PoolItem(NamedTuple):
    """A constant of the literal pool: bytes, or a value of ``size`` bytes that is bound later."""

    offset: int
    size: int
    value: bytes | Value


class Vector(NamedTuple):
    """A named sequence of ops.

    ``verified`` is False for one that says it may break the kernel's rules (``unverified vector``),
    as the disassembly of bytes that the kernel would refuse does.
    """

    name: str
    parameters: tuple[Parameter, ...]
    instructions: tuple[Instruction, ...]
    verified: bool = True
    place: Place | None = None

    def parameter(self, name: str) -> Parameter | None:
        """The parameter of that name."""
        return next((each for each in self.parameters if each.name == name), None)


class Data(NamedTuple):
    """What a program declares beside its vectors: symbols, types, constants, the literal pool."""

    symbols: Mapping[str, Symbol]
    structs: Mapping[str, Struct]
    constants: Mapping[str, int]
    pool: tuple[PoolItem, ...]

    def area_size(self, area: Area) -> int:
        """The bytes that an area needs (for percpu: of one CPU)."""
        return max(
            (each.offset + each.size for each in self.symbols.values() if each.area is area),
            default=0,
        )

    @property
    def pool_size(self) -> int:
        """The bytes of the literal pool."""
        return max((item.offset + item.size for item in self.pool), default=0)


class Layout(NamedTuple):
    """Where a program's areas lie in the address space, and how large they are, in bytes.

    CPU c's instance of the percpu area begins at ``percpu + c * percpu_stride``.
    """

    percpu: int
    percpu_stride: int
    shared: int
    page: int
    pool: int
    slots: int

    def symbol_address(self, symbol: Symbol, cpu: int) -> int:
        """The address of a symbol; ``cpu`` chooses the instance of a percpu one."""
        match symbol.area:
            case Area.PERCPU:
                return self.percpu + cpu * self.percpu_stride + symbol.offset
            case Area.SHARED:
                return self.shared + symbol.offset
            case Area.PAGE:
                return self.page + symbol.offset


def default_layout(abi: Abi, data: Data) -> Layout:
    """The layout that tools use unless told otherwise: areas far apart, easy to tell by sight.

    On 64-bit models 0x7f00_…: percpu, 0x6000_…: shared, 0x5000_…: pages, 0x4000_…: pool,
    0x7ffe_…: slots (a stack); on 32-bit ones the same by their first hexadecimal digits.
    """
    page = abi.page_size
    stride = max(page, -(-data.area_size(Area.PERCPU) // page) * page)
    if abi.model.word == 8:
        bases = (0x7F00_0000_0000, 0x6000_0000_0000, 0x5000_0000_0000, 0x4000_0000_0000)
        return Layout(bases[0], stride, bases[1], bases[2], bases[3], slots=0x7FFE_0000_0000)
    return Layout(0x7000_0000, stride, 0x6000_0000, 0x5000_0000, 0x4000_0000, slots=0xBF00_0000)
