"""Slips that many make in a statement of this language, told by what stands before the mistake."""

from __future__ import annotations

import re

from ..light_typing import NamedTuple
from ..source import Span

_THREAD = "a thread says on which CPU it begins: `thread NAME @0 { … }`"
_ARMS = "in a thread arms say how a run goes on: `run NAME(…) { again, aborted -> retry }`"
_LONGEST = 400  # characters of a statement that are looked at


class _Slip(NamedTuple):
    """``before`` is what the statement has before the mistake, ``here`` what stands at it and after it.

    ``expected`` is what the grammar wants there ("": anything).  In ``help`` \\1 and the like are groups
    of ``before``.
    """

    before: str
    here: str
    expected: str
    help: str


_SLIPS = (
    _Slip(r"", r"for\s+all\b", "", "`forall` is one word: `forall CONDITION`"),
    _Slip(
        r"\b(forall|exists|never|invariant)$", r":", "", r"no colon follows: `\1 CONDITION`"
    ),
    _Slip(r"\brun\s+([\w.]+)$", r"", "`(`", r"a call has parentheses: `run \1()`"),
    _Slip(r"\brun\s.*\)$", r"->", "", _ARMS),
    _Slip(r"^thread\s+\w+\s+(?:on|cpu|at)$", r"", "`@`", _THREAD),
    _Slip(
        r"^(?:vector|section)\s+\w+\s*\((?:.*,)?\s*(\w+)$",
        r"[,)]",
        "`:`",
        r"a parameter has a type: `\1: u64`",
    ),
    _Slip(r"\+$", r"=", "", "in memory a vector adds: `add PLACE, 1`"),
    _Slip(r"-$", r"=", "", "in memory a vector subtracts by `add PLACE, -1`"),
    _Slip(r"^(store|commit)\b", r"", "`,`", r"a comma stands before the value: `\1 PLACE, VALUE`"),
    _Slip(r"^[a-z]\S*\s+\S+$", r"[-0-9=&({]", "`,`", "operands are separated by commas"),
)  # fmt: skip


def usual_slip(span: Span, expected: list[str]) -> str | None:
    """The help for the text at a mistake, where it is such a slip; ``expected`` are the grammar's words."""
    text = span.file.text
    before = re.split(r"[\n;{}]", text[max(0, span.start - _LONGEST) : span.start])[-1].strip()
    here = text[span.start : span.start + _LONGEST]
    for slip in _SLIPS:
        if slip.expected and slip.expected not in expected:
            continue
        found = re.search(slip.before, before)
        if found is not None and re.match(slip.here, here):
            return found.expand(slip.help)
    return None
