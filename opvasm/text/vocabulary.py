"""The words of the language by kind: what editors and pages colour texts with.

Taken from the grammar's tables, the op table and the tables of what scenarios may name, so that a
word that is new there is coloured, too.
"""

from __future__ import annotations

from ..abi.ops import OPERATIONS
from ..kernels.disturbances import DISTURBANCES
from ..kernels.profiles import ALIASES, PROFILES
from ..light_typing import NamedTuple
from .grammar import load_tables
from .lalr import reserved_words
from .scenario_tree import FENCES, LEVELS, METHODS, RESULTS, SUBSCRIPTIONS, VERDICTS


class Vocabulary(NamedTuple):
    """Words, each list sorted; a word may be in several where its meaning depends on its place.

    ``declarations`` begin a declaration and are not names anywhere; ``keywords`` are the grammar's
    other words; ``operations`` are mnemonics without their length; ``kernels`` are profiles;
    ``values`` are what scenarios choose from: strategies, disturbances, results, verdicts.
    """

    declarations: tuple[str, ...]
    keywords: tuple[str, ...]
    operations: tuple[str, ...]
    types: tuple[str, ...]
    kernels: tuple[str, ...]
    values: tuple[str, ...]


_SIZES = (8, 16, 32, 64)
_VALUES = (*METHODS, *SUBSCRIPTIONS, *FENCES, *RESULTS, *VERDICTS, *LEVELS, *DISTURBANCES, "retry")


def vocabulary() -> Vocabulary:
    """All words of the language."""
    tables = load_tables()
    reserved = reserved_words(tables)
    declarations = {word for word, number in tables.keywords.items() if number in reserved}
    return Vocabulary(
        declarations=tuple(sorted(declarations)),
        keywords=tuple(sorted(set(tables.keywords) - declarations)),
        operations=tuple(sorted(each.mnemonic for each in OPERATIONS)),
        types=tuple(sorted(["ptr", *(f"{sign}{size}" for sign in "iu" for size in _SIZES)])),
        kernels=tuple(sorted({*PROFILES, *ALIASES})),
        values=tuple(sorted(set(_VALUES))),
    )
