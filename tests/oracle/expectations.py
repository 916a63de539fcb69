"""What the judge makes of ``expect``, from grammar/README.md ("Scenarios")."""

from __future__ import annotations

from typing import NamedTuple

from opvasm.text.scenario_tree import Expectation, Scenario, Term


class Seen(NamedTuple):
    """A configuration, and what the judge found in it."""

    cpus: int
    kernel: str
    strategies: dict[str, str]
    findings: frozenset[str]


def met(scenario: Scenario, seen: list[Seen]) -> list[bool]:
    """Whether each ``expect`` is met; without any, whether everything holds."""
    if not scenario.expectations:
        return [not any(each.findings for each in seen)]
    return [_met(each, seen) for each in scenario.expectations]


def _met(expectation: Expectation, seen: list[Seen]) -> bool:
    """``holds`` means every configuration that is meant, each other verdict at least one."""
    named = [each for each in seen if all(_names(term, each) for term in expectation.terms)]
    excepted = named if expectation.mode == "unless" else []
    meant = seen if expectation.mode == "always" else named
    if expectation.mode == "unless":
        meant = [each for each in seen if each not in named]
    if expectation.verdict != "holds":
        return any(expectation.verdict in each.findings for each in meant)
    needed = expectation.mode != "unless" or any(each.findings for each in excepted)
    return bool(meant) and needed and not any(each.findings for each in meant)


def _names(term: Term, one: Seen) -> bool:
    match term.kind:
        case "kernel":
            return one.kernel in term.values
        case "cpus":
            return str(one.cpus) in term.values
        case _:
            asked = [s for t, s in one.strategies.items() if term.thread in (None, t)]
            return any(each in term.values for each in asked)


def open_to_choice(scenario: Scenario, seen: list[Seen]) -> bool:
    """Whether a claim of progress fails in two ways, of which the explorer names one."""
    stuck = {"livelock", "blocks"}
    return any(stuck <= each.findings for each in seen)
