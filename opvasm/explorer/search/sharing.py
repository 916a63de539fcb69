"""Who touches which byte: what may be left out of sight depends on it (model.md section 3.2).

The classes are found, not declared: random walks first, then the search itself.  Should the search
meet an access that the classes did not foresee, it starts over with the new ones.  At the end the
classes hold for every access of the explored graph, and so for every access there is: the first
one that broke them would come after a prefix in which all of them held, which the search has seen.
"""

from __future__ import annotations

from time import monotonic

from ..model.model import Model
from ..plan.plan import Plan
from ..steps.ids import IDS_SIZE
from ..steps.state import State
from ..steps.step import CPU
from ..steps.work import Range

CONSTANT, PRIVATE, ONE_CPU, SHARED = 0, 1, 2, 3
# Steps of one random schedule that change nothing, or that touch nothing new, before it is given up.
MOST_IDLE = 20
MOST_KNOWN = 100


class Sharing:
    """For each byte of the state: the threads and CPUs that touch it, and whether it changes.

    ``renames``: the search takes threads that are alike for one another, so that what one of them
    touches counts as touched by all, but for memory of its own.
    """

    def __init__(self, plan: Plan, renames: bool = False) -> None:
        size = len(plan.memory)
        self.plan = plan
        self.threads = [0] * size
        self.cpus = [0] * size
        self.written = bytearray(size)
        self.classes = bytearray(size)
        self._seen: set[tuple[int, int, int, int, bool]] = set()
        count = len(plan.codes)
        self.alike = [1 << key for key in range(2 * count)]
        for group in plan.groups if renames else ():
            mates = sum(1 << thread for thread in group)
            for thread in group:
                self.alike[thread], self.alike[thread + count] = mates, mates << count
        if plan.configuration.cpus > 1:
            # Whether a lock is free is looked at without an access, so don't wait for one.
            first = plan.image.lock_start
            for index in range(first, first + 2 * plan.configuration.cpus):
                self._force(index)
        for start in plan.ids:
            if start is not None:  # the kernel writes there between any two steps
                for index in range(start, start + IDS_SIZE):
                    self._force(index)

    def _force(self, index: int) -> None:
        self.threads[index] = self.cpus[index] = 3
        self.written[index] = 1
        self.classes[index] = SHARED

    def note(
        self, thread: int, cpu: int, reads: tuple[Range, ...], writes: tuple[Range, ...]
    ) -> bool:
        """Take down the accesses of a step; True when a byte is shared more than was known."""
        grew = False
        seen = self._seen
        for ranges, wrote in ((reads, False), (writes, True)):
            for start, end in ranges:
                key = (start, end, thread, cpu, wrote)
                if key not in seen:
                    seen.add(key)
                    block = self.plan.image.own_blocks[thread % len(self.plan.codes)]
                    own = block.start <= start and end <= block.start + block.size
                    who = 1 << thread if own else self.alike[thread]
                    grew |= self._touch(start, end, who, 1 << cpu, wrote)
        return grew

    def _touch(self, start: int, end: int, thread: int, cpu: int, wrote: bool) -> bool:
        grew = False
        for index in range(start, end):
            self.threads[index] |= thread
            self.cpus[index] |= cpu
            self.written[index] |= wrote
            threads, cpus = self.threads[index], self.cpus[index]
            if not self.written[index]:
                sharing = CONSTANT
            elif threads & (threads - 1) == 0:
                sharing = PRIVATE
            elif cpus & (cpus - 1) == 0:
                sharing = ONE_CPU
            else:
                sharing = SHARED
            if sharing > self.classes[index]:
                self.classes[index] = sharing
                grew = True
        return grew

    def tables(self) -> tuple[bytes, bytes, bytes, bytes]:
        """What is known, for each byte: threads (4 bytes each), CPUs, whether it changes, classes."""
        threads = b"".join(each.to_bytes(4, "little") for each in self.threads)
        return threads, bytes(self.cpus), bytes(self.written), bytes(self.classes)

    def take(self, tables: tuple[bytes, bytes, bytes, bytes]) -> None:
        """What somebody else has found out, as ``tables`` has it."""
        threads, cpus, written, classes = tables
        self.threads = [
            int.from_bytes(threads[at : at + 4], "little") for at in range(0, len(threads), 4)
        ]
        self.cpus, self.written, self.classes = list(cpus), bytearray(written), bytearray(classes)
        self._seen.clear()

    def frozen(self) -> bytes:
        """The classes; threads that are alike have the same ones for their own memory."""
        blocks = self.plan.image.own_blocks
        for group in self.plan.groups:
            for offset in range(min(blocks[t].size for t in group)):
                worst = max(self.classes[blocks[t].start + offset] for t in group)
                for thread in group:
                    self.classes[blocks[thread].start + offset] = worst
        return bytes(self.classes)


def step_keys(model: Model, state: State, thread: int) -> tuple[int, ...]:
    """Who a step counts as: a signal handler is another thread than the one it interrupts."""
    if model.next_step(state, thread).handler:
        return thread, thread + model.threads
    return (thread,)


def probe(
    model: Model,
    sharing: Sharing,
    walks: int,
    length: int,
    seed: int = 1,
    until: float | None = None,
) -> int:
    """Random schedules, to see who touches what; gives the steps of the longest one.

    After the moment ``until`` (time.monotonic) it gives up: the search sees the rest.
    """
    from random import Random  # the search in C needs none

    random = Random(seed)
    longest = 0
    for _ in range(walks):
        state, idle, known = model.initial(), 0, 0
        for step in range(length):
            if until is not None and monotonic() > until:
                return longest
            ready = [t for t in range(model.threads) if model.enabled(state, t)]
            if not ready or model.has_failed(state):
                longest = max(longest, step)
                break
            disturbances = list(model.disturbances(state)) if random.random() < 0.2 else []
            if disturbances:
                state = model.disturb(state, random.choice(disturbances))
                continue
            thread = random.choice(ready)
            keys = step_keys(model, state, thread)
            taken = model.step(state, thread)
            idle += taken.state == state
            if idle > MOST_IDLE:
                break  # threads that go round without doing anything
            cpu = taken.state.threads[thread][CPU]
            grew = [sharing.note(key, cpu, taken.reads, taken.writes) for key in keys]
            known = 0 if any(grew) else known + 1
            if known > MOST_KNOWN:
                break  # the search itself sees what comes so late
            state = taken.state
        else:
            longest = length
    return longest
