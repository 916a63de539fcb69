"""What the parts of the screen show of a session, as lines of plain text with a style each."""

from __future__ import annotations

from typing import NamedTuple

from ..debugger.command_info import symbol_line
from ..debugger.locations import source_names
from ..debugger.movements import Scheduled
from ..debugger.session import Session
from ..debugger.shell import Shell
from ..debugger.threads import WithThreads
from ..debugger.view import current_place
from ..debugger.wording import names_of, op_text
from ..program import Area, Vector
from ..source import SourceFile, Span
from ..text.printer import vector_text

PLAIN, HERE, CHANGED, DIM, BAD = "plain", "here", "changed", "dim", "bad"


class Line(NamedTuple):
    """A line of a part of the screen, and how it stands out."""

    text: str
    style: str = PLAIN


def source_lines(session: Session, height: int) -> list[Line]:
    """The lines of the text around the place at hand, with an arrow at its line."""
    place = current_place(session)
    if not isinstance(place, Span):
        file = _some_file(session)
        if file is None:
            return [Line("no text: the ops come from elsewhere", DIM)]
        return _window(file, 1, None, height)
    return _window(place.file, place.line, place.line, height)


def _some_file(session: Session) -> SourceFile | None:
    """A text that the program was written in."""
    program = session.program
    places = [each.place for each in program.vectors.values()]
    places += [each.place for each in program.sections.values()]
    return next((each.file for each in places if isinstance(each, Span)), None)


def _window(file: SourceFile, around: int, marked: int | None, height: int) -> list[Line]:
    total = file.text.count("\n") + (not file.text.endswith("\n"))
    first = max(1, min(around - height // 2, total - height + 1))
    lines = []
    for number in range(first, min(total, first + height - 1) + 1):
        here = number == marked
        text = f"{'=>' if here else '  '}{number:>4} {file.line_text(number)}"
        lines.append(Line(text, HERE if here else PLAIN))
    return lines


def op_lines(session: Session) -> list[Line]:
    """The ops of the call at hand; of a schedule, of the vector that is being run."""
    call = session.call
    vector: Vector | None = None if call is None else call.vector
    names = names_of(session)
    if vector is not None:
        text = vector_text(vector, session.program.abi, session.program.data)
        ops = [line for line in text.splitlines() if "// op " in line]
        return [Line(text.splitlines()[0])] + [
            Line(f"{'=>' if index == session.op else '  '}{line.strip()}", _here(index, session))
            for index, line in enumerate(ops)
        ]
    return [
        Line(
            f"{'=>' if index == session.op else '  '}op {index} "
            f"{op_text(None, index, each, names)}",
            _here(index, session),
        )
        for index, each in enumerate(session.instructions)
    ] or [Line("no call is under way", DIM)]


def _here(index: int, session: Session) -> str:
    return HERE if index == session.op else PLAIN


def thread_lines(session: Session) -> list[Line]:
    """The threads with their CPUs, what each does next, and its locals; of a test, the CPUs."""
    timeline = session.timeline
    if not isinstance(timeline, WithThreads):
        return []
    first = session.movements[0] if session.movements else None
    turn = first.thread if isinstance(first, Scheduled) else None
    lines: list[Line] = []
    for each in timeline.threads(session.entry + (session.index > 0)):
        mark = "=>" if each.name == turn else "  "
        lines.append(
            Line(f"{mark}{each.name} @{each.cpu} {each.at}", HERE if each.name == turn else PLAIN)
        )
        held = ", ".join(f"{local.name} = {local.text}" for local in each.locals)
        if held:
            lines.append(Line(f"     {held}", DIM))
    wrong = timeline.ending() if session.at_end else None
    if wrong is not None:
        lines.append(Line(wrong, BAD))
    return lines


class MemoryView:
    """The variables by CPU; what differs from the place before stands out."""

    def __init__(self) -> None:
        self._before: dict[str, str] = {}
        self._now: dict[str, str] = {}
        self._position: int | None = None

    def lines(self, shell: Shell) -> list[Line]:
        """The variables of the program, those of each CPU together."""
        session = shell.session
        if session.position != self._position:
            self._before, self._position = self._now, session.position
            self._now = dict(self._values(shell))
        lines: list[Line] = []
        group = ""
        for name, text in self._now.items():
            head, _, _ = name.partition(" ")
            if head != group:
                group = head
                lines.append(Line(head, DIM))
            changed = self._before.get(name, text) != text
            lines.append(Line(f"{'*' if changed else ' '} {text}", CHANGED if changed else PLAIN))
        return lines or [Line("no variables are declared", DIM)]

    def _values(self, shell: Shell) -> list[tuple[str, str]]:
        session = shell.session
        names = names_of(session)
        symbols = session.program.data.symbols.values()
        found = []
        for cpu in range(session.holder.cpus.possible):
            for symbol in symbols:
                if symbol.area is Area.PERCPU:
                    text = symbol_line(shell, symbol, cpu, names)
                    found.append((f"CPU{cpu} {symbol.name}", text.partition("  ")[2]))
        for symbol in symbols:
            if symbol.area is Area.SHARED:
                text = symbol_line(shell, symbol, 0, names)
                found.append((f"shared {symbol.name}", text.partition("  ")[2]))
        return found


def timeline_line(session: Session, width: int) -> str:
    """Where the session is in what is known of its history: a bar with the position on it."""
    known = session.timeline.starts[-1]
    end = "" if session.at_end or isinstance(session.timeline, WithThreads) else "+"
    label = f" {session.position}/{known}{end}"
    room = max(4, width - len(label))
    at = round(session.position / known * (room - 1)) if known else 0
    return "━" * min(at, room - 1) + "●" + "─" * (room - 1 - min(at, room - 1)) + label


def position_at(session: Session, column: int, width: int) -> int:
    """The position that a column of the bar stands for."""
    known = session.timeline.starts[-1]
    end = "" if session.at_end or isinstance(session.timeline, WithThreads) else "+"
    room = max(4, width - len(f" {session.position}/{known}{end}"))
    return min(known, max(0, round(column / max(1, room - 1) * known)))


def title_of(session: Session) -> str:
    """The files that the session is of."""
    return ", ".join(source_names(session)) or "ops"
