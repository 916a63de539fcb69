"""A schedule as a picture: one column per CPU, time downwards, what is inside what."""

from __future__ import annotations

from ...light_typing import NamedTuple
from ...report.style import PLAIN, Style
from ..steps.code import CPU, NOWHERE, READS, WRITES, Guard, Kind
from ..steps.state import Micro
from .schedule import Replay

WATCHED_MAX = 4


class Row(NamedTuple):
    """A line of the picture: number (None: none), CPU, mark, text, values of what is watched."""

    number: int | None
    cpu: int
    mark: str
    text: str
    values: tuple[str, ...]
    thread: int


def diagram(replay: Replay, style: Style = PLAIN) -> list[str]:
    """The lines of the picture."""
    watched = _watched(replay)
    rows = rows_of(replay, watched)
    used = sorted({row.cpu for row in rows if row.cpu >= 0}) or [0]
    names = [replay.plan.image.describe(start, size, replay.plan.names) for start, size in watched]
    room = [
        max([len(row.mark) + len(row.text) for row in rows if row.cpu in (cpu, -1)] + [8]) + 2
        for cpu in used
    ]
    starts = [sum(room[:column]) for column in range(len(used) + 1)]
    head = "".join(f"CPU {cpu}".ljust(width) for cpu, width in zip(used, room, strict=True))
    widths = [
        max(len(name), *(len(row.values[i]) for row in rows), 1) for i, name in enumerate(names)
    ]
    values = "  ".join(name.rjust(width) for name, width in zip(names, widths, strict=True))
    lines = [style.strong(f"      {head}{values}".rstrip())]
    before: tuple[str, ...] = ()
    for row in rows:
        column = used.index(row.cpu) if row.cpu in used else 0
        body = " " * starts[column] + _cell(row, style)
        shown = [
            value.rjust(width) if value != old else " " * width
            for value, width, old in zip(
                row.values, widths, before or ("",) * len(widths), strict=True
            )
        ]
        number = f"{row.number:>4}" if row.number is not None else "    "
        plain = starts[column] + len(row.mark) + len(row.text)
        padding = " " * max(starts[-1] - plain, 2)
        lines.append(f"{number}  {body}{padding}{'  '.join(shown)}".rstrip())
        before = row.values
    return lines


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
        if micro.node is None:
            rows.append(Row(index + 1, micro.cpu, "! ", micro.text, now, micro.thread))
        elif _is_shown(micro):
            text = f"{names[micro.thread]} {_story(replay, index)}"
            mark = _mark(inside[micro.thread], micro)
            rows.append(Row(index + 1, _column(replay, index), mark, text, now, micro.thread))
        if micro.thread >= 0:
            inside[micro.thread] = Guard(micro.guard)
        for thread, cause in micro.aborts:
            inside[thread] = Guard.NONE
            cpu = replay.state(index - 1).threads[thread][CPU]
            rows.append(Row(None, cpu, "x ", f"{names[thread]} aborted: {cause}", now, thread))
    return rows


def _column(replay: Replay, index: int) -> int:
    """The CPU on which something happened: the one that the thread is on afterwards."""
    thread = replay.moments[index].decision.thread
    return replay.state(index).threads[thread][CPU] if thread != NOWHERE else 0


def _is_shown(micro: Micro) -> bool:
    """Whether a node says anything to a reader: registers at work are shown by what they do."""
    assert micro.node is not None
    return micro.node.kind not in (Kind.LOCAL, Kind.CURRENT) and bool(micro.text)


def _mark(before: Guard, micro: Micro) -> str:
    if micro.guard == Guard.SECTION:
        return "> " if before is not Guard.SECTION else "| "
    if before is Guard.SECTION:
        return "`>"
    if micro.guard >= Guard.VECTOR or before >= Guard.VECTOR:
        return "# "
    return "  "


def _story(replay: Replay, index: int) -> str:
    """What a node did: its text, with the values that it read or wrote."""
    micro = replay.moments[index].micro
    image, names = replay.plan.image, replay.plan.names
    assert micro.node is not None
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
    node = micro.node
    if node is not None and node.operation is not None:
        return micro.text.removesuffix(READS).removesuffix(WRITES)
    return micro.text
