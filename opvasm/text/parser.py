"""Text to tree: ``parse_file`` and ``parse_expression``, with every mistake of the text at once."""

from __future__ import annotations

import re

from ..errors import Diagnostic, ParseError
from ..expression import Expression
from ..light_typing import NamedTuple
from ..source import SourceFile, Span
from .callbacks import Callbacks
from .grammar import load_tables
from .lalr import MISTAKE_LIMIT, Mistake, parse
from .tables import Tables
from .tree import File

# Those of the last text, with what they have looked up: an editor's text is read in thousands of pieces.
_free: list[Callbacks] = []


class Parsed(NamedTuple):
    """A tree with what is wrong with its text.

    ``skipped`` is the text that could not be read, and ``skipped_names`` are the names in it: they
    may have been declared there, so nobody complains that they are unknown.  ``given_up`` says that
    the text was not read to its end, and there is no tree.
    """

    file: File
    problems: tuple[Diagnostic, ...]
    skipped_names: frozenset[str]
    skipped: tuple[Span, ...]
    given_up: bool


def parse_file(source: SourceFile) -> Parsed:
    """The tree of a file.  Mistakes are in ``problems``; what could be read is in the tree."""
    value, problems, skipped = _parse(source, "file")
    file = value if isinstance(value, File) else File(source, ())
    spans = tuple(Span(source, start, end) for start, end in skipped)
    names = {name for span in spans for name in re.findall(r"[A-Za-z_][A-Za-z0-9_]*", span.text)}
    return Parsed(file, problems, frozenset(names), spans, not isinstance(value, File))


def parse_expression(text: str, name: str = "<expression>") -> Expression:
    """The tree of an expression, as in tests and conditions.  Raises ParseError."""
    source = SourceFile(name, text)
    value, problems, _ = _parse(source, "only_expression")
    if problems:
        raise ParseError(problems)
    assert isinstance(value, Expression)
    return value


def _parse(
    source: SourceFile, start: str
) -> tuple[object, tuple[Diagnostic, ...], tuple[tuple[int, int], ...]]:
    tables = load_tables()
    try:
        callbacks = _free.pop()
    except IndexError:
        callbacks = Callbacks(source)
    else:
        callbacks.renew(source)
    mistakes: list[Mistake] = []
    result = parse(tables, start, source.text, callbacks, mistakes.append)
    found = callbacks.problems
    if not _free:
        _free.append(callbacks)
    problems = _described(mistakes, source, tables)
    if len(mistakes) == MISTAKE_LIMIT:
        problems[-1] = problems[-1]._replace(
            help=f"this is the {MISTAKE_LIMIT}th mistake, and the rest of the text was not read"
        )
    return result.value, (*problems, *found), result.skipped


def _described(mistakes: list[Mistake], source: SourceFile, tables: Tables) -> list[Diagnostic]:
    """Each mistake, but those on the rest of a line that began in another language."""
    if not mistakes:
        return []
    # Most texts have none, and start sooner.
    from .mistakes import describe
    from .other_words import other_word

    problems: list[Diagnostic] = []
    quiet_until = -1
    for each in mistakes:
        if each.start < quiet_until:
            continue
        problems.append(describe(each, source, tables))
        other = other_word(each, Span(source, each.start, each.end), tables)
        if other is not None and other.foreign:
            end = source.text.find("\n", each.end)
            quiet_until = len(source.text) if end < 0 else end
    return problems
