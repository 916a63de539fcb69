"""Findings as a person reads them: the first line, the source with carets, notes, help.

list.opv:9:21: error[OPV012]: the name `haed` is unknown
    9 |         cmpeq.u64   haed, expect
      |                     ^^^^
help: did you mean 'head'?
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..errors import Diagnostic, Note
from ..source import Span
from .excerpt import excerpt, printable
from .style import PLAIN, Style


def render(diagnostic: Diagnostic, style: Style = PLAIN) -> str:
    """One finding in full, without a newline at its end."""
    colour = style.of_level(diagnostic.level)
    where = f"{printable(str(diagnostic.place))}: " if diagnostic.place is not None else ""
    head = colour(f"{diagnostic.level}[{diagnostic.code}]")
    lines = [f"{style.strong(where)}{head}: {style.strong(printable(diagnostic.message))}"]
    if isinstance(diagnostic.place, Span):
        lines += excerpt(diagnostic.place, style, colour)
    for note in diagnostic.notes:
        lines += _note(note, style)
    if diagnostic.help is not None:
        lines.append(f"{style.help('help')}: {printable(diagnostic.help)}")
    return "\n".join(lines)


def _note(note: Note, style: Style) -> list[str]:
    where = f"{style.strong(printable(str(note.place)))}: " if note.place is not None else ""
    lines = [f"{where}{style.note('note')}: {printable(note.message)}"]
    if isinstance(note.place, Span):
        lines += excerpt(note.place, style, style.note)
    return lines


def render_all(diagnostics: Iterable[Diagnostic], style: Style = PLAIN) -> str:
    """Findings one below the other, in the order given, each line ended by a newline."""
    return "".join(f"{render(each, style)}\n" for each in diagnostics)


def tally(diagnostics: Sequence[Diagnostic]) -> str:
    """How many there are of each level: ``2 errors, 1 warning``; empty when there is none."""
    counts = [
        (sum(each.level == level for each in diagnostics), level)
        for level in ("error", "warning", "note")
    ]
    return ", ".join(
        f"{count} {level}{'' if count == 1 else 's'}" for count, level in counts if count
    )
