"""The queue of what happened to the program's threads, and who waits to be answered again."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from time import sleep

from . import linux
from .task import Pending
from .threads import Threads

# Between the answers to threads that only ask again: seconds, and events of other threads.
_RETRY_PAUSE = 50e-6
_EVENTS_PER_RETRY = 8
# How many events are handled, at most, before those that came meanwhile are collected.
_EVENTS_PER_COLLECTION = 8

Event = tuple[int, int]


class Stops:
    """Stops and ends of threads as (thread id, wait status), the ones noticed first coming first.

    ``retries`` are calls that repeat, word for word, what a compare has just refused.  Others must
    run before the answer can be another: with hundreds of threads that spin for a lock, answering
    them at once would keep its holder from the CPU.
    """

    __slots__ = ("_retry", "_since_retry", "_threads", "_until_collecting", "queue", "retries")

    def __init__(self, threads: Threads, retry: Callable[[Pending], None]) -> None:
        self.queue: deque[Event] = deque()
        self.retries: deque[Pending] = deque()
        self._threads = threads
        self._retry = retry
        self._since_retry = 0
        self._until_collecting = 0

    def next(self) -> Event:
        """Wait for the next event; raises ChildProcessError when nobody is left.

        All that are ready are collected at once: the kernel looks through the threads in one order,
        so that taking one at a time would leave the last ones waiting for ever.
        """
        queue = self.queue
        self._until_collecting -= 1
        while not queue or self._until_collecting <= 0:
            self._until_collecting = _EVENTS_PER_COLLECTION
            if not self.retries and not queue:
                queue.append(os.waitpid(-1, linux.WALL))
            self._collect()
            if not queue:
                sleep(_RETRY_PAUSE)
                self._answer_retry()
        if self.retries:
            self._since_retry += 1
            if self._since_retry > _EVENTS_PER_RETRY:
                self._answer_retry()
        return queue.popleft()

    def _collect(self) -> None:
        """Everything that is ready."""
        while len(self._threads) > 1:
            try:
                event = os.waitpid(-1, linux.WALL | os.WNOHANG)
            except ChildProcessError:
                return
            if event[0] == 0:
                return
            self.queue.append(event)

    def _answer_retry(self) -> None:
        """Answer the one that has waited longest."""
        self._since_retry = 0
        if self.retries:
            self._retry(self.retries.popleft())

    def forget(self, tids: set[int]) -> None:
        """Events of threads that are gone without one."""
        self.queue = deque(event for event in self.queue if event[0] not in tids)

    def standing_still(self) -> set[int]:
        """Threads that are stopped and wait for us."""
        return {event[0] for event in self.queue} | {each.task.tid for each in self.retries}
