"""Who is dealt with next, with a kernel of our own that tells of stops."""

from __future__ import annotations

import os
import signal
from collections import Counter
from types import SimpleNamespace

import pytest

from opvasm.live import linux
from opvasm.live.stops import Stops
from opvasm.live.threads import Threads

CALL = signal.SIGILL << 8 | 0x7F
EXECUTED = linux.EVENT_EXEC << 16 | signal.SIGTRAP << 8 | 0x7F
ENDED = 0


class Kernel:
    """What waitpid would tell: events by thread, one at a time, in the order of the threads."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ready: dict[int, list[int]] = {}
        monkeypatch.setattr(os, "waitpid", self.waitpid)
        monkeypatch.setattr(signal, "sigtimedwait", self.wait)

    def tell(self, tid: int, status: int) -> None:
        self.ready.setdefault(tid, []).append(status)

    def waitpid(self, tid: int, flags: int) -> tuple[int, int]:
        for each in sorted(self.ready) if tid == -1 else [tid]:
            if self.ready.get(each):
                return each, self.ready[each].pop(0)
        return 0, 0

    def wait(self, signals: object, seconds: float) -> None:
        """Nothing comes in time."""


def followed(*tids: int) -> Stops:
    """The queue for threads with these ids."""
    threads = Threads(4096)
    for tid in tids:
        threads.by_id[tid] = SimpleNamespace(tid=tid, reports=False)  # type: ignore[assignment]

    return Stops(threads, lambda pending: None)


def test_everybody_has_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of sixty threads that call all the time each is answered, though the kernel always tells of
    the first one first."""
    kernel, tids = Kernel(monkeypatch), range(1, 61)
    queue = followed(*tids)
    answered: Counter[int] = Counter()
    for tid in tids:
        kernel.tell(tid, CALL)
    for _ in range(60 * 32 * 2):
        tid, status = queue.next()
        assert status == CALL
        answered[tid] += 1
        kernel.tell(tid, CALL)
    assert set(answered) == set(tids)


def test_a_turn_is_several_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a crowd most calls are answered just after another call of the same few threads."""
    kernel, tids = Kernel(monkeypatch), range(1, 101)
    queue = followed(*tids)
    recent: list[int] = []
    for tid in tids:
        kernel.tell(tid, CALL)
    for _ in range(2000):
        tid, _ = queue.next()
        recent.append(tid)
        kernel.tell(tid, CALL)
    later = recent[1000:]
    again = sum(tid in later[max(0, index - 4) : index] for index, tid in enumerate(later))
    assert again > 900


def test_an_end_comes_before_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no call waits for nobody's turn."""
    kernel = Kernel(monkeypatch)
    tids = range(1, 41)
    queue = followed(*tids)
    for tid in tids:
        kernel.tell(tid, CALL)
    for _ in range(10):
        kernel.tell(queue.next()[0], CALL)
    kernel.tell(40, ENDED)
    seen = [queue.next() for _ in range(12)]
    assert (40, ENDED) in seen


@pytest.mark.parametrize("moved_on", [EXECUTED, ENDED])
def test_what_was_cut_short_is_forgotten(moved_on: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that has left its stop without us is not made to go on from the next one instead."""
    kernel = Kernel(monkeypatch)
    queue = followed(1, 2, 3, 4)
    for tid in (1, 2, 3, 4):
        kernel.tell(tid, CALL)
    assert queue.next() == (1, CALL)
    kernel.tell(4, moved_on)
    kernel.tell(1, EXECUTED)  # something else that ends the look around
    events = []
    for _ in range(8):
        if not any((*kernel.ready.values(), queue.queue, queue.standing_still())):
            break
        events.append(queue.next())
    assert (4, moved_on) in events
    assert (4, CALL) not in events[events.index((4, moved_on)) :]
