"""Where the instructions of a section begin, and how they read (with capstone, where it is installed)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

# What has memory as its first operand (in Intel's order) and only reads it.
_READERS = frozenset({"cmp", "test", "bt", "nop", "lea", "prefetchnta", "ucomisd", "ucomiss"})
_STRING_STORES = ("movs", "stos", "rep movs", "rep stos")


class Listed(NamedTuple):
    """An instruction: its offset from the section's start in bytes, its text (or nothing).

    Branches go to such offsets in the text, too: what a run says is the same in the next one.
    ``stores`` is whether it may write memory, also where a compare decides.
    """

    offset: int
    text: str
    stores: bool = False


def instructions(code: bytes, address: int) -> tuple[Listed, ...]:
    """The instructions of a section's code, in order.

    Without capstone, or where it does not know an instruction, every byte that is left may be one: a
    hardware breakpoint inside of an instruction is never reached.
    """
    found: list[Listed] = []
    end = 0
    try:
        from capstone import CS_ARCH_X86, CS_MODE_64, CS_OPT_SYNTAX_ATT, Cs
    except ImportError:
        return tuple(Listed(offset, "") for offset in range(len(code)))
    # Intel's order says which operand is written: capstone's own flags call some stores reads.
    intel, shown = Cs(CS_ARCH_X86, CS_MODE_64), Cs(CS_ARCH_X86, CS_MODE_64)
    shown.syntax = CS_OPT_SYNTAX_ATT
    pairs = zip(intel.disasm_lite(code, address), shown.disasm_lite(code, address), strict=True)
    for (_, size, plain, order), (_, _, mnemonic, operands) in pairs:
        stores = _stores(plain, order)
        if mnemonic.startswith(("j", "call", "loop")) and operands.startswith("0x"):
            operands = f"{int(operands, 16) - address:+#x}"
        found.append(Listed(end, f"{mnemonic} {operands}".rstrip(), stores))
        end += size
    found += [Listed(offset, "") for offset in range(end, len(code))]
    return tuple(found)


def after_last_store(listed: Sequence[Listed]) -> frozenset[int]:
    """The offsets of the instructions after the last one that may store.

    The kernel still aborts a section there, though all that it does has been done.  None where an
    instruction is not known, or none stores.
    """
    stores = [index for index, each in enumerate(listed) if each.stores]
    if not stores or not all(each.text for each in listed):
        return frozenset()
    return frozenset(each.offset for each in listed[stores[-1] + 1 :])


def _stores(mnemonic: str, operands: str) -> bool:
    name = mnemonic.removeprefix("lock ")
    if name.startswith(_STRING_STORES) or name.startswith(("xchg", "xadd")):
        return "[" in operands
    if name in _READERS or name.startswith(("j", "call", "prefetch", "push", "fld", "vucomis")):
        return False
    return "[" in operands.partition(",")[0]
