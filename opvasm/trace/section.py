"""An instruction of a section in words: what stands in the text, and what came of it."""

from __future__ import annotations

from ..scenario.events import SectionStepped
from ..text.section_printer import instruction_text
from .names import Names
from .values import change, value


def stepped_text(event: SectionStepped, names: Names) -> str:
    """An instruction with the local it has set and the memory it has changed."""
    found = []
    for name, number in event.sets.items():
        found.append(f"{name} = {number_text(number, names)}")
    for address, before, after in event.stores:
        where = names.exact(address, len(after)) or f"{address:#x}"
        found.append(f"{where}: {change(before, after, names)}")
    text = instruction_text(event.step)
    return f"{text}  ({'; '.join(found)})" if found else text


def number_text(number: int, names: Names) -> str:
    """A number of a register: small ones in decimal, an address with what lies there."""
    size = names.program.abi.model.word
    if not 0 <= number < 1 << (8 * size):
        return str(number)
    return value(number.to_bytes(size, names.program.abi.model.byteorder), names)
