"""Imports go down only: the picture in CONTRIBUTING.md, held against the syntax trees."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "opvasm"
LINES_MAX = 400


def layers() -> list[frozenset[str]]:
    """The picture, from the bottom: the parts on one line may not import each other."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    found = re.search(r"```layers\n(.*?)```", text, re.DOTALL)
    assert found, "CONTRIBUTING.md has no picture of the layers"
    lines = [line.partition("#")[0].split() for line in found[1].splitlines()]
    return [frozenset(line) for line in reversed(lines) if line]


def modules() -> list[Path]:
    """Every file of the package."""
    return sorted(PACKAGE.rglob("*.py"))


def part_of(module: Path) -> str:
    """The part of the picture that a file belongs to: a folder, or a file beside the folders."""
    return module.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(module: Path) -> Iterator[tuple[str, int]]:
    """The parts that a file imports from, with the lines where it does."""
    folder = module.relative_to(PACKAGE).parent.parts
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = [*folder[: len(folder) - node.level + 1], *(node.module or "").split(".")]
            path = [each for each in base if each]
            for name in [path[0]] if path else [alias.name for alias in node.names]:
                yield name, node.lineno
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "opvasm":
            yield (node.module or "").partition(".")[2].split(".")[0], node.lineno
        elif isinstance(node, ast.Import):
            for alias in node.names:
                assert not alias.name.startswith("opvasm"), f"{module}: import from, not import"


def test_every_part_has_its_place_in_the_picture() -> None:
    """No folder or file of the package is missing from CONTRIBUTING.md, none is there in vain."""
    drawn = [part for layer in layers() for part in layer]
    assert len(drawn) == len(set(drawn)), "a part is drawn twice"
    there = {part_of(module) for module in modules()} - {"__init__", "__main__"}
    assert set(drawn) == there


@pytest.mark.parametrize("module", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down_only(module: Path) -> None:
    """A file imports from its own part and from parts on lower lines."""
    part = part_of(module)
    if part in ("__init__", "__main__"):  # the public names, and the command
        return
    height = {name: index for index, layer in enumerate(layers()) for name in layer}
    for name, line in imports(module):
        if name not in (part, "__version__"):
            assert height[name] < height[part], f"{module}:{line}: {part} imports {name}"


def test_the_machine_has_never_heard_of_an_op() -> None:
    """Simulated hardware knows pages and CPUs."""
    allowed = {"abi.pages", "light_typing"}
    for module in (PACKAGE / "machine").glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level == 2:
                assert node.module in allowed, f"{module} imports {node.module}"


def test_only_the_command_line_prints() -> None:
    """The library returns values; what a person sees is for the command line to write."""
    allowed = {"cli", "debugger", "live"}  # both have a conversation with a person
    for module in modules():
        if part_of(module) in allowed:
            continue
        for node in ast.walk(ast.parse(module.read_text())):
            called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            if called and node.func.id == "print":  # type: ignore[attr-defined]
                pytest.fail(f"{module}:{node.lineno} prints")  # type: ignore[attr-defined]


def test_nobody_asks_a_revision_for_its_name() -> None:
    """Behaviour depends on abilities: no comparison with a revision's name outside of the table."""
    names = re.compile(r"[=!]= *[\"']20(17|18|19)-\d\d[\"']")
    for module in modules():
        if module.name != "revisions.py":
            for number, line in enumerate(module.read_text().splitlines(), 1):
                assert not names.search(line), f"{module}:{number}: {line.strip()}"


def test_files_are_small() -> None:
    """One job a file."""
    for module in (*modules(), *(ROOT / "tests").rglob("*.py"), *ROOT.glob("benchmarks/*.py")):
        count = len(module.read_text().splitlines())
        assert count <= LINES_MAX, f"{module} has {count} lines"


def test_the_grammar_is_data_only() -> None:
    """A Python file in grammar/ would break the editable install."""
    assert not list((ROOT / "grammar").rglob("*.py"))
