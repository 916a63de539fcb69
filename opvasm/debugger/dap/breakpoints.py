"""Breakpoints as editors set them: the whole list of a file each time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from ...errors import OpvasmError
from ...text.tree import Test
from ..locations import CommandError, parse_location, parsed
from ..points import AtLine, Condition, Location, Mode, Point
from ..session import Session
from ..stopping_lines import lines_of, next_line
from .protocol import Message


class Breakpoints:
    """Which points of a session belong to which of the client's lists.

    ``first_line`` is the number that the client gives to the first line of a file, 0 or 1.
    """

    def __init__(self, session: Session, tests: Iterable[Test] = (), first_line: int = 1) -> None:
        self._session = session
        self._first_line = first_line
        self._points: dict[str, list[Point]] = {}
        self._lines = lines_of(session.program, tests)

    def follow(self, session: Session) -> None:
        """Another session, which has taken over the points."""
        self._session = session

    def set_lines(self, path: str, requested: list[Message]) -> list[Message]:
        """Replace the breakpoints of a file; each goes to the next line that holds something."""
        name = self._file(path)
        lines = self._lines.get(name, set()) if name is not None else set()
        answers: list[Message] = []
        wanted: list[tuple[Message, Location]] = []
        for each in requested:
            asked = each["line"] + 1 - self._first_line
            line = next_line(lines, asked)
            if name is None or line is None:
                answers.append({"verified": False, "message": "no op or statement is here"})
                continue
            wanted.append((each, AtLine(name, line)))
            answers.append({"verified": True, "line": line - 1 + self._first_line})
        self._replace(f"file {path}", wanted, [each for each in answers if each["verified"]])
        return answers

    def set_functions(self, requested: list[Message]) -> list[Message]:
        """Replace the breakpoints on vectors (``push``) and ops (``push.2``)."""
        return self._set("functions", requested, self._function)

    def _function(self, each: Message) -> Location:
        return parse_location(str(each["name"]), self._session)

    def set_data(self, requested: list[Message]) -> list[Message]:
        """Replace the watchpoints; a dataId is ``address, length``."""
        return self._set("data", requested, self._data)

    def _data(self, each: Message) -> Location:
        from ..points import AtMemory

        address, _, rest = str(each["dataId"]).partition(",")
        length, _, text = rest.partition(",")
        modes = {"read": Mode.READ, "readWrite": Mode.ACCESS}
        mode = modes.get(each.get("accessType", "write"), Mode.CHANGE)
        return AtMemory(int(address, 0), int(length), mode, text or address)

    def _set(
        self, key: str, requested: list[Message], locate: Callable[[Message], Location]
    ) -> list[Message]:
        answers: list[Message] = []
        wanted: list[tuple[Message, Location]] = []
        for each in requested:
            try:
                wanted.append((each, locate(each)))
                answers.append({"verified": True})
            except (CommandError, ValueError) as error:
                answers.append({"verified": False, "message": str(error)})
        self._replace(key, wanted, [each for each in answers if each["verified"]])
        return answers

    def _replace(
        self, key: str, wanted: list[tuple[Message, Location]], answers: list[Message]
    ) -> None:
        for point in self._points.pop(key, []):
            self._session.remove_point(point)
        for (request, location), answer in zip(wanted, answers, strict=True):
            condition = None
            text = str(request.get("condition") or "").strip()
            if text:
                try:
                    condition = Condition(parsed(text), text)
                except OpvasmError as error:
                    answer.update(verified=False, message=error.diagnostics[0].message)
                    continue
            point = self._session.add_point(location, condition)
            self._points.setdefault(key, []).append(point)
            answer["id"] = point.number

    def _file(self, path: str) -> str | None:
        """The program's name of a file."""
        return next(
            (name for name in self._lines if os.path.realpath(name) == os.path.realpath(path)), None
        )
