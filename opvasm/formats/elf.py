"""Arrays of ``struct cpu_op`` inside ELF files: found by symbol or section, relocations as names.

Needs pyelftools, the extra ``opvasm[elf]``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple

from ..abi.layout import OP_BYTES, UNION_OFFSET
from ..abi.revisions import Abi, get_abi
from ..binary import decode
from ..errors import DecodeError, Diagnostic
from ..program import Instruction, SymbolAddress, Value, Vector
from ..source import BytePlace
from ..suggestion import did_you_mean

if TYPE_CHECKING:
    from elftools.elf.elffile import ELFFile

MAGIC = b"\x7fELF"
VECTOR_SECTION = ".opv.vectors"  # where the format ``gas`` puts them
# Relocations that set a whole word to symbol + addend, by machine (the psABI of each).
_ABSOLUTE = {
    "EM_X86_64": (1,),
    "EM_386": (1,),
    "EM_AARCH64": (257,),
    "EM_ARM": (2,),
    "EM_PPC64": (38,),
    "EM_PPC": (1,),
    "EM_S390": (4, 22),
    "EM_RISCV": (1, 2),
    "EM_MIPS": (2, 18),
}
_LARGEST_ARRAY = 64  # ops: far more than a kernel takes, far less than any other table


class ElfVector(NamedTuple):
    """One array: its vector, whose places are bytes of the file, and the Abi to read it with.

    A pointer that the linker has yet to fill in is a SymbolAddress; its name need not be declared.
    """

    vector: Vector
    abi: Abi
    section: str


class _Object(NamedTuple):
    """A named part of a section."""

    name: str
    section: int
    start: int
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
    in the section ``.opv.vectors`` are taken, or else the only object whose bytes can be ops.  The
    data model is the file's.

    Raises DecodeError for a file that can't be read, for a name that is not there, for bytes that
    are no whole ops, and where pyelftools is not installed.
    """
    try:
        from elftools.common.exceptions import ELFError
        from elftools.elf.elffile import ELFFile
    except ImportError:
        raise _error("reading ELF files needs pyelftools", "pip install 'opvasm[elf]'") from None
    try:
        reader = _Reader(ELFFile(BytesIO(data)), name, revision, page_size)
        return tuple(reader.vectors(symbols, sections))
    except (
        ELFError,
        ValueError,
        KeyError,
        IndexError,
        AttributeError,
        OverflowError,
        UnicodeDecodeError,
    ) as error:
        raise _error(f"{name}: not a whole ELF file: {error}", None) from None


def _error(message: str, help: str | None) -> DecodeError:
    return DecodeError([Diagnostic("error", "OPV127", message, help=help)])


