"""The threads of a history that has several: where each is, and what its locals hold."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple


class ThreadState(NamedTuple):
    """A thread at one position.

    ``at`` says what it does next; ``locals`` are pairs of a name and a value as they are shown.
    """

    name: str
    cpu: int
    at: str
    locals: tuple[tuple[str, str], ...]


class WithThreads(ABC):
    """A timeline of several threads."""

    @abstractmethod
    def threads(self, entry: int) -> tuple[ThreadState, ...]:
        """The threads before an entry; the number of entries: at the end."""

    @abstractmethod
    def ending(self) -> str | None:
        """What is wrong with the state at the end; None where nothing is."""
