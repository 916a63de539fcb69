"""From the grammar to tables: the one place that imports lark.

Lark reads ``opv.lark``, expands its EBNF and computes the LALR(1) automaton.  What comes out here
is plain data (dicts, lists, strings, numbers), which opvasm.text.grammar keeps in a cache and
opvasm.text.lalr runs, so that a run that finds the cache never pays for importing lark.
"""

from __future__ import annotations

import re
from typing import Any

from lark import Lark
from lark.grammar import Rule, Terminal
from lark.lexer import TerminalDef

from .tables import BAD, CALL, END, GATHER, LITERAL, ONE, SAME, Rule as PlainRule, Tables

STARTS = ("file", "only_expression")
_KEEP, _SPREAD = 0, 1


def compile_tables(grammar: str) -> Tables:
    """The tables of a grammar.  Raises lark's GrammarError where it is not LALR(1) or malformed."""
    lark = Lark(grammar, parser="lalr", start=list(STARTS), maybe_placeholders=True)
    ignored = set(lark.ignore_tokens)
    terminals = [each for each in lark.terminals if each.name not in ignored]
    numbers = {END: 0}
    for name in sorted(each.name for each in terminals):
        numbers[name] = len(numbers)
    terminal_count = len(numbers)
    for name in sorted({rule.origin.name for rule in lark.rules}):
        numbers[name] = len(numbers)
    for start in STARTS:
        numbers.setdefault(f"$root_{start}", len(numbers))
    keywords = _keywords(terminals)
    lexed = [each for each in _lexing_order(terminals) if each.pattern.type == "re"]
    literals = {
        each.pattern.value: each.name
        for each in terminals
        if each.pattern.type == "str" and each.pattern.value not in keywords
    }
    rules = sorted(set(lark.rules), key=lambda rule: (rule.origin.name, rule.order, str(rule)))
    table = lark.parser.parser._parse_table
    actions, starts = _actions(table, numbers, {rule: i for i, rule in enumerate(rules)})
    return Tables(
        names=[str(name) for name in numbers],
        terminal_count=terminal_count,
        pattern=_pattern(lark, lexed, list(literals), ignored),
        kinds=[0, LITERAL, *(numbers[each.name] for each in lexed), 0, BAD],
        literals={str(text): numbers[name] for text, name in literals.items()},
        keywords={str(text): numbers[name] for text, name in keywords.items()},
        texts={
            numbers[each.name]: str(each.pattern.value)
            for each in terminals
            if each.pattern.type == "str"
        },
        rules=[_rule(rule, numbers) for rule in rules],
        actions=actions,
        starts=starts,
        first=_first(lark.rules, numbers),
    )


def _keywords(terminals: list[TerminalDef]) -> dict[str, str]:
    """Words that the pattern of a name would match too, with their terminals."""
    name = next(each for each in terminals if each.name == "NAME")
    return {
        each.pattern.value: each.name
        for each in terminals
        if each.pattern.type == "str" and re.fullmatch(name.pattern.to_regexp(), each.pattern.value)
    }


def _lexing_order(terminals: list[TerminalDef]) -> list[TerminalDef]:
    """Lark's own order: what has priority first, then what may match more."""
    return sorted(
        terminals,
        key=lambda each: (
            -each.priority,
            -each.pattern.max_width,
            -len(each.pattern.value),
            each.name,
        ),
    )


def _pattern(lark: Lark, lexed: list[TerminalDef], literals: list[str], ignored: set[str]) -> str:
    """One regular expression for a token and the blanks before it.

    Group n belongs to ``kinds[n]``: the first are all fixed texts, longer ones first, which no
    other token begins with; after the terminals come the end of the text and any other character,
    so that a match never fails.
    """
    blanks = [each.pattern.to_regexp() for each in lark.terminals if each.name in ignored]
    fixed = "|".join(map(re.escape, sorted(literals, key=lambda text: (-len(text), text))))
    tokens = [f"({each.pattern.to_regexp()})" for each in lexed]
    return f"(?:{'|'.join(sorted(blanks))})*(?:({fixed})|{'|'.join(tokens)}|(\\Z)|((?s:.)))"


