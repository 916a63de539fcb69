"""``set``: what if memory held something else here, and the way back to what was."""

from __future__ import annotations

import re

from ..scenario.evaluate import number
from ..scenario.store import value_bytes
from ..suggestion import listing
from .branch import Argument, Branched, Edit, NoBranch, branch, branch_of_schedule
from .locations import CommandError, parsed, place_of
from .session import Session
from .shell import Command, Shell
from .threads import LocalOf, MemoryOf, WithThreads

# A single `=`: not one of ==, !=, <=, >=.
_EQUALS = re.compile(r"(?<![=!<>])=(?!=)")
_VARIABLE = re.compile(r"var(i(a(b(le?)?)?)?)?\s+(?![\s=])")


def edited(session: Session, place: str, value: str) -> Branched:
    """The branch in which a place, or an argument of the call to come, holds a value from here on.

    Raises NoBranch as ``branch`` does, CommandError for a place without a type, Unevaluable for a
    value that does not fit, and ParseError.
    """
    name, call = place.strip(), session.call
    timeline = session.timeline
    if isinstance(timeline, WithThreads):
        return _in_schedule(session, timeline, name, value)
    if call is not None and name in call.arguments:
        return Branched(branch(session, Argument(name, _number(session, value))))
    address, kind = place_of(parsed(place), session)
    if kind is None:
        raise CommandError(f"{place.strip()} is not a place with a type: [address].u64 is one")
    data = value_bytes(parsed(value), kind, session.scope())
    return Branched(branch(session, Edit(address, data)))


def _number(session: Session, value: str) -> int:
    return number(parsed(value), session.scope())


def _in_schedule(session: Session, timeline: WithThreads, name: str, value: str) -> Branched:
    """``a.x`` is a local of thread a; everything else is a place in memory."""
    text = f"set {name} = {value.strip()}"
    thread, dot, local = name.partition(".")
    states = {each.name: each for each in timeline.threads(session.entry)}
    if dot and thread in states:
        if not states[thread].has(local):
            there = listing([each.name for each in states[thread].locals]) or "none"
            raise CommandError(f"thread {thread} has no local {local}; there is: {there}")
        change = LocalOf(thread, local, _number(session, value))
        return branch_of_schedule(session, change, text)
    if not dot and any(each.has(name) for each in states.values()):
        raise CommandError(f"whose local {name} is it? say THREAD.{name}")
    address, kind = place_of(parsed(name), session)
    if kind is None:
        raise CommandError(f"{name} is not a place with a type: [address].u64 is one")
    data = value_bytes(parsed(value), kind, session.scope())
    return branch_of_schedule(session, MemoryOf(address, data), text)


def _set(shell: Shell, argument: str) -> None:
    session = shell.session
    # gdb's `set variable`, `set var`.
    parts = _EQUALS.split(_VARIABLE.sub("", argument), maxsplit=1)
    if len(parts) != 2:
        raise CommandError("say what to set: set PLACE = VALUE")
    try:
        other = edited(session, *parts)
    except NoBranch as problem:
        raise CommandError(str(problem)) from None
    shell.left.append(session)
    shell.session = other.session
    shell.write("another history from here on; `abandon` goes back to the one before")
    if other.said:
        shell.write(other.said)
    shell.show(other.session.last)


def _abandon(shell: Shell, argument: str) -> None:
    if not shell.left:
        raise CommandError("nothing has been set: this is the history as it was")
    session, now = shell.left.pop(), shell.session
    session.take_points(now)
    shell.session = session
    shell.show(session.last)


COMMANDS = (
    Command(
        "set",
        (),
        "set PLACE = VALUE",
        "what if memory or an argument held this: goes on in a branch of the history",
        _set,
        completes="expression",
        details="All that follows is done and judged anew. Of a test: memory, also while a call runs, or an\n"
        "argument of the call to come. Of a schedule, between two decisions: memory, or THREAD.LOCAL.",
    ),
    Command(
        "abandon", (), "abandon", "back to where the last `set` was made, without it", _abandon
    ),
)
