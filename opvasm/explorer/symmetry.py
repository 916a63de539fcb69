"""Interchangeable threads: one state stands for all that differ only in which thread is which.

Threads that are alike are sorted.  Where they have memory of their own, its bytes move along and
every pointer into it, wherever it is stored, is renamed; so the state that stands for the others
is always a true renaming of each, and a tie that the sorting leaves open costs states, not truth.
"""

from __future__ import annotations

from .code import POINT, REGISTERS
from .model import State
from .plan import Plan

Order = tuple[int, ...]
ROUNDS = 3


class Symmetry:
    """Finds for each state the one that stands for it."""

    def __init__(self, plan: Plan) -> None:
        self.groups = plan.groups
        self.image = plan.image
        self.threads = len(plan.codes)
        self.identity: Order = tuple(range(self.threads))
        page = plan.program.abi.page_size
        self.page = page
        self.first = plan.image.own_base
        self.end = self.first + page * self.threads
        self.word = plan.image.word
        self.blocks = plan.image.own_blocks
        self.has_own = any(block.size for block in self.blocks)
        self.member = [-1] * self.threads
        for number, group in enumerate(self.groups):
            for thread in group:
                self.member[thread] = number

    def canonical(self, state: State) -> tuple[State, Order]:
        """The state that stands for this one; ``order[i]`` is the thread that became thread i."""
        order = self._order_with_memory(state) if self.has_own else self._order(state)
        if order == self.identity:
            return state, order
        memory = self._renamed(state.memory, order) if self.has_own else state.memory
        threads = tuple(state.threads[old] for old in order)
        if self.has_own:
            new = self._positions(order)
            threads = tuple(
                (*t[:REGISTERS], *(self._rename(v, new) for v in t[REGISTERS:])) for t in threads
            )
        system = state.system
        if system.running:
            new = self._positions(order)
            running = tuple(new[each] if each >= 0 else each for each in system.running)
            system = system._replace(running=running)
        return State(memory, threads, system), order

    def _order(self, state: State) -> Order:
        order = list(self.identity)
        threads, running = state.threads, state.system.running
        for group in self.groups:
            if running:
                ranked = sorted(group, key=lambda t: (threads[t], t in running))
            else:
                ranked = sorted(group, key=threads.__getitem__)
            for place, thread in zip(group, ranked, strict=True):
                order[place] = thread
        return tuple(order)

    def _positions(self, order: Order) -> list[int]:
        new = [0] * self.threads
        for place, thread in enumerate(order):
            new[thread] = place
        return new

    def _rename(self, value: int, new: list[int]) -> int:
        if not self.first <= value < self.end:
            return value
        thread, offset = divmod(value - self.first, self.page)
        return self.first + new[thread] * self.page + offset

    def _pointers(self, memory: bytes) -> list[tuple[int, int, int]]:
        """(where, thread, offset) of every word that points into a thread's own memory."""
        found = []
        word, order = self.word, self.image.byteorder
        # The high bytes of an own address are the same for all: look for them, not at every word.
        step = memoryview(memory)
        for at in range(0, len(memory) - word + 1, word):
            value = int.from_bytes(step[at : at + word], order)
            if self.first <= value < self.end:
                thread, offset = divmod(value - self.first, self.page)
                found.append((at, thread, offset))
        return found

    def _renamed(self, memory: bytes, order: Order) -> bytes:
        new = self._positions(order)
        data = bytearray(memory)
        for at, thread, offset in self._pointers(memory):
            value = self.first + new[thread] * self.page + offset
            data[at : at + self.word] = value.to_bytes(self.word, self.image.byteorder)
        moved = bytes(data)
        for place, thread in enumerate(order):
            if place != thread:
                to, source = self.blocks[place], self.blocks[thread]
                data[to.start : to.start + to.size] = moved[
                    source.start : source.start + source.size
                ]
        return bytes(data)

    def _order_with_memory(self, state: State) -> Order:
        """Sort by what a thread is, then by how the others and the memory point to it."""
        pointers = self._pointers(state.memory)
        holder: dict[int, int] = {}
        for thread, block in enumerate(self.blocks):
            for at in range(block.start, block.start + block.size, self.word):
                holder[at] = thread
        rank = [0] * self.threads
        for group in self.groups:
            for thread in group:
                rank[thread] = group[0]
        running = state.system.running
        keys: list[tuple[object, ...]] = [()] * self.threads
        for _ in range(ROUNDS):
            for group in self.groups:
                for thread in group:
                    keys[thread] = (
                        rank[thread],
                        self._seen_from(thread, state.threads[thread], rank),
                        self._own_bytes(thread, state.memory, pointers, rank),
                        self._pointed_at(thread, pointers, holder, rank),
                        thread in running,
                    )
            before = list(rank)
            for group in self.groups:
                ranked = sorted(group, key=lambda t: keys[t])  # type: ignore[arg-type, return-value]
                place = group[0]
                for index, thread in enumerate(ranked):
                    if index and keys[thread] != keys[ranked[index - 1]]:
                        place = group[index]
                    before[thread] = place
            if before == rank:
                break
            rank = before
        order = list(self.identity)
        for group in self.groups:
            ranked = sorted(group, key=lambda t: (rank[t], t))
            for place, thread in zip(group, ranked, strict=True):
                order[place] = thread
        return tuple(order)

    def _seen_from(self, thread: int, local: tuple[int, ...], rank: list[int]) -> tuple[int, ...]:
        """A local state in which pointers say whose memory they mean only by its rank."""
        found = list(local)
        for index in range(REGISTERS, len(found)):
            value = found[index]
            if self.first <= value < self.end:
                other, offset = divmod(value - self.first, self.page)
                found[index] = -1 - 2 * (offset * self.threads + rank[other]) - (other == thread)
        return tuple(found)

    def _own_bytes(
        self,
        thread: int,
        memory: bytes,
        pointers: list[tuple[int, int, int]],
        rank: list[int],
    ) -> tuple[object, ...]:
        block = self.blocks[thread]
        data = bytearray(memory[block.start : block.start + block.size])
        links = []
        for at, other, offset in pointers:
            inside = at - block.start
            if 0 <= inside < block.size:
                data[inside : inside + self.word] = bytes(self.word)
                links.append((inside, rank[other], other == thread, offset))
        return bytes(data), tuple(links)

    def _pointed_at(
        self,
        thread: int,
        pointers: list[tuple[int, int, int]],
        holder: dict[int, int],
        rank: list[int],
    ) -> tuple[tuple[int, int, int], ...]:
        found = []
        for at, other, offset in pointers:
            if other == thread:
                who = holder.get(at)
                if who is None:
                    found.append((at, -1, offset))
                elif who != thread:
                    found.append((at - self.blocks[who].start, rank[who], offset))
        return tuple(sorted(found))


__all__ = ["POINT", "Order", "Symmetry"]
