"""The command line is a customer of the library: it imports what docs/library.md lists, and nothing else."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import opvasm

from .sources import nodes_of

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "opvasm"
LIBRARY = ROOT / "docs" / "library.md"


def listed() -> dict[str, list[str]]:
    """The rows of the last table: a module without ``opvasm.``, and its public names."""
    _, _, rest = LIBRARY.read_text().partition("\n## Modules\n")
    rows = re.findall(r"^\| `([a-z_.]+)` \| (.*) \|$", rest, re.MULTILINE)
    assert len(rows) == len({module for module, _ in rows}), "a module has two rows"
    return {module: re.findall(r"`(\w+)`", names) for module, names in rows}


def public() -> set[tuple[str, str]]:
    """Modules and names: those of the table, and those of ``opvasm`` itself at their homes."""
    of_table = {(module, name) for module, names in listed().items() for name in names}
    return of_table | {(home, name) for home, names in opvasm._HOMES.items() for name in names}


def used() -> Iterator[tuple[str, str, str]]:
    """What the files of the command line import of the library: module, name, where."""
    for file in sorted((PACKAGE / "cli").rglob("*.py")):
        folder = file.relative_to(PACKAGE).parent.parts
        for node in nodes_of(ast.ImportFrom, file):
            if node.level:
                above = folder[: len(folder) - node.level + 1]
                module = ".".join(filter(None, [*above, node.module or ""]))
                if not module.startswith("cli"):
                    for alias in node.names:
                        where = f"{file.relative_to(ROOT)}:{node.lineno}"
                        yield module, alias.name, where


def test_the_command_line_uses_public_names_only() -> None:
    """A name that cli imports is in docs/library.md; what is new there is made public, or not used."""
    known = public() | {("", "__version__"), ("_version", "__version__")}
    private = [
        f"{where}: {module}.{name}"
        for module, name, where in used()
        if (module, name) not in known and not module.startswith("light_")
    ]
    assert not private, "\n".join(["not in docs/library.md, section Modules:", *private])


def test_the_names_of_a_listed_module_are_documented() -> None:
    """Each name of a row is there; a function or class says what it is; a row is in order."""
    for module, names in listed().items():
        loaded = import_module(f"opvasm.{module}")
        assert inspect.getdoc(loaded), module
        assert names == sorted(names), module
        for name in names:
            value = getattr(loaded, name, None) or import_module(f"{loaded.__name__}.{name}")
            if inspect.isfunction(value) or inspect.isclass(value) or inspect.ismodule(value):
                assert inspect.getdoc(value), f"{module}.{name} has no docstring"


def test_no_row_is_left_over() -> None:
    """A name of the table that the command line no longer uses is struck off, or is a name of opvasm."""
    now = {(module, name) for module, name, _ in used()}
    assert {(module, name) for module, names in listed().items() for name in names} <= now
