"""Says in plain words what a text has in place of what the grammar wants."""

from __future__ import annotations

from ..errors import Diagnostic, Note
from ..source import SourceFile, Span
from ..suggestion import did_you_mean
from .automaton import landing
from .lalr import (
    BAD_CHARACTER,
    MISSING_BRACE,
    OPEN_COMMENT,
    OPEN_STRING,
    STACK_LIMIT,
    TOO_DEEP,
    Mistake,
    reserved_words,
)
from .other_words import other_word
from .slips import usual_slip
from .tables import Tables

# Parts of the language that have a name of their own; a part stands for all that it can begin with.
_PARTS = (
    ("declaration", "a declaration"),
    ("statement", "a statement"),
    ("scenario_part", "a part of a scenario"),
    ("step", "a step of a thread"),
    ("op", "an op"),
    ("field", "a name with its type"),
    ("type", "a type"),
    ("operand", "an operand"),
    ("initial", "a value"),
    ("expression", "a value"),
    ("unary", "a value"),
    ("simple", "a number or a name"),
)
_LINE_END = "the end of the line"
_NAMED = frozenset(("a name", "a name with its type", "an operand"))
_WORDS = {
    "NAME": "a name",
    "DOTTED": "a name",
    "NUMBER": "a number",
    "STRING": "a text in double quotes",
    "CHARACTER": "a character",
    "_NEWLINE": _LINE_END,
    "$END": "the end of the file",
}
# Declarations that some write where they need what is declared.
_OUTSIDE = frozenset(("const", "page", "percpu", "shared", "struct", "strategy", "vector"))
# What can follow nearly every value, as operators can; named only where nothing else can.
_CONTINUATIONS = frozenset(("DOT", "LSQB", "LPAR", "MAY_FAULT"))
_CONTINUING_TEXTS = frozenset(("->", "@"))
# Where the first may stand, naming the others too would only make the sentence longer.
_HIDES = {
    _LINE_END: ("`;`", "`{`", "`}`", "the end of the file"),
    "a declaration": (_LINE_END, "`;`", "the end of the file"),
    "a statement": (_LINE_END, "`;`", "`}`"),
    "an op": (_LINE_END, "`;`"),
    "a name with its type": (_LINE_END, "`;`", "`,`"),
    "an operand": (_LINE_END, "`;`", "`{`", "`}`"),
    "a value": ("a number or a name",),
}


def describe(mistake: Mistake, source: SourceFile, tables: Tables) -> Diagnostic:
    """A mistake as a diagnostic."""
    start, end = mistake.start, mistake.end
    span = Span(source, start, end)
    match mistake.kind:
        case k if k == BAD_CHARACTER:
            return Diagnostic(
                "error",
                "OPV002",
                f"unexpected {_characters(span.text)}",
                span,
                help=_character_help(span.text),
            )
        case k if k == OPEN_STRING:
            what = "string" if source.text[start] == '"' else "character"
            return Diagnostic(
                "error",
                "OPV003",
                f"this {what} is not closed on its line",
                span,
                help=f"write {source.text[start]} at its end",
            )
        case k if k == OPEN_COMMENT:
            return Diagnostic(
                "error",
                "OPV003",
                "this comment is never closed",
                span,
                help="write */ at its end",
            )
        case k if k == TOO_DEEP:
            return Diagnostic(
                "error",
                "OPV006",
                "too many things are open here",
                span,
                help=f"the reader keeps up to {STACK_LIMIT} unfinished parts; nest less deeply",
            )
        case k if k == MISSING_BRACE:
            notes: tuple[Note, ...] = ()
            if mistake.opened is not None:
                place = Span(source, mistake.opened, mistake.opened + 1)
                notes = (Note("it would close this one", place),)
            found = _found(span, tables, 0 if start == end else 1)
            return Diagnostic(
                "error",
                "OPV008",
                f"a `}}` is missing before {found}",
                span,
                notes,
                help=usual_slip(span, [])
                or "close the block with `}`"
                + ("; what it declares stands outside of blocks" if span.text in _OUTSIDE else ""),
            )
        case _:
            return _unexpected(mistake, span, tables)


