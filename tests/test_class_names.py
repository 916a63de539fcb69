"""A class name means one thing within a package."""

from __future__ import annotations

import ast
from collections import defaultdict

from .sources import nodes_of
from .test_layers import PACKAGE, modules, part_of

# Names of the same thing in each of several files that are chosen among: a subcommand, an architecture.
CHOSEN_AMONG = {
    ("cli", "Options"): "one for each subcommand",
    ("emit", "_Writer"): "one for each architecture",
    ("lift", "Instruction"): "one for each architecture",
}


def test_no_class_name_is_defined_twice_within_a_package() -> None:
    """Whoever reads a name in a package finds one class of it, but for the rows that say why."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for module in modules():
        for node in nodes_of(ast.ClassDef, module):
            where = f"{module.relative_to(PACKAGE)}:{node.lineno}"
            found[part_of(module), node.name].append(where)
    twice = {name: places for name, places in found.items() if len(places) > 1}
    assert {name: twice[name] for name in twice.keys() - CHOSEN_AMONG.keys()} == {}
    assert twice.keys() >= CHOSEN_AMONG.keys()
