"""A branch of a history: the same up to one place, where memory then held something else.

The branch is made from the start, by a new driver, so that all that follows the change is done and
judged anew, as if the test had written the memory itself.  The history that it leaves stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, Protocol

from ..interpreter import Machine
from ..interpreter.events import Returned
from ..machine import Memory
from ..scenario.events import MemorySet
from .movements import Computed, Movement
from .session import Session
from .threads import CannotChange, LocalOf, MemoryOf, WithThreads
from .timeline import Driver, LiveTimeline


class Edit(NamedTuple):
    """Bytes to be put at an address.

    ``after`` is how much of the entry is observed before: 0 for an entry of its own, between two
    statements; more within a statement, where another CPU may write while a call runs.
    """

    address: int
    data: bytes
    after: int = 0

    def made(self, memory: Memory) -> MemorySet:
        """What happens when the bytes are put there."""
        before = memory.read(self.address, len(self.data))
        memory.write(self.address, self.data)
        return MemorySet(self.address, before, self.data)


class Argument(NamedTuple):
    """A value for a parameter of what the statement calls."""

    name: str
    value: int


Change = Edit | Argument


class Changeable(Driver, Protocol):
    """A driver whose next call can be made with other arguments."""

    def change_arguments(self, values: Mapping[str, int]) -> None:
        """Give parameters of what the next statement calls other values."""


class Branched(NamedTuple):
    """A session in another history, and what there is to say of that."""

    session: Session
    said: str = ""


class NoBranch(Exception):
    """What can't be changed here; the message says why."""


class _Observed:
    """Passes on what is observed of an entry, and makes each edit when its turn comes."""

    def __init__(
        self,
        edits: Iterable[Edit],
        machine: Machine,
        observe: Callable[[Movement], None],
        count: int = 0,
    ) -> None:
        self._edits = {each.after: each for each in edits}
        self._machine = machine
        self._observe = observe
        self.count = count

    def __call__(self, movement: Movement) -> None:
        self.pass_on(movement)
        while self.count in self._edits:
            self.pass_on(self._edits[self.count].made(self._machine.memory))

    def pass_on(self, movement: Movement) -> None:
        """Observe without an edit after it."""
        self.count += 1
        self._observe(movement)


class EditedDriver:
    """A driver's statements with changes in and among them.

    ``changes`` are by entry: an edit between statements becomes an entry of its own, the others and
    arguments are of that entry's statement.
    """

    def __init__(self, driver: Changeable, changes: Mapping[int, tuple[Change, ...]]) -> None:
        self._driver = driver
        self._changes = changes
        self._entry = 0

    @property
    def machine(self) -> Machine:
        """The driver's machine."""
        return self._driver.machine

    def advance(self, observe: Callable[[Movement], None]) -> bool:
        """Make the edit whose turn it is, or else carry out the next statement."""
        changes = self._changes.get(self._entry, ())
        edits = [each for each in changes if isinstance(each, Edit)]
        if edits and not edits[0].after:
            self._entry += 1
            observe(edits[0].made(self.machine.memory))
            return True
        values = {each.name: each.value for each in changes if isinstance(each, Argument)}
        if values:
            self._driver.change_arguments(values)
        observed = _Observed(edits, self.machine, observe)
        goes_on = self._driver.advance(observed)
        self._entry += bool(observed.count)
        return goes_on


class BranchTimeline(LiveTimeline):
    """A history that can be had again from its start: ``make`` makes its driver."""

    def __init__(
        self,
        make: Callable[[], Changeable],
        changes: Mapping[int, tuple[Change, ...]] | None = None,
    ) -> None:
        self.make = make
        self.changes = dict(changes or {})
        super().__init__(EditedDriver(make(), self.changes))

    def observer(self, entry: int, seen: list[Movement]) -> Callable[[Movement], None]:
        """Collects a call that is made again, with the edits that were made while it ran."""
        edits = [each for each in self.changes.get(entry, ()) if isinstance(each, Edit)]
        if not edits:
            return super().observer(entry, seen)
        observed = _Observed(edits, self.holder, seen.append, len(seen))

        def collect(movement: Movement) -> None:
            # What is set after the call is kept with what follows it.
            (observed.pass_on if isinstance(movement, Returned) else observed)(movement)

        return collect


def branch_of_schedule(session: Session, change: LocalOf | MemoryOf, text: str) -> Branched:
    """A session after a change at the place of another, in a history of several threads.

    Raises NoBranch as ``branch`` does.
    """
    timeline = session.timeline
    assert isinstance(timeline, WithThreads)
    if session.at_end:
        raise NoBranch("nothing comes after this: go back first")
    if session.index:
        raise NoBranch("something is set between decisions: `next`, `reverse-next` lead there")
    try:
        made, said = timeline.changed(session.entry, change, text)
    except CannotChange as problem:
        raise NoBranch(str(problem)) from None
    other = Session(made, session.program, session.layout)
    other.take_points(session)
    other.marks = {name: at for name, at in session.marks.items() if at <= session.position}
    other.goto(made.starts[session.entry + 1])
    return Branched(other, said)


def branch(session: Session, change: Change) -> Session:
    """A session after a change at the place of another, with its points and the marks before it.

    Changes that the history has later are not in the branch.  Raises NoBranch for a history that
    can't be made again, at the end and for an argument of a call that runs, and Fault for memory
    that is not there.
    """
    timeline = session.timeline
    if not isinstance(timeline, BranchTimeline):
        raise NoBranch("only a test of a file and a schedule can be made again with something set")
    if session.at_end:
        raise NoBranch("nothing comes after this: go back first")
    entry, position = session.entry, session.position
    after = sum(not isinstance(each, Computed) for each in session.movements[: session.index])
    changes = {each: was for each, was in timeline.changes.items() if each < entry}
    here: tuple[Change, ...] = (change,)
    if isinstance(change, Edit):
        session.holder.memory.read(change.address, len(change.data))
        position += 1
        if after:
            here = (*_before(timeline.changes.get(entry, ()), after), change._replace(after=after))
    elif after:
        raise NoBranch(
            f"the ops hold the value of {change.name} already: it is set before the call, by "
            "`reverse-finish`; memory can be set here"
        )
    else:  # other arguments of the same call may have been changed before
        here = (*_before(timeline.changes.get(entry, ()), 1), change)
    made = BranchTimeline(timeline.make, changes | {entry: here})
    other = Session(made, session.program, session.layout)
    other.take_points(session)
    other.marks = {name: at for name, at in session.marks.items() if at <= session.position}
    other.goto(position)
    return other


def _before(changes: tuple[Change, ...], after: int) -> tuple[Change, ...]:
    """The changes of an entry that come before one: its arguments, and earlier edits in it."""
    return tuple(each for each in changes if not isinstance(each, Edit) or each.after < after)
