"""Code of object files as a linker would leave it: their own layout, relocations applied.

What another file defines gets an address of its own after the layout, and an offset of its own in
thread-local storage: two mentions of one symbol stay equal, and different ones stay apart.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import islice
from weakref import WeakKeyDictionary

from .file import SHT_SYMTAB, ElfFile, FileSection
from .machines import AARCH64, X86_64
from .problems import ElfError
from .relocations import Relocation, object_relocations, object_tables
from .symbols import Symbol, symbol_at

# Where symbols of other files are thought to lie, and the words of a global offset table, one for each
# symbol: what a number of 32 bits reaches, as a linker promises of small programs.
_ELSEWHERE, _SLOTS, _END = 0x4000_0000, 0x7000_0000, 0x8000_0000
# Bytes for a symbol of another file, half of them in front of it; less where there are many.
_ROOM = 1 << 16
_UNKNOWN = (0, 0xFFF2)  # SHN_UNDEF, SHN_COMMON: what the linker finds a place for
_THREAD = -(1 << 24)  # the offsets of thread-local variables from the thread pointer

_X86_PC = (2, 4)  # PC32, PLT32
_X86_ABSOLUTE = {1: 8, 10: 4, 11: 4}
_X86_THREAD = 23  # TPOFF32
_X86_SLOT = (9, 22, 41, 42)  # GOTPCREL, GOTTPOFF, GOTPCRELX, REX_GOTPCRELX
_ARM_LOW = {277: 0, 278: 0, 284: 1, 285: 2, 286: 3, 299: 4}  # ADD and LDST: shift of the number
_ARM_SLOT_LOW = (312, 542)


def relocated_code(file: ElfFile, address: int, size: int) -> bytes:
    """At most ``size`` bytes of code at an address of the layout.  Raises ElfError."""
    data = bytearray(file.available(address, size))
    section = next(
        (
            each
            for each in file.sections
            if each.flags & 2 and each.address <= address < each.address + max(each.size, 1)
        ),
        None,
    )
    if section is None:
        return bytes(data)
    table = _symbols(file)
    if table is None:
        return bytes(data)
    room = _room(table)
    known = _relocations(file, section)
    first = bisect_left(known, address, key=lambda each: each.address)
    for each in islice(known, first, None):
        at = each.address - address
        if at + 4 > len(data):
            break
        symbol = symbol_at(file, table, each.symbol)
        unknown = symbol.section in _UNKNOWN
        goal = _elsewhere(room, each.symbol) if unknown else symbol.address
        _apply(file, data, at, each, symbol, goal)
    return bytes(data)


# Those of the section that was asked for last, of each file: code is asked for function by function.
_LAST: WeakKeyDictionary[ElfFile, tuple[int, list[Relocation]]] = WeakKeyDictionary()


def _relocations(file: ElfFile, section: FileSection) -> list[Relocation]:
    """The relocations of a section by address.  Raises ElfError."""
    number, found = _LAST.get(file, (-1, []))
    if number != section.number:
        found = [
            each
            for table in object_tables(file, section)
            for each in object_relocations(file, table, section.address)
        ]
        found.sort(key=lambda each: each.address)
        _LAST[file] = (section.number, found)
    return found


def _apply(
    file: ElfFile, data: bytearray, at: int, each: Relocation, symbol: Symbol, goal: int
) -> None:
    goal += each.addend or 0
    slot = _SLOTS + 8 * each.symbol
    thread = (symbol.value if symbol.section else each.symbol << 12) + (each.addend or 0)
    thread += _THREAD if file.machine.number == X86_64 else 16
    if file.machine.number == X86_64:
        _apply_x86(data, at, each, (goal, slot, thread))
    elif file.machine.number == AARCH64:
        _apply_arm(data, at, each, (goal, slot, thread))


def outside(file: ElfFile, address: int) -> tuple[str, int] | None:
    """The symbol of another file around an address of the layout, and the address where that begins.

    The word of a global offset table with a symbol's address is called ``NAME.got``.  None where there
    is neither.
    """
    table = _symbols(file)
    if not file.relocatable or table is None or not _ELSEWHERE <= address < _END:
        return None
    in_table = address >= _SLOTS
    room = _room(table)
    number = (address - _SLOTS) // 8 if in_table else (address - _ELSEWHERE) // room
    try:
        symbol = symbol_at(file, table, number)
    except ElfError:
        return None  # a number that is in the code itself, and no symbol's place
    if not symbol.name or not (in_table or symbol.section in _UNKNOWN):
        return None
    if in_table:
        return f"{symbol.name}.got", _SLOTS + 8 * number
    return symbol.name, _elsewhere(room, number)


def _symbols(file: ElfFile) -> FileSection | None:
    return next((each for each in file.sections if each.kind == SHT_SYMTAB), None)


def _room(table: FileSection) -> int:
    count = table.size // 16
    room = _ROOM
    while room > 16 and count * room > _SLOTS - _ELSEWHERE:
        room //= 2
    return room


def _elsewhere(room: int, symbol: int) -> int:
    return _ELSEWHERE + symbol * room + room // 2


def _apply_x86(data: bytearray, at: int, each: Relocation, goals: tuple[int, int, int]) -> None:
    goal, slot, thread = goals
    size = _X86_ABSOLUTE.get(each.kind, 4)
    if each.kind in _X86_PC:
        number = goal - each.address
    elif each.kind in _X86_ABSOLUTE:
        number = goal
    elif each.kind == _X86_THREAD:
        number = thread
    elif each.kind in _X86_SLOT:
        number = slot + (each.addend or 0) - each.address
    else:
        return
    data[at : at + size] = (number & (1 << 8 * size) - 1).to_bytes(size, "little")


def _apply_arm(data: bytearray, at: int, each: Relocation, goals: tuple[int, int, int]) -> None:
    goal, slot, thread = goals
    word = int.from_bytes(data[at : at + 4], "little")
    match each.kind:
        case 275 | 276:  # ADR_PREL_PG_HI21
            word |= _pages((goal >> 12) - (each.address >> 12))
        case 311 | 541:  # ADR_GOT_PAGE, TLSIE_ADR_GOTTPREL_PAGE21
            word |= _pages((slot >> 12) - (each.address >> 12))
        case 274:
            word |= _pages(goal - each.address)
        case 282 | 283:  # JUMP26, CALL26
            word |= (goal - each.address >> 2) & 0x3FFFFFF
        case 280 | 273:  # CONDBR19, LD_PREL_LO19
            word |= ((goal - each.address >> 2) & 0x7FFFF) << 5
        case 279:  # TSTBR14
            word |= ((goal - each.address >> 2) & 0x3FFF) << 5
        case 549:  # TLSLE_ADD_TPREL_HI12
            word |= (thread >> 12 & 0xFFF) << 10
        case 550 | 551:
            word |= (thread & 0xFFF) << 10
        case kind if kind in _ARM_LOW:
            word |= (goal & 0xFFF) >> _ARM_LOW[kind] << 10
        case kind if kind in _ARM_SLOT_LOW:
            word |= (slot & 0xFFF) >> 3 << 10
        case _:
            return
    data[at : at + 4] = (word & 0xFFFFFFFF).to_bytes(4, "little")


def _pages(number: int) -> int:
    return (number & 3) << 29 | (number >> 2 & 0x7FFFF) << 5
