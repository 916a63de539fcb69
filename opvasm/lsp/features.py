"""Which answer belongs to which request of the protocol."""

from __future__ import annotations

import gc
import sys
from contextlib import suppress
from typing import Any, BinaryIO

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from . import places
from .answers.actions import actions, all_fixes
from .answers.colors import colors
from .answers.completion import completion
from .answers.findings import Change, Finding
from .answers.hints import hints
from .answers.hover import hover
from .answers.layout import layout
from .answers.lenses import DEBUG as DEBUG_ACTION, EXPLORE as EXPLORE_ACTION, Lens, lenses
from .answers.outline import folds
from .answers.signature import signature
from .document import Document
from .protocol import LEGEND, WATCHED, Words, signature_help
from .server import DEBUG, EXPLAIN, EXPLORE, RUN, Server


def start(source: BinaryIO, sink: BinaryIO) -> None:
    """Serve a client on two streams until it says goodbye."""
    # The trees of a text are many and live long; looking for cycles in them at Python's usual pace
    # takes longer than making them.
    gc.set_threshold(50_000, 20, 20)
    # A thread that works on a large text gives way to the others sooner (seconds).
    sys.setswitchinterval(0.001)
    server = Server()
    register(server)
    try:
        server.start_io(source, sink)
    finally:
        server.desks.end()


def register(server: Server) -> None:
    """Give the server all of its features."""
    _texts(server)
    _questions(server)
    places.register(server)
    _looks(server)
    _additions(server)
    _changes(server)
    _commands(server)


