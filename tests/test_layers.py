"""Imports go down only and never round; the pictures in CONTRIBUTING.md, held against the files."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest

from .sources import nodes, nodes_of

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "opvasm"
LINES_MAX = 500
FUNCTION_LINES_MAX = 60
LONGER_FUNCTIONS = {
    "text/lalr.py _read_on": "every token of every text passes its loop, in which calls would cost",
    "debugger/wording.py movement_text": "a case of two lines for each kind of movement",
    "lift/aarch64.py _arithmetic": "a case of two lines for each group of mnemonics",
}
"""Functions that may be longer, with the reason.

``add_arguments`` may be, too: one option after the other, in the order of the help.
"""


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
    for node in nodes(module):
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


def name_of(module: Path) -> str:
    """``explorer.model.stepper``; a package has the name of its folder."""
    parts = module.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def file_imports() -> dict[str, set[str]]:
    """For each file of the package, by its name, the files that it imports from."""
    named = {name_of(module): module for module in modules()}
    graph: dict[str, set[str]] = {}
    for name, module in named.items():
        folder = module.relative_to(PACKAGE).parent.parts
        found = graph.setdefault(name, set())
        for node in nodes_of(ast.ImportFrom, module):
            if not node.level:
                continue
            base = [*folder[: len(folder) - node.level + 1], *(node.module or "").split(".")]
            home = ".".join(each for each in base if each)
            for alias in node.names:
                inner = f"{home}.{alias.name}" if home else alias.name
                found.add(inner if inner in named else home)
    return graph


def tree() -> dict[str, str]:
    """CONTRIBUTING's tree of the package: ``explorer/model/`` or ``source.py``, and its sentence.

    A line may name several; a name that is indented more than the one above lies in it.
    """
    text = (ROOT / "CONTRIBUTING.md").read_text()
    _, _, rest = text.partition("    opvasm/\n")
    found: dict[str, str] = {}
    above = ""
    for line in rest.splitlines():
        indent = len(line) - len(line.lstrip())
        if indent <= 4:
            break
        words = [each for each in re.split(r"  +", line.strip()) if each]
        for names, sentence in zip(words[::2], words[1::2], strict=True):
            for name in names.split():
                inside = above if indent > 6 else ""
                found[inside + name] = sentence
                if not inside and name.endswith("/"):
                    above = name
    return found


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


def test_no_file_imports_itself_round() -> None:
    """From a file no chain of imports leads back to it."""
    graph = file_imports()
    done: set[str] = set()

    def follow(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, f"a circle: {' -> '.join(path[path.index(name) :])} -> {name}"
        if name in done:
            return
        for other in sorted(graph.get(name, ())):
            if other:  # the package itself has no more than its version
                follow(other, (*path, name))
        done.add(name)

    for name in sorted(graph):
        if name:
            follow(name, ())


def test_the_tree_shows_every_part_and_every_room() -> None:
    """Each file and folder beside the others, and each room of a part, has its sentence there."""
    shown = tree()
    for name in shown:
        assert (PACKAGE / name).exists(), f"CONTRIBUTING shows {name}, which is not there"
    there = {module.name for module in PACKAGE.glob("*.py")} - {"__main__.py", "_version.py"}
    for module in PACKAGE.rglob("*.py"):
        folder = module.relative_to(PACKAGE).parent
        there |= {f"{each}/" for each in (folder, *folder.parents) if str(each) != "."}
    assert there - set(shown) == set()


def test_every_folder_says_in_one_sentence_what_it_is() -> None:
    """Who opens a folder of the package reads that first, in its ``__init__.py``."""
    for folder in sorted({module.parent for module in modules()}):
        first = folder / "__init__.py"
        assert first.exists(), f"{folder} has no __init__.py"
        says = ast.get_docstring(next(nodes_of(ast.Module, first))) or ""
        assert says.partition("\n\n")[0].endswith("."), f"{first} does not say what it is"


@pytest.mark.parametrize("part", ["explorer", "cli"])
def test_rooms_import_from_rooms_further_down(part: str) -> None:
    """Of a part made of rooms, the tree shows the rooms in the order in which they may be used."""
    order = list(tree())
    for name, others in file_imports().items():
        own = "/".join(name.split(".")[:2]) + "/"
        if not name.startswith(f"{part}.") or own not in order:
            continue
        for other in others:
            room = "/".join(other.split(".")[:2]) + "/"
            if other.startswith(f"{part}.") and room != own:
                assert room in order, f"{name} imports {other}, which is in none of the rooms"
                assert order.index(own) < order.index(room), f"{name} imports {other}"


# Who takes expressions apart that may be places, and what it asks, which is not what a place means.
# Not here: expression.py, which has the nodes, and lists the parts of each.
TAKING_APART = {
    "places.py": "what a place means",
    "explorer/claims/judge_scope.py": "`thread.local`, which is no place in memory",
    "explorer/plan/plan.py": "`thread[1]`, which is a copy of a thread",
    "explorer_exports/promela_body.py": "`differs.at`, which is a result of a run",
    "text/scenario_builder.py": "`A -> B` in a list of nodes, which are names",
}


PLACES = {"Arrow", "AtCpu", "Index", "Member"}


def takes_places_apart(tree: Sequence[ast.AST]) -> bool:
    """Whether a file looks below the nodes of places: by a pattern, or by ``base`` of what it has tested.

    By whatever name it imports them.
    """
    called: set[str] = set()
    for each in tree:
        if isinstance(each, ast.ImportFrom) and (each.module or "").split(".")[-1] == "expression":
            called |= {name.asname or name.name for name in each.names if name.name in PLACES}

    def names_one(expression: ast.AST) -> bool:
        return any(
            (isinstance(each, ast.Name) and each.id in called)
            or (isinstance(each, ast.Attribute) and each.attr in PLACES)
            for each in ast.walk(expression)
        )

    def is_tested(test: ast.AST) -> bool:
        name = getattr(getattr(test, "func", None), "id", "")
        return isinstance(test, ast.Call) and name == "isinstance" and names_one(test.args[1])

    def walks(function: ast.FunctionDef) -> bool:
        below = any(isinstance(e, ast.Attribute) and e.attr == "base" for e in ast.walk(function))
        return below and any(map(is_tested, ast.walk(function)))

    return any(
        (
            bool(each.patterns or each.kwd_patterns) and names_one(each.cls)
            if isinstance(each, ast.MatchClass)
            else isinstance(each, ast.FunctionDef) and walks(each)
        )
        for each in tree
    )


def test_one_module_says_what_a_place_means() -> None:
    """Only places.py takes places apart to give them a meaning; the rest walks its places."""
    found = {
        str(module.relative_to(PACKAGE))
        for module in modules()
        if any(name in module.read_text() for name in PLACES) and takes_places_apart(nodes(module))
    }
    assert found == set(TAKING_APART)


@pytest.mark.parametrize(
    "text",
    [
        "match x:\n    case Arrow(base=y): pass",
        "match x:\n    case Other(y): pass",
        "match x:\n    case expression.Index(y): pass",
        "def f(x):\n    while isinstance(x, Member | Index):\n        x = x.base",
    ],
)
def test_each_way_to_take_a_place_apart_is_seen(text: str) -> None:
    """A pattern, under another name too, and a walk by ``base``; a plain name is nothing of that."""
    imported = "from .expression import Arrow, AtCpu as Other, Index, Member\n"
    for plain, expected in ((text, True), ("match x:\n    case Arrow(): pass", False)):
        tree = list(ast.walk(ast.parse(imported + plain)))
        assert takes_places_apart(tree) == expected


def test_the_machine_has_never_heard_of_an_op() -> None:
    """Simulated hardware knows pages and CPUs."""
    allowed = {"abi.pages", "light_typing"}
    for module in (PACKAGE / "machine").glob("*.py"):
        for node in nodes_of(ast.ImportFrom, module):
            if node.level == 2:
                assert node.module in allowed, f"{module} imports {node.module}"


def test_only_the_command_line_prints() -> None:
    """The library returns values; what a person sees is for the command line to write."""
    allowed = {"cli", "debugger", "live"}  # both have a conversation with a person
    for module in modules():
        if part_of(module) in allowed:
            continue
        for node in nodes_of(ast.Call, module):
            if isinstance(node.func, ast.Name) and node.func.id == "print":
                pytest.fail(f"{module}:{node.lineno} prints")


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


def test_functions_are_short() -> None:
    """What is longer is named above, with the reason; what is not any more is not named there."""
    longer = {
        f"{module.relative_to(PACKAGE)} {node.name}"
        for module in modules()
        for node in nodes(module)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name != "add_arguments"
        and (node.end_lineno or 0) - node.lineno + 1 > FUNCTION_LINES_MAX
    }
    assert longer == set(LONGER_FUNCTIONS)


def test_the_grammar_is_data_only() -> None:
    """A Python file in grammar/ would break the editable install."""
    assert not list((ROOT / "grammar").rglob("*.py"))
