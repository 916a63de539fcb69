"""Commands that move, and those that say where to stop."""

from __future__ import annotations

import sys
from collections.abc import Callable

from ..text.printer import INDENT
from .locations import (
    CommandError,
    parse_location,
    parse_watch,
    parsed,
    split_condition,
)
from .points import AtLine, Condition, Location, Mode, Point, same_file
from .session import Session
from .shell import Command, Shell
from .stopping_lines import lines_of, next_line
from .stops import Reason, Stop

COUNT_MAX = 10_000_000


def _times(argument: str) -> int:
    if not argument:
        return 1
    try:
        count = int(argument, 0)
    except ValueError:
        raise CommandError(f"{argument!r} is not a number of times") from None
    if not 1 <= count <= COUNT_MAX:
        raise CommandError(f"{count} times: 1 to {COUNT_MAX}")
    return count


def _mover(move: Callable[[Session], Stop]) -> Callable[[Shell, str], None]:
    """A command that moves some number of times, until something else stops it."""

    def run(shell: Shell, argument: str) -> None:
        for _ in range(_times(argument)):
            stop = move(shell.session)
            if stop.reason is not Reason.STEP:
                break
        shell.show(stop)

    return run


def _resume(forward: bool) -> Callable[[Shell, str], None]:
    def run(shell: Shell, argument: str) -> None:
        for _ in range(_times(argument)):
            session = shell.session
            stop = session.resume_or_begin() if forward else session.resume(False)
            if stop.reason is not Reason.POINT:
                break
        shell.show(stop)

    return run


def _until(shell: Shell, argument: str) -> None:
    session = shell.session
    if not argument:
        shell.show(session.next_statement())
        return
    shell.show(session.until(parse_location(argument, session)))


def _run(shell: Shell, argument: str) -> None:
    shell.session.goto(0)
    shell.show(shell.session.begin())


def _start(shell: Shell, argument: str) -> None:
    shell.show(shell.session.goto(0))


def _goto(shell: Shell, argument: str) -> None:
    session = shell.session
    if not argument:
        raise CommandError("say where to: a mark, a number of movements, `start` or `end`")
    match argument:
        case "start":
            position = 0
        case "end":
            shell.show(session.goto(sys.maxsize))
            return
        case name if name in session.marks:
            position = session.marks[name]
        case text:
            try:
                position = int(text, 0)
            except ValueError:
                known = ", ".join(session.marks) or "none is set"
                raise CommandError(f"no mark is called {text!r}; marks: {known}") from None
            if position < 0:
                raise CommandError("positions count from 0, the start")
    stop = session.goto(position)
    if session.position != position and stop.reason is not Reason.INTERRUPTED:
        shell.write(f"there are {session.position} movements in all; this is the end")
    shell.show(stop)


def _mark(shell: Shell, argument: str) -> None:
    session = shell.session
    name = argument or str(len(session.marks) + 1)
    if not name.replace("_", "a").isalnum() or name in ("start", "end"):
        raise CommandError(f"{name!r} is not a name for a mark: letters, digits and _")
    if argument and argument.isdigit():
        raise CommandError("a mark's name begins with a letter: a number is a position")
    if not argument:
        name = f"m{name}"
    session.marks[name] = session.position
    shell.write(f"mark {name}: position {session.position}")


def _breaker(temporary: bool) -> Callable[[Shell, str], None]:
    def run(shell: Shell, argument: str) -> None:
        session = shell.session
        place, condition = split_condition(argument)
        location = _where_it_stops(parse_location(place, session), session)
        point = session.add_point(location, condition, temporary)
        kind = "Temporary breakpoint" if temporary else "Breakpoint"
        shell.write(f"{kind} {point.number}: {location}{_asked(condition)}")

    return run


def _where_it_stops(location: Location, session: Session) -> Location:
    """A line at which a test can stop, from the one that was named on."""
    if not isinstance(location, AtLine) or session.test is None:
        return location
    files = lines_of(session.program, [session.test])
    file = next((each for each in files if same_file(each, location.file)), location.file)
    line = next_line(files.get(file, ()), location.line)
    if line is None:
        raise CommandError(f"no op or statement of this run is at line {location.line} or after it")
    return location._replace(line=line)


def _watcher(mode: Mode) -> Callable[[Shell, str], None]:
    def run(shell: Shell, argument: str) -> None:
        session = shell.session
        chosen = mode
        if argument.startswith("-w "):
            argument, chosen = argument[3:], Mode.WRITE
        place, condition = split_condition(argument)
        location = parse_watch(place, chosen, session)
        point = session.add_point(location, condition)
        span = f"{location.length} bytes at {location.address:#x}"
        shell.write(f"Watchpoint {point.number}: {location}, {span}{_asked(condition)}")

    return run


def _asked(condition: Condition | None) -> str:
    return "" if condition is None else f", if {condition.text}"


def _numbered(shell: Shell, argument: str) -> list[Point]:
    """The points that are named by their numbers; all without a number."""
    if not argument:
        return list(shell.session.points)
    found: list[Point] = []
    for word in argument.replace(",", " ").split():
        point = next((each for each in shell.session.points if str(each.number) == word), None)
        if point is None:
            raise CommandError(f"there is no breakpoint or watchpoint {word}")
        found.append(point)
    return found


