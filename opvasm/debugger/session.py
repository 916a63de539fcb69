"""The debugger as a library: a place in a history, and the ways to move there and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ..errors import Diagnostic
from ..expression import Unevaluable
from ..interpreter.events import CopiedIn
from ..program import Instruction, Layout, Program
from ..scenario.evaluate import Scope, number
from ..scenario.events import CallBegins
from ..text.tree import Test
from .effects import Holder, apply, revert
from .landmarks import JUDGING, at_boundary, at_op, failure
from .movements import Movement, Scheduled, op_of
from .points import Condition, Location, Point, call_begins, may_stop, stops_after, stops_before
from .stops import Reason, Stop
from .threads import WithThreads, locals_by_name
from .timeline import Timeline

StopAt = Callable[[Sequence[Movement], int], bool]
CONDITION_FAILED = "OPV600"


class Session:
    """A position in a timeline, which counts the movements that are done.

    ``program`` and ``layout`` say what names mean; a machine without a text has an empty program.
    Every move returns the Stop that ended it, which is ``last`` too.  The machine (``holder``) is
    always in the state of the position: the same position is the same state, bit for bit, whichever
    way led there.  ``interrupted`` may be set at any time, from a signal handler or another thread:
    a run stops after the statement that it is in, and clears it.  ``test`` is what is debugged, where
    that is a test.
    """

    def __init__(
        self, timeline: Timeline, program: Program, layout: Layout, test: Test | None = None
    ) -> None:
        self.timeline = timeline
        self.program = program
        self.layout = layout
        self.test = test
        self.points: list[Point] = []
        self.marks: dict[str, int] = {}
        self.interrupted = False
        self._numbers = 0
        self._entry = 0
        self._movements: list[Movement] | None = None
        self._index = 0
        self.last = self._stopped(Reason.LOADED)

    # -- where we are --------------------------------------------------------------------------

    @property
    def holder(self) -> Holder:
        """The machine at this position."""
        return self.timeline.holder

    @property
    def position(self) -> int:
        """The movements done since the start."""
        return self.timeline.starts[self._entry] + self._index

    @property
    def entry(self) -> int:
        """The number of the statement that we are in, or that comes next; from 0."""
        return self._entry

    @property
    def index(self) -> int:
        """The movements done of the current statement."""
        return self._index

    @property
    def movements(self) -> Sequence[Movement]:
        """The movements of the current statement, done and to come; none at the end."""
        return self._movements or ()

    @property
    def at_end(self) -> bool:
        """Whether nothing comes any more."""
        return self._movements is None

    @property
    def call(self) -> CallBegins | None:
        """The call that we are inside of, or that is about to be made."""
        return call_begins(self.movements)

    @property
    def op(self) -> int | None:
        """The index of the op that the next movement belongs to; None outside of ops."""
        movements = self.movements
        return op_of(movements[self._index]) if self._index < len(movements) else None

    @property
    def instructions(self) -> tuple[Instruction, ...]:
        """The ops of the current call as the kernel copied them in; none if it did not."""
        copied = (each for each in self.movements if isinstance(each, CopiedIn))
        return next((each.instructions for each in copied), ())

    def previous_movements(self) -> list[Movement]:
        """The movements of the statement before the current one; none at the start."""
        if self._entry == 0:
            return []
        index, movements = self._index, self._movements
        self._seek(0)
        self.timeline.undo(self._entry - 1)
        before = self.timeline.movements(self._entry - 1)
        if movements is not None:
            self._seek(index)
        return before

    @property
    def turn(self) -> str | None:
        """The thread that goes on from here, of a schedule; None where none does."""
        first = self.movements[0] if self.movements else None
        return first.thread if isinstance(first, Scheduled) else None

    def scope(self) -> Scope:
        """What names mean here: arguments of the call, variables as its CPU sees them, locals of threads."""
        cpus = self.holder.cpus
        call = self.call
        cpu = cpus.current if call is None else call.data_cpu
        names = {} if call is None else call.arguments
        if isinstance(self.timeline, WithThreads):
            taken = (*self.program.data.symbols, *self.program.data.constants)
            threads = self.timeline.threads(self.entry)
            names = locals_by_name(threads, self.turn, taken)
        return Scope(self.program, self.layout, cpu, cpus.possible, self.holder.memory.read, names)

    # -- points --------------------------------------------------------------------------------

    def add_point(
        self, location: Location, condition: Condition | None = None, temporary: bool = False
    ) -> Point:
        """Set a breakpoint or watchpoint; numbers count from 1 and are never used again."""
        self._numbers += 1
        point = Point(self._numbers, location, condition, temporary)
        self.points.append(point)
        return point

    def remove_point(self, point: Point) -> None:
        """Forget a breakpoint or watchpoint."""
        self.points.remove(point)

    def take_points(self, other: Session) -> None:
        """Take over another session's points, with their numbers."""
        self.points, self._numbers = other.points, other._numbers

    # -- moves ---------------------------------------------------------------------------------

    def step_movement(self, forward: bool = True) -> Stop:
        """One movement: a check, a pin, a read, a computation, a write."""
        return self._run(forward, lambda movements, index: True)

    def step_op(self, forward: bool = True) -> Stop:
        """To where the next op begins, the call returns, or the next statement begins."""
        return self._run(forward, at_op)

    def next_statement(self, forward: bool = True) -> Stop:
        """Over a whole call or statement."""
        return self._run(forward, at_boundary)

    def finish(self, forward: bool = True) -> Stop:
        """To after the call, or back to where it began."""
        return self._run(forward, at_boundary)

    def resume(self, forward: bool = True) -> Stop:
        """To the next point, or to the end (the start)."""
        return self._run(forward, None)

    def resume_or_begin(self) -> Stop:
        """``begin`` at the start when nothing has run yet, else ``resume``."""
        fresh = self.last.reason in (Reason.LOADED, Reason.GOTO)
        return self.begin() if fresh and self.position == 0 else self.resume()

    def begin(self) -> Stop:
        """As ``resume``, but a breakpoint at this very position stops, before anything runs."""
        movements = self._movements
        if movements is not None and self._hits_here(movements, self._index):
            hit = self._try(movements, self._index, None, True)
            if hit is not None:
                return self._counted(hit)
        return self.resume()

    def until(self, location: Location, forward: bool = True) -> Stop:
        """To a location, a point, or the end of the current call, whichever comes first."""

        def there(movements: Sequence[Movement], index: int) -> bool:
            if at_boundary(movements, index):
                return True
            return index < len(movements) and stops_before(location, movements, index)

        return self._run(forward, there)

    def goto(self, position: int) -> Stop:
        """To a position; past the end, to the end.  Points are not asked."""
        forward = position >= self.position
        position = max(position, 0)
        known = self.timeline.starts
        while self._entry > 0 and position < known[self._entry]:
            self._back_one_entry()
        while (self._movements is not None or self._load()) and not self._holds(position):
            self._leave_entry()
            if self.interrupted:
                return self._stopped(Reason.INTERRUPTED, forward)
        if self._movements is not None:
            self._seek(max(0, min(position - known[self._entry], len(self._movements))))
        return self._stopped(Reason.GOTO, forward)

    def _holds(self, position: int) -> bool:
        """Whether a position lies in the current entry, whose end belongs to the next one."""
        starts = self.timeline.starts
        if self._entry + 1 >= len(starts):
            return False
        return starts[self._entry] <= position < starts[self._entry + 1]

    # -- running -------------------------------------------------------------------------------

    def _run(self, forward: bool, stop: StopAt | None) -> Stop:
        return self._counted(self._forwards(stop) if forward else self._backwards(stop))

    def _counted(self, stopped: Stop) -> Stop:
        for point in stopped.points:
            point.hits += 1
            if point.temporary:
                self.remove_point(point)
        return stopped

    def _forwards(self, stop: StopAt | None) -> Stop:
        """Entry by entry: each is done as a whole, then brought back to its first stop."""
        moved = False
        while True:
            if self._movements is None and not self._load():
                return self._stopped(Reason.END)
            movements = self._movements
            assert movements is not None
            start = self._index if moved is False else 0
            if moved and self._hits_here(movements, 0):
                hit = self._try(movements, 0, None, True)
                if hit is not None:
                    return hit
            self._seek(len(movements))
            quiet = stop is None and not any(self._enabled())
            for index in range(start, len(movements)):
                movement = movements[index]
                failed = failure(movement) if isinstance(movement, JUDGING) else ()
                if quiet and not failed:
                    continue
                wanted = stop is not None and stop(movements, index + 1)
                if not (
                    wanted
                    or failed
                    or self._hits_after(movement)
                    or self._hits_here(movements, index + 1)
                ):
                    continue
                hit = self._try(movements, index + 1, movement, True)
                if hit is not None:
                    return hit
                if failed:
                    return self._stopped(Reason.FAILED, movement=movement, findings=failed)
                if wanted:
                    return self._stopped(Reason.STEP)
            self._seek(len(movements))
            self._leave_entry()
            moved = True
            if self.interrupted:
                return self._stopped(Reason.INTERRUPTED)

    def _backwards(self, stop: StopAt | None) -> Stop:
        """Entry by entry, asking of each what is known before its call is made again."""
        while True:
            movements = self._movements if self._index else None
            if movements is None:
                if self._entry == 0:
                    return self._stopped(Reason.START, forward=False)
                if stop is None and not self._may_stop(self._entry - 1):
                    self._back_one_entry()
                    if self.interrupted:
                        return self._stopped(Reason.INTERRUPTED, forward=False)
                    continue
                movements = self._load_before()
            for index in range(self._index - 1, -1, -1):
                movement = movements[index]
                earlier = movements[index - 1] if index else None
                wanted = stop is not None and stop(movements, index)
                if not (
                    wanted
                    or self._hits_watch(movement)
                    or self._hits_here(movements, index)
                    or (earlier is not None and self._hits_result(earlier))
                ):
                    continue
                hit = self._try(movements, index, movement, False)
                if hit is not None:
                    return hit
                if wanted:
                    return self._stopped(Reason.STEP, forward=False)
            self._seek(0)
            if self.interrupted:
                return self._stopped(Reason.INTERRUPTED, forward=False)

    def _try(
        self, movements: Sequence[Movement], index: int, movement: Movement | None, forward: bool
    ) -> Stop | None:
        """Go to a place where points may stop, and ask their conditions there."""
        self._seek(index)
        hits: list[Point] = []
        findings: list[Diagnostic] = []
        for point in self._enabled():
            location = point.location
            if point.is_watch:
                matches = movement is not None and stops_after(location, movement)
            else:
                matches = index < len(movements) and stops_before(location, movements, index)
                done = movements[index - 1] if index else None
                matches = matches or (done is not None and stops_after(location, done))
            if matches and self._holds_condition(point, findings):
                hits.append(point)
        if not hits:
            return None
        return self._stopped(
            Reason.POINT, forward, points=tuple(hits), movement=movement, findings=tuple(findings)
        )

    def _holds_condition(self, point: Point, findings: list[Diagnostic]) -> bool:
        """Whether a point's condition holds here; one without a value stops, and says so."""
        if point.condition is None:
            return True
        try:
            return number(point.condition.expression, self.scope()) != 0
        except Unevaluable as problem:
            message = f"the condition of {point.number} has no value here: {problem.reason}"
            findings.append(Diagnostic("error", CONDITION_FAILED, message, problem.span))
            return True

    def _enabled(self) -> Iterator[Point]:
        return (point for point in self.points if point.enabled)

    def _hits_here(self, movements: Sequence[Movement], index: int) -> bool:
        return index < len(movements) and any(
            stops_before(point.location, movements, index) for point in self._enabled()
        )

    def _hits_after(self, movement: Movement) -> bool:
        return any(stops_after(point.location, movement) for point in self._enabled())

    def _hits_watch(self, movement: Movement) -> bool:
        return any(
            point.is_watch and stops_after(point.location, movement) for point in self._enabled()
        )

    def _hits_result(self, movement: Movement) -> bool:
        return any(
            not point.is_watch and stops_after(point.location, movement)
            for point in self._enabled()
        )

    def _may_stop(self, entry: int) -> bool:
        points = list(self._enabled())
        if not points:
            return False
        opening, writes = self.timeline.opening(entry), self.timeline.writes(entry)
        return any(may_stop(point.location, opening, writes) for point in points)

    # -- moving the machine --------------------------------------------------------------------

    def _load(self) -> bool:
        """At the start of an entry: do all of it; False when there is none."""
        known = self._entry + 1 < len(self.timeline.starts)
        movements = self.timeline.movements(self._entry) if known else self.timeline.advance()
        if movements is None:
            return False
        self._movements, self._index = movements, len(movements)
        return True

    def _load_before(self) -> list[Movement]:
        """At the start of an entry: go into the end of the one before."""
        self._back_one_entry()
        assert self._load()
        assert self._movements is not None
        return self._movements

    def _back_one_entry(self) -> None:
        """To the start of the entry before."""
        self._seek(0)
        self._entry -= 1
        self.timeline.undo(self._entry)
        self._movements, self._index = None, 0

    def _leave_entry(self) -> None:
        """From anywhere in an entry to the start of the next."""
        assert self._movements is not None
        self._seek(len(self._movements))
        self._entry += 1
        self._movements, self._index = None, 0

    def _seek(self, index: int) -> None:
        """Within the entry: do or undo movements one by one."""
        movements, holder = self._movements, self.holder
        if movements is None:
            return
        for movement in movements[self._index : index]:
            apply(movement, holder)
        for movement in reversed(movements[index : self._index]):
            revert(movement, holder)
        self._index = index

    def _stopped(
        self,
        reason: Reason,
        forward: bool = True,
        points: tuple[Point, ...] = (),
        movement: Movement | None = None,
        findings: tuple[Diagnostic, ...] = (),
    ) -> Stop:
        """Settle at this position: its entry loaded, so that what comes next is known."""
        if self._movements is not None and self._index == len(self._movements):
            self._leave_entry()
        if self._movements is None and self._load():
            self._seek(0)
        if reason is Reason.INTERRUPTED:
            self.interrupted = False
        self.last = Stop(reason, self.position, forward, points, movement, findings)
        return self.last
