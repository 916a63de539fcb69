"""What if memory had held something else: another history, the same up to one place.

The branch is made from the start, by a new driver, so that all that follows the change is done and
judged anew, as if the test had written the memory itself.  The history that it leaves stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from ..interpreter import Machine
from ..scenario.events import MemorySet
from .movements import Movement
from .session import Session
from .timeline import Driver, LiveTimeline


class Edit(NamedTuple):
    """Bytes to be put at an address."""

    address: int
    data: bytes


class NoBranch(Exception):
    """Memory that can't be changed here; the message says why."""


class EditedDriver:
    """A driver's statements with edits among them; ``edits`` are by the entry that each becomes."""

    def __init__(self, driver: Driver, edits: Mapping[int, Edit]) -> None:
        self._driver = driver
        self._edits = edits
        self._entry = 0

    @property
    def machine(self) -> Machine:
        """The driver's machine."""
        return self._driver.machine

    def advance(self, observe: Callable[[Movement], None]) -> bool:
        """Make the edit whose turn it is, or else carry out the next statement."""
        edit = self._edits.get(self._entry)
        if edit is not None:
            memory = self.machine.memory
            before = memory.read(edit.address, len(edit.data))
            memory.write(edit.address, edit.data)
            self._entry += 1
            observe(MemorySet(edit.address, before, edit.data))
            return True
        told = False

        def noting(movement: Movement) -> None:
            nonlocal told
            told = True
            observe(movement)

        goes_on = self._driver.advance(noting)
        self._entry += told
        return goes_on


class BranchTimeline(LiveTimeline):
    """A history that can be had again from its start: ``make`` makes its driver."""

    def __init__(self, make: Callable[[], Driver], edits: Mapping[int, Edit] | None = None) -> None:
        self.make = make
        self.edits = dict(edits or {})
        super().__init__(EditedDriver(make(), self.edits))


def branch(session: Session, edit: Edit) -> Session:
    """A session behind an edit at the place of another, with its points and the marks before it.

    Edits that the history has later are not in the branch.  Raises NoBranch for a history that can't
    be made again, within a statement and at the end, and Fault for memory that is not there.
    """
    timeline = session.timeline
    if not isinstance(timeline, BranchTimeline):
        raise NoBranch("memory is set in a test of a file: another history can't be made again")
    if session.at_end:
        raise NoBranch("nothing comes after this: go back first")
    if session.index:
        raise NoBranch("memory is set between statements: `finish` or `reverse-finish` leads there")
    session.holder.memory.read(edit.address, len(edit.data))
    entry, position = session.entry, session.position
    edits = {each: was for each, was in timeline.edits.items() if each < entry}
    made = BranchTimeline(timeline.make, edits | {entry: edit})
    other = Session(made, session.program, session.layout)
    other.take_points(session)
    other.marks = {name: at for name, at in session.marks.items() if at <= position}
    other.goto(position + 1)
    return other
