"""Interchangeable threads: one state stands for all that differ only in which thread is which.

Threads that are alike are sorted.  Where they have memory of their own, its bytes move along and
every pointer into it, wherever it is stored, is renamed; so the state that stands for the others
is always a true renaming of each, and a tie that the sorting leaves open costs states, not truth.
"""

from __future__ import annotations

from struct import Struct

from ...light_typing import Any
from ..steps.state import State
from ..steps.step import REGISTERS
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
        self.holder = {
            at: thread
            for thread, block in enumerate(self.blocks)
            for at in range(block.start, block.start + block.size, self.word)
        }
        sign = "<" if plan.image.byteorder == "little" else ">"
        count = len(plan.memory) // self.word
        self.words = Struct(f"{sign}{count}{'Q' if self.word == 8 else 'I'}")

    def canonical(self, state: State) -> tuple[State, Order]:
        """The state that stands for this one; ``order[i]`` is the thread that became thread i."""
        order = self._order_with_memory(state) if self.has_own else self._order(state)
        if order == self.identity:
            return state, order
        memory = self._renamed(state.memory, order) if self.has_own else state.memory
        threads = tuple(state.threads[old] for old in order)
        if self.has_own:
            new, first = self._positions(order), self.first
            threads = tuple(
                (
                    *t[:REGISTERS],
                    *[v if v < first else self._rename(v, new) for v in t[REGISTERS:]],
                )
                for t in threads
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
        first, end, page, word = self.first, self.end, self.page, self.word
        return [
            (index * word, *divmod(value - first, page))
            for index, value in enumerate(self.words.unpack_from(memory))
            if first <= value < end
        ]

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
        """Sort by what a thread is; where that is a tie, by how memory and threads refer to it."""
        rank = [0] * self.threads
        for group in self.groups:
            for thread in group:
                rank[thread] = group[0]
        running = state.system.running
        looks = [
            (self._seen_from(thread, state.threads[thread], rank), thread in running)
            for thread in range(self.threads)
        ]
        rank, open_ = self._ranked(rank, looks)
        if open_:
            pointers = self._pointers(state.memory)
            for _ in range(ROUNDS):
                keys: list[object] = [()] * self.threads
                for thread in open_:
                    keys[thread] = (
                        self._seen_from(thread, state.threads[thread], rank),
                        self._own_bytes(thread, state.memory, pointers, rank),
                        self._pointed_at(thread, pointers, rank),
                    )
                before = rank
                rank, open_ = self._ranked(rank, keys)
                if not open_ or rank == before:
                    break
        order = list(self.identity)
        for group in self.groups:
            ranked = sorted(group, key=lambda t: (rank[t], t))
            for place, thread in zip(group, ranked, strict=True):
                order[place] = thread
        return tuple(order)

    def _ranked(self, rank: list[int], keys: list[Any]) -> tuple[list[int], list[int]]:
        """Finer ranks by some keys, and the threads that still share theirs with another."""
        new = list(rank)
        open_: list[int] = []
        for group in self.groups:
            ranked = sorted(group, key=lambda t: (rank[t], keys[t]))
            place, first = group[0], 0
            for index, thread in enumerate(ranked):
                last = ranked[index - 1]
                if index and (rank[thread], keys[thread]) != (rank[last], keys[last]):
                    if index - first > 1:
                        open_ += ranked[first:index]
                    place, first = group[index], index
                new[thread] = place
            if len(ranked) - first > 1:
                open_ += ranked[first:]
        return new, open_

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
        rank: list[int],
    ) -> tuple[tuple[int, int, int], ...]:
        found = []
        for at, other, offset in pointers:
            if other == thread:
                who = self.holder.get(at)
                if who is None:
                    found.append((at, -1, offset))
                elif who != thread:
                    found.append((at - self.blocks[who].start, rank[who], offset))
        return tuple(sorted(found))
