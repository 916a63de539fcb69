"""Stopping every other thread while one runs its ops: what --strict does without real time."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from time import perf_counter, sleep

from . import linux
from .stops import Stops
from .task import Task
from .threads import Threads

# The wait status of a thread that PTRACE_INTERRUPT stopped.
_INTERRUPTED = linux.EVENT_STOP << 16 | signal.SIGTRAP << 8 | 0x7F
# Seconds: for all threads to stop, for one thread's ops while they are, and for the others before
# the next call stops them again.
_STOP_PATIENCE = 0.02
_ALONE_PATIENCE = 1.0
_MOMENT = 100e-6


class World:
    """``alone`` is the thread that runs while all others are stopped, ``broken`` how often they had
    to be let go before it was done."""

    __slots__ = ("_dispatch", "_stopped", "_stops", "_threads", "alone", "broken")

    def __init__(
        self, threads: Threads, stops: Stops, dispatch: Callable[[int, int], None]
    ) -> None:
        self.alone: Task | None = None
        self.broken = 0
        self._stopped: list[int] = []
        self._threads = threads
        self._stops = stops
        self._dispatch = dispatch

    def let_others_finish(self, task: Task) -> None:
        """Let every other thread that is in the middle of its ops come to their end.

        Nothing else that happens meanwhile is dealt with.
        """
        queue = self._stops.queue
        deadline = perf_counter() + _ALONE_PATIENCE
        while any(each.running is not None for each in self._threads if each is not task):
            ready = next((each for each in queue if self._is_running(each[0])), None)
            if ready is not None:
                queue.remove(ready)
                self._dispatch(*ready)
                continue
            event = _wait_until(-1, deadline)
            if event[0] == 0:
                return
            queue.append(event)

    def _is_running(self, tid: int) -> bool:
        other = self._threads.get(tid)
        return other is not None and other.running is not None

    def stop(self, task: Task, standing_still: set[int], patience: float | None = None) -> None:
        """Stop every other thread; those that stand still already are left so.

        A thread that sleeps in the kernel does not stop, and need not: it will before it runs
        another instruction of its program.  ``patience`` are the seconds to wait for the others.
        """
        self.alone = task
        asked: set[int] = set()
        for other in self._threads:
            if other is not task and not other.vfork_wait and other.tid not in standing_still:
                with suppress(OSError):
                    linux.ptrace(linux.PTRACE_INTERRUPT, other.tid)
                    asked.add(other.tid)
        deadline = perf_counter() + (_STOP_PATIENCE if patience is None else patience)
        while asked:
            tid, status = _wait_until(-1, deadline)
            if tid == 0:
                break
            if tid in asked and status == _INTERRUPTED:
                self._stopped.append(tid)
            elif not os.WIFSTOPPED(status) or status >> 16 == linux.EVENT_EXIT:
                self._dispatch(tid, status)  # nobody may be kept from ending
            else:
                self._stops.queue.append((tid, status))
            asked.discard(tid)
        if self.alone is not task:
            self._resume()  # it was killed meanwhile

    def finish(self, task: Task) -> None:
        """Wait for the only thread that runs; the others go on when it must wait for one of them."""
        deadline = perf_counter() + _ALONE_PATIENCE
        while self.alone is task and task.running is not None:
            tid, status = _wait_until(task.tid, deadline)
            if tid:
                self._dispatch(tid, status)
            else:
                self.give_up(task)
        sleep(_MOMENT)

    def give_up(self, task: Task) -> None:
        """Let the others go although this thread is in the middle of its ops."""
        if self.alone is task:
            self.broken += 1
            self._resume()

    def release(self, task: Task) -> bool:
        """This thread is done or gone: let the others go; whether they had been stopped for it."""
        if self.alone is not task:
            return False
        self._resume()
        return True

    def _resume(self) -> None:
        self.alone = None
        stopped, self._stopped = self._stopped, []
        for tid in stopped:
            with suppress(OSError):
                linux.go_on(tid)


def _wait_until(tid: int, deadline: float) -> tuple[int, int]:
    """An event of a thread (-1: of any); (0, 0) when none came in time.

    SIGCHLD is blocked meanwhile, so that none is missed between looking and waiting.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    try:
        while True:
            found = os.waitpid(tid, linux.WALL | os.WNOHANG)
            left = deadline - perf_counter()
            if found[0] or left <= 0:
                return found
            signal.sigtimedwait({signal.SIGCHLD}, left)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