def _unexpected(mistake: Mistake, span: Span, tables: Tables) -> Diagnostic:
    expected = _expected(mistake, tables)
    found = _found(span, tables, mistake.kind)
    other = other_word(mistake, span, tables)
    if "a declaration" in expected and (span.text[:1].isalpha() or span.text[:1] in ("_", ".")):
        return Diagnostic(
            "error",
            "OPV030",
            f"{found} begins no declaration",
            span,
            help=usual_slip(span, expected)
            or (other and other.help)
            or _declaring_word(span, tables)
            or "ops stand in a vector: `vector NAME() { … }`",
        )
    slip = usual_slip(span, expected)
    if slip is None and other is not None and other.start < span.start:
        span = Span(span.file, other.start, other.end)
        return Diagnostic(
            "error", "OPV001", f"`{span.text}` begins no statement", span, help=other.help
        )
    message = f"expected {_any_of(expected)}, found {found}" if expected else f"unexpected {found}"
    help = slip or (other.help if other is not None else _help(span, tables, expected))
    return Diagnostic("error", "OPV001", message, span, help=help)


def _declaring_word(span: Span, tables: Tables) -> str | None:
    """The word that was meant, where a name follows as in a declaration."""
    following = span.file.text[span.end : span.end + 80].lstrip(" \t")
    if not (following[:1].isalpha() or following[:1] in ("_", '"')):
        return None
    reserved = reserved_words(tables)
    return did_you_mean(
        span.text, [text for text, number in tables.keywords.items() if number in reserved]
    )


def _help(span: Span, tables: Tables, expected: list[str]) -> str | None:
    text = span.text
    wants_name = not _NAMED.isdisjoint(expected)
    if wants_name and tables.keywords.get(text) in reserved_words(tables):
        return f"`{text}` begins a declaration; choose another name"
    if _LINE_END in expected and (text[:1].isalpha() or text[:1] == "_"):
        return "a new line or `;` ends a statement"
    return None


def _found(span: Span, tables: Tables, kind: int) -> str:
    if kind == 0:
        return "the end of the file"
    text = span.text
    if not text.strip():
        return _LINE_END
    return f"`{text if len(text) <= 40 else text[:40] + '…'}`"


def _expected(mistake: Mistake, tables: Tables) -> list[str]:
    """What may stand at a mistake, in words."""
    places: dict[int, set[int]] = {}
    for symbol in tables.actions[mistake.states[-1]]:
        if symbol < tables.terminal_count:
            stack = landing(tables, mistake.states, symbol)
            if stack is not None:
                places.setdefault(stack[-1], set()).add(symbol)
    words: list[str] = []
    possible: set[int] = set()
    for top, symbols in places.items():
        row = tables.actions[top]
        for part, word in _PARTS:
            number = tables.number(part)
            beginnings = set(tables.first[number])
            if number in row and beginnings & symbols:
                symbols -= beginnings
                words.append(word)
        possible |= symbols
    named = {number: tables.names[number] for number in possible}
    # After a place `.`, `->` and `@` go on with it; elsewhere `->` is a sign of its own.
    continuing = _CONTINUING_TEXTS if "DOT" in named.values() else frozenset()
    operators = tables.first[tables.number("_binary")]
    telling = {
        number
        for number, name in named.items()
        if number not in operators
        and name not in _CONTINUATIONS
        and tables.texts.get(number) not in continuing
    }
    rest = [_WORDS.get(named[each]) or f"`{tables.texts[each]}`" for each in telling or possible]
    words += sorted(rest, key=lambda word: (word[1:2].isalpha(), word))
    words = list(dict.fromkeys(words))
    return [
        word
        for word in words
        if not any(word in hidden and better in words for better, hidden in _HIDES.items())
    ]


def _any_of(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _characters(text: str) -> str:
    shown = "".join(each if each.isprintable() else f"U+{ord(each):04X}" for each in text[:8])
    return f"character{'s' if len(text) > 1 else ''} `{shown}{'…' if len(text) > 8 else ''}`"


def _character_help(text: str) -> str | None:
    match text[0]:
        case "#":
            return "a comment begins with //"
        case "\0":
            return "this looks like raw ops; `opvasm disasm` reads those"
        case "\u201c" | "\u201d":
            return 'texts are written in plain quotes: "text"'
        case letter if letter.isalpha():
            return "names are made of the letters a to z and A to Z, digits and `_`"
        case _:
            return None
