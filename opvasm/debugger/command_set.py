"""``set``: what if memory held something else here, and the way back to what was."""

from __future__ import annotations

import re

from ..scenario.evaluate import number
from ..scenario.store import value_bytes
from .branch import Argument, Edit, NoBranch, branch
from .locations import CommandError, parsed, place_of
from .session import Session
from .shell import Command, Shell

# A single `=`: not one of ==, !=, <=, >=.
_EQUALS = re.compile(r"(?<![=!<>])=(?!=)")


def edited(session: Session, place: str, value: str) -> Session:
    """The branch in which a place, or an argument of the call to come, holds a value from here on.

    Raises NoBranch as ``branch`` does, CommandError for a place without a type, Unevaluable for a
    value that does not fit, and ParseError.
    """
    name, call = place.strip(), session.call
    if call is not None and name in call.arguments:
        return branch(session, Argument(name, number(parsed(value), session.scope())))
    address, kind = place_of(parsed(place), session)
    if kind is None:
        raise CommandError(f"{place.strip()} is no place with a type: [address].u64 is one")
    return branch(session, Edit(address, value_bytes(parsed(value), kind, session.scope())))


def _set(shell: Shell, argument: str) -> None:
    session = shell.session
    parts = _EQUALS.split(argument.removeprefix("var "), maxsplit=1)
    if len(parts) != 2:
        raise CommandError("say what to set: set PLACE = VALUE")
    try:
        other = edited(session, *parts)
    except NoBranch as problem:
        raise CommandError(str(problem)) from None
    shell.left.append(session)
    shell.session = other
    shell.write("another history from here on; `abandon` goes back to the one before")
    shell.show(other.last)


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
        details="All that follows is done and judged anew. Of a test, between two statements.",
    ),
    Command(
        "abandon", (), "abandon", "back to where the last `set` was made, without it", _abandon
    ),
)
