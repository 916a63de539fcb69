"""The message for an ``assert`` that does not hold: both sides, and their values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..errors import Diagnostic, Note
from ..expression import Binary, Expression, Unevaluable
from ..interpreter.events import Stored
from ..source import Span
from .evaluate import Scope, evaluate
from .show import name_address, show_value
from .world import World

ASSERTION_FAILED = "OPV454"
CHANGED = "OPV455"
SHOWN_CHANGES = 16


def failed_condition(condition: Expression, scope: Scope) -> Diagnostic | None:
    """The finding of a condition that does not hold, with what it compares.

    Raises Unevaluable where it has no value.
    """
    if evaluate(condition, scope):
        return None
    return Diagnostic(
        "error",
        ASSERTION_FAILED,
        f"`{condition.span.text}` does not hold",
        condition.span,
        notes=tuple(Note(text) for text in _sides(condition, scope)),
    )


def _sides(condition: Expression, scope: Scope) -> Iterator[str]:
    """The values of what a failed condition compares."""
    match condition:
        case Binary(operator="&&" | "||", left=left, right=right):
            for part in (left, right):
                yield from _sides(part, scope)
        case Binary(left=left, right=right):
            for part in (left, right):
                if part.span.text.strip() != (text := _shown(part, scope)):
                    yield f"{part.span.text} is {text}"
        case _:
            return


def _shown(part: Expression, scope: Scope) -> str:
    try:
        return show_value(evaluate(part, scope))
    except Unevaluable as problem:
        return f"not known: {problem.reason}"


def changed_memory(stores: Sequence[Stored], world: World, span: Span) -> Diagnostic | None:
    """The finding of a call that changed memory; ``stores`` are all of the call's."""
    changed = _changed_bytes(stores)
    if not changed:
        return None
    notes = [
        Note(f"{name_address(world, address)}: {before:#04x} became {after:#04x}")
        for address, before, after in changed[:SHOWN_CHANGES]
    ]
    if len(changed) > len(notes):
        notes.append(Note(f"and {len(changed) - len(notes)} more"))
    return Diagnostic(
        "error",
        CHANGED,
        f"the last call changed {len(changed)} byte{'s' if len(changed) > 1 else ''}",
        span,
        notes=tuple(notes),
    )


def _changed_bytes(stores: Sequence[Stored]) -> list[tuple[int, int, int]]:
    """The bytes that are not as they were: address, value before, value after."""
    changed: dict[int, tuple[int, int]] = {}
    for store in stores:
        for offset, (before, after) in enumerate(zip(store.before, store.after, strict=True)):
            address = store.address + offset
            first = changed.get(address, (before, after))[0]
            changed[address] = (first, after)
    return sorted(
        (address, before, after) for address, (before, after) in changed.items() if before != after
    )
