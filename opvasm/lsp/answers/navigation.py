"""From a name to where it is declared and used, and to another name for all of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ...light_typing import NamedTuple
from ...text.grammar import load_tables
from ...text.lalr import reserved_words
from .. import kinds
from ..document import Document, Extent
from ..index import Key, Site, index_of, sites_of

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
    sites = list(_sites(document, offset, others))
    for site in sites:
        taken = _taken(site, name)
        if taken is not None:
            return Refusal(f"`{name}` is declared already, as a {taken}")
    return Renaming(tuple(map(_extent, sites)), name)


def _taken(site: Site, name: str) -> str | None:
    """What has a name already where a site would get it."""
    index = index_of(site.document)
    each = site.occurrence
    key = index.key(each)
    if key is None or name == each.name:
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


def _sites(document: Document, offset: int, others: Iterable[Document]) -> Iterator[Site]:
    found = document.name_at(offset)
    if found is None:
        return
    _, each = found
    index = index_of(document)
    key = index.key(each)
    if key is None:
        return
    homes = {site.document.name for site in index.declared.get(key, ())} or {document.name}
    documents = {each.name: each for each in document.documents}
    for other in others:
        if any(used.name in homes for used in other.documents):
            documents.setdefault(other.name, other)
    yield from sites_of(key, documents.values())


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
