"""From a name to where it is declared and used, and to another name for all of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from os.path import realpath

from ...light_typing import NamedTuple
from ...text.grammar import load_tables
from ...text.lalr import reserved_words
from .. import kinds
from ..document import Document, Extent
from ..index import Index, Key, Site, index_of, sites_of

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


class Refusal(NamedTuple):
    """Why a name can't be changed."""

    reason: str


class Renaming(NamedTuple):
    """Every place that changes, each to the same new text."""

    places: tuple[Extent, ...]
    text: str


def definition(document: Document, offset: int) -> tuple[Extent, ...]:
    """Where the name at an offset is declared; of a ``use``, the file."""
    found = document.name_at(offset)
    if found is None:
        return ()
    _, each = found
    if each.kind == kinds.FILE:
        return tuple(_files(document, each.name.strip('"')))
    return tuple(_extent(site) for site in index_of(document).declarations(each))


def references(
    document: Document,
    offset: int,
    others: Iterable[Document] = (),
    declarations: bool = True,
) -> tuple[Extent, ...]:
    """Every place that names the same thing, in the document, those it uses and ``others``."""
    return tuple(
        _extent(site)
        for site in _sites(document, offset, others)
        if declarations or not site.occurrence.declares
    )


def highlights(document: Document, offset: int) -> tuple[tuple[int, int, bool], ...]:
    """The places of the same thing in this document: first and last offset, and whether declared."""
    return tuple(
        (site.start, site.end, site.occurrence.declares)
        for site in _sites(document, offset, ())
        if site.document is document
    )


def renamable(document: Document, offset: int) -> tuple[int, int] | Refusal:
    """The characters of a name that can be changed."""
    found = document.name_at(offset)
    if found is None:
        return Refusal("there is no name here")
    placed, each = found
    if each.kind not in kinds.DECLARED:
        return Refusal(f"`{each.name}` is not a name that this text declares")
    if not index_of(document).declarations(each):
        return Refusal(f"`{each.name}` is declared nowhere")
    return placed.start + each.start, placed.start + each.end


def rename(
    document: Document, offset: int, name: str, others: Iterable[Document] = ()
) -> Renaming | Refusal:
    """All places to change for a new name; refused where it is not one, or is taken."""
    where = renamable(document, offset)
    if isinstance(where, Refusal):
        return where
    tables = load_tables()
    if not _NAME.match(name):
        return Refusal(f"`{name}` is not a name: letters, digits and `_`, no digit first")
    if tables.keywords.get(name) in reserved_words(tables):
        return Refusal(f"`{name}` begins a declaration; choose another name")
    found = _thing(document, offset)
    if found is None:
        return Refusal("what this name stands for is not known")
    documents = _documents(document, found, others)
    for each in documents:
        taken = _taken(index_of(each), found, name)
        if taken is not None:
            return Refusal(f"`{name}` is declared already, as a {taken}")
    return Renaming(tuple(map(_extent, sites_of(found, documents))), name)


def _taken(index: Index, key: Key, name: str) -> str | None:
    """What has a name already in a text where a thing would get it."""
    if name == key.name:
        return None
    if key.kind in (kinds.PARAMETER, kinds.LOCAL):
        # A nearer name would hide one of the program, or be another of its own kind.
        keys = [Key(kind, key.owner, name) for kind in (kinds.PARAMETER, kinds.LOCAL)]
        keys.append(Key(kinds.VALUE, "", name))
    else:
        keys = [key._replace(name=name)]
        if key.kind == kinds.VALUE:
            local = (kinds.PARAMETER, kinds.LOCAL)
            keys += [k for k in index.declared if k.name == name and k.kind in local]
    found = next((each for each in keys if each in index.declared), None)
    return None if found is None else found.kind


def _thing(document: Document, offset: int) -> Key | None:
    """What the name at an offset stands for."""
    found = document.name_at(offset)
    return None if found is None else index_of(document).key(found[1])


def _documents(document: Document, key: Key, others: Iterable[Document]) -> list[Document]:
    """The documents that may name a thing: one with its name, all that it uses, and who uses its home."""
    declared = index_of(document).declared.get(key, ())
    homes = {realpath(site.document.name) for site in declared} or {realpath(document.name)}
    documents = {realpath(each.name): each for each in document.documents}
    twins = []  # the same file, open by another name
    for other in others:
        if any(realpath(used.name) in homes for used in other.documents):
            file = realpath(other.name)
            if file != realpath(document.name):
                # Once, and by the name that is open, or its own, where it is used through a link.
                documents[file] = other
            elif other.name != document.name:
                twins.append(other)
    return [*documents.values(), *twins]


def _sites(document: Document, offset: int, others: Iterable[Document]) -> Iterator[Site]:
    key = _thing(document, offset)
    if key is not None:
        yield from sites_of(key, _documents(document, key, others))


def _extent(site: Site) -> Extent:
    return Extent(site.document, site.start, site.end)


def _files(document: Document, path: str) -> Iterator[Extent]:
    for use in document.uses:
        if use.path == path:
            wanted = document.path_of(use)
            for each in document.documents:
                if each.name == wanted:
                    yield Extent(each, 0, 0)
            return
