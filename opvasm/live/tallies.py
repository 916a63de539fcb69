"""What became of the sections that a program entered."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from .rseq_area import Guard

Key = tuple[str, int]  # a section's file and its descriptor's address there


class Tally(NamedTuple):
    """What became of one section's entries.

    ``left`` is by another way than commit or abort; ``open`` were not over when the program was.
    """

    entered: int
    completed: int
    aborted: int
    left: int

    @property
    def open(self) -> int:
        """Entries that were not over when the program was."""
        return self.entered - self.completed - self.aborted - self.left


class Tallies:
    """Counts by section.  ``unguarded`` are entries that the kernel would not have aborted."""

    def __init__(self) -> None:
        self.entered: Counter[Key] = Counter()
        self.completed: Counter[Key] = Counter()
        self.aborted: Counter[Key] = Counter()
        self.left: Counter[Key] = Counter()
        self.unguarded: Counter[Guard] = Counter()

    def of(self, key: Key) -> Tally:
        """What became of a section's entries."""
        return Tally(self.entered[key], self.completed[key], self.aborted[key], self.left[key])
