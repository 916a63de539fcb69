"""The step code of a configuration, printed: what a search runs, for people and for machines."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ...kernels.disturbances import BUDGETS
from ...light_typing import Any
from ..claims.conditions import AddressesOf, Claim, Observed
from ..plan.plan import Plan
from ..steps.code import Code
from ..steps.spelling import Spelling
from ..steps.state import UNLIMITED
from ..steps.step import NOWHERE, Guard, Step, fields
from ..steps.terms import Nodes

FORMAT = "opvasm-steps/1"
_KIND_WIDTH, _ACTION_WIDTH = 8, 50


def step_code_text(plans: Sequence[Plan]) -> str:
    """The steps of each thread of some configurations, and what is claimed, for people."""
    return "\n\n".join("\n".join(_plan_lines(plan)) for plan in plans) + "\n"


def step_code_json(plans: Sequence[Plan], version: str) -> str:
    """The same as data: every field of every step, register and term by number."""
    document = {
        "format": FORMAT,
        "tool": f"opvasm {version}",
        "configurations": [_plan_data(plan) for plan in plans],
    }
    return json.dumps(document, indent=1) + "\n"


def _plan_lines(plan: Plan) -> list[str]:
    scenario = plan.scenario
    lines = [f"{scenario.name}: {plan.configuration.describe(scenario)}"]
    budgets = [
        f"{each}{'' if limit == UNLIMITED else f' <= {limit}'}"
        for each in BUDGETS
        if (limit := plan.limits[each])
    ]
    if budgets:
        lines.append(f"environment {', '.join(budgets)}")
    shown: dict[tuple[str, ...], list[str]] = {}
    for name, home, code in zip(plan.names, plan.homes, plan.codes, strict=True):
        shown.setdefault(tuple(_code_lines(plan, code)), []).append(f"{name} @{home}")
    for code_lines, who in shown.items():
        lines += ["", f"thread {', '.join(who)}", *code_lines]
    claims = (*plan.judge.final, *plan.judge.always, *plan.judge.quiescent)
    if claims:
        spelling = Spelling({}, lambda value: plan.image.describe_value(value, plan.names))
        lines += ["", "claims"]
        lines += [f"  {_claim_text(each, spelling)}" for each in claims]
    return lines


def _code_lines(plan: Plan, code: Code) -> list[str]:
    names = {number: name for name, number in code.registers.items()}
    spelling = Spelling(names, lambda value: plan.image.describe_value(value, plan.names))
    lines = [
        f"  site {number}: {site.vector.name} for CPU {spelling.register(site.cpu)}"
        + (f" of {spelling.listed(site.inputs)}" if site.inputs else "")
        for number, site in enumerate(code.sites)
    ]
    marks = {
        code.entry: "entry",
        code.handler: "handler",
        code.crash: "crash",
        code.killed: "killed",
    }
    for point, step in enumerate(code.steps):
        if point in marks:
            lines.append(f" {marks[point]}:")
        lines.append(f"  {point:>3}  {_step_text(step, spelling)}")
    return lines


def _step_text(step: Step, spelling: Spelling) -> str:
    """Kind, action, protection, and the statement or op that it is of."""
    kind = step.kind.name.lower()
    action = spelling.action(step.action)
    notes = []
    if step.guard is not Guard.NONE:
        notes.append(step.guard.name.lower())
    if step.abort != NOWHERE:
        notes.append(f"abort -> {step.abort}")
    if step.commits:
        notes.append("commits")
    text = " ".join(step.text.split())
    if text:
        notes.append(f"; {text}")
    return f"{kind:<{_KIND_WIDTH}}  {action:<{_ACTION_WIDTH}}  {'  '.join(notes)}".rstrip()


def _claim_text(claim: Claim, spelling: Spelling) -> str:
    test = claim.test
    if isinstance(test, AddressesOf):
        elements = ", ".join(spelling.term(each) for each in test.elements)
        whole = ", ".join(
            spelling.nodes(each) if isinstance(each, Nodes) else spelling.term(each)
            for each in test.whole
        )
        return f"{claim.condition.kind} {{{elements}}} = {whole}"
    return f"{claim.condition.kind} {spelling.term(test)}"


def _plan_data(plan: Plan) -> dict[str, Any]:
    judge = plan.judge
    claims = (*judge.final, *judge.always, *judge.quiescent)
    return {
        "scenario": plan.scenario.name,
        **plan.configuration.key(plan.scenario),
        "environment": {str(each): plan.limits[each] for each in BUDGETS},
        "memory": plan.memory.hex(),
        "regions": [each._asdict() | {"kind": each.kind.name} for each in plan.image.regions],
        "threads": [
            {"name": plan.names[i], "home": plan.homes[i], **_code_data(code)}
            for i, code in enumerate(plan.codes)
        ],
        "claims": [
            {"kind": each.condition.kind, "label": each.label, "test": _value(each.test)}
            for each in claims
        ],
        "outcomes": [_outcome(each) for each in judge.columns],
    }


def _outcome(column: Observed) -> dict[str, Any]:
    return {"text": column.text, "shows": _value(column.shows)}


def _code_data(code: Code) -> dict[str, Any]:
    return {
        "entry": code.entry,
        "handler": code.handler,
        "crash": code.crash,
        "killed": code.killed,
        "registers": code.registers,
        "observed": code.observed,
        "fresh": code.fresh,
        "sites": [
            {"vector": site.vector.name, "cpu": site.cpu, "inputs": site.inputs}
            for site in code.sites
        ],
        "steps": [_step_data(step, code.dead(point)) for point, step in enumerate(code.steps)],
    }


def _step_data(step: Step, dead: tuple[int, ...]) -> dict[str, Any]:
    shown = step._asdict()
    del shown["place"]
    shown |= {"kind": step.kind.name, "guard": step.guard.name, "dead": dead}
    shown["action"] = {"is": type(step.action).__name__} | {
        name: _value(getattr(step.action, name)) for name, _ in fields(step.action)
    }
    return shown


def _value(value: Any) -> Any:
    """A field of an action, or a term with what it is made of."""
    names = getattr(type(value), "_fields", None)
    if names is not None:
        parts = {name: _value(getattr(value, name)) for name in names}
        return {"is": type(value).__name__} | parts
    if isinstance(value, tuple):
        return [_value(each) for each in value]
    return getattr(value, "value", value)
