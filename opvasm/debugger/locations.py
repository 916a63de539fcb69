"""From the words of a command to a location, a place in memory, or a condition."""

from __future__ import annotations

import re

from ..expression import AddressOf, Expression, Unevaluable
from ..interpreter.errno import NUMBERS
from ..program import Type, Vector
from ..program.flat import flatten
from ..program.section import Section
from ..scenario.evaluate import locate, number
from ..source import Place, Span
from ..suggestion import did_you_mean, listing
from .points import AtLine, AtMemory, AtOp, AtResult, AtVector, Condition, Location, Mode
from .session import Session
from .view import current_place


class CommandError(Exception):
    """A command that can't be carried out; the session stays as it was."""


_LINE = re.compile(r"(?:(?P<file>.+):)?(?P<line>\d+)$")
_VECTOR_OP = re.compile(r"(?P<vector>\w+)(?:\.(?P<op>\d+))?$")
_OP = re.compile(r"op\s+(?P<op>\d+)$")
_RESULT = re.compile(r"(?:(?:result|errno)\s+)?(?P<result>-?\w+)$")


def split_condition(text: str) -> tuple[str, Condition | None]:
    """``PLACE if CONDITION`` in its two parts.  Raises CommandError for a broken condition."""
    place, found, condition = f" {text} ".partition(" if ")
    if not found:
        return text.strip(), None
    written = condition.strip()
    if not written:
        raise CommandError("an expression is missing after `if`")
    return place.strip(), Condition(parsed(written), written)


def parsed(text: str) -> Expression:
    """An expression of the language.  Raises ParseError."""
    from ..text.parser import parse_expression

    if not text.strip():
        raise CommandError("an expression is missing")
    return parse_expression(text.strip(), "<command>")


def parse_location(text: str, session: Session) -> Location:
    """A place where a run can stop: FILE:LINE, LINE, VECTOR, VECTOR.OP, op N, result N, ERRNO.

    Raises CommandError for anything else, and for a vector, op or line that is not there.
    """
    text = text.strip()
    if not text:
        return _here(session)
    if (match := _OP.match(text)) is not None:
        return AtOp(None, int(match["op"]))
    if text.startswith(("result ", "errno ")) or text.upper() in NUMBERS:
        return AtResult(parse_result(text))
    if (match := _LINE.match(text)) is not None:
        return _line(match["file"], int(match["line"]), session)
    if (match := _VECTOR_OP.match(text)) is not None:
        return _vector(match["vector"], match["op"], session)
    raise CommandError(
        f"{text!r} is not a place to stop: FILE:LINE, VECTOR, VECTOR.OP, op N, result N or an errno"
    )


def parse_result(text: str) -> int:
    """A result: 0, 2, EAGAIN, -11."""
    match = _RESULT.match(text.strip())
    if match is not None:
        name = match["result"]
        if name.upper() in NUMBERS:
            return -NUMBERS[name.upper()]
        try:
            value = int(name)
        except ValueError:
            pass
        else:
            return -value if text.startswith("errno") and value > 0 else value
    raise CommandError(f"{text!r} is not a result: a number, or one of {', '.join(NUMBERS)}")


def _here(session: Session) -> Location:
    call, op = session.call, session.op
    if op is not None and call is not None:
        return AtOp(None if call.vector is None else call.vector.name, op)
    place = current_place(session)
    if not isinstance(place, Span):
        raise CommandError("say where: FILE:LINE, VECTOR, VECTOR.OP")
    return AtLine(place.file.name, place.line)


def _line(file: str | None, line: int, session: Session) -> Location:
    names = source_names(session)
    if file is None:
        place = current_place(session)
        file = place.file.name if isinstance(place, Span) else (names[0] if names else None)
        if file is None:
            raise CommandError("there is no text, so lines mean nothing: try op N, or a result")
    elif not any(each == file or each.endswith("/" + file) for each in names):
        hint = did_you_mean(file, names) or f"there is: {', '.join(names) or 'no file'}"
        raise CommandError(f"no file is called {file!r}; {hint}")
    return AtLine(file, line)


def _vector(name: str, op: str | None, session: Session) -> Location:
    program = session.program
    names = [*program.vectors, *program.sections]
    if name not in names:
        hint = did_you_mean(name, names) or f"there is: {listing(names) or 'none'}"
        raise CommandError(f"no vector is called {name!r}; {hint}")
    if op is None:
        return AtVector(name)
    section = program.sections.get(name)
    what = "vector" if section is None else "section"
    parts = "ops" if section is None else "instructions"
    count = len(program.vectors[name].instructions if section is None else flatten(section))
    if int(op) >= count:
        raise CommandError(f"{what} {name} has {count} {parts}, 0 to {count - 1}")
    return AtOp(name, int(op))


def declared(name: str, session: Session) -> Vector | Section:
    """The vector or section of a name that is known."""
    program = session.program
    return program.sections.get(name) or program.vectors[name]


def written_at(name: str, op: int, session: Session) -> Place | None:
    """Where an op of a vector, or an instruction of a section, is written."""
    section = session.program.sections.get(name)
    if section is not None:
        return flatten(section)[op].step.place
    return session.program.vectors[name].instructions[op].place


def source_names(session: Session) -> list[str]:
    """The files that the program was written in, the one we are in first."""
    names: dict[str, None] = {}
    place = current_place(session)
    if isinstance(place, Span):
        names[place.file.name] = None
    program = session.program
    places = [each.place for each in program.vectors.values()]
    for place in (*places, *(each.place for each in program.sections.values())):
        if isinstance(place, Span):
            names[place.file.name] = None
    return list(names)


def parse_watch(text: str, mode: Mode, session: Session) -> AtMemory:
    """What to watch: a variable or a part of it, ``[address].u32``, or ``address, length``."""
    address, length = parse_range(text, session)
    return AtMemory(address, length, mode, text.strip())


def parse_range(text: str, session: Session) -> tuple[int, int]:
    """A range of memory (address, bytes): a place, or an address and a length."""
    first, comma, second = _split_comma(text)
    scope = session.scope()
    try:
        if comma:
            length = number(parsed(second), scope)
            if length < 1:
                raise CommandError(f"a range of {length} bytes holds nothing")
            return _address(parsed(first), session), length
        expression = parsed(first)
        if isinstance(expression, AddressOf):
            return number(expression, scope), session.program.abi.model.word
        address, kind = place_of(expression, session)
    except Unevaluable as problem:
        raise CommandError(problem.reason) from None
    return address, session.program.abi.model.word if kind is None else kind.size


def place_of(expression: Expression, session: Session) -> tuple[int, Type | None]:
    """The address and type that an expression names; a value is taken for an address."""
    scope = session.scope()
    try:
        place = locate(expression, scope)
    except Unevaluable:
        return number(expression, scope), None
    return place.address, place.type


def _address(expression: Expression, session: Session) -> int:
    """An address: a place's own, or a value."""
    return place_of(expression, session)[0]


def _split_comma(text: str) -> tuple[str, str, str]:
    """At the last comma that no bracket holds."""
    depth = 0
    for index in range(len(text) - 1, -1, -1):
        if text[index] in ")]}":
            depth += 1
        elif text[index] in "([{":
            depth -= 1
        elif text[index] == "," and depth == 0:
            return text[:index], ",", text[index + 1 :]
    return text, "", ""
