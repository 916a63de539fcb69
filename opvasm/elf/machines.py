"""What differs between the architectures that librseq knows, as data.

Relocation numbers are those of each architecture's psABI; ``relative`` adds the address at which the
file is loaded, ``absolute`` sets a whole word to symbol + addend.  Signatures are those of librseq's
and glibc's headers, as a number in the byte order of the code.
"""

from __future__ import annotations

from ..light_typing import NamedTuple


class Machine(NamedTuple):
    """An architecture: its ELF number, its name, relocations, the rseq signature, code alignment.

    ``code_little`` says that instructions are little-endian also where data is not (aarch64; arm
    since ARMv6).  ``signature`` is None where no header gives one.  ``adds`` and ``subtracts`` are
    relocations of object files that change a word: where the linker may shorten code a distance is
    two of them.
    """

    number: int
    name: str
    relative: tuple[int, ...]
    absolute: tuple[int, ...]
    signature: int | None
    alignment: int
    code_little: bool = False
    adds: tuple[int, ...] = ()
    subtracts: tuple[int, ...] = ()


MACHINES = {
    each.number: each
    for each in (
        Machine(62, "x86-64", (8, 38), (1, 10), 0x5305_3053, 1),  # 10: R_X86_64_32, for x32
        Machine(3, "i386", (8,), (1,), 0x5305_3053, 1),
        Machine(183, "aarch64", (1027,), (257,), 0xD428_BC00, 4, True),
        Machine(40, "arm", (23,), (2,), 0xE7F5_DEF3, 2, True),
        Machine(8, "mips", (3,), (2, 18), 0x0350_000D, 2),
        Machine(21, "powerpc64", (22,), (38,), 0x0FE5_000B, 4),
        Machine(20, "powerpc", (22,), (1,), 0x0FE5_000B, 4),
        Machine(22, "s390", (12,), (4, 22), 0xB2FF_0FFF, 2),
        Machine(
            *(243, "riscv", (3,), (1, 2), 0xF140_1073, 2),
            adds=(35, 36),
            subtracts=(39, 40),
        ),
        Machine(
            *(258, "loongarch", (3,), (1, 2), None, 4),
            adds=(50, 51),
            subtracts=(55, 56),
        ),
    )
}

X86_64, AARCH64 = 62, 183


def machine(number: int) -> Machine:
    """The architecture of an ELF number; one of which nothing is known where the table has none."""
    found = MACHINES.get(number)
    return found if found is not None else Machine(number, f"machine {number}", (), (), None, 1)
