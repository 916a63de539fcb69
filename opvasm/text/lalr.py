"""Runs the tables: one loop over the tokens, and what happens at a mistake.

``parse`` calls back once per rule, with the offsets where the rule's text begins and ends and its
children, as lark's transformers do; a token among the children is (text, start, end).  A word of
the grammar is a name wherever the grammar does not ask for it, unless it is reserved (it can begin
a declaration).  A new line where the grammar accepts none is a blank.

At a mistake the smallest unfinished part of a list (an op, a statement, a field, a declaration) is
given up, its callback's place is taken by None, and reading goes on behind it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from ..light_typing import Any, NamedTuple
from .grammar import LITERAL, Tables

Token = tuple[str, int, int]

# Far more than any text needs; keeps walks over trees inside Python's own limit of calls.
STACK_LIMIT = 500
_LISTED = (
    *("extra_byte", "item", "field", "op", "statement"),
    *("arm", "step", "setting", "scenario_part", "declaration"),
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


# How a rule makes its value: (origin, length, how, method, positions, kept).  The method is given the
# children at ``positions`` (counted from the top of the stack), or what ``_children`` gathers.
_Plan = tuple[int, int, int, Callable[..., Any], tuple[int, ...], list[tuple[int, int, int]]]
_SAME, _ONE, _CALL, _GATHER = range(4)


def _plans(tables: Tables, callbacks: object) -> list[_Plan]:
    plans: list[_Plan] = []
    for origin, length, name, kept in tables.rules:
        positions = tuple(position - length for position, _, _ in kept)
        simple = all(position >= 0 and not spread and not holes for position, spread, holes in kept)
        if name == "=":
            plans.append((origin, length, _SAME if length == 1 else _ONE, list, positions, kept))
            continue
        method = getattr(callbacks, name) if name else _listed
        plans.append((origin, length, _CALL if simple else _GATHER, method, positions, kept))
    return plans


def _listed(begin: int, end: int, *children: Any) -> list[Any]:
    return list(children)


class _Run:
    def __init__(
        self,
        tables: Tables,
        start: str,
        text: str,
        callbacks: object,
        report: Callable[[Mistake], None],
    ) -> None:
        self.tables = tables
        self.text = text
        self.report = report
        self.plans = _plans(tables, callbacks)
        first, self.final = tables.starts[start]
        self.states = [first]
        self.values: list[Any] = []
        self.begins: list[int] = []
        self.end = 0  # of the last token taken
        self.skipped: list[tuple[int, int]] = []
        self.quiet_until = -1
        number = tables.number
        self.name, self.newline = number("NAME"), number("_NEWLINE")
        self.brace, self.close_brace = number("LBRACE"), number("RBRACE")
        self.openers = {number(each) for each in ("LBRACE", "LPAR", "LSQB")}
        self.closers = {number(each) for each in ("RBRACE", "RPAR", "RSQB")}
        self.separators = {
            *(number(each) for each in ("SEMICOLON", "COMMA", "RPAR", "RBRACE")),
            self.newline,
        }
        self.declaration = number("declaration")
        self.reserved = reserved_words(tables)
        self.listed = [number(name) for name in _LISTED]
        self.pattern = re.compile(tables.pattern)

    def read(self) -> Any:
        """Go through the text, resuming behind each mistake."""
        position: int | None = 0
        while position is not None:
            position = self._read_on(position)
        return self.values[-1] if self.values and self.states[-1] == self.final else None

    def _read_on(self, position: int) -> int | None:
        """Read from an offset up to the end (None) or a mistake (where to go on).

        Every token of every text passes here: the reductions are written out in the loop, and what
        does not change while it runs stands in local names.
        """
        actions, kinds = self.tables.actions, self.tables.kinds
        literals, keywords = self.tables.literals, self.tables.keywords
        states, values, begins, plans = self.states, self.values, self.begins, self.plans
        name, newline, reserved, final = self.name, self.newline, self.reserved, self.final
        last_end = self.end
        line_end: int | None = None  # the new line that was blank before the token at hand
        for match in self.pattern.finditer(self.text, position):
            group = match.lastindex or 0
            kind = other = kinds[group]
            begin, end = match.span(group)
            text = match[group]
            if kind == LITERAL:
                kind = other = literals[text]
            elif kind == name:
                kind = other = keywords.get(text, name)
                if kind != name and kind not in reserved:
                    other = name
            elif kind < 0:
                self.end = last_end
                return self._bad_character(begin)
            while True:
                row = actions[states[-1]]
                action = row.get(kind)
                if action is None and other != kind:
                    action = row.get(other)
                if action is None:
                    if kind == newline:
                        if line_end is None:
                            line_end = begin
                        break
                    self.end = last_end
                    return self._mistake(kind, begin, end, line_end)
                if action >= 0:
                    states.append(action)
                    values.append((text, begin, end))
                    begins.append(begin)
                    last_end = end
                    line_end = None
                    if len(states) > STACK_LIMIT:
                        self.end = last_end
                        return self._too_deep(begin, end)
                    break
                origin, length, how, method, positions, _ = plan = plans[-1 - action]
                if how == _SAME:
                    states[-1] = actions[states[-2]][origin]
                elif how == _CALL and length:
                    start = begins[-length]
                    children = [values[each] for each in positions]
                    del states[-length:], values[-length:], begins[-length:]
                    values.append(method(start, last_end, *children))
                    begins.append(start)
                    states.append(actions[states[-1]][origin])
                else:
                    self._reduce(plan, last_end)
                if kind == 0 and states[-1] == final:
                    return None
        return None

    def _reduce(self, plan: _Plan, end: int) -> None:
        """Replace the children on the stacks by the rule's value."""
        origin, length, how, method, positions, kept = plan
        states, values, begins = self.states, self.values, self.begins
        begin = begins[-length] if length else end
        if how in (_SAME, _ONE):
            value = values[positions[0]]
        elif how == _CALL:
            value = method(begin, end, *[values[each] for each in positions])
        else:
            children = _children(values, length, kept)
            value = children if method is _listed else method(begin, end, *children)
        if length:
            del states[-length:], values[-length:], begins[-length:]
        states.append(self.tables.actions[states[-1]][origin])
        values.append(value)
        begins.append(begin)

    # ---- mistakes -----------------------------------------------------------------------------

    def _bad_character(self, begin: int) -> int:
        """Characters that begin no token count as blanks; an open string ends with its line."""
        text = self.text
        line_end = text.find("\n", begin)
        line_end = len(text) if line_end < 0 else line_end
        if text[begin] in "\"'":
            self.report(Mistake(OPEN_STRING, begin, line_end))
            self.quiet_until = line_end
            return line_end
        end = begin + 1
        while end < line_end and self._is_bad(end):
            end += 1
        self.report(Mistake(BAD_CHARACTER, begin, end))
        self.quiet_until = line_end
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
        self.report(Mistake(TOO_DEEP, begin, end))
        self.quiet_until = end
        return self._resume(end)

    def _mistake(self, kind: int, begin: int, end: int, line_end: int | None) -> int | None:
        """Report what is at ``begin`` and find the offset from which to go on."""
        text = self.text
        for comment in (begin, begin - 1):
            if text.startswith("/*", comment):
                if comment > self.quiet_until:
                    self.report(Mistake(OPEN_COMMENT, comment, comment + 2))
                self.quiet_until = len(text)
                return len(text)
        states = tuple(self.states)
        at_edge = kind == 0 or (kind in self.reserved and self._is_first_on_line(begin))
        if at_edge and self.accepts(self.states, self.close_brace):
            opened = self._open_brace()
            if begin > self.quiet_until:
                self.report(Mistake(MISSING_BRACE, begin, end, states, opened))
            self._close_brace(begin)
            return begin
        if line_end is not None:
            kind, begin, end = self.newline, line_end, line_end
        if begin > self.quiet_until:
            self.report(Mistake(kind, begin, end, states))
        return self._resume(begin)

    def _is_first_on_line(self, position: int) -> bool:
        return not self.text[self.text.rfind("\n", 0, position) + 1 : position].strip()

    def _close_brace(self, position: int) -> None:
        """Go on as if a closing brace stood at an offset; ``accepts`` said that one may."""
        while True:
            action = self.tables.actions[self.states[-1]][self.close_brace]
            if action >= 0:
                self._push(action, ("}", position, position), position)
                self.end = position
                return
            self._reduce(self.plans[-1 - action], self.end)

    def _push(self, state: int, value: Any, begin: int) -> None:
        self.states.append(state)
        self.values.append(value)
        self.begins.append(begin)

    def accepts(self, states: Sequence[int], kind: int) -> bool:
        """Whether a token of this kind would be taken next."""
        return accepts(self.tables, states, kind)

    def _entered_by(self) -> dict[int, int]:
        """The bracket by which a state is entered, for those that are."""
        brackets = self.openers | self.closers
        return {
            target: symbol
            for row in self.tables.actions
            for symbol, target in row.items()
            if symbol in brackets and target >= 0
        }

    def _open_brace(self) -> int | None:
        entered = self._entered_by()
        for index in range(len(self.states) - 1, 0, -1):
            if entered.get(self.states[index]) == self.brace:
                return self.begins[index - 1]
        return None

    def _give_up(self, listed: Sequence[int], position: int) -> int | None:
        """Drop the innermost unfinished part of a list; the number of braces that it had opened.

        None where there is no list to go on with.
        """
        actions, entered = self.tables.actions, self._entered_by()
        closed = braces = 0
        for index in range(len(self.states) - 1, -1, -1):
            row = actions[self.states[index]]
            part = next((each for each in listed if each in row), None)
            if part is not None and not closed:
                begin = self.begins[index] if index < len(self.begins) else position
                self.skipped.append((begin, position))
                del self.states[index + 1 :], self.values[index:]
                del self.begins[index:]
                self._push(row[part], None, begin)
                return braces
            symbol = entered.get(self.states[index])
            if symbol in self.closers:
                closed += 1
            elif symbol in self.openers and closed:
                closed -= 1
            elif symbol == self.brace:
                braces += 1
        return None

    def _resume(self, position: int) -> int | None:
        """Give up the part around an offset; where its successor begins, None at the very end."""
        depth = self._give_up(self.listed, position)
        if depth is None:
            return None
        tables = self.tables
        resume = len(self.text)
        for match in self.pattern.finditer(self.text, position):
            kind, begin, end = self._kind(match)
            edge = kind == 0 or (kind in self.reserved and self._is_first_on_line(begin))
            if edge:
                taken = any(
                    accepts(tables, self.states, each) for each in (kind, self.close_brace)
                )
                if depth or not taken:
                    self._give_up((self.declaration,), begin)
                resume = begin
                break
            if not depth and kind in self.separators and accepts(tables, self.states, kind):
                resume = begin
                break
            if kind == self.brace:
                depth += 1
            elif kind == self.close_brace and depth:
                depth -= 1
                if not depth and accepts(tables, self.states, min(self.reserved)):
                    resume = end
                    break
        self.skipped.append((position, resume))
        return resume