def _actions(
    table: Any, numbers: dict[str, int], rules: dict[Rule, int]
) -> tuple[list[dict[int, int]], dict[str, tuple[int, int]]]:
    """For each state: symbol -> state to go to, or -1 - rule to reduce by."""
    order = _numbered(table, numbers)
    actions: list[dict[int, int]] = [{} for _ in order]
    for state, row in table.states.items():
        for symbol, (action, argument) in row.items():
            shifts = action.name == "Shift"
            target = order[argument] if shifts else -1 - rules[argument]
            actions[order[state]][numbers[symbol]] = target
    starts = {
        name: (order[table.start_states[name]], order[table.end_states[name]]) for name in STARTS
    }
    return actions, starts


def _numbered(table: Any, numbers: dict[str, int]) -> dict[int, int]:
    """New numbers for the states: in the order in which one comes to them, the same every time."""
    order: dict[int, int] = {}
    waiting = [table.start_states[name] for name in reversed(STARTS)]
    while waiting:
        state = waiting.pop()
        if state not in order:
            order[state] = len(order)
            row = sorted(table.states[state].items(), key=lambda each: numbers[each[0]])
            waiting += [goal for _, (action, goal) in reversed(row) if action.name == "Shift"]
    return order


def _rule(rule: Rule, numbers: dict[str, int]) -> PlainRule:
    """A rule as Tables describes it: its callback, and which children that is given.

    A child is (position, how, nothings): ``nothings`` times None stand before it for optional
    parts that are absent; a position of -1 is not a child at all.  The callback's name is empty for a
    rule whose children stand directly in its parent's place (lark's ``_rule``), and ``=`` for one
    that is its only child (lark's ``?rule``).
    """
    expansion = rule.expansion
    holes = list(rule.options.empty_indices or [False] * len(expansion))
    kept: list[tuple[int, int, int]] = []
    nothings = position = 0
    for hole in holes:
        if hole:
            nothings += 1
            continue
        symbol = expansion[position]
        if not (isinstance(symbol, Terminal) and symbol.filter_out):
            spread = not symbol.is_term and symbol.name.startswith("_")
            kept.append((position, _SPREAD if spread else _KEEP, nothings))
            nothings = 0
        position += 1
    if nothings:
        kept.append((-1, _KEEP, nothings))
    name = rule.alias or rule.origin.name
    if rule.origin.name.startswith("_"):
        name = ""
    elif rule.options.expand1 and not rule.alias and kept == [(kept[0][0], _KEEP, 0)]:
        name = "="
    length = len(expansion)
    positions = tuple(position - length for position, _, _ in kept)
    simple = all(position >= 0 and not spread and not holes for position, spread, holes in kept)
    how = (SAME if length == 1 else ONE) if name == "=" else CALL if simple else GATHER
    return numbers[rule.origin.name], length, how, str(name), positions, kept


def _first(rules: list[Rule], numbers: dict[str, int]) -> dict[int, list[int]]:
    """For each nonterminal, the terminals that a text of it can begin with."""
    first: dict[str, set[str]] = {rule.origin.name: set() for rule in rules}
    empty: set[str] = set()
    changed = True
    while changed:
        changed = False
        for rule in rules:
            found = first[rule.origin.name]
            before = (len(found), len(empty))
            for symbol in rule.expansion:
                found |= {symbol.name} if symbol.is_term else first[symbol.name]
                if symbol.is_term or symbol.name not in empty:
                    break
            else:
                empty.add(rule.origin.name)
            changed |= before != (len(found), len(empty))
    return {numbers[name]: sorted(numbers[each] for each in found) for name, found in first.items()}
