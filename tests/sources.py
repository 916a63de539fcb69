"""The package's Python files as trees, each read once for all the tests of a process."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TypeVar

Kind = TypeVar("Kind", bound=ast.AST)


@cache
def nodes(module: Path) -> tuple[ast.AST, ...]:
    """Every node of a file, the whole tree first."""
    return tuple(ast.walk(ast.parse(module.read_text("utf-8"))))


def nodes_of(kind: type[Kind], module: Path) -> Iterator[Kind]:
    """Those of one kind."""
    return (each for each in nodes(module) if isinstance(each, kind))
