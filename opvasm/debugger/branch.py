"""What if memory had held something else: another history, the same up to one place.

The branch is made from the start, by a new driver, so that all that follows the change is done and
judged anew, as if the test had written the memory itself.  The history that it leaves stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from ..interpreter import Machine
from ..scenario.events import MemorySet
from .movements import Movement
from .session import Session
from .threads import CannotChange, LocalOf, MemoryOf, WithThreads
from .timeline import Driver, LiveTimeline


class Edit(NamedTuple):
    """Bytes to be put at an address."""

    address: int
    data: bytes


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


class EditedDriver:
    """A driver's statements with changes among them.

    ``changes`` are by entry: an edit becomes an entry of its own, arguments are of that entry's call.
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
        edit = next((each for each in changes if isinstance(each, Edit)), None)
        if edit is not None:
            memory = self.machine.memory
            before = memory.read(edit.address, len(edit.data))
            memory.write(edit.address, edit.data)
            self._entry += 1
            observe(MemorySet(edit.address, before, edit.data))
            return True
        told = False
        values = {each.name: each.value for each in changes if isinstance(each, Argument)}
        if values:
            self._driver.change_arguments(values)

        def noting(movement: Movement) -> None:
            nonlocal told
            told = True
            observe(movement)

        goes_on = self._driver.advance(noting)
        self._entry += told
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
    can't be made again, within a statement and at the end, and Fault for memory that is not there.
    """
    timeline = session.timeline
    if not isinstance(timeline, BranchTimeline):
        raise NoBranch("only a test of a file and a schedule can be made again with something set")
    if session.at_end:
        raise NoBranch("nothing comes after this: go back first")
    if session.index:
        raise NoBranch("something is set between statements: `finish`, `reverse-finish` lead there")
    entry, position = session.entry, session.position
    changes = {each: was for each, was in timeline.changes.items() if each < entry}
    here: tuple[Change, ...] = (change,)
    if isinstance(change, Edit):
        session.holder.memory.read(change.address, len(change.data))
        position += 1
    else:  # other arguments of the same call may have been changed before
        here = (*timeline.changes.get(entry, ()), change)
    made = BranchTimeline(timeline.make, changes | {entry: here})
    other = Session(made, session.program, session.layout)
    other.take_points(session)
    other.marks = {name: at for name, at in session.marks.items() if at <= session.position}
    other.goto(position)
    return other