class _Reader:
    """Reads the arrays of one file."""

    def __init__(self, file: ELFFile, name: str, revision: str, page_size: int) -> None:
        self.file = file
        self.name = name
        word = 8 if file.elfclass == 64 else 4
        # x32 programs are 32-bit files of a 64-bit machine, and have 32-bit pointers.
        self.abi = get_abi(revision, f"{8 * word}{'le' if file.little_endian else 'be'}", page_size)
        self.sections: list[Any] = list(file.iter_sections())
        self.objects = list(self._objects())

    def vectors(self, symbols: tuple[str, ...], sections: tuple[str, ...]) -> Iterator[ElfVector]:
        """The arrays that were asked for."""
        for chosen in self._chosen(symbols, sections):
            yield self._vector(chosen)

    def _objects(self) -> Iterator[_Object]:
        table: Any = self.file.get_section_by_name(".symtab") or self.file.get_section_by_name(
            ".dynsym"
        )
        relocatable = self.file.header.e_type == "ET_REL"
        for symbol in table.iter_symbols() if table is not None else ():
            index = symbol.entry.st_shndx
            if symbol.entry.st_info.type not in ("STT_OBJECT", "STT_NOTYPE") or not symbol.name:
                continue
            if not isinstance(index, int):
                continue
            base = 0 if relocatable else self.sections[index].header.sh_addr
            yield _Object(symbol.name, index, symbol.entry.st_value - base, symbol.entry.st_size)

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
                listed = f"there are: {', '.join(names)}" if names else "it has none"
                raise _error(
                    f"{self.name} has no object {pattern}", did_you_mean(pattern, names) or listed
                )
            found += matching
        for pattern in sections:
            indexes = [
                index
                for index, section in enumerate(self.sections)
                if section.name and fnmatchcase(section.name, pattern)
            ]
            if not indexes:
                names = [section.name for section in self.sections if section.name]
                raise _error(
                    f"{self.name} has no section {pattern}",
                    did_you_mean(pattern, names) or f"there are: {', '.join(names)}",
                )
            for index in indexes:
                found += self._of_section(index)
        return list(dict.fromkeys(found))

    def _of_section(self, index: int) -> list[_Object]:
        """The objects of a section; the whole of it where it has none with a size."""
        inside = [each for each in self.objects if each.section == index and each.size]
        if inside:
            return sorted(inside, key=lambda each: each.start)
        section = self.sections[index]
        return [_Object(section.name, index, 0, section.header.sh_size)]

    def _likely(self) -> list[_Object]:
        for index, section in enumerate(self.sections):
            if section.name == VECTOR_SECTION:
                return self._of_section(index)
        likely = [each for each in self.objects if self._may_be_ops(each)]
        if len(likely) == 1:
            return likely
        if not likely:
            message = f"{self.name} has no object that can be an array of struct cpu_op"
            raise _error(message, "name it with --symbol or --section")
        names = ", ".join(each.name for each in likely)
        raise _error(
            f"{self.name} has {len(likely)} objects that can be arrays of struct cpu_op",
            f"say which with --symbol: {names}",
        )

    def _may_be_ops(self, each: _Object) -> bool:
        """Whether an object has whole ops, all of which the revision knows."""
        count, rest = divmod(each.size, OP_BYTES)
        if rest or not 0 < count <= _LARGEST_ARRAY:
            return False
        data = self._bytes(each)
        return len(data) == each.size and all(
            instruction.operation is not None for instruction in decode(data, self.abi, None)
        )

    def _bytes(self, each: _Object) -> bytes:
        section = self.sections[each.section]
        if section.header.sh_type == "SHT_NOBITS":
            return b""
        data: bytes = section.data()[each.start : each.start + each.size]
        return data

    def _vector(self, each: _Object) -> ElfVector:
        section = self.sections[each.section]
        data = self._bytes(each)
        place = BytePlace(
            self.name,
            section.header.sh_offset + each.start,
            section.header.sh_offset + each.start + each.size,
            symbol=each.name,
        )
        if len(data) != each.size or each.size % OP_BYTES:
            message = f"{each.name} has {each.size} bytes: no whole number of ops of {OP_BYTES}"
            if len(data) != each.size:
                message = f"{each.name} has no bytes in the file"
            raise DecodeError([Diagnostic("error", "OPV127", message, place)])
        names = self._relocations(each)
        instructions = []
        for index, instruction in enumerate(decode(data, self.abi, None)):
            start = place.start + index * OP_BYTES
            instructions.append(
                self._named(instruction, index * OP_BYTES, names)._replace(
                    place=place._replace(start=start, end=start + OP_BYTES, op=index)
                )
            )
        vector = Vector(each.name, (), tuple(instructions), place=place)
        return ElfVector(vector, self.abi, section.name)

    def _named(
        self, instruction: Instruction, start: int, names: Mapping[int, SymbolAddress]
    ) -> Instruction:
        """The op with its relocated fields as names."""
        operation = instruction.operation
        if operation is None or not names:
            return instruction
        offsets = {field.name: field.offset for field in self.abi.fields(operation)}
        addresses: list[Value] = [
            names.get(start + offsets[operand.name], value)
            for operand, value, _ in instruction.operands()
        ]
        immediate = instruction.immediate
        if operation.immediate is not None:
            immediate = names.get(start + offsets[operation.immediate.name], immediate)
        return instruction._replace(addresses=tuple(addresses), immediate=immediate)

    def _relocations(self, each: _Object) -> dict[int, SymbolAddress]:
        """Offset in the array to what the linker puts there; only whole words count."""
        from elftools.elf.relocation import RelocationSection

        found: dict[int, SymbolAddress] = {}
        absolute = _ABSOLUTE.get(self.file.header.e_machine, ())
        for section in self.sections:
            if not isinstance(section, RelocationSection) or section.header.sh_info != each.section:
                continue
            symbols = self.sections[section.header.sh_link]
            for relocation in section.iter_relocations():
                offset = relocation.entry.r_offset - each.start
                if not 0 <= offset < each.size or offset % OP_BYTES < UNION_OFFSET:
                    continue
                if relocation.entry.r_info_type not in absolute:
                    raise _error(
                        f"{self.name}: {each.name} has a relocation of type "
                        f"{relocation.entry.r_info_type} at byte {offset}, which sets no whole word",
                        "link the program, and read the result",
                    )
                symbol = symbols.get_symbol(relocation.entry.r_info_sym)
                addend = self._addend(relocation, each, offset)
                found[offset] = self._target(symbol, addend)
        return found

    def _addend(self, relocation: Any, each: _Object, offset: int) -> int:
        if relocation.is_RELA():
            return int(relocation.entry.r_addend)
        word = self.abi.model.word
        stored = self._bytes(each)[offset : offset + word]
        return int.from_bytes(stored, self.abi.model.byteorder, signed=True)

    def _target(self, symbol: Any, addend: int) -> SymbolAddress:
        """The name of what a relocation points at; a place in a section by the object around it."""
        if symbol.entry.st_info.type != "STT_SECTION":
            return SymbolAddress(symbol.name, addend)
        index = symbol.entry.st_shndx
        for each in self.objects:
            if each.section == index and each.start <= addend < each.start + max(each.size, 1):
                return SymbolAddress(each.name, addend - each.start)
        return SymbolAddress(self.sections[index].name, addend)
