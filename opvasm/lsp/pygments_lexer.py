"""The language for Pygments, and so for Sphinx, MkDocs and LaTeX: coloured by meaning."""

from __future__ import annotations

from collections.abc import Iterator

from pygments.lexer import Lexer
from pygments.token import (
    Comment,
    Keyword,
    Name,
    Number,
    Operator,
    Punctuation,
    String,
    Text,
    _TokenType,
)

from . import kinds
from .answers.colors import COMMENT_KIND, KEYWORD, NUMERAL, OPERATOR, STRING, colors
from .document import Document

_TOKENS = {
    COMMENT_KIND: Comment,
    KEYWORD: Keyword,
    NUMERAL: Number,
    OPERATOR: Operator,
    STRING: String,
    "constant": Name.Constant,
    "variable": Name.Variable,
    kinds.STRUCT: Name.Class,
    kinds.FIELD: Name.Attribute,
    kinds.CODE: Name.Function,
    kinds.PARAMETER: Name.Variable.Instance,
    kinds.LOCAL: Name.Variable.Instance,
    kinds.LABEL: Name.Label,
    kinds.THREAD: Name.Entity,
    kinds.SCENARIO: Name.Entity,
    kinds.STRATEGY: Name.Entity,
    kinds.TEST: String,
    kinds.FILE: String,
    kinds.TYPE: Keyword.Type,
    kinds.OP: Name.Builtin,
    kinds.KERNEL: Name.Constant,
    kinds.WORD: Name.Constant,
    kinds.FUNCTION: Name.Function,
}
_PUNCTUATION = frozenset("(){}[],;:")


class OpvLexer(Lexer):
    """``opv`` for Pygments.  What is in no token (blanks, what is wrong) is text."""

    name = "opv"
    aliases = ("opv", "cpu_opv")
    filenames = ("*.opv",)
    url = "https://pypi.org/project/opvasm/"

    def get_tokens_unprocessed(self, text: str) -> Iterator[tuple[int, _TokenType, str]]:
        """The tokens with their offsets (characters); together they are the text."""
        at = 0
        for each in colors(Document("<text>", text)):
            if each.start > at:
                yield at, Text, text[at : each.start]
            word = text[each.start : each.end]
            token = Punctuation if word in _PUNCTUATION else _TOKENS[each.kind]
            yield each.start, token, word
            at = each.end
        if at < len(text):
            yield at, Text, text[at:]