def _texts(server: Server) -> None:
    @server.feature(lsp.TEXT_DOCUMENT_DID_OPEN)
    async def opened(params: lsp.DidOpenTextDocumentParams) -> None:
        each = params.text_document
        await server.change(each.uri, each.text, each.version)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CHANGE)
    async def changed(params: lsp.DidChangeTextDocumentParams) -> None:
        uri = params.text_document.uri
        text = server.workspace.get_text_document(uri).source
        await server.change(uri, text, params.text_document.version)

    @server.feature(lsp.INITIALIZED)
    async def begun(_: lsp.InitializedParams) -> None:
        workspace = server.client_capabilities.workspace
        watching = None if workspace is None else workspace.did_change_watched_files
        if watching is not None and watching.dynamic_registration:
            files = lsp.DidChangeWatchedFilesRegistrationOptions([lsp.FileSystemWatcher(WATCHED)])
            method = lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES
            wanted = lsp.Registration("opvasm-files", method, files)
            with suppress(JsonRpcException):  # without it files are looked at with the next key
                await server.client_register_capability_async(lsp.RegistrationParams([wanted]))

    @server.feature(lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    async def written(params: lsp.DidChangeWatchedFilesParams) -> None:
        for each in params.changes:
            await server.file_changed(each.uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CLOSE)
    async def closed(params: lsp.DidCloseTextDocumentParams) -> None:
        await server.close(params.text_document.uri)


def _questions(server: Server) -> None:
    @server.feature(lsp.TEXT_DOCUMENT_HOVER)
    async def hovered(params: lsp.HoverParams) -> lsp.Hover | None:
        def question(document: Document, words: Words) -> lsp.Hover | None:
            known = server.found_in(document)
            offset = words.offset(params.position)
            found = hover(document, offset, known.found if known is not None else ())
            if found is None:
                return None
            text = lsp.MarkupContent(lsp.MarkupKind.Markdown, found.text)
            return lsp.Hover(text, words.range(found.start, found.end))

        return await server.ask(params.text_document.uri, question)

    @server.feature(
        lsp.TEXT_DOCUMENT_COMPLETION, lsp.CompletionOptions(trigger_characters=[".", ">", "@", "&"])
    )
    async def completed(params: lsp.CompletionParams) -> lsp.CompletionList | None:
        def question(document: Document, words: Words) -> lsp.CompletionList:
            found = completion(document, words.offset(params.position))
            items = [words.item(each, order) for order, each in enumerate(found)]
            return lsp.CompletionList(is_incomplete=False, items=items)

        return await server.ask(params.text_document.uri, question)

    @server.feature(
        lsp.TEXT_DOCUMENT_SIGNATURE_HELP,
        lsp.SignatureHelpOptions(trigger_characters=["(", ",", " "]),
    )
    async def signed(params: lsp.SignatureHelpParams) -> lsp.SignatureHelp | None:
        def question(document: Document, words: Words) -> lsp.SignatureHelp | None:
            found = signature(document, words.offset(params.position))
            return None if found is None else signature_help(found)

        return await server.ask(params.text_document.uri, question)


def _looks(server: Server) -> None:
    @server.feature(lsp.TEXT_DOCUMENT_FOLDING_RANGE)
    async def folded(params: lsp.FoldingRangeParams) -> list[lsp.FoldingRange] | None:
        def question(document: Document, words: Words) -> list[lsp.FoldingRange]:
            comment = lsp.FoldingRangeKind.Comment
            return [
                lsp.FoldingRange(
                    start_line=words.positions.of(each.start).line,
                    end_line=words.positions.of(each.end).line - (not each.is_comment),
                    kind=comment if each.is_comment else lsp.FoldingRangeKind.Region,
                )
                for each in folds(document)
            ]

        return await server.ask(params.text_document.uri, question)

    @server.feature(lsp.TEXT_DOCUMENT_SEMANTIC_TOKENS_FULL, LEGEND)
    async def coloured(params: lsp.SemanticTokensParams) -> lsp.SemanticTokens | None:
        return await server.ask(
            params.text_document.uri,
            lambda document, words: lsp.SemanticTokens(words.tokens(colors(document))),
        )

    @server.feature(lsp.TEXT_DOCUMENT_SEMANTIC_TOKENS_RANGE, LEGEND)
    async def coloured_part(params: lsp.SemanticTokensRangeParams) -> lsp.SemanticTokens | None:
        def question(document: Document, words: Words) -> lsp.SemanticTokens:
            start, end = words.offset(params.range.start), words.offset(params.range.end)
            found = [e for e in colors(document, start, end) if e.end > start and e.start < end]
            return lsp.SemanticTokens(words.tokens(found))

        return await server.ask(params.text_document.uri, question)


def _additions(server: Server) -> None:
    """What an editor shows between the characters and lines of a text."""

    @server.feature(lsp.TEXT_DOCUMENT_INLAY_HINT)
    async def hinted(params: lsp.InlayHintParams) -> list[lsp.InlayHint] | None:
        def question(document: Document, words: Words) -> list[lsp.InlayHint]:
            start, end = words.offset(params.range.start), words.offset(params.range.end)
            return [
                lsp.InlayHint(
                    words.range(each.offset, each.offset).start,
                    each.text,
                    tooltip=each.tooltip,
                    padding_left=not each.text.endswith(":"),
                    padding_right=each.text.endswith(":"),
                )
                for each in hints(document, start, end)
            ]

        return await server.ask(params.text_document.uri, question)

    @server.feature(lsp.TEXT_DOCUMENT_CODE_LENS)
    async def lensed(params: lsp.CodeLensParams) -> list[lsp.CodeLens] | None:
        uri = params.text_document.uri

        def question(document: Document, words: Words) -> list[lsp.CodeLens]:
            found: list[lsp.CodeLens] = []
            for each in lenses(document):
                place = words.range(each.start, each.end)
                result = server.result(document, each.kind, each.name)
                if result is not None and each.action != DEBUG_ACTION:
                    again = _command(each, uri)
                    title = f"{'✓' if result.good else '✗'} {result.text}"
                    command = lsp.Command(title, again.command, arguments=again.arguments)
                    found.append(lsp.CodeLens(place, command))
                found.append(lsp.CodeLens(place, _command(each, uri)))
            return found

        return await server.ask(uri, question)


def _command(each: Lens, uri: str) -> lsp.Command:
    if each.action == DEBUG_ACTION:  # a test and a vector may have one name
        return lsp.Command(each.action, DEBUG, arguments=[uri, each.name, each.kind])
    name = EXPLORE if each.action == EXPLORE_ACTION else RUN
    return lsp.Command(each.action, name, arguments=[uri, each.name])


def _changes(server: Server) -> None:
    @server.feature(lsp.TEXT_DOCUMENT_FORMATTING)
    async def formatted(params: lsp.DocumentFormattingParams) -> list[lsp.TextEdit] | None:
        return await server.ask(
            params.text_document.uri, lambda document, words: words.edits(layout(document) or ())
        )

    @server.feature(lsp.TEXT_DOCUMENT_RANGE_FORMATTING)
    async def formatted_part(
        params: lsp.DocumentRangeFormattingParams,
    ) -> list[lsp.TextEdit] | None:
        def question(document: Document, words: Words) -> list[lsp.TextEdit]:
            start, end = words.offset(params.range.start), words.offset(params.range.end)
            return words.edits(layout(document, start, end) or ())

        return await server.ask(params.text_document.uri, question)

    @server.feature(
        lsp.TEXT_DOCUMENT_CODE_ACTION,
        lsp.CodeActionOptions(
            code_action_kinds=[lsp.CodeActionKind.QuickFix, lsp.CodeActionKind.SourceFixAll]
        ),
    )
    async def fixed(params: lsp.CodeActionParams) -> list[lsp.CodeAction] | None:
        uri = params.text_document.uri

        def question(document: Document, words: Words) -> list[lsp.CodeAction]:
            known = server.found_in(document)
            found = known.found if known is not None else ()
            start, end = words.offset(params.range.start), words.offset(params.range.end)
            here = [each for each in found if each.start <= end and start <= each.end]
            return _actions(document, words, uri, here, found, params.context.only)

        return await server.ask(uri, question)


def _actions(
    document: Document,
    words: Words,
    uri: str,
    here: list[Finding],
    found: tuple[Finding, ...],
    only: Any,
) -> list[lsp.CodeAction]:
    def wanted(kind: str) -> bool:
        return not only or any(kind == each or kind.startswith(f"{each}.") for each in only)

    def edit(changes: tuple[Change, ...]) -> lsp.WorkspaceEdit:
        return lsp.WorkspaceEdit(changes={uri: words.edits(changes)})

    made: list[lsp.CodeAction] = []
    quick = lsp.CodeActionKind.QuickFix
    if wanted(quick):
        for each in actions(document, here):
            made.append(
                lsp.CodeAction(
                    each.title,
                    quick,
                    [words.diagnostic(each.finding)],
                    is_preferred=each.is_certain,
                    edit=edit(each.changes),
                )
            )
        for code in dict.fromkeys(each.code for each in here):
            command = lsp.Command(f"Explain {code}", EXPLAIN, arguments=[code])
            made.append(lsp.CodeAction(f"Explain {code}", quick, command=command))
    everything = all_fixes(found)
    if everything and wanted(lsp.CodeActionKind.SourceFixAll) and (only or here):
        title = "Make all changes that mend a finding and change nothing else"
        made.append(lsp.CodeAction(title, lsp.CodeActionKind.SourceFixAll, edit=edit(everything)))
    return made


def _commands(server: Server) -> None:
    @server.command(RUN)
    async def run(uri: str, name: str) -> dict[str, Any] | None:
        result = await server.run(uri, name)
        return None if result is None else result._asdict()

    @server.command(EXPLORE)
    async def explored(uri: str, name: str) -> dict[str, Any] | None:
        result = await server.explore(uri, name)
        return None if result is None else result._asdict()

    @server.command(EXPLAIN)
    async def explained(name: str) -> str | None:
        return server.explain(name)
