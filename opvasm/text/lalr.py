"""Runs the tables: one loop over the tokens, and what happens at a mistake.

``parse`` calls back once per rule, with the offsets where the rule's text begins and ends and its
children, as lark's transformers do; a token among the children is (text, start, end).  A word of
the grammar is a name wherever the grammar does not ask for it, unless it is reserved (it can begin
a declaration).  A new line where the grammar accepts none is a blank inside parentheses and square
brackets, after a sign, and before an opening brace.

At a mistake the smallest unfinished part of a list (an op, a statement, a field, a declaration) is
given up, its callback's place is taken by None, and reading goes on after it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ..latest import latest
from ..light_typing import Any, NamedTuple
from .automaton import Automaton
from .tables import CALL, LITERAL, SAME, Tables

Token = tuple[str, int, int]

# Far more than any text needs; keeps walks over trees inside Python's own limit of calls.
STACK_LIMIT = 300
# A text that is no .opv file at all is not gone through to its end.
MISTAKE_LIMIT = 100
# What declares a strategy; `strategy NAME` alone chooses one.
_NAMED_STRATEGY = re.compile(r"strategy\s+\w+\s*=")
_LISTED = (
    *("extra_byte", "item", "field", "op", "statement"),
    *("arm", "step", "section_step", "setting", "scenario_part", "declaration"),
)


class Mistake(NamedTuple):
    """A place where the text leaves the grammar.

    ``kind`` says what is there: a terminal, the end of the text (0), or one of the numbers below.
    ``states`` is the stack of the automaton.  ``opened`` is the offset of the brace to be closed.
    """

    kind: int
    start: int
    end: int
    states: tuple[int, ...] = ()
    opened: int | None = None


BAD_CHARACTER = -2
OPEN_STRING = -3
OPEN_COMMENT = -4
TOO_DEEP = -5
MISSING_BRACE = -6


class Result(NamedTuple):
    """What ``parse`` found: the start rule's value, None where nothing could be saved.

    ``skipped`` are the stretches of text that were given up.
    """

    value: Any
    skipped: tuple[tuple[int, int], ...]


def parse(
    tables: Tables,
    start: str,
    text: str,
    callbacks: object,
    report: Callable[[Mistake], None],
) -> Result:
    """Read a text.  Each rule calls the method of its name (or alias) of ``callbacks``."""
    run = _Run(tables, start, text, callbacks, report)
    return Result(run.read(), tuple(run.skipped))


class _Run:
    """Reads one text by an automaton, and goes on after mistakes."""

    def __init__(
        self,
        tables: Tables,
        start: str,
        text: str,
        callbacks: object,
        report: Callable[[Mistake], None],
    ) -> None:
        self.tables = tables
        self.automaton = Automaton(tables, start, callbacks)
        self.text = text
        self.report = report
        self.mistakes = 0
        self.end = 0  # of the last token taken
        self.skipped: list[tuple[int, int]] = []
        self.quiet_until = -1
        known = terminals(tables)
        self.name, self.newline = known.name, known.newline
        self.separators, self.inside = known.separators, known.inside
        self.declaration, self.strategy = known.declaration, known.strategy
        self.reserved, self.listed = known.reserved, known.listed
        self.pattern = known.pattern

    def read(self) -> Any:
        """Go through the text, resuming after each mistake."""
        position: int | None = 0
        while position is not None:
            position = self._read_on(position)
        automaton = self.automaton
        done = automaton.values and automaton.states[-1] == automaton.final
        return automaton.values[-1] if done else None

    def _read_on(self, position: int) -> int | None:
        """Read from an offset up to the end (None) or a mistake (where to go on).

        Every token of every text passes here: the reductions are written out in the loop, and what
        does not change while it runs stands in local names.
        """
        actions, kinds = self.tables.actions, self.tables.kinds
        literals, keywords = self.tables.literals, self.tables.keywords
        automaton = self.automaton
        states, values, begins = automaton.states, automaton.values, automaton.begins
        plans, final, brace = automaton.plans, automaton.final, automaton.brace
        name, newline, reserved = self.name, self.newline, self.reserved
        inside = self.inside
        depth = automaton.depth_of(inside)  # parentheses and square brackets that are open
        last_end = self.end
        line_end: int | None = None  # the new line that was blank before the token at hand
        broken = False  # whether only a brace may follow it
        for match in self.pattern.finditer(self.text, position):
            group = match.lastindex or 0
            kind = other = kinds[group]
            begin, end = match.span(group)
            text = match[group]
            if kind == LITERAL:
                kind = other = literals[text]
                if kind in inside:
                    depth += inside[kind]
            elif kind == name:
                kind = other = keywords.get(text, name)
                if kind != name and kind not in reserved:
                    other = name
            elif kind < 0:
                self.end = last_end
                return self._bad_character(begin)
            if broken and kind not in (newline, brace):
                self.end = last_end
                return self._mistake(kind, begin, end, line_end)
            while True:
                row = actions[states[-1]]
                action = row.get(kind)
                if action is None and other != kind:
                    action = row.get(other)
                if action is None or (depth and kind == newline):
                    if kind == newline:
                        if line_end is None:
                            line_end = begin
                            broken = not depth and not self._goes_on()
                        break
                    self.end = last_end
                    return self._mistake(kind, begin, end, line_end)
                if action >= 0:
                    states.append(action)
                    values.append((text, begin, end))
                    begins.append(begin)
                    last_end = end
                    line_end = None
                    broken = False
                    if len(states) > STACK_LIMIT:
                        self.end = last_end
                        return self._too_deep(begin, end)
                    break
                origin, length, how, method, positions, _ = plans[-1 - action]
                if how == SAME:
                    states[-1] = actions[states[-2]][origin]
                elif how == CALL and length:
                    start = begins[-length]
                    children = [values[each] for each in positions]
                    del states[-length:], values[-length:], begins[-length:]
                    values.append(method(start, last_end, *children))
                    begins.append(start)
                    states.append(actions[states[-1]][origin])
                else:
                    automaton.reduce(action, last_end)
                if kind == 0 and states[-1] == final:
                    return None
        return None

    def _goes_on(self) -> bool:
        """Whether the text before a new line wants to go on: it ends with a sign, but no closing one."""
        values = self.automaton.values
        last = values[-1] if values else None
        return type(last) is tuple and last[0] in self.tables.literals and last[0] not in ")]}"

    # ---- mistakes -----------------------------------------------------------------------------

    def _say(self, mistake: Mistake) -> None:
        """Report a mistake, unless it only follows from the one before."""
        if mistake.start > self.quiet_until:
            self.mistakes += 1
            self.report(mistake)

    def _bad_character(self, begin: int) -> int:
        """Characters that begin no token count as blanks; an open string ends with its line."""
        text = self.text
        line_end = text.find("\n", begin)
        line_end = len(text) if line_end < 0 else line_end
        end, kind = line_end, OPEN_STRING
        if text[begin] not in "\"'":
            end, kind = begin + 1, BAD_CHARACTER
            while end < line_end and self._is_bad(end):
                end += 1
        self._say(Mistake(kind, begin, end))
        self.quiet_until = max(self.quiet_until, line_end)
        return end

    def _kind(self, match: re.Match[str]) -> tuple[int, int, int]:
        """The terminal of a match and the offsets of its text."""
        group = match.lastindex or 0
        kind = self.tables.kinds[group]
        if kind == LITERAL:
            kind = self.tables.literals[match[group]]
        elif kind == self.name:
            kind = self.tables.keywords.get(match[group], kind)
        return kind, *match.span(group)

    def _is_bad(self, position: int) -> bool:
        match = self.pattern.match(self.text, position)
        assert match is not None
        kind, begin, _ = self._kind(match)
        return kind < 0 and begin == position

    def _too_deep(self, begin: int, end: int) -> int | None:
        self._say(Mistake(TOO_DEEP, begin, end))
        self.quiet_until = max(self.quiet_until, end)
        return self._resume(end)

    def _mistake(self, kind: int, begin: int, end: int, line_end: int | None) -> int | None:
        """Report what is at ``begin`` and find the offset from which to go on."""
        automaton = self.automaton
        for comment in (begin, begin - 1):
            if self.text.startswith("/*", comment):
                return self._open_comment(comment)
        if self._is_edge(kind, begin) and automaton.accepts(automaton.close_brace):
            opened = automaton.open_brace()
            self._say(Mistake(MISSING_BRACE, begin, end, tuple(automaton.states), opened))
            automaton.take(automaton.close_brace, ("}", begin, begin), begin, self.end)
            self.end = begin
            return begin
        if line_end is not None:
            kind, begin, end = self.newline, line_end, line_end
        self._say(Mistake(kind, begin, end, tuple(automaton.states)))
        return self._resume(begin)

    def _open_comment(self, begin: int) -> int:
        """A comment that is not closed takes the rest of the text with it."""
        self._say(Mistake(OPEN_COMMENT, begin, begin + 2))
        self.quiet_until = len(self.text)
        return len(self.text)

    def _is_edge(self, kind: int, position: int) -> bool:
        """Whether a declaration begins here, or the text ends, whatever is still open."""
        if kind not in self.reserved:
            return kind == 0
        if kind == self.strategy and not _NAMED_STRATEGY.match(self.text, position):
            return False  # it chooses one, as a part of a scenario
        return not self.text[self.text.rfind("\n", 0, position) + 1 : position].strip()

    def _resume(self, position: int) -> int | None:
        """Give up the part around an offset; where its successor begins, None at the very end."""
        given_up = self.automaton.give_up(self.listed, position)
        if given_up is None or self.mistakes >= MISTAKE_LIMIT:
            self.skipped.append((position, len(self.text)))
            return None
        begin, depth = given_up
        resume = self._successor(position, depth)
        self.skipped.append((begin, resume))
        return resume

    def _successor(self, position: int, depth: int) -> int:
        """Where to go on after a part that was given up with so many braces open."""
        automaton = self.automaton
        for match in self.pattern.finditer(self.text, position):
            kind, begin, end = self._kind(match)
            if self.text.startswith("/*", begin):
                return self._open_comment(begin)
            if self._is_edge(kind, begin):
                if depth or not (
                    automaton.accepts(kind) or automaton.accepts(automaton.close_brace)
                ):
                    automaton.give_up((self.declaration,), begin)
                return begin
            if not depth and kind in self.separators and automaton.accepts(kind):
                return begin
            if kind == automaton.brace:
                depth += 1
            elif kind == automaton.close_brace and depth:
                depth -= 1
                if not depth and automaton.accepts(min(self.reserved)):
                    return end
        return len(self.text)


class _Terminals(NamedTuple):
    """What a run asks of some tables, found once: a text in an editor is read in thousands of pieces."""

    name: int
    newline: int
    separators: frozenset[int]
    inside: dict[int, int]
    declaration: int
    strategy: int
    reserved: set[int]
    listed: list[int]
    pattern: re.Pattern[str]


@latest
def terminals(tables: Tables) -> _Terminals:
    """The symbols of some tables."""
    number = tables.number
    separators = ("_NEWLINE", "SEMICOLON", "COMMA", "RPAR", "RBRACE")
    inside = {number(each): 1 for each in ("LPAR", "LSQB")}
    inside |= {number(each): -1 for each in ("RPAR", "RSQB")}
    return _Terminals(
        number("NAME"),
        number("_NEWLINE"),
        frozenset(number(each) for each in separators),
        inside,
        number("declaration"),
        tables.keywords["strategy"],
        reserved_words(tables),
        [number(name) for name in _LISTED],
        re.compile(tables.pattern),
    )


def reserved_words(tables: Tables) -> set[int]:
    """The words that can begin a declaration, as terminals."""
    declaration = tables.first[tables.number("declaration")]
    return set(tables.keywords.values()).intersection(declaration)
