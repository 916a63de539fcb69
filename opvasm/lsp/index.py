"""What the names of a document stand for, in it and in the files that it uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ..text.syntax import Node
from . import kinds
from .document import Document
from .names import Occurrence
from .pieces import Piece, Placed
from .types import ElementOf, FieldOf, Named, OfValue, PointerTo, TargetOf, Type, Written

_DEPTH_MAX = 50


class Key(NamedTuple):
    """A thing that has a name: two names with the same key are the same thing."""

    kind: str
    owner: str
    name: str


class Site(NamedTuple):
    """A name at its place."""

    document: Document
    placed: Placed
    occurrence: Occurrence

    @property
    def start(self) -> int:
        """The offset of its first character in the document."""
        return self.placed.start + self.occurrence.start

    @property
    def end(self) -> int:
        """The offset after its last character."""
        return self.placed.start + self.occurrence.end


class Shape(NamedTuple):
    """A type as fields need it: a name, or an element, or what a pointer points to."""

    kind: str  # "named", "pointer", "array"
    name: str = ""
    inner: Shape | None = None


class Index:
    """The declared names of a document and of those it uses."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.declared: dict[Key, list[Site]] = {}
        self.fields: dict[str, dict[str, Site]] = {}
        for each in document.documents:
            for placed, occurrence in each.names():
                if occurrence.declares:
                    self._declare(Site(each, placed, occurrence))

    def _declare(self, site: Site) -> None:
        each = site.occurrence
        if each.kind == kinds.FIELD:
            self.fields.setdefault(each.owner, {}).setdefault(each.name, site)
        self.declared.setdefault(Key(each.kind, each.owner, each.name), []).append(site)

    def first(self, kind: str, name: str, owner: str = "") -> Site | None:
        """Where a name is declared first."""
        found = self.declared.get(Key(kind, owner, name))
        return found[0] if found else None

    def of_kind(self, kind: str, owner: str = "") -> Iterator[Site]:
        """The first declaration of each name of a kind, in the order of the texts."""
        for key, sites in self.declared.items():
            if key.kind == kind and key.owner == owner:
                yield sites[0]

    def key(self, each: Occurrence) -> Key | None:
        """What a name stands for; None where that is not known."""
        match each.kind:
            case kinds.FIELD:
                struct = each.owner or self.struct_of(each.base)
                return None if struct is None else Key(kinds.FIELD, struct, each.name)
            case kinds.STRUCT if Key(kinds.STRUCT, "", each.name) not in self.declared:
                return Key(kinds.VALUE, "", each.name)  # sizeof(head)
            case kinds.VALUE if Key(kinds.VALUE, "", each.name) not in self.declared:
                return self._result(each.name) or Key(kinds.VALUE, "", each.name)
            case kinds.LABEL if Key(kinds.LABEL, each.owner, each.name) not in self.declared:
                return Key(kinds.VALUE, "", each.name)  # a constant that a run gives
            case _:
                return Key(each.kind, each.owner, each.name)

    def _result(self, name: str) -> Key | None:
        """The result of a section that a test has run: a local of that name."""
        found = [key for key in self.declared if key.kind == kinds.LOCAL and key.name == name]
        sections = [key for key in found if Key(kinds.CODE, "", key.owner) in self.declared]
        return sections[0] if sections else None

    def declarations(self, each: Occurrence) -> list[Site]:
        """Where the thing that a name stands for is declared."""
        key = self.key(each)
        return [] if key is None else self.declared.get(key, [])

    # ---- types ----------------------------------------------------------------------------------

    def struct_of(self, type: Type | None) -> str | None:
        """The struct that a type is; None where it is another type, or not known."""
        shape = self.shape(type)
        if shape is None or shape.kind != "named" or shape.name not in self.fields:
            return None
        return shape.name

    def shape(self, type: Type | None, depth: int = 0) -> Shape | None:
        """A type, worked out; None where it is not known."""
        if depth > _DEPTH_MAX:
            return None
        match type:
            case None:
                return None
            case Named(name=name):
                return Shape("named", name)
            case Written(node=node):
                return _written(node)
            case OfValue(name=name):
                site = self.first(kinds.VALUE, name)
                return None if site is None else self.shape(site.occurrence.type, depth + 1)
            case FieldOf(base=base, name=name):
                outer = self.shape(base, depth + 1)
                field = self.fields.get(outer.name, {}).get(name) if outer is not None else None
                return None if field is None else self.shape(field.occurrence.type, depth + 1)
            case ElementOf(base=base):
                outer = self.shape(base, depth + 1)
                return outer.inner if outer is not None and outer.kind == "array" else None
            case PointerTo(base=base):
                return Shape("pointer", "", self.shape(base, depth + 1))
            case TargetOf(base=base, field=field):
                outer = self.shape(base, depth + 1)
                if outer is not None:
                    return outer.inner if outer.kind == "pointer" else None
                fitting = [name for name, fields in self.fields.items() if field in fields]
                return Shape("named", fitting[0]) if len(fitting) == 1 else None


def _written(node: Node) -> Shape | None:
    tokens = [each for each in node.children if each is not None and not isinstance(each, Node)]
    inner = next(iter(node.nodes()), None)
    match node.rule:
        case "named_type":
            name = tokens[0][0]
            return Shape("pointer") if name == "ptr" else Shape("named", name)
        case "pointer_type":
            return Shape("pointer", "", None if inner is None else _written(inner))
        case "pointer_pointer_type":
            target = None if inner is None else _written(inner)
            return Shape("pointer", "", Shape("pointer", "", target))
        case "array_type":
            return Shape("array", "", None if inner is None else _written(inner))
        case _:
            return None


def index_of(document: Document) -> Index:
    """The index of a document, made once."""
    known: Index | None = document.__dict__.get("index")
    if known is None:
        known = document.__dict__["index"] = Index(document)
    return known


def sites_of(key: Key, documents: Iterable[Document]) -> Iterator[Site]:
    """Every place in some documents where a thing is named."""
    for document in documents:
        index = index_of(document)
        for placed, each in document.names():
            if each.name == key.name and index.key(each) == key:
                yield Site(document, placed, each)


__all__ = ["Index", "Key", "Piece", "Shape", "Site", "index_of", "sites_of"]
