"""Prints, as JSON, what each token of some texts is to our own lexer: for the test of the grammar.

    python editors/tokens.py FILE…

Per file its lines, and per token (line, first column, last column, kind): ``comment``, ``string``,
``number``, ``op``, ``declaration`` (a word that begins one) or ``word``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from opvasm.lsp import kinds
from opvasm.lsp.answers.colors import colors
from opvasm.lsp.document import Document
from opvasm.text.vocabulary import vocabulary

_KINDS = {"comment": "comment", "string": "string", "number": "number", kinds.OP: "op"}


def tokens(path: str) -> dict[str, object]:
    """The tokens of a file."""
    document = Document(path, Path(path).read_text(encoding="utf-8"))
    declarations = vocabulary().declarations
    rows: list[tuple[int, int, int, str]] = []
    for each in colors(document):
        word = document.text[each.start : each.end]
        kind = _KINDS.get(each.kind, "word")
        if each.kind in (kinds.TEST, kinds.FILE):
            kind = "string"
        if each.kind == "keyword" and word in declarations:
            kind = "declaration"
        if each.kind == "operator":
            continue
        line, column = document.line_column(each.start)
        end = min(each.end, document.line_start(line) + len(document.line_text(line)))
        rows.append((line - 1, column - 1, column - 1 + end - each.start, kind))
    return {"file": path, "lines": document.text.split("\n"), "tokens": rows}


if __name__ == "__main__":
    json.dump([tokens(path) for path in sys.argv[1:]], sys.stdout)
