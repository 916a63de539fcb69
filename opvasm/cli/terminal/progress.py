"""A line on a terminal that says how far long work is; nothing in a pipe."""

from __future__ import annotations

import sys
from time import monotonic

_FIRST_AFTER = 1.0
_EVERY = 0.2
_BAR = 24


class Progress:
    """Counts steps of a kind; from the first second on it shows the count and the rate."""

    def __init__(self, what: str, already: int = 0) -> None:
        self._what = what
        self._count = already
        self._started = monotonic()
        self._next = self._started + _FIRST_AFTER
        self._shown = False
        self._stream = sys.stderr if sys.stderr is not None and sys.stderr.isatty() else None

    def step(self) -> None:
        """One more is done."""
        self._count += 1
        if self._stream is None:
            return
        now = monotonic()
        if now >= self._next:
            self._next = now + _EVERY
            rate = self._count / (now - self._started)
            self._stream.write(f"\r\x1b[K{self._count} {self._what}, {rate:.0f} a second")
            self._stream.flush()
            self._shown = True

    def show(self, text: str) -> None:
        """Say in other words how far the work is."""
        now = monotonic()
        if self._stream is None or now < self._next:
            return
        self._next = now + _EVERY
        self._stream.write(f"\r\x1b[K{text}")
        self._stream.flush()
        self._shown = True

    def bar(self, done: int, total: int) -> None:
        """A bar for work of which the whole is known, the rate, and about how long the rest takes."""
        seconds = monotonic() - self._started
        full = _BAR * done // max(total, 1)
        rate = (done - self._count) / seconds if seconds else 0.0
        left = f", {_duration((total - done) / rate)} left" if rate and done < total else ""
        self.show(
            f"[{'#' * full}{'.' * (_BAR - full)}] {done:,} of {total:,} {self._what}, "
            f"{rate:,.1f} a second{left}"
        )

    def clear(self) -> None:
        """Take the line away again."""
        if self._shown and self._stream is not None:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._shown = False


def _duration(seconds: float) -> str:
    """About how long, in the unit that a person would use."""
    if seconds < 90:
        return f"about {seconds:.0f} s"
    return f"about {seconds / 60:.0f} min" if seconds < 5400 else f"about {seconds / 3600:.1f} h"
