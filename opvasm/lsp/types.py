"""Types as far as names need them: of what a field is a field.

A type is said in terms of the text (``the type of the variable head``, ``what that points to``), so
that it can be kept with the piece it is in; ``Structs`` in index.py makes a struct's name of it.
"""

from __future__ import annotations

from ..light_typing import Record
from ..text.syntax import Node


class OfValue(Record):
    """The type of a variable of the program."""

    name: str


class Written(Record):
    """A type as it is written, a node of the syntax."""

    node: Node


class Named(Record):
    """A struct or a number type, by its name."""

    name: str


class FieldOf(Record):
    """The type of a field of a struct."""

    base: Type
    name: str


class ElementOf(Record):
    """The type of an array's elements."""

    base: Type


class TargetOf(Record):
    """What a pointer points to; ``field`` is asked of it, which says it where no type does."""

    base: Type | None
    field: str


class PointerTo(Record):
    """The type of an address."""

    base: Type


Type = OfValue | Written | Named | FieldOf | ElementOf | TargetOf | PointerTo
