"""Names of the language for what a file calls otherwise: sections and variables of a lifted text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from ..program import section as ir
from ..text.vocabulary import vocabulary

# Objects of a scenario that no register and no symbol is.
_OBJECTS = ("slab", "more", "before", "new", "current")
_VARIANTS = ("_around", "_of_b")  # what is made beside an object: a type, another thread's
_OTHERS = re.compile(r"[^A-Za-z0-9_]+")
_LONGEST = 60  # characters of a name, before what is added to it


class Naming:
    """Gives each name once, and none that is a word of the language."""

    def __init__(self) -> None:
        words = vocabulary()
        self._taken = {*words.declarations, *words.keywords}

    def section(self, wish: str, address: int, section: ir.Section | None = None) -> str:
        """A name for the section at an address, to which the names of its objects and vector belong.

        ``section`` is the section itself, where it was lifted.
        """
        parameters = section.parameters if section is not None else ()
        objects = [*_OBJECTS, *(each.name for each in parameters)]
        return self._give(wish, "section", address, lambda name: _of_section(name, objects))

    def variable(self, wish: str, address: int) -> str:
        """A name for the variable at an address, to which its type's name belongs."""
        return self._give(wish, "global", address, lambda name: [name, _type(name)])

    def keep(self, names: Iterable[str]) -> None:
        """Give none of these from here on."""
        self._taken.update(names)

    def _give(self, wish: str, kind: str, address: int, family: Callable[[str], list[str]]) -> str:
        plain = _OTHERS.sub("_", wish).strip("_")[:_LONGEST]
        if not plain or plain[0].isdigit():
            plain = kind
            name = f"{kind}_{address:x}"
        elif plain.startswith("sub_"):
            name = f"{plain}_at_{address:x}"  # the function has no name, and may have many sections
        else:
            name = plain
        number = 1
        while self._taken.intersection(family(name)):
            name = f"{plain}_at_{address:x}" + (f"_{number}" if number > 1 else "")
            number += 1
        self._taken.update(family(name))
        return name


def inner_names(section: ir.Section) -> set[str]:
    """What a section calls by a name of its own: a variable of that name would be hidden in it."""
    return {
        *_OBJECTS,
        *(each.name for each in section.parameters),
        *section.results,
        *ir.local_types(section),
    }


def _of_section(name: str, objects: Iterable[str]) -> list[str]:
    things = [f"{name}_{each}" for each in objects]
    return [
        name,
        f"{name}_vector",
        *things,
        *map(_type, things),
        *(f"{each}{end}" for each in things for end in _VARIANTS),
    ]


def _type(name: str) -> str:
    return f"{name}_type"
