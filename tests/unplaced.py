"""Trees as if nobody had written them anywhere, so that equal texts at different places are equal."""

from __future__ import annotations

from typing import Any, TypeVar, cast

from opvasm.source import BytePlace, Span

Tree = TypeVar("Tree")


def unplaced(tree: Tree) -> Tree:
    """A tree of named tuples, tuples and mappings with None for each place in it."""
    return cast(Tree, _unplaced(tree))


def _unplaced(value: Any) -> Any:
    if isinstance(value, Span | BytePlace):
        return None
    if isinstance(value, dict):
        return {key: _unplaced(each) for key, each in value.items()}
    if not isinstance(value, tuple):
        return value
    record: Any = value
    if hasattr(value, "_asdict"):
        return type(value)(**{name: _unplaced(each) for name, each in record._asdict().items()})
    return tuple(map(_unplaced, value))
