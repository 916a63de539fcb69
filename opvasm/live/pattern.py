"""Which calls of a program to stop at: ``memcpy cpu=1``, ``sym=head result=EAGAIN if count > 3``.

The terms of a pattern must all hold; of the values after ``=``, parted by commas, one must.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple

from ..abi.ops import OPERATIONS
from ..expression import Expression, Unevaluable
from ..interpreter.errno import NUMBERS
from ..program import Instruction
from ..scenario.evaluate import Scope, number
from ..suggestion import did_you_mean

ANY = "any"
_MNEMONICS = tuple(each.mnemonic for each in OPERATIONS)
_IS_SYMBOL = "sym"
_IS_ADDRESS = "addr"
_IS_RESULT = "result"
_NUMBERS = ("cpu", "tid", "pid", "nr", "ops", "flags")
KEYS = (_IS_SYMBOL, _IS_ADDRESS, _IS_RESULT, *_NUMBERS)
HELP = f"""\
any, ops by their mnemonics (memcpy; cmpeq-memcpy: one after the other), sym=NAME of a variable that
an operand lies in (* and ? match), addr=ADDRESS in an operand, result=N or an errno,
{", ".join(f"{key}=N" for key in _NUMBERS)}; several terms must all hold, of values a,b or a..b one; then
'if CONDITION' over the program's variables and these numbers"""


class BadPattern(Exception):
    """A pattern that means nothing; ``help`` says what to write."""

    def __init__(self, message: str, help: str | None = None) -> None:
        self.help = help
        super().__init__(message)


class Subject(NamedTuple):
    """A call that a pattern is asked about.

    ``numbers`` are those that terms and conditions may name.  What costs more is asked for only
    where a term needs it: ``instructions`` the ops as they can be read, ``symbols`` the variables
    that operands lie in, ``result`` what the call would answer now, ``scope`` what a condition's
    names mean.
    """

    numbers: Mapping[str, int]
    instructions: Callable[[], tuple[Instruction, ...]]
    symbols: Callable[[], frozenset[str]]
    result: Callable[[], int]
    scope: Callable[[], Scope]


class _Ops(NamedTuple):
    """The vector holds these ops, one after the other."""

    mnemonics: tuple[str, ...]

    def holds(self, subject: Subject) -> bool:
        found = [
            each.operation.mnemonic if each.operation is not None else None
            for each in subject.instructions()
        ]
        size = len(self.mnemonics)
        return any(
            tuple(found[index : index + size]) == self.mnemonics for index in range(len(found))
        )


class _Symbols(NamedTuple):
    """An operand lies in one of these variables."""

    globs: tuple[str, ...]

    def holds(self, subject: Subject) -> bool:
        names = subject.symbols()
        return any(fnmatchcase(name, glob) for glob in self.globs for name in names)


class _Addresses(NamedTuple):
    """An operand holds one of these bytes."""

    ranges: tuple[range, ...]

    def holds(self, subject: Subject) -> bool:
        return any(
            address < wanted.stop and wanted.start < address + max(1, each.length)
            for each in subject.instructions()
            for address in each.addresses
            if isinstance(address, int)
            for wanted in self.ranges
        )


class _Numbers(NamedTuple):
    """A number of the call is one of these; ``result`` is worked out first."""

    key: str
    ranges: tuple[range, ...]

    def holds(self, subject: Subject) -> bool:
        value = subject.result() if self.key == _IS_RESULT else subject.numbers[self.key]
        return any(value in wanted for wanted in self.ranges)


_Term = _Ops | _Symbols | _Addresses | _Numbers


class Pattern(NamedTuple):
    """A pattern as it was written, its terms (the cheap ones first), and its condition."""

    text: str
    terms: tuple[_Term, ...]
    condition: Expression | None

    @property
    def asks_memory(self) -> bool:
        """Whether the answer depends on what other threads may be writing."""
        return self.condition is not None or any(
            isinstance(each, _Numbers) and each.key == _IS_RESULT for each in self.terms
        )

    def matches(self, subject: Subject) -> str | None:
        """None where the call is not meant; else what is odd about the condition, or nothing.

        A condition that has no value matches, and says so.
        """
        if not all(each.holds(subject) for each in self.terms):
            return None
        if self.condition is not None:
            try:
                return "" if number(self.condition, subject.scope()) else None
            except Unevaluable as problem:
                return f"the condition of {self.text!r} has no value here: {problem.reason}"
        return ""


def parse_pattern(text: str) -> Pattern:
    """A pattern from its text; raises BadPattern, and ParseError for a broken condition."""
    written, found, condition = f" {text} ".partition(" if ")
    expression = None
    if found:
        from ..text.parser import parse_expression

        if not condition.strip():
            raise BadPattern("an expression is missing after 'if'")
        expression = parse_expression(condition.strip(), "--attach-on")
    words = written.split()
    if not words and expression is None:
        raise BadPattern("the pattern is empty", f"'{ANY}' means every call")
    terms = [each for each in map(_term, words) if each is not None]
    terms.sort(key=_cost)
    return Pattern(text.strip(), tuple(terms), expression)


def _cost(term: _Term) -> int:
    """Terms that need the process's memory come last."""
    if isinstance(term, _Numbers):
        return 3 if term.key == _IS_RESULT else 0
    return 2 if isinstance(term, _Symbols) else 1


def _term(word: str) -> _Term | None:
    key, equals, values = word.partition("=")
    if not equals:
        return None if word == ANY else _ops(word)
    if key not in KEYS:
        hint = did_you_mean(key, KEYS)
        raise BadPattern(f"{word!r}: nothing of a call is called {key!r}", hint or _kinds())
    parts = values.split(",")
    if not all(parts):
        raise BadPattern(f"{word!r}: a value is missing")
    if key == _IS_SYMBOL:
        return _Symbols(tuple(parts))
    ranges = tuple(_range(key, part, word) for part in parts)
    return _Addresses(ranges) if key == _IS_ADDRESS else _Numbers(key, ranges)


def _ops(word: str) -> _Ops:
    mnemonics = tuple(word.split("-"))
    for each in mnemonics:
        if each not in _MNEMONICS:
            hint = did_you_mean(each, [*_MNEMONICS, ANY, *KEYS])
            raise BadPattern(f"{each!r} is not an op", hint or _kinds())
    return _Ops(mnemonics)


def _range(key: str, text: str, word: str) -> range:
    first, dots, last = text.partition("..")
    start = _number(key, first, word)
    end = _number(key, last, word) if dots else start
    if end < start:
        raise BadPattern(f"{word!r}: {text} holds nothing")
    return range(start, end + 1)


def _number(key: str, text: str, word: str) -> int:
    if key == _IS_RESULT and text.upper() in NUMBERS:
        return -NUMBERS[text.upper()]
    try:
        if len(text) > 40:
            raise ValueError
        return int(text, 0)
    except ValueError:
        errnos = f", or one of {', '.join(NUMBERS)}" if key == _IS_RESULT else ""
        raise BadPattern(f"{word!r}: {text[:40]!r} is not a number{errnos}") from None


def _kinds() -> str:
    return f"{ANY}, an op's mnemonic, or one of {', '.join(f'{key}=' for key in KEYS)}"
