"""The threads of a history that has several: where each is, and what its locals hold."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import NamedTuple

from .timeline import Timeline


class Local(NamedTuple):
    """A local of a thread; ``text`` is its value as it is shown."""

    name: str
    value: int
    text: str


class ThreadState(NamedTuple):
    """A thread at one position; ``at`` says what it does next."""

    name: str
    cpu: int
    at: str
    locals: tuple[Local, ...]

    def has(self, name: str) -> bool:
        """Whether it has a local of this name."""
        return any(each.name == name for each in self.locals)


def locals_by_name(
    threads: tuple[ThreadState, ...], turn: str | None, taken: Collection[str]
) -> dict[str, int]:
    """The values of all locals, each as ``THREAD.LOCAL``; those of the thread whose ``turn`` it is also bare.

    Names that are ``taken``, variables' and constants', stay theirs.
    """
    names = {
        local.name: local.value
        for each in threads
        if each.name == turn
        for local in each.locals
        if local.name not in taken
    }
    return names | {
        f"{each.name}.{local.name}": local.value for each in threads for local in each.locals
    }


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
