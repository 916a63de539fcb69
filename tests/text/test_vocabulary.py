"""The words that editors and pages colour."""

from __future__ import annotations

import re
from pathlib import Path

from opvasm.abi.ops import OPERATIONS
from opvasm.places import POINTER, SCALARS
from opvasm.text.vocabulary import vocabulary

GRAMMAR = Path(__file__).parent.parent.parent / "grammar" / "opv.lark"


def test_each_word_that_the_grammar_spells_is_a_declaration_or_a_keyword() -> None:
    """A quoted word of the grammar's file is in one of the two lists, and nothing else is."""
    rules = re.sub(r"//.*|/(?:[^/\\\n]|\\.)+/", "", GRAMMAR.read_text())
    spelled = set(re.findall(r'"([a-z_]+)"', rules))
    words = vocabulary()
    assert set(words.declarations) | set(words.keywords) == spelled
    assert not set(words.declarations) & set(words.keywords)
    assert {"vector", "scenario", "percpu"} <= set(words.declarations)


def test_types_and_ops_are_those_of_their_tables() -> None:
    """Each scalar, the pointer and each mnemonic is there once."""
    words = vocabulary()
    assert sorted(words.types) == sorted([*SCALARS, POINTER])
    assert sorted(words.operations) == sorted(each.mnemonic for each in OPERATIONS)
