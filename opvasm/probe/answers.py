"""What was seen: a table of answers, as values that can be written down and judged again."""

from __future__ import annotations

from collections.abc import Mapping

from ..light_typing import NamedTuple

# An answer is decided when so many tries agree to such a share.
TRIES_MIN, KILLS_MIN, SHARE = 10, 3, 0.9


class Counts(NamedTuple):
    """How often each outcome of one question was seen; tries in which nothing happened don't count.

    ``asked`` False: this machine does not allow the question, ``why`` says so.  ``failed``: the
    child that asked did not come to its end (killed, or too slow); asking again may answer.
    """

    seen: Mapping[str, int]
    asked: bool = True
    why: str = ""
    failed: bool = False

    @property
    def tries(self) -> int:
        """The number of tries that count."""
        return sum(self.seen.values())

    @property
    def outcome(self) -> str | None:
        """The outcome of nearly all tries; None when there were too few, or they differ."""
        if not self.tries:
            return None
        name = max(self.seen, key=lambda each: self.seen[each])
        least = KILLS_MIN if name in ("kills", "killed") else TRIES_MIN
        enough = self.seen[name] >= least and self.seen[name] >= SHARE * self.tries
        return name if enough else None

    @property
    def mixed(self) -> bool:
        """Whether there were enough tries, and they differ."""
        return self.tries >= 2 * TRIES_MIN and self.outcome is None


Answers = Mapping[str, Counts]
"""By the name of the question."""


class Registration(NamedTuple):
    """One registration that was asked about: whose it is, its size in bytes, and the answers."""

    label: str
    size: int
    answers: Answers


class Facts(NamedTuple):
    """What can be read without a try.

    ``owner`` is "glibc", "" where nobody has registered this thread.  ``own_size`` is the size in
    bytes of that registration; ``feature_size`` and ``alignment`` are the auxiliary vector's (0:
    not there).  ``absent`` says why no program gets a registration ("" where it does).
    ``slice_extension`` is one of "there", "not built in", "unknown to this kernel".
    """

    release: str
    machine: str
    cpus: int
    owner: str
    own_size: int
    feature_size: int
    alignment: int
    signature: int
    kernel_has_rseq: bool
    absent: str
    tunables: tuple[str, ...]
    slice_extension: str
    membarrier: bool


class Probe(NamedTuple):
    """All that was found out in ``seconds``; ``complete`` False when the time limit ended it."""

    facts: Facts
    registrations: tuple[Registration, ...]
    seconds: float
