"""Keeping idle CPUs from sleeping while calls follow one another closely.

A call goes from the program to the supervisor and back.  A CPU that sleeps meanwhile takes longer
to wake than all the rest of the call takes, so real-time programs ask Linux that CPUs with nothing
to do wait without sleeping: through a file that is held open.
"""

from __future__ import annotations

import os
from threading import Lock, Thread
from time import perf_counter, sleep

_FILE = "/dev/cpu_dma_latency"
_AT_ONCE = bytes(4)  # the time that waking may take, a 32-bit number of microseconds
_CLOSELY = 0.02  # seconds


class Wakefulness:
    """``lasts`` says whether the CPUs are kept awake."""

    __slots__ = ("_called", "_file", "_lock", "_refused", "lasts")

    def __init__(self) -> None:
        self.lasts = False
        self._file = -1
        self._lock = Lock()
        self._called = 0.0
        self._refused = False

    def called(self, now: float) -> None:
        """A call was made; the second of two that follow closely keeps the CPUs awake."""
        if not self.lasts and now - self._called < _CLOSELY and not self._refused:
            self._begin()
        self._called = now

    def _begin(self) -> None:
        # Under the lock: a watch that is about to end would close this file instead of its own.
        with self._lock:
            try:
                self._file = os.open(_FILE, os.O_WRONLY | os.O_CLOEXEC)
                os.write(self._file, _AT_ONCE)
                self.lasts = True
                # A thread: the supervisor itself may wait for long, at a prompt, for a full pipe.
                Thread(target=self._watch, daemon=True).start()
            except (OSError, RuntimeError):
                # Only root may ask for it, and threads may be too many.  Without it calls take
                # longer and answer the same.
                self._refused = True
                self._close()

    def _watch(self) -> None:
        """End it a while after the last call."""
        while (left := self._called + _CLOSELY - perf_counter()) > 0:
            sleep(left)
        self.end()

    def end(self) -> None:
        """Let the CPUs sleep again."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        self.lasts = False
