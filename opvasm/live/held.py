"""Calls that ask again for what a compare has just refused: the same vector expects the same value.

They wait until it would pass, since others must run before the answer can be another one.  Many
wait for the same word, such as a lock, so it is the word that is looked at, once for all of them.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable
from time import perf_counter
from typing import NamedTuple

from .linux import RSP
from .stubrun import Refusal
from .task import Pending

# How long a call is held at most before it is answered anyway, and how long it is between such
# answers for each call that is held: seconds.
_HELD_MAX = 2e-3
_OVERDUE_PAUSE = 50e-6
# What is this near to a caller's stack pointer is its own: nobody changes it while it waits.
_OWN_BELOW, _OWN_ABOVE = 256, 1 << 16

# A word that others may change: the file of its memory, its length in bytes, its address.
Word = tuple[int, int, int]
Words = tuple[Word, ...]


class Held(NamedTuple):
    """A call, the compare that has refused it, and the words that it waits for."""

    pending: Pending
    refusal: Refusal
    words: Words


class HeldCalls:
    """The calls that are held, by the words that they wait for."""

    __slots__ = ("_by_thread", "_overdue", "_seen", "_waiting")

    def __init__(self) -> None:
        self._by_thread: dict[int, Held] = {}  # the longest held first
        self._waiting: dict[Words, deque[int]] = {}
        # What the words were when all who wait for them were refused last.
        self._seen: dict[Words, tuple[bytes, ...]] = {}
        self._overdue = 0.0

    def __len__(self) -> int:
        return len(self._by_thread)

    def threads(self) -> Iterable[int]:
        """The ids of the threads whose calls are held."""
        return self._by_thread.keys()

    def add(self, pending: Pending, refusal: Refusal) -> None:
        """Hold a call."""
        tid, words = pending.task.tid, _words(pending, refusal)
        self._by_thread[tid] = Held(pending, refusal, words)
        if words not in self._waiting:
            self._waiting[words] = deque()
            self._seen[words] = _read(words)
        self._waiting[words].append(tid)

    def remove(self, tids: set[int]) -> None:
        """Forget the calls of threads that are no longer there."""
        for tid in tids & self._by_thread.keys():
            self._take(tid)

    def ready(self, looks: int) -> Pending | None:
        """A call to be answered now, which is no longer held: its compare would pass, or it has
        waited for too long.

        ``looks`` is how many places are looked at: others have their turn the next time.
        """
        now = perf_counter()
        if now - self._overdue > _OVERDUE_PAUSE * len(self._by_thread):
            tid, held = next(iter(self._by_thread.items()))
            if now - held.pending.started > _HELD_MAX:
                self._overdue = now
                return self._take(tid)
        for _ in range(min(looks, len(self._waiting))):
            words = next(iter(self._waiting))
            waiting = self._waiting[words] = self._waiting.pop(words)
            now_there = _read(words)
            if now_there == self._seen[words]:
                continue
            for tid in waiting:
                held = self._by_thread[tid]
                if not waits(held.pending, held.refusal):
                    return self._take(tid)
            self._seen[words] = now_there
        return None

    def _take(self, tid: int) -> Pending:
        """Hold a call no longer."""
        held = self._by_thread.pop(tid)
        waiting = self._waiting[held.words]
        waiting.remove(tid)
        if not waiting:
            del self._waiting[held.words], self._seen[held.words]
        return held.pending


def waits(pending: Pending, refusal: Refusal) -> bool:
    """Whether a call that repeats a refused one would be refused again, and expects just the same.

    One that expects something else has read it shortly before: being refused is what it needs to
    read it anew.
    """
    memory, length = pending.task.space.memory, refusal.length
    try:
        a, b = os.pread(memory, length, refusal.a), os.pread(memory, length, refusal.b)
    except OSError:
        return False
    if (a == b) is not refusal.when_same:
        return False
    same_a, same_b = a == refusal.met_a, b == refusal.met_b
    own_a, own_b = _is_own(pending, refusal.a), _is_own(pending, refusal.b)
    if own_a is own_b:
        return same_a and same_b
    return same_a if own_a else same_b


def _is_own(pending: Pending, address: int) -> bool:
    """Whether nobody else changes what is there while its thread waits."""
    stack = pending.registers[RSP]
    return stack - _OWN_BELOW <= address < stack + _OWN_ABOVE


def _words(pending: Pending, refusal: Refusal) -> Words:
    """What a compare looks at that is not the caller's own; all of it where everything is."""
    memory, length = pending.task.space.memory, refusal.length
    both = (memory, length, refusal.a), (memory, length, refusal.b)
    return tuple(word for word in both if not _is_own(pending, word[2])) or both


def _read(words: Words) -> tuple[bytes, ...]:
    """The bytes that are there; none where the memory is gone."""
    try:
        return tuple([os.pread(*word) for word in words])
    except OSError:
        return ()
