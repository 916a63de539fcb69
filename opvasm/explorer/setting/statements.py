"""Walks over the statements of a thread's body, and the names in them."""

from __future__ import annotations

from collections.abc import Iterator

from ...expression import Expression, Name, children
from ...text.scenario_tree import Compute, If, LoadPlace, Loop, RunVector, Statement

CPU_ID_START = "cpu_id_start"


def walk(statements: tuple[Statement, ...]) -> Iterator[Statement]:
    """Every statement, also those inside others."""
    for statement in statements:
        yield statement
        match statement:
            case If(then=then, otherwise=otherwise):
                yield from walk(then)
                yield from walk(otherwise)
            case Loop(body=body):
                yield from walk(body)
            case RunVector(arms=arms):
                for arm in arms:
                    yield from walk(arm.body)
            case _:
                pass


def assigned(statements: tuple[Statement, ...]) -> set[str]:
    """The names that are locals: whatever is assigned to."""
    found: set[str] = set()
    for statement in walk(statements):
        match statement:
            case LoadPlace(name=name) | Compute(name=name):
                found.add(name)
            case RunVector(results=results):
                found.update(results)
            case _:
                pass
    return found


def names_in(expression: Expression) -> set[str]:
    """Every name in an expression."""
    found = {expression.name} if isinstance(expression, Name) else set()
    for child in children(expression):
        found |= names_in(child)
    return found
