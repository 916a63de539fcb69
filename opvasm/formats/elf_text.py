"""The arrays of an ELF file as ``.opv`` text: what they point at is declared above them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..program import Instruction, SymbolAddress, Value
from ..text.printer import vector_text
from ..verifier.kernel_rules import violations
from .elf import ElfVector


def elf_text(found: Iterable[ElfVector]) -> str:
    """Text that assembles to the same ops, with a shared variable for every name they refer to.

    A variable has the bytes that the ops reach; its name is the symbol's, with ``_`` for what the
    language does not write in names.
    """
    vectors = list(found)
    sizes: dict[str, int] = {}
    for each in vectors:
        for instruction in each.vector.instructions:
            for value in _values(instruction):
                if isinstance(value, SymbolAddress):
                    end = max(value.addend + instruction.length, 1)
                    name = _written(value.symbol)
                    sizes[name] = max(sizes.get(name, 0), end)
    abi = vectors[0].abi
    parts = [f"abi {abi.revision.name} {abi.model.name}\n\n"]
    parts += [f"shared {name}: u8[{size}]\n" for name, size in sizes.items()]
    for each in vectors:
        instructions = tuple(_renamed(instruction) for instruction in each.vector.instructions)
        refused = next(violations(instructions, abi), None) is not None
        vector = each.vector._replace(
            name=_written(each.vector.name), instructions=instructions, verified=not refused
        )
        parts.append("\n" + vector_text(vector, abi))
    return "".join(parts)


def _values(instruction: Instruction) -> list[Value]:
    immediate = [] if instruction.immediate is None else [instruction.immediate]
    return [*instruction.addresses, *immediate]


def _renamed(instruction: Instruction) -> Instruction:
    def value_of(value: Value) -> Value:
        if isinstance(value, SymbolAddress):
            return value._replace(symbol=_written(value.symbol))
        return value

    immediate = instruction.immediate
    return instruction._replace(
        addresses=tuple(value_of(each) for each in instruction.addresses),
        immediate=None if immediate is None else value_of(immediate),
    )


def _written(name: str) -> str:
    """A symbol's name as the language writes one."""
    name = re.sub(r"[^A-Za-z0-9_]", "_", name)
    return f"_{name}" if name[:1].isdigit() or not name else name
