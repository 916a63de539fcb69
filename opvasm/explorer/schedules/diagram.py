"""A schedule as a picture: one column per CPU, time downwards, what is inside what."""

from __future__ import annotations

from ...light_typing import NamedTuple
from ...report.style import PLAIN, Style
from ..steps.code import READS, WRITES
from ..steps.state import Micro
from ..steps.step import CPU, NOWHERE, Guard, Kind
from .schedule import Replay

WATCHED_MAX = 4
# Characters before the columns: the number of the step and two spaces.
NUMBER = 6
# The width of a picture from which each CPU has a column, and the least that such a column has.
COLUMNS_FROM = 80
NARROWEST = 20
# The least that one column for all CPUs has, whatever the values beside it take.
LEAST = 12
# The mark of the lines in which a row with this mark goes on.
_GOES_ON = {"> ": "| ", "| ": "| ", "x ": "x "}


class Row(NamedTuple):
    """A line of the picture: number (None: none), CPU, mark, text, values of what is watched."""

    number: int | None
    cpu: int
    mark: str
    text: str
    values: tuple[str, ...]
    thread: int


def diagram(replay: Replay, style: Style = PLAIN, width: int | None = None) -> list[str]:
    """The lines of the picture, at most ``width`` characters each (None: as wide as they come).

    What is too long for its CPU's column goes on in the next line.  Where ``width`` is less than
    COLUMNS_FROM, or columns would be too narrow to read, there is one column with the CPU in front.
    """
    watched = _watched(replay)
    rows = rows_of(replay, watched)
    used = sorted({row.cpu for row in rows if row.cpu >= 0}) or [0]
    names = [replay.plan.image.describe(start, size, replay.plan.names) for start, size in watched]
    widths = [
        max(len(name), *(len(row.values[i]) for row in rows), 1) for i, name in enumerate(names)
    ]
    room = [
        max([len(row.mark) + len(row.text) for row in rows if row.cpu in (cpu, -1)] + [8]) + 2
        for cpu in used
    ]
    heads = [f"CPU {cpu}" for cpu in used]
    if width is not None:
        left = width - NUMBER - sum(widths) - 2 * max(len(widths) - 1, 0)
        if sum(room) > left and (width < COLUMNS_FROM or left // len(used) < NARROWEST):
            rows = [row._replace(cpu=0, text=_with_cpu(row)) for row in rows]
            used, heads = [0], ["CPU"]
            room = [max(len(row.mark) + len(row.text) for row in rows) + 2]
        room = _shrunk(room, left)
    starts = [sum(room[:column]) for column in range(len(used) + 1)]
    head = "".join(name.ljust(size) for name, size in zip(heads, room, strict=True))
    values = "  ".join(name.rjust(size) for name, size in zip(names, widths, strict=True))
    lines = [style.strong(f"      {head}{values}".rstrip())]
    before: tuple[str, ...] = ()
    for row in rows:
        column = used.index(row.cpu) if row.cpu in used else 0
        shown = [
            value.rjust(size) if value != old else " " * size
            for value, size, old in zip(
                row.values, widths, before or ("",) * len(widths), strict=True
            )
        ]
        number = f"{row.number:>4}" if row.number is not None else "    "
        # A row of all CPUs may take the room of all.
        size = starts[-1] if row.cpu not in used else room[column]
        first, *more = _wrapped(row.text, size - 2 - len(row.mark), width is not None)
        plain = starts[column] + len(row.mark) + len(first)
        padding = " " * max(starts[-1] - plain, 2)
        body = " " * starts[column] + _cell(row._replace(text=first), style)
        lines.append(f"{number}  {body}{padding}{'  '.join(shown)}".rstrip())
        for text in more:
            cell = _cell(row._replace(mark=_GOES_ON.get(row.mark, "  "), text=text), style)
            lines.append(" " * (NUMBER + starts[column]) + cell)
        before = row.values
    return lines


def _with_cpu(row: Row) -> str:
    return f"{row.cpu}: {row.text}" if row.cpu >= 0 else row.text


def _shrunk(room: list[int], left: int) -> list[int]:
    """The widths of columns that together have ``left``: the widest give away first."""
    room = list(room)
    while sum(room) > left and max(room) > LEAST:
        room[room.index(max(room))] -= 1
    return room


def _wrapped(text: str, size: int, fits: bool) -> list[str]:
    """A text in lines of ``size`` characters, or in one where it fits or is not to be cut."""
    if not fits or len(text) <= size:
        return [text]
    from textwrap import wrap

    return wrap(text, size, subsequent_indent="  ", break_on_hyphens=False)


def _cell(row: Row, style: Style) -> str:
    paint = (style.name, style.good, style.note, style.help)[max(row.thread, 0) % 4]
    text = f"{row.mark}{row.text}"
    return style.bad(text) if row.mark.startswith("x") else paint(text)


def _watched(replay: Replay) -> list[tuple[int, int]]:
    """The bytes that change most, as (start, size), in the order of memory."""
    counts: dict[tuple[int, int], int] = {}
    for moment in replay.moments:
        for start, old, new in moment.micro.stores:
            key = (start, len(new))
            counts[key] = counts.get(key, 0) + 1 + (old != new)
    chosen = sorted(counts, key=lambda key: -counts[key])[:WATCHED_MAX]
    return sorted(chosen)


def rows_of(replay: Replay, watched: list[tuple[int, int]]) -> list[Row]:
    """The rows of a schedule, with the values of ``watched`` (start, size) after each."""
    rows: list[Row] = []
    names = replay.plan.names
    image = replay.plan.image

    def values(index: int) -> tuple[str, ...]:
        memory = replay.state(index).memory
        found = []
        for start, size in watched:
            number = int.from_bytes(memory[start : start + size], image.byteorder)
            found.append(image.describe_value(number, names))
        return tuple(found)

    inside = [Guard.NONE] * len(names)
    for index, moment in enumerate(replay.moments):
        micro = moment.micro
        if index == replay.cycle:
            rows.append(
                Row(None, -1, "~ ", "from here on this repeats for ever:", values(index - 1), -1)
            )
        now = values(index)
        if micro.step is None:
            rows.append(Row(index + 1, micro.cpu, "! ", micro.text, now, micro.thread))
        elif _is_shown(micro):
            text = f"{names[micro.thread]} {_story(replay, index)}"
            mark = _mark(inside[micro.thread], micro)
            rows.append(Row(index + 1, _column(replay, index), mark, text, now, micro.thread))
        if micro.thread >= 0:
            inside[micro.thread] = Guard(micro.guard)
        for abort in micro.aborts:
            thread = abort.thread
            inside[thread] = Guard.NONE
            cpu = replay.state(index - 1).threads[thread][CPU]
            text = f"{names[thread]} aborted: {abort.text(names)}"
            rows.append(Row(None, cpu, "x ", text, now, thread))
    return rows


def _column(replay: Replay, index: int) -> int:
    """The CPU on which something happened: the one that the thread is on afterwards."""
    thread = replay.moments[index].decision.thread
    return replay.state(index).threads[thread][CPU] if thread != NOWHERE else 0


def _is_shown(micro: Micro) -> bool:
    """Whether a step says anything to a reader: registers at work are shown by what they do."""
    assert micro.step is not None
    return micro.step.kind not in (Kind.LOCAL, Kind.CURRENT) and bool(micro.text)


def _mark(before: Guard, micro: Micro) -> str:
    if micro.guard == Guard.SECTION:
        return "> " if before is not Guard.SECTION else "| "
    if before is Guard.SECTION:
        return "`>"
    if micro.guard >= Guard.VECTOR or before >= Guard.VECTOR:
        return "# "
    return "  "


def _story(replay: Replay, index: int) -> str:
    """What a step did: its text, with the values that it read or wrote."""
    micro = replay.moments[index].micro
    image, names = replay.plan.image, replay.plan.names
    assert micro.step is not None
    text = _text_of(micro)
    memory = replay.state(index - 1).memory
    parts = []
    for start, _, new in micro.stores:
        value = image.describe_value(int.from_bytes(new, image.byteorder), names)
        parts.append(f"{image.describe(start, len(new), names)} = {value}")
    if not parts:
        for start, end in micro.loads:
            number = int.from_bytes(memory[start:end], image.byteorder)
            value = image.describe_value(number, names)
            parts.append(f"{image.describe(start, end - start, names)} is {value}")
    return f"{text}: {', '.join(parts)}" if parts else text


def _text_of(micro: Micro) -> str:
    if micro.step is not None and micro.step.operation is not None:
        return micro.text.removesuffix(READS).removesuffix(WRITES)
    return micro.text
