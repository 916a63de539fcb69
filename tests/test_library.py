"""The library as a browser has it: no C, no other process, no home; and the documented way in."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import opvasm

from .sources import nodes_of

ROOT = Path(__file__).parent.parent
DOCUMENT = ROOT / "docs" / "library.md"
# Taken away before anything is imported: what a browser lacks.
BARE = """
import os, sys

for name in ("sched_getaffinity", "getuid", "fork", "posix_spawn"):
    if hasattr(os, name):
        delattr(os, name)
MISSING = ("ctypes", "_ctypes", "multiprocessing", "subprocess", "_posixsubprocess", "socket",
           "_socket", "fcntl", "termios", "resource", "concurrent", "pty")
for name in [each for each in sys.modules if each.partition(".")[0] in MISSING]:
    del sys.modules[name]


class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in MISSING:
            raise ImportError(f"{name} is not there in a browser")


sys.meta_path.insert(0, Refuse())
"""


def examples() -> str:
    """The code blocks of the document, one after the other."""
    blocks = DOCUMENT.read_text().split("```python\n")[1:]
    return "\n".join(block.partition("```")[0] for block in blocks)


def test_the_documented_library_runs_without_what_a_browser_lacks(tmp_path: Path) -> None:
    """Every example of docs/library.md runs without C, processes, affinity and a home to write in."""
    done = subprocess.run(
        [sys.executable, "-c", BARE + examples()],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"HOME": "/nowhere", "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.iterdir())


def test_the_document_names_every_function_of_the_library() -> None:
    """Whatever of the public names is a function is in docs/library.md."""
    text = DOCUMENT.read_text()
    functions = [each for each in opvasm.__all__ if inspect.isfunction(getattr(opvasm, each))]
    assert [each for each in functions if f"`{each}(" not in text] == []


@cache
def imported_by_cli() -> list[tuple[str, str]]:
    """(module, name) of everything that the command line imports from the library."""
    package = ROOT / "opvasm"
    found: set[tuple[str, str]] = set()
    for module in (package / "cli").rglob("*.py"):
        folder = module.relative_to(package).parent.parts
        for node in nodes_of(ast.ImportFrom, module):
            if node.level:
                base = [*folder[: len(folder) - node.level + 1], *(node.module or "").split(".")]
                home = ".".join(each for each in base if each)
                if home and not home.startswith("cli"):
                    found |= {(home, alias.name) for alias in node.names}
    return sorted(found)


@pytest.mark.parametrize("home", sorted({home for home, _ in imported_by_cli()} - {"light_typing"}))
def test_the_command_line_imports_documented_names_only(home: str) -> None:
    """No name with an underscore, and no function or class without a docstring."""
    module = importlib.import_module(f"opvasm.{home}")
    for each, name in imported_by_cli():
        if each != home or name.startswith("__"):
            continue
        assert not name.startswith("_"), f"cli imports {home}.{name}"
        value = getattr(module, name, None)
        own = inspect.isfunction(value) or inspect.isclass(value)
        assert not own or inspect.getdoc(value), f"{home}.{name} has no docstring"
