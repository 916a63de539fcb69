"""What a search may leave out, and when it gives up."""

from __future__ import annotations

from time import monotonic

from ...light_typing import NamedTuple


class Reductions(NamedTuple):
    """The reductions of model.md section 3.2, in the order in which they build on each other.

    None of them changes a verdict or the set of final states.
    """

    fuse: bool = True  # steps that touch registers only join the step before them
    dead: bool = True  # registers that nobody will read again are zero
    collapse: bool = True  # a vector whose bytes belong to one CPU is one step
    groups: bool = True  # CPUs that have nothing in common run one after the other
    symmetry: bool = True  # states that differ only in which of some like threads is which are one


NO_REDUCTIONS = Reductions(False, False, False, False, False)


# What stops a search before its end, beside limits.
INTERRUPTED = "an interrupt"

# The engines: the specification, and the fast one.
PYTHON, NATIVE = "python", "native"
ENGINES = (PYTHON, NATIVE)


# Seconds that may follow a limit of time: random schedules, an estimate, the schedule of a failure.
AFTER_SECONDS = 1.0


class OutOfTime(KeyboardInterrupt):
    """The time of a limit is over: raised wherever the work is, as an interrupt is.

    Searches look at the clock themselves.  For all else whoever has set the limit may raise this
    (the command line does, by an alarm): what ends well at Ctrl-C does so at this.
    """


class Limits(NamedTuple):
    """When a search stops without an answer: states, seconds; and the bound on preemptions.

    ``until`` is the moment (time.monotonic) at which the seconds are over; ``started`` sets it, so
    that several searches can share them.

    ``goes_on``: random schedules follow for a second then, from where the search was.  How far
    they come depends on the machine; leave it out where results must be equal everywhere.

    ``memory`` is how many bytes an engine may take for what it has seen, as the C engine knows and the
    Python engine guesses (None: half of what is free), ``engine`` which engine searches (None: the C engine, where it was built and can).
    ``jobs`` is on how many cores one search of the C engine runs; the answers are the same.
    """

    states: int = 1_000_000
    seconds: float | None = None
    preemptions: int | None = None
    goes_on: bool = True
    until: float | None = None
    memory: int | None = None
    engine: str | None = None
    jobs: int = 1

    def started(self) -> Limits:
        """The same limits with the clock running, if there is one."""
        if self.seconds is None or self.until is not None:
            return self
        return self._replace(until=monotonic() + self.seconds)

    @property
    def over(self) -> bool:
        """Whether the time is over."""
        return self.until is not None and monotonic() > self.until

    def after(self, most: float) -> float:
        """How many of ``most`` seconds are left for what follows a search."""
        if self.until is None:
            return most
        return max(0.0, min(most, self.until + AFTER_SECONDS - monotonic()))

    def stopped_by(self, interrupt: KeyboardInterrupt) -> str:
        """What an interrupt is called in a report: the limit of time is one."""
        return self.time_text() if isinstance(interrupt, OutOfTime) else INTERRUPTED

    def time_text(self) -> str:
        """What a report says of a search that was stopped by its time."""
        return "its time" if self.seconds is None else f"{self.seconds:g} seconds"
