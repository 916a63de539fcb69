"""The automaton: its stacks, what a reduction does, and questions about what it would take."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..latest import latest
from ..light_typing import Any
from .tables import CALL, GATHER, ONE, SAME, Tables

# A rule of the tables with its callback in the place of the name.
Plan = tuple[int, int, int, Callable[..., Any], tuple[int, ...], list[tuple[int, int, int]]]
# Stands for a rule that was not reduced by yet: a text uses few of the grammar's rules.
_UNUSED: Plan = (0, 0, GATHER, list, (), [])


def _listed(begin: int, end: int, *children: Any) -> list[Any]:
    return list(children)


def _plans_of(callbacks: object, tables: Tables) -> list[Plan]:
    """The plans of callbacks, which are kept with them for the next text."""
    known: tuple[Tables, list[Plan]] | None = callbacks.__dict__.get("_plans")
    if known is None or known[0] is not tables:
        known = callbacks.__dict__["_plans"] = tables, [_UNUSED] * len(tables.rules)
    return known[1]


class Brackets:
    """The brackets of some tables, found once."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        number = tables.number
        self.brace, self.close_brace = number("LBRACE"), number("RBRACE")
        self.openers = frozenset(number(each) for each in ("LBRACE", "LPAR", "LSQB"))
        self.closers = frozenset(number(each) for each in ("RBRACE", "RPAR", "RSQB"))
        self._reached: dict[int, int] = {}

    def reached(self) -> dict[int, int]:
        """The bracket after which the automaton is in a state, for the states where there is one."""
        if not self._reached:
            wanted = self.openers | self.closers
            self._reached = {
                target: symbol
                for row in self.tables.actions
                for symbol, target in row.items()
                if symbol in wanted and target >= 0
            }
        return self._reached


brackets_of = latest(Brackets)


class Automaton:
    """The stacks of a parse.

    ``states`` holds one more than ``values`` (a token is its text and offsets, a part what its
    callback made) and ``begins`` (the offset where each begins).
    """

    def __init__(self, tables: Tables, start: str, callbacks: object) -> None:
        self.tables = tables
        self.callbacks = callbacks
        self.plans = _plans_of(callbacks, tables)
        first, self.final = tables.starts[start]
        self.states = [first]
        self.values: list[Any] = []
        self.begins: list[int] = []
        self.brackets = brackets_of(tables)
        self.brace, self.close_brace = self.brackets.brace, self.brackets.close_brace
        self.openers, self.closers = self.brackets.openers, self.brackets.closers

    def push(self, state: int, value: Any, begin: int) -> None:
        """Put one thing on the stacks."""
        self.states.append(state)
        self.values.append(value)
        self.begins.append(begin)

    def cut(self, height: int) -> None:
        """Drop everything above so many things."""
        del self.states[height + 1 :], self.values[height:], self.begins[height:]

    def _plan(self, rule: int) -> Plan:
        """The plan of a rule that is reduced by for the first time."""
        origin, length, how, name, positions, kept = self.tables.rules[rule]
        method: Callable[..., Any] = _listed
        if how in (CALL, GATHER) and name:
            method = getattr(self.callbacks, name)
        plan = self.plans[rule] = (origin, length, how, method, positions, kept)
        return plan

    def reduce(self, action: int, end: int) -> None:
        """Reduce by an action's rule: its value for its children; ``end`` is where its text ends."""
        plan = self.plans[-1 - action]
        if plan is _UNUSED:
            plan = self._plan(-1 - action)
        origin, length, how, method, positions, kept = plan
        values, begins = self.values, self.begins
        begin = begins[-length] if length else end
        if how in (SAME, ONE):
            value = values[positions[0]]
        elif how == CALL:
            value = method(begin, end, *[values[each] for each in positions])
        else:
            children = _children(values, length, kept)
            value = children if method is _listed else method(begin, end, *children)
        if length:
            del self.states[-length:], values[-length:], begins[-length:]
        self.push(self.tables.actions[self.states[-1]][origin], value, begin)

    def take(self, kind: int, value: Any, begin: int, end: int) -> None:
        """Take a token that ``accepts`` allows; ``end`` is where the text before it ends."""
        while True:
            action = self.tables.actions[self.states[-1]][kind]
            if action >= 0:
                self.push(action, value, begin)
                return
            self.reduce(action, end)

    def accepts(self, kind: int) -> bool:
        """Whether a token of this kind would be taken next."""
        return landing(self.tables, self.states, kind) is not None

    def bracket(self, height: int) -> int | None:
        """The bracket that stands at a height of the stack, where one does."""
        return self.brackets.reached().get(self.states[height + 1])

    def depth_of(self, brackets: Mapping[int, int]) -> int:
        """The sum over the stack of what some brackets count."""
        if len(self.values) == 0:
            return 0
        found = (self.bracket(height) for height in range(len(self.values)))
        return sum(brackets.get(each, 0) for each in found if each is not None)

    def open_brace(self) -> int | None:
        """The offset of the innermost brace that is open."""
        for height in range(len(self.values) - 1, -1, -1):
            if self.bracket(height) == self.brace:
                return self.begins[height]
        return None

    def give_up(self, parts: Sequence[int], position: int) -> tuple[int, int] | None:
        """Replace the innermost unfinished one of some parts by None.

        What it had opened is dropped with it: its first offset, and how many braces were open in
        it.  None where no such part may stand.
        """
        closed = braces = 0
        for height in range(len(self.states) - 1, -1, -1):
            row = self.tables.actions[self.states[height]]
            part = next((each for each in parts if each in row), None)
            if part is not None and not closed:
                begin = self.begins[height] if height < len(self.begins) else position
                self.cut(height)
                self.push(row[part], None, begin)
                return begin, braces
            if not height:
                return None
            symbol = self.bracket(height - 1)
            if symbol in self.closers:
                closed += 1
            elif symbol in self.openers and closed:
                closed -= 1
            elif symbol == self.brace:
                braces += 1
        return None


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


def landing(tables: Tables, states: Sequence[int], kind: int) -> list[int] | None:
    """The stack on which a token of this kind would be put; None where it would be refused."""
    stack = list(states)
    while True:
        action = tables.actions[stack[-1]].get(kind)
        if action is None:
            return None
        if action >= 0:
            return stack
        origin, length, *_ = tables.rules[-1 - action]
        if length:
            del stack[-length:]
        target = tables.actions[stack[-1]].get(origin)
        if target is None:
            return stack if kind == 0 else None
        stack.append(target)
