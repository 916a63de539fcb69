"""Two engines on the same cases, event by event: where do they part first?"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from ..conformance_case import Case
from ..engines import Answer, Engine
from ..interpreter.errno import result_name
from ..light_typing import NamedTuple
from ..trace.json_lines import event_record

Json = dict[str, Any]
# What implementations may say in words of their own, or need not say at all.
_OWN_WORDS = frozenset({"reason", "place", "pages", "changes", "mnemonic", "extra"})
CONTEXT = 2
WIDTH = 64


class Difference(NamedTuple):
    """Where two engines part on a case.

    ``position`` counts the events both have in common, None where an engine tells no events and only
    the answers are compared.  ``before`` are the last common events; ``left`` and ``right`` what
    came then, None where nothing did.
    """

    case: Case
    position: int | None
    before: tuple[Json, ...]
    left: Json | None
    right: Json | None


def first_difference(
    cases: Iterable[Case], left: Engine, right: Engine, quirks: Collection[str]
) -> Iterator[Case | Difference]:
    """Each case on which the engines agree, then the first difference.  Raises EngineError."""
    for case in cases:
        found = compare(case, left.answer(case, quirks), right.answer(case, quirks))
        if found is not None:
            yield found
            return
        yield case


def compare(case: Case, left: Answer, right: Answer) -> Difference | None:
    """Where two answers to a case part; None where they do not."""
    if left.events is not None and right.events is not None:
        ours = [record_of(each) for each in left.events]
        theirs = [record_of(each) for each in right.events]
        for index in range(max(len(ours), len(theirs))):
            a = ours[index] if index < len(ours) else None
            b = theirs[index] if index < len(theirs) else None
            if a is None or b is None or _compared(a) != _compared(b):
                return Difference(case, index, tuple(ours[max(0, index - CONTEXT) : index]), a, b)
    undefined = {
        address + offset for address, length in case.expect.undefined for offset in range(length)
    }
    a, b = _answer(left, undefined), _answer(right, undefined)
    return None if a == b else Difference(case, None, (), a, b)


def record_of(event: object) -> Json:
    """An event of this package as a record; a plugin's is one already."""
    if isinstance(event, dict):
        return event
    return event_record(event)  # type: ignore[arg-type]


def _compared(record: Json) -> Any:
    """What two implementations must agree on; numbers may be written in any base."""

    def plain(value: Any) -> Any:
        match value:
            case dict():
                return {key: plain(each) for key, each in value.items() if key not in _OWN_WORDS}
            case list():
                return [plain(each) for each in value]
            case str() if value.startswith(("0x", "-0x")):
                return int(value, 16)
            case _:
                return value

    return plain(record)


def _answer(answer: Answer, undefined: set[int]) -> Json:
    changed = {
        f"{address:#x}": f"{byte:02x}"
        for address, byte in sorted(answer.changed.items())
        if address not in undefined
    }
    return {"event": "answer", "result": answer.result, "changed": changed}


def side_by_side(difference: Difference, left: str, right: str) -> list[str]:
    """A difference for people: what was common, then both sides, a field a line."""
    case = difference.case
    title = f"case {case.identifier} ({case.revision}, {case.category})"
    if difference.position is None:
        lines = [f"{title}: the answers differ"]
    else:
        lines = [f"{title}: event {difference.position} is the first that differs"]
    for record in difference.before:
        lines.append(f"  both   {one_line(record)}")
    a, b = difference.left or {}, difference.right or {}
    rows = [("", left, right)]
    for key in dict.fromkeys([*a, *b]):
        shown = (_shown(a.get(key), key), _shown(b.get(key), key))
        mark = "!=" if _compared({"": a.get(key)}) != _compared({"": b.get(key)}) else ""
        rows.append((f"{mark:<2} {key}", *shown))
    widths = [min(WIDTH, max(len(row[column]) for row in rows)) for column in (0, 1)]
    for name, ours, theirs in rows:
        lines.append(f"  {name:<{widths[0]}}  {_cut(ours):<{widths[1]}}  {_cut(theirs)}".rstrip())
    return lines


def one_line(record: Json) -> str:
    """A record in a line."""
    rest = ", ".join(
        f"{key} {_shown(value, key)}" for key, value in record.items() if key != "event"
    )
    return _cut(f"{record.get('event')}: {rest}", 100)


def _shown(value: Any, key: str) -> str:
    if value is None:
        return "-"
    if key == "result" and isinstance(value, int):
        return result_name(value)
    return value if isinstance(value, str) else json.dumps(value)


def _cut(text: str, width: int = WIDTH) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
