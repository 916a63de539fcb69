"""Arrays of ``struct cpu_op`` inside ELF files: found by symbol or section, addresses as names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from fnmatch import fnmatchcase

from ..abi.layout import OP_BYTES, UNION_OFFSET
from ..abi.ops import Access
from ..abi.revisions import Abi, get_abi
from ..binary import decode
from ..elf.descriptors import find_descriptors
from ..elf.file import PF_W, SHF_EXECINSTR, SHT_NOBITS, ElfFile, FileSection, elf_from_bytes
from ..elf.problems import ElfError, unreadable
from ..elf.relocations import relocations_in, target
from ..elf.symbols import NOTYPE, OBJECT, Symbol, symbol_tables, symbols
from ..errors import DecodeError, Diagnostic
from ..light_typing import NamedTuple
from ..program import Instruction, SymbolAddress, Value, Vector
from ..source import BytePlace
from ..suggestion import did_you_mean
from ..verifier.kernel_rules import violations
from .elf_names import ElfNames

VECTOR_SECTION = ".opv.vectors"  # where the format ``gas`` puts them
_SHT_NOTE, _SHF_STRINGS, _SHF_ALLOC = 7, 0x20, 2
_LARGEST_ARRAY = 64  # ops: far more than a kernel takes, far less than any other table
_LISTED = 12


class ElfVector(NamedTuple):
    """One array: its vector, whose places are bytes of the file, and the Abi to read it with.

    A pointer that a linker or loader fills in, or that is the address of a known symbol, is a
    SymbolAddress.  ``sizes`` are the bytes of those symbols that the file knows, by the name there.
    """

    vector: Vector
    abi: Abi
    section: str
    sizes: Mapping[str, int]


class _Object(NamedTuple):
    """A named range of addresses."""

    name: str
    section: int
    address: int
    size: int


def read_vectors(
    data: bytes,
    name: str,
    revision: str,
    page_size: int,
    symbols: tuple[str, ...] = (),
    sections: tuple[str, ...] = (),
) -> tuple[ElfVector, ...]:
    """The arrays that an ELF file holds, in the order of their symbols.

    ``symbols`` and ``sections`` choose them by name (``*`` and ``?`` match); without either, those
    in the section ``.opv.vectors`` are taken, or else every object whose bytes can be ops.  The data
    model is the file's.

    Raises DecodeError for a file that can't be read, for a name that is not there, and for bytes that
    are not whole ops.
    """
    reader = _Reader(elf_from_bytes(data, name), name, revision, page_size)
    return tuple(reader.vectors(symbols, sections))


def _error(message: str, help: str | None) -> DecodeError:
    return DecodeError([Diagnostic("error", "OPV127", message, help=help)])


def _listed(names: Iterable[str]) -> str:
    """Some names, and how many there are beside."""
    every = list(dict.fromkeys(names))
    more = f" and {len(every) - _LISTED} more" if len(every) > _LISTED else ""
    return f"there are: {', '.join(every[:_LISTED])}{more}" if every else "it has none"


class _Reader:
    """Reads the arrays of one file."""

    def __init__(self, file: ElfFile, name: str, revision: str, page_size: int) -> None:
        self.file = file
        self.name = name
        # x32 programs are 32-bit files of a 64-bit machine, and have 32-bit pointers.
        order = "le" if file.header.little else "be"
        self.abi = get_abi(revision, f"{8 * file.word_bytes}{order}", page_size)
        self.objects = [
            _Object(each.name, each.section, each.address, each.size)
            for each in self._symbols()
            if each.name and 0 < each.section < len(file.sections)
        ]
        self.names = ElfNames(file)

    def vectors(self, symbols: tuple[str, ...], sections: tuple[str, ...]) -> Iterator[ElfVector]:
        """The arrays that were asked for."""
        for chosen in self._chosen(symbols, sections):
            yield self._vector(chosen)

    def _symbols(self) -> Iterator[Symbol]:
        """Those of the file's first table: .symtab where it was not stripped."""
        for table in symbol_tables(self.file)[:1]:
            yield from symbols(self.file, table, (OBJECT, NOTYPE))

    def _chosen(self, symbols: tuple[str, ...], sections: tuple[str, ...]) -> list[_Object]:
        if not symbols and not sections:
            return self._likely()
        found: list[_Object] = []
        for pattern in symbols:
            matching = [
                each for each in self.objects if fnmatchcase(each.name, pattern) and each.size
            ]
            if not matching:
                names = [each.name for each in self.objects]
                raise _error(
                    f"{self.name} has no object {pattern}",
                    did_you_mean(pattern, names) or _listed(names),
                )
            found += matching
        for pattern in sections:
            named = [each for each in self.file.sections if fnmatchcase(each.name, pattern)]
            if not named:
                names = [each.name for each in self.file.sections if each.name]
                raise _error(
                    f"{self.name} has no section {pattern}",
                    did_you_mean(pattern, names) or _listed(names),
                )
            for section in named:
                found += self._of_section(section)
        return list(dict.fromkeys(found))

    def _of_section(self, section: FileSection) -> list[_Object]:
        """The objects of a section; the whole of it where it has none with a size."""
        inside = [each for each in self.objects if each.section == section.number and each.size]
        if inside:
            return sorted(inside, key=lambda each: each.address)
        return [_Object(section.name, section.number, section.address, section.size)]

    def _likely(self) -> list[_Object]:
        for section in self.file.named(VECTOR_SECTION):
            return self._of_section(section)
        likely = [each for each in self.objects if self._may_be_ops(each)]
        if not likely:
            raise self._nothing()
        return sorted(likely, key=lambda each: (each.section, each.address))

    def _nothing(self) -> DecodeError:
        count = 0
        with suppress(ElfError):
            count = len(find_descriptors(self.file).descriptors)
        if not count:
            message = f"{self.name} has no object that can be an array of struct cpu_op"
            return _error(message, "name it with --symbol or --section")
        sections = "1 restartable section" if count == 1 else f"{count} restartable sections"
        return _error(
            f"{self.name} has no object that can be an array of struct cpu_op; it has {sections} (rseq)",
            f"opvasm audit {self.name}",
        )

    def _may_be_ops(self, each: _Object) -> bool:
        """Whether an object has whole ops, none of which the file shows to be something else."""
        count, rest = divmod(each.size, OP_BYTES)
        section = self.file.sections[each.section]
        if rest or not 0 < count <= _LARGEST_ARRAY or section.kind in (_SHT_NOTE, SHT_NOBITS):
            return False
        if section.flags & (SHF_EXECINSTR | _SHF_STRINGS) or not section.flags & _SHF_ALLOC:
            return False
        data = self._bytes(each)
        if len(data) != each.size or not all(
            map(self._looks_like_op, decode(data, self.abi, None))
        ):
            return False
        try:
            found = self._instructions(each, data)
        except DecodeError:
            return False
        return all(self._may_be_op(instruction) for instruction in found)

    def _looks_like_op(self, instruction: Instruction) -> bool:
        """Whether the bytes alone can be an op; looking at relocations costs more."""
        operation, length = instruction.operation, instruction.length
        if operation is None or instruction.extra or max(instruction.expect_fault, default=0) > 1:
            return False
        return not operation.operands or 0 < length <= self.abi.data_length_max

    def _may_be_op(self, instruction: Instruction) -> bool:
        operation = instruction.operation
        for operand, value, _ in instruction.operands():
            if operand.access is not Access.READ and self._is_constant(value):
                return False
        points = any(isinstance(value, SymbolAddress) for value in instruction.addresses)
        if any(isinstance(value, int) and value for value in instruction.addresses):
            return False  # a number that is the address of nothing in the file
        if points or operation is None or not operation.operands:
            return True
        # Filled in when the program runs: then at least the length must be right.
        length = instruction._replace(addresses=(1 << 16,) * len(instruction.addresses))
        return not any(found.field == "len" for found in violations((length,), self.abi))

    def _is_constant(self, value: Value) -> bool:
        """Whether an address is in memory that is never written."""
        if not isinstance(value, SymbolAddress):
            return False
        address = self.names.address(value)
        segment = None if address is None else self.file.segment_at(address)
        return segment is not None and not segment.flags & PF_W

    def _bytes(self, each: _Object) -> bytes:
        if self.file.sections[each.section].kind == SHT_NOBITS:
            return b""
        return self.file.available(each.address, each.size)

    def _vector(self, each: _Object) -> ElfVector:
        section = self.file.sections[each.section]
        data = self._bytes(each)
        start = section.offset + each.address - section.address
        place = BytePlace(self.name, start, start + each.size, symbol=each.name)
        if len(data) != each.size or each.size % OP_BYTES:
            message = f"{each.name} has {each.size} bytes: no whole number of ops of {OP_BYTES}"
            if len(data) != each.size:
                message = f"{each.name} has no bytes in the file"
            raise DecodeError([Diagnostic("error", "OPV127", message, place)])
        instructions = tuple(
            instruction._replace(
                place=place._replace(
                    start=start + index * OP_BYTES, end=start + (index + 1) * OP_BYTES, op=index
                )
            )
            for index, instruction in enumerate(self._instructions(each, data))
        )
        vector = Vector(each.name, (), instructions, place=place)
        return ElfVector(vector, self.abi, section.name, self.names.sizes)

    def _instructions(self, each: _Object, data: bytes) -> list[Instruction]:
        words = self._relocated(each, data)
        found = []
        for index, instruction in enumerate(decode(data, self.abi, None)):
            operation, start = instruction.operation, index * OP_BYTES
            if operation is not None:
                offsets = {field.name: field.offset for field in self.abi.fields(operation)}
                addresses = tuple(
                    words.get(start + offsets[operand.name], self._absolute(value))
                    for operand, value, _ in instruction.operands()
                )
                immediate = instruction.immediate
                if operation.immediate is not None:
                    immediate = words.get(start + offsets[operation.immediate.name], immediate)
                instruction = instruction._replace(addresses=addresses, immediate=immediate)
            found.append(instruction)
        return found

    def _absolute(self, value: Value) -> Value:
        """An address as it stands: in a program that is loaded where it was linked, it has a name."""
        if isinstance(value, int) and value and self.file.header.kind == 2:  # ET_EXEC
            return self.names.at(value) or value
        return value

    def _relocated(self, each: _Object, data: bytes) -> dict[int, SymbolAddress]:
        """Offset in the array to what the linker or loader puts there."""
        found: dict[int, SymbolAddress] = {}
        word, order = self.file.word_bytes, self.abi.model.byteorder
        for address, relocation in relocations_in(self.file, [(each.address, each.size)]).items():
            offset = address - each.address
            if offset % OP_BYTES < UNION_OFFSET:
                continue
            stored = int.from_bytes(data[offset : offset + word], order)
            reached = target(self.file, relocation, stored)
            if reached is None:
                raise unreadable(
                    self.name,
                    f"{each.name} has a relocation of type {relocation.kind} at byte {offset}, which "
                    "sets no whole word",
                    help="link the program, and read the result",
                )
            found[offset] = self.names.of(reached)
        return found