def _delete(shell: Shell, argument: str) -> None:
    for point in _numbered(shell, argument):
        shell.session.remove_point(point)


def _enable(shell: Shell, argument: str) -> None:
    for point in _numbered(shell, argument):
        point.enabled = True


def _disable(shell: Shell, argument: str) -> None:
    for point in _numbered(shell, argument):
        point.enabled = False


def _condition(shell: Shell, argument: str) -> None:
    word, _, text = argument.partition(" ")
    if not word:
        raise CommandError("say which: condition NUMBER EXPRESSION")
    for point in _numbered(shell, word):
        if not text.strip():
            point.condition = None
            shell.write(f"{point.number} stops always now")
        else:
            point.condition = Condition(parsed(text), text.strip())


_LOCATIONS = f"""\
Places:
{INDENT}FILE:LINE, LINE   a statement of the test, or an op
{INDENT}VECTOR            a call of it, before its first check
{INDENT}VECTOR.OP         an op of it, before it runs; `op N` for ops that no text names
{INDENT}result N, EAGAIN  a call that has returned this
An expression after `if` must not be zero: break push.2 if head@1 == 0"""
_WATCHES = """\
A variable or a part of it (head, head@1, nodes[2].value), memory ([0x1000].u32), or an address
and a number of bytes (&nodes[2], 16). A percpu variable is the instance of the CPU here and now.
An expression after `if` must not be zero."""

COMMANDS: tuple[Command, ...] = (
    Command("step", ("s",), "step [N]", "to the next op", _mover(lambda s: s.step_op()), True),
    Command(
        "stepi",
        ("si",),
        "stepi [N]",
        "one movement: a check, a pin, a read, a computation, a write",
        _mover(lambda s: s.step_movement()),
        True,
    ),
    Command(
        "next",
        ("n",),
        "next [N]",
        "over a whole vector or statement",
        _mover(lambda s: s.next_statement()),
        True,
    ),
    Command("finish", ("fin",), "finish", "to after this call", _mover(lambda s: s.finish()), True),
    Command(
        "continue", ("c",), "continue [N]", "to the next point or the end", _resume(True), True
    ),
    Command(
        "until",
        ("u",),
        "until [PLACE]",
        "to a place in this call, at most to its end",
        _until,
        True,
        "location",
        _LOCATIONS,
    ),
    Command(
        "reverse-step",
        ("rs",),
        "reverse-step [N]",
        "back to the op before",
        _mover(lambda s: s.step_op(False)),
        True,
    ),
    Command(
        "reverse-stepi",
        ("rsi",),
        "reverse-stepi [N]",
        "back by one movement",
        _mover(lambda s: s.step_movement(False)),
        True,
    ),
    Command(
        "reverse-next",
        ("rn",),
        "reverse-next [N]",
        "back over a whole vector or statement",
        _mover(lambda s: s.next_statement(False)),
        True,
    ),
    Command(
        "reverse-finish",
        (),
        "reverse-finish",
        "back to where this call began",
        _mover(lambda s: s.finish(False)),
        True,
    ),
    Command(
        "reverse-continue",
        ("rc",),
        "reverse-continue [N]",
        "back to the point before, or to the start",
        _resume(False),
        True,
    ),
    Command("run", ("r",), "run", "from the start to the first point", _run),
    Command("start", (), "start", "back to the start", _start),
    Command(
        "goto",
        ("g",),
        "goto MARK|N|start|end",
        "to a mark, or to where N movements are done",
        _goto,
        False,
        "mark",
    ),
    Command("mark", (), "mark [NAME]", "remember this position", _mark),
    Command(
        "break",
        ("b",),
        "break [PLACE] [if CONDITION]",
        "stop at a place; without one, here",
        _breaker(False),
        False,
        "location",
        _LOCATIONS,
    ),
    Command(
        "tbreak",
        ("tb",),
        "tbreak [PLACE] [if CONDITION]",
        "stop at a place once",
        _breaker(True),
        False,
        "location",
        _LOCATIONS,
    ),
    Command(
        "watch",
        (),
        "watch [-w] MEMORY [if CONDITION]",
        "stop when memory changes; -w: at every write",
        _watcher(Mode.CHANGE),
        False,
        "expression",
        _WATCHES,
    ),
    Command(
        "rwatch",
        (),
        "rwatch MEMORY [if CONDITION]",
        "stop when memory is read",
        _watcher(Mode.READ),
        False,
        "expression",
        _WATCHES,
    ),
    Command(
        "awatch",
        (),
        "awatch MEMORY [if CONDITION]",
        "stop when memory is read or written",
        _watcher(Mode.ACCESS),
        False,
        "expression",
        _WATCHES,
    ),
    Command("delete", ("d",), "delete [NUMBER…]", "forget breakpoints and watchpoints", _delete),
    Command("enable", (), "enable [NUMBER…]", "let them stop again", _enable),
    Command("disable", (), "disable [NUMBER…]", "keep them, but do not stop", _disable),
    Command(
        "condition",
        (),
        "condition NUMBER [EXPRESSION]",
        "stop only if this is not zero; without one, always",
        _condition,
        False,
        "expression",
    ),
)
