"""From names to places: definitions, references, symbols, links, and new names."""

from __future__ import annotations

import os
from typing import TypeVar

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcInvalidParams

from .answers.moving import Moves, uses_after
from .answers.navigation import (
    Refusal,
    Renaming,
    definition,
    highlights,
    references,
    renamable,
    rename,
)
from .answers.outline import Part, outline, ranges_at
from .document import Document
from .protocol import WATCHED, Words, path_of, uri_of
from .server import Others, Server

_T = TypeVar("_T")


def register(server: Server) -> None:
    """Give the server the features that go from names to places."""
    _going(server)
    _symbols(server)
    _renaming(server)
    _moving(server)


def _going(server: Server) -> None:
    @server.feature(lsp.TEXT_DOCUMENT_DEFINITION)
    async def defined(params: lsp.DefinitionParams) -> list[lsp.Location] | None:
        def question(document: Document, words: Words) -> list[lsp.Location]:
            found = definition(document, words.offset(params.position))
            return [words.location(each) for each in found]

        return await server.ask(params.text_document.uri, question)

    @server.feature(lsp.TEXT_DOCUMENT_REFERENCES)
    async def referred(params: lsp.ReferenceParams) -> list[lsp.Location] | None:
        def question(document: Document, words: Words, others: Others) -> list[lsp.Location]:
            declared = params.context.include_declaration
            offset = words.offset(params.position)
            found = references(document, offset, others.documents, declared)
            return [words.location(each) for each in found]

        return await server.ask_with_others(params.text_document.uri, params.position, question)

    @server.feature(lsp.TEXT_DOCUMENT_DOCUMENT_HIGHLIGHT)
    async def highlighted(
        params: lsp.DocumentHighlightParams,
    ) -> list[lsp.DocumentHighlight] | None:
        def question(document: Document, words: Words) -> list[lsp.DocumentHighlight]:
            return [
                lsp.DocumentHighlight(
                    words.range(start, end),
                    lsp.DocumentHighlightKind.Write if declares else lsp.DocumentHighlightKind.Read,
                )
                for start, end, declares in highlights(document, words.offset(params.position))
            ]

        return await server.ask(params.text_document.uri, question)

    @server.feature(lsp.TEXT_DOCUMENT_SELECTION_RANGE)
    async def selected(params: lsp.SelectionRangeParams) -> list[lsp.SelectionRange] | None:
        def question(document: Document, words: Words) -> list[lsp.SelectionRange]:
            return [_selection(document, words, each) for each in params.positions]

        return await server.ask(params.text_document.uri, question)

    @server.feature(lsp.TEXT_DOCUMENT_DOCUMENT_LINK)
    async def linked(params: lsp.DocumentLinkParams) -> list[lsp.DocumentLink] | None:
        def question(document: Document, words: Words) -> list[lsp.DocumentLink]:
            uses = {each.path: document.path_of(each) for each in document.uses}
            return [
                lsp.DocumentLink(
                    words.range(placed.start + each.start, placed.start + each.end),
                    uri_of(os.path.abspath(uses[each.name.strip('"')])),
                )
                for placed, each in document.names()
                if each.kind == "file" and each.name.strip('"') in uses
            ]

        return await server.ask(params.text_document.uri, question)


def _symbols(server: Server) -> None:
    @server.feature(lsp.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    async def outlined(params: lsp.DocumentSymbolParams) -> list[lsp.DocumentSymbol] | None:
        return await server.ask(
            params.text_document.uri,
            lambda document, words: [words.symbol(each) for each in outline(document)],
        )

    @server.feature(lsp.WORKSPACE_SYMBOL)
    async def searched(params: lsp.WorkspaceSymbolParams) -> list[lsp.SymbolInformation]:
        def question(document: Document, words: Words) -> list[lsp.SymbolInformation]:
            wanted = params.query.lower()
            found = _flat(words, outline(document), "")
            return [each for each in found if wanted in each.name.lower()]

        return [each for found in await server.ask_each(question, params.query) for each in found]


def _renaming(server: Server) -> None:
    @server.feature(lsp.TEXT_DOCUMENT_PREPARE_RENAME)
    async def prepared(params: lsp.PrepareRenameParams) -> lsp.Range | None:
        def question(document: Document, words: Words) -> lsp.Range | Refusal:
            found = renamable(document, words.offset(params.position))
            return found if isinstance(found, Refusal) else words.range(*found)

        return _granted(await server.ask(params.text_document.uri, question))

    @server.feature(lsp.TEXT_DOCUMENT_RENAME, lsp.RenameOptions(prepare_provider=True))
    async def renamed(params: lsp.RenameParams) -> lsp.WorkspaceEdit | None:
        def question(
            document: Document, words: Words, others: Others
        ) -> lsp.WorkspaceEdit | Refusal:
            offset = words.offset(params.position)
            found = rename(document, offset, params.new_name, others.documents)
            if isinstance(found, Refusal):
                return found
            return server.edit_of(_edits(found, words), others.versions)

        uri, position = params.text_document.uri, params.position
        asked = server.ask_with_others(uri, position, question, params.new_name)
        return _granted(await asked)


def _moving(server: Server) -> None:
    kinds = (
        (WATCHED, lsp.FileOperationPatternKind.File),
        ("**", lsp.FileOperationPatternKind.Folder),
    )
    filters = [
        lsp.FileOperationFilter(lsp.FileOperationPattern(glob, matches=kind), scheme="file")
        for glob, kind in kinds
    ]

    @server.feature(lsp.WORKSPACE_WILL_RENAME_FILES, lsp.FileOperationRegistrationOptions(filters))
    async def moved(params: lsp.RenameFilesParams) -> lsp.WorkspaceEdit | None:
        moves = Moves({path_of(each.old_uri): path_of(each.new_uri) for each in params.files})

        def question(
            document: Document, words: Words
        ) -> tuple[str, int | None, list[lsp.TextEdit]]:
            version = server.desks.of(document.name).texts.versions.get(document.name)
            return uri_of(document.name), version, words.edits(uses_after(document, moves))

        found = [each for each in await server.ask_each(question, "use") if each[2]]
        if not found:
            return None
        versions = {path_of(uri): version for uri, version, _ in found}
        return server.edit_of({uri: edits for uri, _, edits in found}, versions)


def _selection(document: Document, words: Words, position: lsp.Position) -> lsp.SelectionRange:
    found: lsp.SelectionRange | None = None
    for start, end in reversed(ranges_at(document, words.offset(position))):
        found = lsp.SelectionRange(words.range(start, end), found)
    assert found is not None  # the whole document is always one
    return found


def _flat(words: Words, parts: tuple[Part, ...], owner: str) -> list[lsp.SymbolInformation]:
    found: list[lsp.SymbolInformation] = []
    for each in parts:
        symbol = words.symbol(each)
        place = lsp.Location(uri_of(words.document.name), symbol.selection_range)
        found.append(
            lsp.SymbolInformation(
                location=place, name=symbol.name, kind=symbol.kind, container_name=owner or None
            )
        )
        found += _flat(words, each.parts, each.name)
    return found


def _granted(found: _T | Refusal) -> _T:
    """The answer; a refusal is an error that the editor shows."""
    if isinstance(found, Refusal):
        raise JsonRpcInvalidParams(found.reason)
    return found


def _edits(found: Renaming, words: Words) -> dict[str, list[lsp.TextEdit]]:
    changes: dict[str, list[lsp.TextEdit]] = {}
    for each in found.places:
        place = words.location(each)
        changes.setdefault(place.uri, []).append(lsp.TextEdit(place.range, found.text))
    return changes
