"""The interface of an engine: a complete call in, an answer and its events out."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ..conformance_case import Case
from ..light_typing import NamedTuple, Protocol


class Answer(NamedTuple):
    """What came back: the result, and every byte of memory that has changed, by its address.

    ``events`` is what happened on the way, where the engine was asked and can tell: events of this
    package's interpreter, or a plugin's objects of ``opvasm-trace/1``.
    """

    result: int
    changed: Mapping[int, int]
    events: tuple[object, ...] | None = None


class Engine(Protocol):
    """Runs one case at a time; ``close`` ends whatever it holds."""

    name: str

    def answer(self, case: Case, quirks: Collection[str]) -> Answer:
        """The answer to a case with these historic bugs modelled.

        Raises EngineError when there is none.
        """

    def close(self) -> None:
        """Let go of processes and files."""


class EngineError(Exception):
    """An engine that can't be started, or answered what is not an answer."""
