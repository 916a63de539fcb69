"""A schedule that the explorer found, as a history: threads, disturbances and memory, step by step.

Every state is there already, so going anywhere is a look at what differs between two of them.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence

from ..explorer.model.judging import Trouble, trouble_at
from ..explorer.schedules.schedule import Replay
from ..explorer.schedules.what_if import what_if
from ..explorer.steps.image import MAIN, Image
from ..explorer.steps.state import State
from ..explorer.steps.step import CPU, GUARD, Guard, Kind
from ..interpreter.events import Stored
from ..machine import Cpus, Memory
from ..program import Layout
from .effects import Holder, apply, revert
from .movements import Movement, Scheduled
from .packing import SET_UP, Write
from .replay import Recorded
from .session import Session
from .threads import CannotChange, Local, LocalOf, MemoryOf, ThreadState, WithThreads
from .timeline import Timeline

_GUARDS = {Guard.SECTION: "in its section: ", Guard.VECTOR: "in a vector: "}


class ScheduleTimeline(WithThreads):
    """The history of a schedule; an entry is one decision."""

    def __init__(self, replay: Replay) -> None:
        self._replay = replay
        image = replay.plan.image
        memory = Memory(image.program.abi.page_size)
        for page, region in image.pages.items():
            memory.map(page << image.shift, memory.page_size, region.kind)
        for address, data in _contents(image, replay.initial.memory):
            memory.write(address, data)
        self.holder: Holder = Recorded(memory, Cpus(image.cpus))
        self._entries = [self._entry(index) for index in range(len(replay.moments))]
        self.starts: array[int] = array("Q", [0])
        for movements in self._entries:
            self.starts.append(self.starts[-1] + len(movements))

    def _entry(self, index: int) -> list[Movement]:
        replay = self._replay
        plan, moment = replay.plan, replay.moments[index]
        micro = moment.micro
        names = plan.names
        step = micro.step
        thread = names[micro.thread] if micro.thread >= 0 else ""
        aborts = tuple(f"{names[e.thread]} aborted: {e.text(names)}" for e in micro.aborts)
        operation = None if step is None else step.operation
        place = None if step is None else step.place
        text = " ".join(micro.text.split()) or "registers at work"
        happens = Scheduled(thread, micro.cpu, text, operation, place, aborts)
        op = SET_UP if operation is None else operation[1]
        before = _contents(plan.image, replay.state(index - 1).memory)
        after = _contents(plan.image, moment.state.memory)
        stores = [
            Stored(op, address + first, old[first:end], new[first:end])
            for (address, old), (_, new) in zip(before, after, strict=True)
            if old != new
            for first, end in _runs(old, new)
        ]
        return [happens, *stores]

    @property
    def replay(self) -> Replay:
        """The schedule that this is the history of."""
        return self._replay

    def advance(self) -> list[Movement] | None:
        """All of a schedule is known."""
        return None

    def movements(self, entry: int) -> list[Movement]:
        """Do a decision again."""
        for movement in self._entries[entry]:
            apply(movement, self.holder)
        return list(self._entries[entry])

    def undo(self, entry: int) -> None:
        """Undo a decision."""
        for movement in reversed(self._entries[entry]):
            revert(movement, self.holder)

    def opening(self, entry: int) -> Sequence[Movement]:
        """What happens, without its effects."""
        return self._entries[entry][:1]

    def writes(self, entry: int) -> list[Write]:
        """The stores of a decision."""
        return [
            Write(each.op, each.address, each.before)
            for each in self._entries[entry]
            if isinstance(each, Stored)
        ]

    def threads(self, entry: int) -> tuple[ThreadState, ...]:
        """The threads before a decision."""
        replay = self._replay
        state, plan, model = replay.state(entry - 1), replay.plan, replay.model
        found = []
        for number, (name, local) in enumerate(zip(plan.names, state.threads, strict=True)):
            held = tuple(
                Local(
                    variable,
                    local[register],
                    plan.image.describe_value(local[register], plan.names),
                )
                for variable, register in model.codes[number].registers.items()
                if "$" not in variable
            )
            step = model.next_step(state, number)
            at = " ".join(step.text.split()) or "registers at work"
            if step.kind is Kind.END:
                at = "it has ended"
            elif step.kind is Kind.FAIL:
                at = f"it has failed: {at}"
            else:
                at = f"next: {_GUARDS.get(Guard(local[GUARD]), '')}{at}"
            found.append(ThreadState(name, local[CPU], at, held))
        return tuple(found)

    def changed(self, entry: int, change: LocalOf | MemoryOf, text: str) -> tuple[Timeline, str]:
        """The rest of the schedule from a state in which something else is held."""
        replay = self._replay
        state = replay.state(entry - 1)
        match change:
            case LocalOf(thread, name, value):
                state = self._with_local(state, thread, name, value)
            case MemoryOf(address, data):
                state = state._replace(memory=self._with_bytes(state.memory, address, data))
        found = what_if(replay, entry, state, text)
        said = f"{found.left_out} decisions of the schedule are not possible any more"
        return ScheduleTimeline(found.replay), said if found.left_out else ""

    def _with_local(self, state: State, thread: str, name: str, value: int) -> State:
        names = list(self._replay.plan.names)
        number = names.index(thread)
        register = self._replay.model.codes[number].registers[name]
        local = list(state.threads[number])
        local[register] = value
        threads = list(state.threads)
        threads[number] = tuple(local)
        return state._replace(threads=tuple(threads))

    def _with_bytes(self, memory: bytes, address: int, data: bytes) -> bytes:
        for region in self._replay.plan.image.regions:
            at = address - region.base
            if region.store == MAIN and at >= 0 and at + len(data) <= region.size:
                start = region.start + at
                return memory[:start] + data + memory[start + len(data) :]
        raise CannotChange(f"{address:#x} is not memory that this scenario keeps")

    def ending(self) -> str | None:
        """The condition that is violated at the end, or what repeats for ever."""
        replay = self._replay
        last = len(replay.moments)
        if replay.cycle is not None:
            return f"decisions {replay.cycle + 1} to {last} repeat for ever"
        troubles = trouble_at(replay.plan, replay.model, replay.state(last - 1))
        return "; ".join(map(_said, troubles)) or None


def _said(trouble: Trouble) -> str:
    broken = " violated" if trouble.kind in ("condition", "invariant") else ""
    return f"{trouble.kind}{broken}: {trouble.label}"


def session_of_schedule(replay: Replay) -> Session:
    """A session on a schedule that was followed (explorer.replay_file.replay)."""
    image = replay.plan.image
    layout: Layout = image.layout
    return Session(ScheduleTimeline(replay), image.program, layout)


def _contents(image: Image, memory: bytes) -> Iterator[tuple[int, bytes]]:
    """The bytes of a state by their addresses."""
    for region in image.regions:
        if region.store == MAIN and region.size:
            yield region.base, memory[region.start : region.start + region.size]


def _runs(old: bytes, new: bytes) -> Iterator[tuple[int, int]]:
    """The parts that differ, whole words of eight bytes each."""
    first = None
    for start in range(0, len(old), 8):
        differs = old[start : start + 8] != new[start : start + 8]
        if differs and first is None:
            first = start
        if not differs and first is not None:
            yield first, start
            first = None
    if first is not None:
        yield first, len(old)
