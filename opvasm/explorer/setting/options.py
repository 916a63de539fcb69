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


# The engines: the specification, and the fast one.
PYTHON, NATIVE = "python", "native"
ENGINES = (PYTHON, NATIVE)


class Limits(NamedTuple):
    """When a search stops without an answer: states, seconds; and the bound on preemptions.

    ``until`` is the moment (time.monotonic) at which the seconds are over; ``started`` sets it, so
    that several searches can share them.

    ``goes_on``: random schedules follow for a second then, from where the search was.  How far
    they come depends on the machine; leave it out where results must be equal everywhere.

    ``memory`` is how many bytes the C engine may take for what it has seen (None: half of what is
    free), ``engine`` which engine searches (None: the C engine, where it was built and can).
    """

    states: int = 1_000_000
    seconds: float | None = None
    preemptions: int | None = None
    goes_on: bool = True
    until: float | None = None
    memory: int | None = None
    engine: str | None = None

    def started(self) -> Limits:
        """The same limits with the clock running, if there is one."""
        if self.seconds is None or self.until is not None:
            return self
        return self._replace(until=monotonic() + self.seconds)
