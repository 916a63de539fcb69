"""Sections that load as JSON: steps and terms, each under the words of the language.

The tables below say what a step is made of; json_section_reader.py reads by them too.
"""

from __future__ import annotations

from ..light_typing import Any
from ..program import section as ir
from ..text.names import type_text

Json = dict[str, Any]
# What a member of a step holds.
NAME, NEW, MAYBE_NEW, TERM, MAYBE_TERM, TYPE, TRUTH, STEPS, TIMES, CHANGE, ATOMIC = range(11)

STEPS_BY_WORD: dict[str, tuple[type, dict[str, int]]] = {
    "load": (ir.Load, {"local": NEW, "address": TERM, "type": TYPE, "acquire": TRUTH}),
    "set": (ir.Set, {"local": NEW, "value": TERM}),
    "store": (
        ir.Store,
        {"address": TERM, "value": TERM, "type": TYPE, "commit": TRUTH, "release": TRUTH},
    ),
    "change": (
        ir.Change,
        {"operator": CHANGE, "address": TERM, "value": TERM, "type": TYPE}
        | {"commit": TRUTH, "release": TRUTH},
    ),
    "cmpxchg": (
        ir.CompareExchange,
        {"local": MAYBE_NEW, "address": TERM, "expected": TERM, "replacement": TERM}
        | {"type": TYPE, "commit": TRUTH},
    ),
    "atomic": (
        ir.AtomicChange,
        {"local": MAYBE_NEW, "operator": ATOMIC, "address": TERM, "value": TERM}
        | {"type": TYPE, "commit": TRUTH},
    ),
    "copy": (ir.Copy, {"target": TERM, "source": TERM, "length": TERM}),
    "barrier": (ir.Barrier, {}),
    "syscall": (ir.SystemCall, {"switches": TRUTH}),
    "exit": (ir.Exit, {"label": NAME, "condition": MAYBE_TERM}),
    "if": (ir.If, {"condition": TERM, "then": STEPS, "otherwise": STEPS}),
    "loop": (ir.Loop, {"times": TIMES, "body": STEPS}),
    "break": (ir.Break, {"condition": MAYBE_TERM}),
}
_WORDS = {made: word for word, (made, _) in STEPS_BY_WORD.items()}


def steps_json(body: tuple[ir.Step, ...]) -> list[Json]:
    """The steps of a section, or of a block in one."""
    return [_step(each) for each in body]


def _step(step: ir.Step) -> Json:
    word = _WORDS[type(step)]
    found: Json = {"step": word}
    for name, holds in STEPS_BY_WORD[word][1].items():
        value = getattr(step, name)
        if holds in (TERM, MAYBE_TERM):
            value = None if value is None else term_json(value)
        elif holds == TYPE:
            value = type_text(value)
        elif holds == STEPS:
            value = steps_json(value)
        found[name] = value
    return found


def term_json(term: ir.Term) -> Json:
    """A value: a register, a number, or what arithmetic makes of them."""
    match term:
        case ir.Constant(value=value, type=type):
            return {"number": f"{value:#x}", "type": type_text(type)}
        case ir.Local(name=name, type=type):
            return {"local": name, "type": type_text(type)}
        case ir.Argument(name=name, type=type):
            return {"argument": name, "type": type_text(type)}
        case ir.Id(name=name):
            return {"id": name}
        case ir.Address(symbol=symbol, addend=addend, cpu=cpu):
            on = None if cpu is None else term_json(cpu)
            return {"symbol": symbol, "addend": addend, "cpu": on}
        case ir.Unary(operator=operator, operand=operand, type=type):
            inner = term_json(operand)
            return {"operator": operator, "operand": inner, "type": type_text(type)}
        case ir.Binary(operator=operator, left=left, right=right, type=type):
            sides = {"left": term_json(left), "right": term_json(right)}
            return {"operator": operator, **sides, "type": type_text(type)}
        case ir.Convert(operand=operand, type=type):
            return {"convert": term_json(operand), "type": type_text(type)}
        case ir.Choose(condition=condition, then=then, otherwise=otherwise, type=type):
            ways = {"then": term_json(then), "otherwise": term_json(otherwise)}
            return {"choose": term_json(condition), **ways, "type": type_text(type)}
