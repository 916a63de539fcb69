"""Tasks for workers, and the interface of what carries them out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..light_typing import Any, NamedTuple, Protocol

# Told of each task that is done: its index, and what its call has returned.
Done = Callable[[int, Any], None]


class Task(NamedTuple):
    """A call that a worker can make: a function of a module, and arguments that can be pickled.

    ``name`` is what messages call it.  Equal calls must have equal results, for one may be made
    twice when a worker dies.
    """

    name: str
    call: Callable[..., Any]
    arguments: tuple[Any, ...]


class WorkersLost(Exception):
    """Tasks can't be done: workers die of one, or none is left.  ``help`` says what to do."""

    def __init__(self, message: str, help: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.help = help


class Runner(Protocol):
    """Does tasks in any order."""

    def run(self, tasks: Sequence[Task], done: Done) -> None:
        """Do all tasks.

        What a call raises is raised here, KeyboardInterrupt at an interrupt, WorkersLost.
        """

    def close(self) -> None:
        """Let go of the workers."""
