"""Walks over the statements of a thread's body, and the names in them."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ...expression import Expression, Name, children
from ...text.scenario_tree import Compute, If, LoadPlace, Loop, RunVector, Statement

CPU_ID_START = "cpu_id_start"
CPU_ID = "cpu_id"
# Memory of the thread's area, which the thread may write to and the kernel does.
ID_NAMES = (CPU_ID_START, CPU_ID)
# Numbers of the area.  What kernels do to ones that user space has written was not tried.
NODE_ID, MM_CID = "node_id", "mm_cid"


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
    computed = {each.name for each in walk(statements) if isinstance(each, Compute)}
    return computed | filled(statements)


def filled(statements: tuple[Statement, ...]) -> set[str]:
    """The locals that take what memory holds, or what a section answers."""
    found: set[str] = set()
    for statement in walk(statements):
        match statement:
            case LoadPlace(name=name):
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


def ids_in(expression: Expression, own: Collection[str]) -> list[str]:
    """The ids of the thread that an expression names, of the names of the thread's own memory."""
    speaks = CPU_ID_START in own  # else an own variable that is called cpu_id is the thread's
    return sorted(names_in(expression) & {*own} & {*ID_NAMES}) if speaks else []
