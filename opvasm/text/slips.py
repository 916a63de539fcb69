"""Slips that many make in a statement of this language, told by what stands around the mistake."""

from __future__ import annotations

import re

from ..kernels.versions import version_help
from ..light_typing import NamedTuple
from ..source import Span

_HERE = "¦"  # where the mistake is, in the patterns
_LONGEST = 400  # characters of a statement that are looked at, on either side
_THREAD = "a thread says on which CPU it begins: `thread NAME @0 { … }`"


class _Slip(NamedTuple):
    """``pattern`` is of the statement, in which ¦ is the place of the mistake.

    ``expected`` is what the grammar may want there ("": anything).  ``help`` has the pattern's groups.
    """

    pattern: str
    expected: str
    help: str


_TYPE = r"(?:[iu](?:8|16|32|64)|ptr(?:<\w+>)?|u?int\d*(?:_t)?|unsigned|long|char|size_t)"

# fmt: off
_SLIPS = (
    _Slip(r"(?:^|[,(\s])(?:struct\s+)?(\w+)\s*¦\*\s*(\w+)", "`:`",
          r"the name comes first: `\2: ptr<\1>`"),
    _Slip(r"¦struct\s+(\w+)\s*\*\s*(\w+)", "", r"the name comes first: `\2: ptr<\1>`"),
    _Slip(r":\s*(?:struct\s+)?(?:¦[*&]\s*(\w+)|(\w+)¦[*&])", "", r"a pointer is `ptr<\1\2>`"),
    _Slip(rf"\b({_TYPE})¦(\w+)", "`:`", r"the name comes first: `\2: \1`"),
    _Slip(rf"^¦({_TYPE})\s+\*?(\w+)", "a declaration",
          r"memory is `percpu \2: \1`, one for each CPU, or `shared \2: \1`"),
    _Slip(r"^(vector|section)\s+(\w+)¦(?:\{|$)", "`(`", r"parentheses follow the name: `\1 \2()`"),
    _Slip(r"^vector\b.*\)¦->", "",
          "a vector hands nothing back: its call answers 0, or which compare stopped it"),
    _Slip(r"^test\s*¦(\w+)", "", r'a test has a title in quotes: `test "\1" { … }`'),
    _Slip(r"^scenario\s*¦\"", "", 'a scenario has a name before its title: `scenario NAME "title" { … }`'),
    _Slip(r"(\w+)\s*(?:\+\+|--)¦", "", r"in memory a vector adds: `add \1, 1`, or -1"),
    _Slip(r"¦\*\s*(\w+)", "a value",
          r"what a pointer points to is `\1->FIELD`, or without a type `[\1].u64`"),
    _Slip(r"¦for\s+all\b", "", "`forall` is one word: `forall CONDITION`"),
    _Slip(r"\b(forall|exists|never|invariant)¦:", "", r"no colon follows: `\1 CONDITION`"),
    _Slip(r"\brun\s+([\w.]+)¦", "`(`", r"a call has parentheses: `run \1()`"),
    _Slip(r"\brun\s.*\)¦->", "",
          "in a thread arms say how a run goes on: `run NAME(…) { again, aborted -> retry }`"),
    _Slip(r"^thread\s+\w+\s+(?:on|cpu|at)¦", "`@`", _THREAD),
    _Slip(r"^thread\b[^@]*¦\{", "", _THREAD),
    _Slip(r"^(?:vector|section)\s+\w+\s*\((?:.*,)?\s*(\w+)¦[,)]", "`:`",
          r"a parameter has a type: `\1: u64`"),
    _Slip(r"\+¦=", "", "in memory a vector adds: `add PLACE, 1`"),
    _Slip(r"-¦=", "", "in memory a vector subtracts by `add PLACE, -1`"),
    _Slip(r"^(?:store|commit|if|return)\b.*\bload\s*¦", "", "a load stands alone: `x = load PLACE`, then x"),
    _Slip(r"^if\s+run\s*¦", "", "arms say how a run goes on: `run NAME(…) { differs -> return }`"),
    _Slip(r"^(add|sub|memcpy|cmpeq|cmpne|or|and|xor|lshift|rshift)¦", "`=`",
          "ops stand in a vector, which a thread runs: `run NAME(…)`"),
    _Slip(r"^(cpus|kernel|strategy|environment)¦[=:]", "", r"no sign stands before the value: `\1 VALUE`"),
    _Slip(r"\bkernel\b.*¦\"([A-Za-z]\w*)\"", "", r"a profile's name has no quotes: `kernel \1`"),
    _Slip(r"^init¦", "`{`", "what memory holds at the start: `init { PLACE = VALUE }`"),
    _Slip(r"^own\s+(\w+)\s*:.*¦=", "", r"it begins as 0: `store \1, VALUE` sets it"),
    _Slip(r"^(\w+)¦:", "`=`", r"a local needs no type: `\1 = VALUE`; memory of a thread's own is `own \1: TYPE`"),
    _Slip(r"^[\w, ]+¦$|^[\w, ]+¦\}", "`->`", "an arm says how the thread goes on: `aborted -> retry`"),
    _Slip(r"^(store|commit)\b.*¦", "`,`", r"a comma stands before the value: `\1 PLACE, VALUE`"),
    _Slip(r"^[a-z]\S*\s+\S+¦[-0-9=&({]", "`,`", "operands are separated by commas"),
    _Slip(r"¦(\w+)[ \t]*:", "`=`",
          r"memory is declared outside of blocks: `shared \1: TYPE`, or `percpu` for each CPU's own"),
    _Slip(r"^run\b.*¦(?:\W|_|$)", "`->`", "a test says what a call must return: `run NAME(…) -> 0`"),
)
# fmt: on


# A kernel's version, in which a grammar of names stops at once, or after `v6`.
_VERSION = re.compile(
    rf"\bkernel\b[\w\s,]*?(?:{_HERE}\"?(v?\d+\.[\w.+-]+)|\b(v\d+){_HERE}(\.[\w.+-]+))"
)


def usual_slip(span: Span, expected: list[str]) -> str | None:
    """The help for the text at a mistake, where it is such a slip; ``expected`` are the grammar's words."""
    text = span.file.text
    before = re.split(r"[\n;{}]", text[max(0, span.start - _LONGEST) : span.start])[-1].strip()
    around = before + _HERE + text[span.start : span.start + _LONGEST]
    version = _VERSION.search(around)
    if version is not None:
        return version_help("".join(each for each in version.groups() if each))
    for slip in _SLIPS:
        if not slip.expected or slip.expected in expected:
            found = re.search(slip.pattern, around)
            if found is not None:
                return found.expand(slip.help)
    return None
