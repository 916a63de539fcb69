"""The queue of what happened to the program's threads: who is answered next.

A few threads at a time have a turn, as on a machine with few CPUs: what one of them does is dealt
with at once, so that what it has read just before its call is still true.  Answering hundreds of
threads one after the other instead would let every compare fail, since all others change the same
words between one call of a thread and its next.  Turns only matter where many wait.
"""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable
from resource import RUSAGE_SELF, getrusage
from time import sleep

from . import linux
from .held import HeldCalls
from .stubrun import Refusal
from .task import Pending
from .threads import Threads

# How many threads have a turn at once, and for how many calls; how many may wait before turns matter;
# after how many seconds in which nothing happens a turn is lost, and how many times that long where
# its thread only waits for a CPU.
_TURNS = 3
_CALLS_PER_TURN = 32
_FEW_WAITING = 16
_PATIENCE = 150e-6
_WAITS_MAX = 30
# Between looks at what the held calls compare: seconds; and at how many places at once.
_LOOK_PAUSE = 50e-6
_LOOKS_MAX = 8
# For so many seconds the supervisor sleeps when it did not once in so many events.
_REST = 0.5e-3
_EVENTS_PER_REST = 64

_ILLEGAL_INSTRUCTION = signal.SIGILL << 8 | 0x7F
_CHILD_CHANGED = {signal.SIGCHLD}
# Killed, or the only one left of its process after another thread's exec, a thread leaves a stop
# without us.
_MOVED_ON = (linux.EVENT_EXEC, linux.EVENT_EXIT)

Event = tuple[int, int]


