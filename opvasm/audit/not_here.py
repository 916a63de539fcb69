"""Files that say nothing of their sections because the code, or what describes it, is in another file."""

from __future__ import annotations

from ..elf.descriptors import DESCRIPTOR_SECTIONS, POINTER_SECTION
from ..elf.file import SHF_ALLOC, SHF_EXECINSTR, SHT_NOBITS, ElfFile
from ..elf.problems import ElfError, unreadable

_DEBUG = (b".debug_", b".zdebug_")  # the names of sections with DWARF begin so
_NOTE = 7  # SHT_NOTE

# LLVM's bitcode: plain, and with the header that some platforms put in front of it.
BITCODE = (b"BC\xc0\xde", b"\xde\xc0\x17\x0b")


class OnlyDebugInformation(ElfError):
    """A file without code, which debuggers read beside a program.

    ``has_sections`` says that the program has restartable sections, as far as it names them.
    """

    has_sections = False


def refuse_debug_information(file: ElfFile) -> None:
    """Raises OnlyDebugInformation for what was split from a program, also by dwz, or never was in one."""
    # Most files are stripped: nothing else of them is read then.
    if not any(map(file.mentions, (*_DEBUG, b".symtab", b"__rseq_"))):
        return
    code = [each for each in file.sections if each.flags & SHF_EXECINSTR]
    if any(each.kind != SHT_NOBITS and each.size for each in code):
        return
    if not any(each.size for each in code) and (code or not _is_debug_information(file)):
        return  # an object file of an empty source has its places for code
    named = file.named(*DESCRIPTOR_SECTIONS, POINTER_SECTION)
    empty = any(each.kind == SHT_NOBITS and each.size and each.flags & SHF_ALLOC for each in named)
    what = "its rseq sections have no bytes here" if empty else "there is no code in it"
    diagnostic = unreadable(
        file.name,
        f"{what}: this is the debug information of a program",
        help=f"give the program that it was split from{_build(file)}",
    ).diagnostics
    error = OnlyDebugInformation(diagnostic)
    error.has_sections = empty
    raise error


def _is_debug_information(file: ElfFile) -> bool:
    """Whether a file without code has DWARF, and nothing that a program has in memory."""
    in_memory = [
        each
        for each in file.sections
        if each.flags & SHF_ALLOC and each.size and each.kind != _NOTE
    ]
    debug = [each for each in file.sections if each.name.encode().startswith(_DEBUG) and each.size]
    return bool(debug) and not in_memory


def _build(file: ElfFile) -> str:
    """The build ID that both files have, in words; nothing where there is none."""
    for each in file.named(".note.gnu.build-id"):
        try:
            note = file.data(each)
        except ElfError:
            continue
        if len(note) > 16:
            return f" (build ID {note[16:].hex()})"  # after three numbers and the name "GNU"
    return ""


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
