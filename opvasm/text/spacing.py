"""Which blanks stand between the tokens of a line."""

from __future__ import annotations

from collections.abc import Sequence

from .grammar import load_tables
from .layout import Piece, canonical_number

_NONE_BEFORE = frozenset(",;)]?:")
_NONE_AFTER = frozenset("([@~!")
_BINARY = frozenset(("==", "!=", "<=", ">=", "&&", "||", "<<", "%", "/", "^", "|"))
_CHANGES = frozenset(("+", "-", "&", "|", "^", "<<", ">>"))  # and "=" after them: `store x += 1`
_EITHER = frozenset("+-*&<>")  # one operand or two, or part of a type


def joined(pieces: Sequence[Piece], in_vector: bool) -> str:
    """The pieces of a line with the blanks that belong between them.

    ``in_vector`` says that the line's statements are ops, where ``=`` begins a constant.
    """
    spacing = _Spacing(in_vector, heads_vector(pieces))
    text = ""
    if pieces and pieces[0].text == "abi":  # 2017-11 is a name
        parts = [piece.text if piece.text == "-" else f" {piece.text}" for piece in pieces]
        return "".join(parts).strip().replace("- ", "-")
    for index, piece in enumerate(pieces):
        after = pieces[index + 1] if index + 1 < len(pieces) else None
        if index:
            text += spacing.between(pieces[index - 1], piece, after)
        spacing.take(piece)
        text += canonical_number(piece.text) if piece.kind == "number" else piece.text
    return text


def heads_vector(pieces: Sequence[Piece]) -> bool:
    """Whether a line begins a vector."""
    words = [piece.text for piece in pieces[:2]]
    return words[:1] == ["vector"] or words == ["unverified", "vector"]


class _Spacing:
    """What has to be remembered on the way through a line."""

    def __init__(self, in_vector: bool, heads_vector: bool) -> None:
        self.in_vector = in_vector
        self.heads_vector = heads_vector  # ops begin after the brace
        self.braces = 0
        self.types = 0  # how many < of ptr<…> are open
        self.closed_type = False  # the piece before was the > of one
        self.opens_type = False  # the piece before was ptr
        self.began = 0  # pieces since the statement began
        self.tight = False  # the sign before takes no blank after it
        self.keywords = load_tables().keywords

    def take(self, piece: Piece) -> None:
        """Go past a piece."""
        text = piece.text
        self.closed_type = False
        if self.opens_type and text == "<":
            self.types += 1
        elif self.types and text in (">", ">>"):
            self.types -= len(text)
            self.closed_type = True
        self.opens_type = text == "ptr" and piece.kind == "word"
        begins = text == ";"
        if text in "{}" and piece.kind == "sign":
            if text == "{" and self.heads_vector:
                self.heads_vector, self.in_vector, begins = False, True, True
            else:
                self.braces += 1 if text == "{" else -1
        self.began = 0 if begins else self.began + 1

    def between(self, before: Piece, piece: Piece, after: Piece | None) -> str:
        """The blanks between two pieces, of which the first was taken."""
        kept = " " if piece.spaced else ""
        tight, self.tight = self.tight, False
        if piece.kind == "comment" or before.kind == "comment":
            return " "
        if before.kind == "sign":
            found = self._after_sign(before.text, piece, tight, kept)
            if found is not None:
                if piece.kind == "sign" and piece.text in _EITHER | {"=", "->"}:
                    self._mark(before, piece, after)
                return found
        if piece.kind == "sign":
            return self._before_sign(before, piece, after, kept)
        return " "

    def _after_sign(self, sign: str, piece: Piece, tight: bool, kept: str) -> str | None:
        """The blanks after a sign; None where the piece decides."""
        if piece.kind == "sign" and piece.text in _NONE_BEFORE and sign not in "{;":
            return ""
        if piece.text == "}" and piece.kind == "sign":
            return " "
        if sign in _CHANGES and piece.text == "=" and not self.closed_type:
            return ""
        match sign:
            case "," | ":" | ";" | "{":
                return " "
            case ".." | ".":
                return ""
            case "=":
                return "" if tight else " "
            case "->":
                return "" if tight else " "
            case "}":
                return " "
            case _:
                pass
        if sign in _NONE_AFTER:
            return ""
        if sign in _BINARY:
            return " "
        if sign in (">", ">>") and self.closed_type:
            return None
        if sign == "<" and self.types:
            return ""
        if sign in _EITHER or sign == ">>":
            return "" if tight else " "
        return None

    def _before_sign(self, before: Piece, piece: Piece, after: Piece | None, kept: str) -> str:
        text = piece.text
        if text in _NONE_BEFORE or text in ("..", "."):
            return ""
        if text == "{":
            return kept if before.text == "=" else " "
        if text in _BINARY:
            return " "
        if text == "[":
            index = self.closed_type or before.text in (")", "]")
            named = before.kind == "word" and not self._is_unsure(before)
            return "" if index or named else kept
        if text in ("(", "@", "!", "~"):
            return kept
        self._mark(before, piece, after)
        return "" if self._is_joined(before, piece, after, kept) else " "

    def _mark(self, before: Piece, piece: Piece, after: Piece | None) -> None:
        """Remember whether a blank follows the sign at hand."""
        text = piece.text
        if text == "=":
            self.tight = before.text == "," or (self.in_vector and self.braces <= 0)
        elif text == "->":
            member = before.kind != "number" and before.text != ")"
            self.tight = member and not piece.spaced and not (after is not None and after.spaced)
        elif self._is_binary(before):
            self.tight = False
        elif text in _EITHER:
            self.tight = not (self._is_unsure(before) and after is not None and after.spaced)

    def _is_joined(self, before: Piece, piece: Piece, after: Piece | None, kept: str) -> bool:
        """Whether no blank stands before a sign that can be several things."""
        text = piece.text
        if text == "->":
            return self.tight
        if text == "=":
            return False
        if (self.opens_type and text == "<") or (self.types and text in (">", ">>")):
            return True
        if self._is_binary(before):
            return False
        return self._is_unsure(before) and not kept

    def _is_binary(self, before: Piece) -> bool:
        """Whether a sign after this piece has an operand on its left, for certain."""
        if before.kind in ("number", "text"):
            return True
        if before.kind == "sign":
            return before.text in (")", "]")
        return not self._is_unsure(before)

    def _is_unsure(self, before: Piece) -> bool:
        """Whether a word may be a name or a word of the language that an operand follows."""
        if before.kind != "word":
            return False
        return before.text in self.keywords or (self.in_vector and self.began <= 1)
