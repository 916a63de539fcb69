"""Answers in the words of the Language Server Protocol."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lsprotocol import types as lsp
from pygls import uris

from . import kinds
from .answers.colors import COMMENT_KIND, KEYWORD, NUMERAL, OPERATOR, STRING, Color
from .answers.completion import Item
from .answers.findings import Change, Finding
from .answers.outline import Part
from .answers.signature import Signature
from .document import Document, Extent
from .positions import Positions

LEVELS = {
    "error": lsp.DiagnosticSeverity.Error,
    "warning": lsp.DiagnosticSeverity.Warning,
    "note": lsp.DiagnosticSeverity.Information,
}
SYMBOLS = {
    "constant": lsp.SymbolKind.Constant,
    "variable": lsp.SymbolKind.Variable,
    "vector": lsp.SymbolKind.Function,
    "section": lsp.SymbolKind.Function,
    kinds.STRUCT: lsp.SymbolKind.Struct,
    kinds.FIELD: lsp.SymbolKind.Field,
    kinds.TEST: lsp.SymbolKind.Event,
    kinds.SCENARIO: lsp.SymbolKind.Class,
    kinds.THREAD: lsp.SymbolKind.Object,
    kinds.STRATEGY: lsp.SymbolKind.Interface,
}
ITEMS = {
    kinds.VALUE: lsp.CompletionItemKind.Variable,
    kinds.STRUCT: lsp.CompletionItemKind.Struct,
    kinds.FIELD: lsp.CompletionItemKind.Field,
    kinds.CODE: lsp.CompletionItemKind.Function,
    kinds.PARAMETER: lsp.CompletionItemKind.Variable,
    kinds.LOCAL: lsp.CompletionItemKind.Variable,
    kinds.LABEL: lsp.CompletionItemKind.EnumMember,
    kinds.THREAD: lsp.CompletionItemKind.Class,
    kinds.STRATEGY: lsp.CompletionItemKind.Interface,
    kinds.TYPE: lsp.CompletionItemKind.TypeParameter,
    kinds.OP: lsp.CompletionItemKind.Method,
    kinds.KERNEL: lsp.CompletionItemKind.EnumMember,
    kinds.WORD: lsp.CompletionItemKind.EnumMember,
    kinds.FUNCTION: lsp.CompletionItemKind.Function,
    "keyword": lsp.CompletionItemKind.Keyword,
    "revision": lsp.CompletionItemKind.EnumMember,
}
# What an editor calls each kind of word; the order is the one of the legend.
TOKENS = {
    KEYWORD: "keyword",
    COMMENT_KIND: "comment",
    STRING: "string",
    NUMERAL: "number",
    OPERATOR: "operator",
    "constant": "variable",
    "variable": "variable",
    kinds.STRUCT: "struct",
    kinds.FIELD: "property",
    kinds.CODE: "function",
    kinds.PARAMETER: "parameter",
    kinds.LOCAL: "variable",
    kinds.LABEL: "enumMember",
    kinds.THREAD: "class",
    kinds.SCENARIO: "class",
    kinds.STRATEGY: "interface",
    kinds.TEST: "string",
    kinds.TYPE: "type",
    kinds.OP: "method",
    kinds.KERNEL: "enumMember",
    kinds.WORD: "enumMember",
    kinds.FUNCTION: "function",
    kinds.FILE: "string",
}
TOKEN_TYPES = sorted(set(TOKENS.values()))
MODIFIERS = ["declaration", "readonly", "defaultLibrary"]
LEGEND = lsp.SemanticTokensLegend(TOKEN_TYPES, MODIFIERS)
# The files of the language, as a client is asked to watch them.
WATCHED = "**/*.opv"
_LIBRARY = (kinds.TYPE, kinds.OP, kinds.KERNEL, kinds.WORD, kinds.FUNCTION)


class Words:
    """Turns answers about a document into the protocol's; ``encoding`` is the client's."""

    def __init__(self, document: Document, encoding: str) -> None:
        self.document = document
        self.encoding = encoding
        self.positions = Positions(document, encoding)

    def offset(self, position: lsp.Position) -> int:
        """The offset of a position."""
        return self.positions.offset(position.line, position.character)

    def range(self, start: int, end: int) -> lsp.Range:
        """The range of some characters."""
        first, last = self.positions.of(start), self.positions.of(end)
        return lsp.Range(
            lsp.Position(first.line, first.character), lsp.Position(last.line, last.character)
        )

    def location(self, extent: Extent) -> lsp.Location:
        """A place, in whichever document it is."""
        words = self
        if extent.document is not self.document:
            words = Words(extent.document, self.encoding)
        return lsp.Location(uri_of(extent.document.name), words.range(extent.start, extent.end))

    def diagnostic(self, each: Finding) -> lsp.Diagnostic:
        """A finding.  What to do about it is part of the message."""
        message = each.message if each.help is None else f"{each.message}\n{each.help}"
        related = [
            lsp.DiagnosticRelatedInformation(self.location(note.place), note.message)
            for note in each.related
            if note.place is not None
        ]
        message += "".join(f"\n{note.message}" for note in each.related if note.place is None)
        return lsp.Diagnostic(
            range=self.range(each.start, each.end),
            message=message,
            severity=LEVELS[each.level],
            code=each.code,
            source="opvasm",
            related_information=related,
        )

    def edits(self, changes: Iterable[Change]) -> list[lsp.TextEdit]:
        """Changes of this document."""
        return [lsp.TextEdit(self.range(each.start, each.end), each.text) for each in changes]

    def item(self, each: Item, order: int) -> lsp.CompletionItem:
        """A thing to write; ``order`` is its place in the list."""
        return lsp.CompletionItem(
            label=each.label,
            kind=ITEMS[each.kind],
            detail=each.detail,
            sort_text=f"{order:04}",
            filter_text=each.label,
            text_edit=lsp.TextEdit(self.range(each.start, each.end), each.text),
        )

    def symbol(self, each: Part) -> lsp.DocumentSymbol:
        """A declaration with its parts."""
        return lsp.DocumentSymbol(
            name=each.name or "(without a name)",
            kind=SYMBOLS[each.kind],
            range=self.range(each.start, each.end),
            selection_range=self.range(each.name_start, each.name_end),
            detail=each.detail,
            children=[self.symbol(part) for part in each.parts],
        )

    def tokens(self, colors: Sequence[Color]) -> list[int]:
        """The protocol's five numbers for each word; one over several lines counts for each line."""
        data: list[int] = []
        last_line = last_character = 0
        for line, character, length, each in self._lines(colors):
            same = line == last_line
            modifiers = int(each.declares)
            modifiers |= 2 * (each.kind == "constant") | 4 * (each.kind in _LIBRARY)
            data += [
                line - last_line,
                character - last_character if same else character,
                length,
                TOKEN_TYPES.index(TOKENS[each.kind]),
                modifiers,
            ]
            last_line, last_character = line, character
        return data

    def _lines(self, colors: Sequence[Color]) -> Iterable[tuple[int, int, int, Color]]:
        text = self.document.text
        for each in colors:
            start = each.start
            while start < each.end:
                newline = text.find("\n", start, each.end)
                end = newline if newline >= 0 else each.end
                first, last = self.positions.of(start), self.positions.of(end)
                if last.character > first.character:
                    yield first.line, first.character, last.character - first.character, each
                start = end + 1 if newline >= 0 else each.end


def signature_help(found: Signature) -> lsp.SignatureHelp:
    """A call and the part of it that is being written."""
    parts = [lsp.ParameterInformation(each) for each in found.parts]
    active = len(parts) if found.active is None else found.active
    information = lsp.SignatureInformation(found.label, found.text or None, parts, active)
    return lsp.SignatureHelp([information], 0, active)


def path_of(uri: str) -> str:
    """How a document is called: its path, or the address itself where it is not a file's."""
    return (uris.to_fs_path(uri) or uri) if uri.startswith("file:") else uri


def uri_of(path: str) -> str:
    """The address of a document."""
    return uris.from_fs_path(path) or path if path.startswith("/") else path
