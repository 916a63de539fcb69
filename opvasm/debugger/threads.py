"""The threads of a history that has several: where each is, and what its locals hold."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

from .timeline import Timeline


class ThreadState(NamedTuple):
    """A thread at one position.

    ``at`` says what it does next; ``locals`` are pairs of a name and a value as they are shown.
    """

    name: str
    cpu: int
    at: str
    locals: tuple[tuple[str, str], ...]


class LocalOf(NamedTuple):
    """A value for a local of a thread."""

    thread: str
    name: str
    value: int


class MemoryOf(NamedTuple):
    """Bytes to be put at an address."""

    address: int
    data: bytes


class CannotChange(Exception):
    """What can't be changed in this history; the message says why."""


class WithThreads(ABC):
    """A timeline of several threads."""

    @abstractmethod
    def changed(self, entry: int, change: LocalOf | MemoryOf, text: str) -> tuple[Timeline, str]:
        """Another history, with a change before an entry, which ``text`` names.

        Also what there is to say of it.  Raises CannotChange.
        """

    @abstractmethod
    def threads(self, entry: int) -> tuple[ThreadState, ...]:
        """The threads before an entry; the number of entries: at the end."""

    @abstractmethod
    def ending(self) -> str | None:
        """What is wrong with the state at the end; None where nothing is."""
