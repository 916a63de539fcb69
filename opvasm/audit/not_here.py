"""Files that say nothing of their sections because the code, or what describes it, is in another file."""

from __future__ import annotations

from ..elf.descriptors import DESCRIPTOR_SECTIONS, POINTER_SECTION
from ..elf.file import SHF_ALLOC, SHF_EXECINSTR, SHT_NOBITS, ElfFile
from ..elf.problems import ElfError, unreadable

# LLVM's bitcode: plain, and with the header that some platforms put in front of it.
BITCODE = (b"BC\xc0\xde", b"\xde\xc0\x17\x0b")


def refuse_debug_information(file: ElfFile) -> bool:
    """Whether a file is debug information alone.  Raises ElfError where its program has sections."""
    code = [each for each in file.sections if each.flags & SHF_EXECINSTR and each.size]
    if not code or any(each.kind != SHT_NOBITS for each in code):
        return False
    named = file.named(*DESCRIPTOR_SECTIONS, POINTER_SECTION)
    if any(each.kind == SHT_NOBITS and each.size and each.flags & SHF_ALLOC for each in named):
        message = "its rseq sections have no bytes here: this is the debug information of a program"
        raise unreadable(file.name, message, help="give the program that it was split from")
    return True


def no_code(name: str) -> ElfError:
    """The error for debug information whose code was to be searched."""
    message = "holds no code to search: this is the debug information of a program"
    return unreadable(name, message, help="give the program that it was split from")


def refuse_other_code(file: ElfFile) -> None:
    """Raises ElfError for an object file of a compiler that has not made code yet."""
    if not file.relocatable:
        return
    has_code = any(each.flags & SHF_EXECINSTR and each.size for each in file.sections)
    if not has_code and any(each.name.startswith(".gnu.lto_") for each in file.sections):
        message = "holds no code but the compiler's own, as -flto makes it"
        raise unreadable(file.name, message, help="give what was linked of it")


def bitcode(name: str) -> ElfError:
    """The error for a member that is LLVM's bitcode."""
    message = "holds no code but LLVM's bitcode, as clang -flto makes it"
    return unreadable(name, message, 0, 4, "give what was linked of it")
