"""JSON values that know their path, so that every wrong one can be named in words."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from ..errors import DecodeError, Diagnostic
from ..json_values import loads
from ..source import BytePlace, SourceFile, Span

Result = TypeVar("Result")
# So many findings at most, so that a document of another kind does not fill the screen.
_MOST_PROBLEMS = 20


class Unusable(Exception):
    """A value is not what it should be; the problem is already written down."""


class Problems(NamedTuple):
    """What is wrong with the document of that name, so far."""

    name: str
    found: list[Diagnostic]

    def add(self, code: str, path: str, message: str, help: str | None = None) -> None:
        """Notes a problem with the value at a path such as ``vectors[0].ops[3].len``."""
        place = BytePlace(self.name, 0, 0)
        text = f"{path}: {message}" if path else message
        self.found.append(Diagnostic("error", code, text, place, help=help))

    def check(self) -> None:
        """Raises DecodeError if there is any."""
        if self.found:
            raise DecodeError(self.found[:_MOST_PROBLEMS])


class Node(NamedTuple):
    """A value of the document, with its path and where problems are noted."""

    value: Any
    path: str
    problems: Problems

    def wrong(self, message: str, code: str = "OPV124", help: str | None = None) -> Unusable:
        """Notes a problem; the caller raises what it returns."""
        self.problems.add(code, self.path, message, help)
        return Unusable()

    def _typed(self, kind: type, name: str) -> Any:
        if not isinstance(self.value, kind) or (kind is int and isinstance(self.value, bool)):
            shown = json.dumps(self.value, ensure_ascii=False)
            shown = shown if len(shown) <= 40 else shown[:37] + "..."
            raise self.wrong(f"{shown} is not {name}")
        return self.value

    def members(self, required: Sequence[str], optional: Sequence[str] = ()) -> dict[str, Node]:
        """The members of an object by name; missing and unknown ones are problems."""
        value = self._typed(dict, "an object")
        missing = [name for name in required if name not in value]
        for name in value:
            if name not in required and name not in optional:
                self.wrong(f"has a member {name!r} that its schema does not know")
        if missing:
            raise self.wrong(f"lacks {', '.join(missing)}")
        return {name: self._child(f".{name}", value[name]) for name in value}

    def _child(self, step: str, value: Any) -> Node:
        return Node(value, (self.path + step).removeprefix("."), self.problems)

    def items(self) -> Iterator[Node]:
        """The elements of an array."""
        for index, value in enumerate(self._typed(list, "an array")):
            yield self._child(f"[{index}]", value)

    def entries(self) -> Iterator[tuple[str, Node]]:
        """The members of an object that may have any."""
        for name, value in self._typed(dict, "an object").items():
            yield name, self._child(f".{name}", value)

    def each(self, read: Callable[[Node], Result]) -> list[Result]:
        """What ``read`` makes of each element; those it can't read have noted their problems."""
        results: list[Result] = []
        for node in self.items():
            try:
                results.append(read(node))
            except Unusable:
                continue
        return results

    def text(self) -> str:
        """A string."""
        value: str = self._typed(str, "a string")
        return value

    def name(self) -> str:
        """An identifier."""
        value = self.text()
        if not (value.isidentifier() and value.isascii()):
            raise self.wrong(f"{value!r} is not a name")
        return value

    def choice(self, choices: Sequence[Any]) -> Any:
        """One of some values."""
        if self.value not in choices or isinstance(self.value, bool):
            raise self.wrong(f"{self.value!r} is not one of {', '.join(map(str, choices))}")
        return self.value

    def truth(self) -> bool:
        """True or false."""
        value: bool = self._typed(bool, "true or false")
        return value

    def integer(self, low: int, high: int) -> int:
        """A plain number within limits."""
        value: int = self._typed(int, "a whole number")
        if not low <= value <= high:
            raise self.wrong(f"{value} is not from {low} to {high}")
        return value

    def size(self) -> int:
        """A number of bytes."""
        return self.integer(0, (1 << 32) - 1)

    def number(self) -> int:
        """A string such as ``0x1f`` or ``-0x5``."""
        text = self.text()
        digits = text.removeprefix("-")
        if not digits.startswith("0x") or not digits[2:].isalnum():
            raise self.wrong(f"{text!r} is not a number like 0x1f")
        try:
            return int(text, 16)
        except ValueError:
            raise self.wrong(f"{text!r} is not a number like 0x1f") from None

    def data(self) -> bytes:
        """Bytes as hexadecimal digits."""
        try:
            return bytes.fromhex(self.text())
        except ValueError:
            raise self.wrong("is not hexadecimal digits, two a byte") from None


def parse(data: bytes, name: str) -> Node:
    """The document's outermost value.  Raises DecodeError with the place where it is not JSON."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        place = BytePlace(name, error.start, error.start + 1)
        message = "JSON is UTF-8 text, and this byte is not"
        raise DecodeError([Diagnostic("error", "OPV123", message, place)]) from None
    try:
        value = loads(text)
    except json.JSONDecodeError as error:
        start = min(error.pos, len(text))
        span = Span(SourceFile(name, text), start, min(start + 1, len(text)))
        reason = f"{error.msg[0].lower()}{error.msg[1:]}"
        raise DecodeError([Diagnostic("error", "OPV123", f"not JSON: {reason}", span)]) from None
    except ValueError as error:
        place = BytePlace(name, 0, 0)
        raise DecodeError([Diagnostic("error", "OPV123", f"not usable: {error}", place)]) from None
    return Node(value, "", Problems(name, []))
