"""The C engine, where it was built: one search of one plan, and its answers as Python has them."""

from __future__ import annotations

from collections.abc import Callable
from struct import iter_unpack

from ...interpreter.events import CpuRefused
from ...interpreter.placement import place
from ...light_typing import NamedTuple
from ...machine.cpus import Cpus
from ..plan.plan import Plan
from ..steps.execute import is_gone
from ..steps.state import Decision, State, System, online_set
from ..steps.work import Covered
from . import built
from .built import Refused
from .encode import KINDS, Table, encode, encode_bound

# source/engine.h: why a search stopped, and what somebody has to look at.
DONE, BY_STATES, BY_TIME, BY_MEMORY, BY_INTERRUPT, BY_EXCEPTION, BY_BAIL = range(7)
SAW_FAIL, SAW_INVARIANT, SAW_END, SAW_BAD_END = range(4)
# engine.h: where the kernel runs a vector.
_THERE, _OFFLINE, _IS_OFFLINE, _IS_INVALID = range(4)
_EDGE = "<IIBBbB"


class Wanted(NamedTuple):
    """What a search is asked for; the fields of engine.h's Options, and the tables to begin with.

    ``stays`` is a mask of threads, ``bound`` -1 for no bound; ``jobs`` threads search; ``seconds`` is negative for no limit;
    ``sharing`` has (threads, CPUs, written, classes) for each byte of memory.
    """

    fuse: bool
    dead: bool
    groups: bool
    symmetry: bool
    keep_edges: bool
    private: bool
    sections: bool
    vectors: bool
    probe: bool
    stays: int
    bound: int
    jobs: int
    states: int
    memory: int
    seconds: float
    sharing: tuple[bytes, bytes, bytes, bytes]
    covered: frozenset[Covered]


class Given(NamedTuple):
    """What a search answered.

    ``interrupt`` is what was raised while it ran (KeyboardInterrupt, OutOfTime), and ended it.
    ``events`` are (what, state) in the order in which they were seen; ``rows`` (count, state) of
    outcomes that the engine itself told apart; ``witnessed`` the numbers of claims that were seen to
    hold.
    """

    stopped: int
    interrupt: KeyboardInterrupt | None
    states: int
    expanded: int
    transitions: int
    room: int
    events: list[tuple[int, int]]
    rows: list[tuple[int, int]]
    witnessed: int
    covered: frozenset[Covered]


class Native:
    """One search.  Raises Refused where the engine can't run a plan."""

    def __init__(self, plan: Plan) -> None:
        kind = built.engine_type()
        self.plan = plan
        self.table: Table = encode(plan)
        try:
            self.engine = kind(self.table.data)
        except ValueError as error:
            raise Refused(str(error)) from None

    def run(self, wanted: Wanted, report: Callable[[int, int, int], None] | None) -> Given:
        """Search.  Raises Refused where the engine gives up on the way."""
        flags = wanted[:9]
        noted = wanted.covered
        coverage = bytes(each in noted for each in self.table.covered)
        stopped, interrupt = self.engine.run(
            sum(int(flag) << bit for bit, flag in enumerate(flags)),
            *(
                wanted.stays,
                wanted.bound,
                wanted.jobs,
                wanted.states,
                wanted.memory,
                wanted.seconds,
            ),
            (*wanted.sharing, coverage),
            *(self._bind, self._place, self._judge, report),
        )
        found = self.engine.found()
        if stopped == BY_BAIL:
            raise Refused(found["bail"])
        covered = zip(self.table.covered, found["covered"], strict=True)
        return Given(
            stopped=stopped,
            interrupt=interrupt,
            states=found["states"],
            expanded=found["expanded"],
            transitions=found["transitions"],
            room=found["room"],
            events=found["events"],
            rows=found["rows"],
            witnessed=found["witnessed"],
            covered=noted | frozenset(each for each, seen in covered if seen),
        )

    # ---- the states -------------------------------------------------------------------------------

    def state(self, number: int) -> State:
        """A state that was seen."""
        memory, threads, left, online, running, preemptions = self.engine.state(number)
        return State(memory, threads, System(left, online, running, preemptions))

    def came_from(self, number: int) -> tuple[int, Decision] | None:
        """The state and the decision that first led to a state; None for the first one."""
        if number == 0:
            return None
        source, kind, thread, argument = self.engine.came(number)
        return source, Decision(KINDS[kind], thread, argument)

    def edges(self) -> list[tuple[int, int, Decision, bool, bool]]:
        """All transitions: source, target, decision, committed, finite."""
        return [
            (source, target, Decision(KINDS[kind], thread, argument), bool(flags & 1), flags > 1)
            for source, target, kind, argument, thread, flags in iter_unpack(
                _EDGE, self.engine.edges()
            )
        ]

    def sharing(self) -> tuple[bytes, bytes, bytes, bytes]:
        """Who touches which byte: as ``Wanted.sharing``, with what the search has found out."""
        found: tuple[bytes, bytes, bytes, bytes] = self.engine.sharing()
        return found

    # ---- what the engine asks ---------------------------------------------------------------------

    def _bind(self, number: int, key: tuple[int, ...]) -> bytes:
        thread, index = self.table.sites[number]
        return encode_bound(self.plan.codes[thread].sites[index].bound(key))

    def _place(self, thread: int, online: int, current: int, target: int) -> int:
        plan, cpus = self.plan, self.plan.configuration.cpus
        there = online_set(online)
        caller = Cpus(cpus, there, plan.allowed[thread], current)
        match place(plan.program.abi, caller, target, frozenset()):
            case CpuRefused():
                return _IS_OFFLINE if is_gone(caller, target) else _IS_INVALID
            case _ if target not in there:
                return _OFFLINE
            case _:
                return _THERE

    def _judge(self, which: int, memory: bytes, threads: tuple[tuple[int, ...], ...]) -> bool:
        judge = self.plan.judge
        claims = judge.quiescent if which else judge.always
        seen = State(memory, threads, _NO_SYSTEM)
        return judge.broken(claims, seen) is None


_NO_SYSTEM = System((), 0, (), 0)
