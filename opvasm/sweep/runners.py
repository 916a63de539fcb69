"""Who does tasks: this process, a pool of processes (pool.py), a cluster (cluster.py)."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

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


class InProcess:
    """One task after the other, here."""

    def run(self, tasks: Sequence[Task], done: Done) -> None:
        """Do all tasks in their order."""
        with _prompt_interrupts():
            for index, task in enumerate(tasks):
                done(index, task.call(*task.arguments))

    def close(self) -> None:
        """There is nothing to let go of."""


class _Interrupted(BaseException):
    """An interrupt that a search, which ends itself at KeyboardInterrupt, does not take."""


@contextmanager
def _prompt_interrupts() -> Iterator[None]:
    """Within it an interrupt ends a task at once, and no half of it is taken for a result."""
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise _Interrupted

    signal.signal(signal.SIGINT, stop)
    try:
        yield
    except _Interrupted:
        raise KeyboardInterrupt from None
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def cores() -> int:
    """How many CPUs this process may use."""
    return len(os.sched_getaffinity(0))


def local_runner(jobs: int) -> Runner:
    """What does tasks on this machine with that many processes."""
    if jobs == 1:
        return InProcess()
    from .pool import Pool

    return Pool(jobs)