class Stops:
    """Stops and ends of threads as (thread id, wait status).

    ``queue`` holds those that are dealt with next, ``held`` calls that wait for others.  ``retry``
    answers a held call.

    SIGCHLD must be blocked.
    """

    __slots__ = (
        *("_rested", "_retry", "_threads", "_turns", "_until_rest", "_waiting", "_waits"),
        *("held", "queue"),
    )

    def __init__(
        self,
        threads: Threads,
        retry: Callable[[Pending], None],
    ) -> None:
        self.queue: deque[Event] = deque()
        self.held = HeldCalls()
        self._waiting: deque[Event] = deque()
        self._turns: dict[int, int] = {}  # calls left, by thread
        self._threads = threads
        self._retry = retry
        self._waits = 0
        self._until_rest = _EVENTS_PER_REST
        self._rested = 0

    def next(self) -> Event:
        """Wait for the next event; raises ChildProcessError when nobody is left."""
        queue = self.queue
        while not queue:
            if self._waiting or self.held:
                self._look_around()
                if not queue:
                    self._let_others()
            else:
                self._sort(os.waitpid(-1, linux.WALL))
        if self.held:
            self._answer_held(1)
        self._waits = 0
        self._until_rest -= 1
        if self._until_rest == 0:
            self._rest()
        event = queue.popleft()
        left = self._turns.get(event[0])
        if left is not None:
            self._count(event[0], left)
        return event

    def _rest(self) -> None:
        """Let threads of ordinary priority have this CPU, where nothing else has done so for long.

        One of them may be what all others wait for.
        """
        self._until_rest = _EVENTS_PER_REST
        waits = getrusage(RUSAGE_SELF).ru_nvcsw
        if waits == self._rested:
            sleep(_REST)
            waits += 1
        self._rested = waits

    @property
    def crowded(self) -> bool:
        """Whether many threads wait for a turn."""
        return len(self._waiting) > _FEW_WAITING

    def _count(self, tid: int, left: int) -> None:
        """A thread with a turn has used some of it."""
        if left > 1:
            self._turns[tid] = left - 1
        else:
            # The kernel tells of the same thread first, again and again: look at all of them.
            self._collect()
            self._end_turn(tid)

    def _end_turn(self, tid: int) -> None:
        if self._turns.pop(tid, None) is not None and len(self._turns) < _TURNS:
            self._give_turn()

    def _look_around(self) -> None:
        """What happened to one of those who have a turn; where nobody has, to anybody.

        Asking for one thread takes the kernel no longer when there are many.
        """
        turns = self._turns
        if not turns or len(turns) > _TURNS:
            self._collect()
            return
        for tid in tuple(turns):
            if self._ask(tid):
                # Who was just heard is asked last.
                if tid in turns:
                    turns[tid] = turns.pop(tid)
                return

    def _ask(self, tid: int) -> bool:
        """Whether anything happened to one thread."""
        try:
            event = os.waitpid(tid, linux.WALL | os.WNOHANG)
        except ChildProcessError:
            self._end_turn(tid)
            return False
        if not event[0]:
            return False
        self._sort(event)
        return True

    def _collect(self) -> None:
        """Everything that is ready."""
        while True:
            try:
                event = os.waitpid(-1, linux.WALL | os.WNOHANG)
            except ChildProcessError:
                return
            if event[0] == 0:
                return
            self._sort(event)

    def _sort(self, event: Event) -> None:
        """What is to be dealt with at once, and what waits for a turn: a call of a thread that has
        none."""
        tid, status = event
        if status >> 16 in _MOVED_ON or not os.WIFSTOPPED(status):
            # Whatever it did before was cut short: going on from that stop would skip this one.
            self.forget({tid})
            self.queue.append(event)
            return
        is_call = status == _ILLEGAL_INSTRUCTION or status >> 16 == linux.EVENT_SECCOMP
        if not is_call or tid in self._turns:
            self.queue.append(event)
            return
        task = self._threads.get(tid)
        if task is None or task.reports:
            self.queue.append(event)
            return
        self._waiting.append(event)
        if len(self._turns) < _TURNS:
            self._give_turn()

    def _give_turn(self) -> None:
        """The one that has waited longest."""
        if self._waiting:
            event = self._waiting.popleft()
            self._turns[event[0]] = _CALLS_PER_TURN
            self.queue.append(event)

    def _let_others(self) -> None:
        """Nobody who has a turn is there: wait a little, then let others have it."""
        if self.held and self._answer_held(_LOOKS_MAX):
            return
        waiting = len(self._waiting)
        if waiting and not (self.crowded and self._turns):
            self._collect()
            self._give_turn()
            return
        changed = signal.sigtimedwait(_CHILD_CHANGED, _PATIENCE if waiting else _LOOK_PAUSE)
        if changed is not None:
            self._ask(changed.si_pid)
            return
        self._collect()
        if self.queue:
            return
        self._waits += 1
        if waiting and (self._waits >= _WAITS_MAX or not any(map(_is_runnable, self._turns))):
            self._waits = 0
            self._turns.clear()
            self._give_turn()

    def hold(self, pending: Pending, refusal: Refusal) -> None:
        """Keep a call until its compare would pass, or for a while."""
        self.held.add(pending, refusal)
        self._end_turn(pending.task.tid)

    def _answer_held(self, looks: int) -> bool:
        """Whether a held call was answered; ``looks`` as of HeldCalls.ready."""
        pending = self.held.ready(looks)
        if pending is None:
            return False
        self._retry(pending)
        return True

    def forget(self, tids: set[int]) -> None:
        """What threads did that are no longer where they stood then, or are gone without an event."""
        for events in (self.queue, self._waiting):
            for event in [each for each in events if each[0] in tids]:
                events.remove(event)
        self.held.remove(tids)
        for tid in tids:
            self._end_turn(tid)

    def standing_still(self) -> set[int]:
        """Threads that are stopped and wait for us."""
        waiting = {event[0] for event in (*self.queue, *self._waiting)}
        return waiting.union(self.held.threads())


def _is_runnable(tid: int) -> bool:
    """Whether a thread runs, or would if it had a CPU; one that is gone does not."""
    try:
        with open(f"/proc/{tid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].startswith(b" R")
    except OSError:
        return False
