"""Steps at work: what each action does to a Work.

A step becomes a function once, before anything runs; the function acts and gives the point at which
the thread goes on.  Ops of vectors run by the interpreter's own functions.  What a step does to
other threads, only the model knows.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter

from ...errors import Crash
from ...interpreter.events import CpuRefused
from ...interpreter.placement import place
from ...machine.cpus import Cpus
from ...machine.memory import Fault
from .code import Code
from .evaluate import Getter, getter
from .image import Image
from .site import Bound, Site
from .step import (
    CPU,
    GUARD,
    METHOD_OF,
    NOWHERE,
    Assign,
    Begin,
    Branch,
    CompareExchange,
    End,
    Enter,
    Fail,
    Fence,
    FenceVector,
    Guard,
    HandlerReturn,
    Jump,
    Lock,
    Pause,
    Phase,
    RunOp,
    Step,
    Store,
    Switch,
    Wait,
)
from .work import Covered, Work

Run = Callable[[Work], int]


def runs_of(code: Code, image: Image) -> list[Run]:
    """A function for each step of a thread, in their order."""
    return [_run(step, code, image) for step in code.steps]


def _run(step: Step, code: Code, image: Image) -> Run:
    """The function of a step.  It raises Fault and NoValue, with nothing of the step done."""
    notes = _notes(step)
    match step.action:
        case Assign() as action:
            return _noting(_assign(action), notes)
        case Branch() as action:
            return _branch(action, notes)
        case Switch(chooser=chooser, ways=ways):
            return lambda work: ways[work.local[chooser]]
        case Store() as action:
            return _noting(_store(action), notes)
        case CompareExchange() as action:
            return _noting(_compare_exchange(action), notes)
        case RunOp() as action:
            return _run_op(action, code.sites[action.site], notes, code.crash)
        case Begin() as action:
            return _begin(action)
        case Enter() as action:
            return _enter(action, code.sites[action.site])
        case Lock() as action:
            return _lock(action, image)
        case Jump(to=to) | Pause(to=to):
            return _noting(lambda work: to, notes)
        case Wait(to=to) | Fence(to=to) | FenceVector(to=to):
            return lambda work: to
        case End() | Fail() | HandlerReturn():
            return _nothing


def _nothing(work: Work) -> int:
    raise Crash("a step that is not run was run")


Notes = tuple[Covered | None, ...]


def _notes(step: Step) -> Notes:
    """What coverage notes by the way that a step goes on; None where it notes nothing."""
    if step.operation is None:
        return ()
    way = (*step.operation, METHOD_OF[step.guard]) if step.covers else ("", 0, "")
    return tuple((*way, each) if each else None for each in step.covers)


def _noting(run: Run, notes: Notes) -> Run:
    """A function that notes, once it has run, what its only way covers."""
    if not notes or notes[0] is None:
        return run
    note = notes[0]

    def noting(work: Work) -> int:
        point = run(work)
        work.covered.add(note)
        return point

    return noting


# ---- registers and memory ----------------------------------------------------------------------------


def _assign(action: Assign) -> Run:
    to, getters = action.to, tuple(getter(each) for each in action.values)
    if len(getters) == 1:
        (get,), (register,) = getters, action.registers

        def one(work: Work) -> int:
            work.local[register] = get(work)
            return to

        return one
    pairs = tuple(zip(action.registers, getters, strict=True))

    def several(work: Work) -> int:
        local = work.local
        values = [(register, get(work)) for register, get in pairs]
        for register, value in values:
            local[register] = value
        return to

    return several


def _branch(action: Branch, notes: Notes) -> Run:
    asked, then, otherwise = getter(action.condition), action.then, action.otherwise
    if not any(notes):
        return lambda work: then if asked(work) else otherwise
    yes, no = (*notes, None)[:2]

    def noting(work: Work) -> int:
        taken = asked(work)
        note = yes if taken else no
        if note is not None:
            work.covered.add(note)
        return then if taken else otherwise

    return noting


def _store(action: Store) -> Run:
    address, value, size, to = getter(action.address), getter(action.value), action.size, action.to

    def store(work: Work) -> int:
        work.store_number(address(work), size, value(work))
        return to

    return store


def _compare_exchange(action: CompareExchange) -> Run:
    address, width, to = getter(action.address), action.width, action.to
    expected, replacement = getter(action.expected), getter(action.replacement)
    found_in = action.found

    def exchange(work: Work) -> int:
        at, wanted = address(work), width.fitted(expected(work))
        found = width.fitted(work.load_number(at, width.size))
        if found == wanted:
            work.store_number(at, width.size, replacement(work))
        for register in found_in:
            work.local[register] = found
        return to

    return exchange


# ---- ops of vectors ----------------------------------------------------------------------------------


def _key_of(needed: tuple[int, ...]) -> Callable[[list[int]], tuple[int, ...]]:
    """What the registers of a site hold."""
    if len(needed) == 1:
        (only,) = needed
        return lambda local: (local[only],)
    return itemgetter(*needed)


def _run_op(action: RunOp, site: Site, notes: Notes, crash: int) -> Run:
    """An op, or a part of it; an access that fails goes to ``fault``, if there is one."""
    act, key = _acting(action, notes), _key_of(action.needed)
    find, cpu, pools = site.bound, site.cpu, site.image.pools
    trouble = crash if action.fault == NOWHERE else action.fault

    def run(work: Work) -> int:
        local = work.local
        bound = find(key(local))
        if not bound.ops:  # cpu_opv refuses such a vector; nobody refuses a section
            return trouble
        work.slots = bound.slots
        work.pool = pools[local[cpu]]
        try:
            return act(work, bound)
        except Fault:
            return trouble

    return run


Act = Callable[[Work, Bound], int]
# A register of a phase that has none; never looked at.
_NONE = (NOWHERE,)


def _acting(action: RunOp, notes: Notes) -> Act:
    """What an op, or a phase of it, does."""
    match action.phase:
        case Phase.WHOLE:
            return _whole(action, notes)
        case Phase.FETCHES | Phase.COMPARES:
            return _in_two(action, _whole(action, notes))
        case Phase.READS | Phase.WRITES:
            return _kept_back(action, notes)


def _whole(action: RunOp, notes: Notes) -> Act:
    """All of an op at once."""
    index, to, differs, stopped = action.op, action.to, action.differs, action.stopped
    executed, failed = (*notes, None, None)[:2]

    def whole(work: Work, bound: Bound) -> int:
        ready = bound.ops[index]
        if ready.run(work, *ready.arguments):
            for register in stopped:
                work.local[register] = index
            if failed is not None:
                work.covered.add(failed)
            return differs
        if executed is not None:
            work.covered.add(executed)
        return to

    return whole


def _in_two(action: RunOp, whole: Act) -> Act:
    """A compare of two places: the first is fetched, then they are compared."""
    index, to = action.op, action.to
    (given, *_), (kept, *_) = action.given or _NONE, action.kept or _NONE

    def fetches(work: Work, bound: Bound) -> int:
        length, first = bound.ops[index].arguments[:2]
        work.local[kept] = int.from_bytes(work.load(first, length), "little")
        return to

    def compares(work: Work, bound: Bound) -> int:
        length, first = bound.ops[index].arguments[:2]
        work.served = (first, work.local[given].to_bytes(length, "little"))
        try:
            return whole(work, bound)
        finally:
            work.served = None

    return fetches if action.phase is Phase.FETCHES else compares


def _kept_back(action: RunOp, notes: Notes) -> Act:
    """An op that reads and writes: its stores are kept back in a register, then they are made."""
    index, to = action.op, action.to
    (given, *_), (kept, *_) = action.given or _NONE, action.kept or _NONE
    executed, *_ = (*notes, None)

    def reads(work: Work, bound: Bound) -> int:
        ready = bound.ops[index]
        work.redirect = {}
        try:
            ready.run(work, *ready.arguments)
            length, target = ready.arguments[:2]
            data = bytearray(length)
            for address, stored in work.redirect.items():
                data[address - target : address - target + len(stored)] = stored
        finally:
            work.redirect = None
        work.local[kept] = int.from_bytes(data, "little")
        return to

    def writes(work: Work, bound: Bound) -> int:
        length, target = bound.ops[index].arguments[:2]
        work.store(target, work.local[given].to_bytes(length, "little"))
        if executed is not None:
            work.covered.add(executed)
        return to

    return reads if action.phase is Phase.READS else writes


# ---- what concerns the scheduler ---------------------------------------------------------------------


def _begin(action: Begin) -> Run:
    entered: Getter = getter(action.entered)
    noted, to, lost = action.noted, action.to, action.lost

    def begin(work: Work) -> int:
        local = work.local
        for register in noted:
            local[register] = local[CPU]
        if not entered(work):
            return lost
        local[GUARD] = Guard.SECTION
        return to

    return begin


def _enter(action: Enter, site: Site) -> Run:
    """The checks of the system call, and the move to the CPU (abi.md section 2.5)."""
    key, cpu, cpus, abi = _key_of(action.needed), action.cpu, site.image.cpus, site.abi
    refused = {"again": action.again, "fault": action.fault, "invalid": action.invalid}

    def enter(work: Work) -> int:
        local = work.local
        target = local[cpu]
        if target < 0:
            return action.invalid
        bound = site.bound(key(local))
        if bound.refused is not None:
            return refused[bound.refused]
        caller = Cpus(cpus, work.online, work.allowed, local[CPU])
        match place(abi, caller, target, frozenset()):
            case CpuRefused():
                return action.offline if is_gone(caller, target) else action.invalid
            case _ if target not in work.online:
                local[GUARD] = Guard.OFFLINE
            case _:
                local[CPU] = target
                local[GUARD] = Guard.VECTOR
        return action.to

    return enter


def is_gone(caller: Cpus, target: int) -> bool:
    """Whether a CPU is refused only because it is offline: one outside of the mask is invalid."""
    return target in caller.allowed and target not in caller.online


def _lock(action: Lock, image: Image) -> Run:
    cpu, to = action.cpu, action.to

    def lock(work: Work) -> int:
        work.set_byte(image.lock_word(work.local[cpu]), 1)
        return to

    return lock
