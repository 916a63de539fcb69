"""What names mean at a place of a piece: its locals, and the types that the text gives."""

from __future__ import annotations

from collections.abc import Mapping

from ..light_typing import Record
from ..text.lalr import Token
from ..text.syntax import Child, Node
from . import kinds
from .types import ElementOf, FieldOf, Named, OfValue, PointerTo, TargetOf, Type, Written


class Where(Record):
    """Where a node stands: what names mean there."""

    kind: str  # the rule of the declaration
    owner: str = ""
    scenario: str = ""
    locals: Mapping[str, tuple[str, Type | None]] = {}
    threads: frozenset[str] = frozenset()


def token_of(child: Child) -> Token | None:
    """A child that is a token."""
    return None if child is None or isinstance(child, Node) else child


def written(child: Child) -> Type | None:
    """The type that a child is, where it is one."""
    return Written(child) if isinstance(child, Node) else None


# Where the place stands that a local is read from: after the word, and "commit" before it.
_PLACES = {"section_exchange": 2, "section_atomic": 3}


def locals_of(node: Node, place: Where) -> dict[str, tuple[str, Type | None]]:
    """The locals of a section or a thread: what is set in it, with the type of the first."""
    found: dict[str, tuple[str, Type | None]] = {}

    def add(token: Token | None, type: Type | None) -> None:
        if token is not None:
            known = found.get(token[0])
            if known is None or known[1] is None:
                found[token[0]] = (kinds.LOCAL, type)

    def visit(each: Node) -> None:
        within = place._replace(locals={**place.locals, **found})
        first = each.children[0] if each.children else None
        match each.rule:
            case "section_load" | "section_set" | "section_exchange" | "section_atomic":
                if isinstance(first, Node):
                    value = each.children[_PLACES.get(each.rule, 1)]
                    said = first.children[1] if len(first.children) > 1 else None
                    add(token_of(first.children[0]), written(said) or type_of(value, within))
            case "section_results" | "run_results":
                for token in each.tokens():
                    add(token, None)
            case "load_place" | "compute":
                add(token_of(first), type_of(each.children[1], within))
            case "own":
                add(token_of(first), written(each.children[1]))
            case _:
                pass
        for child in each.nodes():
            visit(child)

    visit(node)
    return found


def name_type(token: Token, place: Where) -> Type | None:
    """The type of a name alone."""
    found = place.locals.get(token[0])
    return OfValue(token[0]) if found is None else found[1]


def type_of(child: Child, place: Where) -> Type | None:
    """The type of an expression, as far as one is known from the text."""
    if not isinstance(child, Node) or not child.children:
        return None
    first, token = child.children[0], token_of(child.children[0])
    match child.rule:
        case "name" if token is not None:
            return name_type(token, place)
        case "path" if token is not None:
            names = token[0].split(".")
            type = name_type((names[0], 0, 0), place)
            for name in names[1:]:
                type = None if type is None else FieldOf(type, name)
            return type
        case "address_of":
            inner = type_of(first, place)
            return None if inner is None else PointerTo(inner)
        case "address_of_name" if token is not None:
            return PointerTo(OfValue(token[0]))
        case "index":
            inner = type_of(first, place)
            return None if inner is None else ElementOf(inner)
        case "at_cpu" | "group" | "chain" | "operand":
            return type_of(first, place)
        case "member" | "arrow":
            field = token_of(child.children[1])
            if field is None:
                return None
            names = field[0].split(".")
            type = type_of(first, place)
            if child.rule == "arrow":
                type = TargetOf(type, names[0])
            elif isinstance(first, Node) and first.rule == "load":
                return Named(field[0])
            for name in names:
                type = None if type is None else FieldOf(type, name)
            return type
        case _:
            return None