def _children(values: list[Any], length: int, kept: list[tuple[int, int, int]]) -> list[Any]:
    """The children of a rule, lists of helper rules spread, None for what is absent."""
    base = len(values) - length
    children: list[Any] = []
    for position, spread, holes in kept:
        if holes:
            children += [None] * holes
        if position < 0:
            continue
        value = values[base + position]
        if not spread:
            children.append(value)
        elif children:
            children += value
        else:
            children = value  # a list grows in place: its old owner is gone
    return children


def reserved_words(tables: Tables) -> set[int]:
    """The words that can begin a declaration, as terminals."""
    declaration = tables.first[tables.number("declaration")]
    return set(tables.keywords.values()).intersection(declaration)


def accepts(tables: Tables, states: Sequence[int], kind: int) -> bool:
    """Whether the automaton with this stack would take a token of this kind next."""
    return landing(tables, states, kind) is not None


def landing(tables: Tables, states: Sequence[int], kind: int) -> list[int] | None:
    """The stack on which a token of this kind would be put; None where it would be refused."""
    stack = list(states)
    while True:
        action = tables.actions[stack[-1]].get(kind)
        if action is None:
            return None
        if action >= 0:
            return stack
        origin, length, _, _ = tables.rules[-1 - action]
        if length:
            del stack[-length:]
        target = tables.actions[stack[-1]].get(origin)
        if target is None:
            return stack if kind == 0 else None
        stack.append(target)
