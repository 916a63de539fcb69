"""Who does tasks: this process, a pool of processes (pool.py), a cluster (cluster.py)."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from .tasks import Done, Runner, Task


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
