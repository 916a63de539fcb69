"""The words that messages share: numbers, lists, revisions, operands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ..abi.revisions import DEFAULT_PAGE_SIZE, REVISIONS, Abi, Revision
from ..program import (
    ArgumentValue,
    Instruction,
    PoolAddress,
    SlotAddress,
    SymbolAddress,
    Value,
)
from ..source import Span

_LARGEST_DECIMAL = 1 << 16


def number(value: int) -> str:
    """A number as a reader expects it: small ones and lengths in decimal, large in hexadecimal."""
    return str(value) if abs(value) <= _LARGEST_DECIMAL else f"{value:#x}"


def count(amount: int, noun: str) -> str:
    """``1 byte``, ``2 bytes``."""
    return f"{amount} {noun}{'' if amount == 1 else 's'}"


def listed(words: Iterable[str], last: str = "and") -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    items = list(words)
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {last} {items[-1]}"


def op_list(indexes: Sequence[int]) -> str:
    """``op 3``, ``ops 3 and 5``, ``ops 3 to 7``."""
    if len(indexes) == 1:
        return f"op {indexes[0]}"
    if len(indexes) > 2 and indexes[-1] - indexes[0] == len(indexes) - 1:
        return f"ops {indexes[0]} to {indexes[-1]}"
    return f"ops {listed(str(index) for index in indexes)}"


def byte_list(offsets: Sequence[int]) -> str:
    """``byte 26``, ``bytes 26 and 27``, ``bytes 26 to 31``."""
    return op_list(offsets).replace("op", "byte", 1)


def revisions_where(holds: Callable[[Revision], bool]) -> str:
    """The revisions of which something holds, neighbours drawn together: ``2017-12 to 2018-10``."""
    runs: list[list[str]] = []
    last = -2
    for index, revision in enumerate(REVISIONS):
        if holds(revision):
            if index == last + 1:
                runs[-1].append(revision.name)
            else:
                runs.append([revision.name])
            last = index
    return listed(
        run[0] if len(run) == 1 else f"{run[0]} {'and' if len(run) == 2 else 'to'} {run[-1]}"
        for run in runs
    )


def data_length_of(revision: Revision) -> str:
    """The per-op limit of a revision in words."""
    limit = revision.data_length_max
    return "one page" if limit is None else count(limit, "byte")


def of_abi(abi: Abi) -> str:
    """``in 2017-11``, with the page size where it decides and is not the usual one."""
    if abi.revision.data_length_max is None and abi.page_size != DEFAULT_PAGE_SIZE:
        return f"in {abi.revision.name} with pages of {abi.page_size} bytes"
    return f"in {abi.revision.name}"


def part_text(instruction: Instruction, field: str) -> str | None:
    """A field as the source spells it; None for ops that come from no text."""
    for part, place in instruction.parts:
        if part == field and isinstance(place, Span):
            return place.text
    return None


def operand_text(instruction: Instruction, field: str, value: Value) -> str:
    """An operand in a message: as it was written, else the header's name and the value."""
    return part_text(instruction, field) or f"{field} = {value_text(value)}"


def value_text(value: Value) -> str:
    """A value without its source."""
    match value:
        case int():
            return f"{value:#x}"
        case SymbolAddress(symbol=name, addend=addend, cpu=cpu):
            return f"{name}{'' if cpu is None else f'@{cpu}'}{_addend(addend)}"
        case ArgumentValue(parameter=name, addend=addend):
            return f"[{name}{_addend(addend)}]"
        case SlotAddress(parameter=name, addend=addend):
            return f"{name}{_addend(addend)}"
        case PoolAddress(offset=offset):
            return f"the constant at pool offset {offset}"


def _addend(addend: int) -> str:
    return "" if not addend else f" {'+' if addend > 0 else '-'} {abs(addend)}"
