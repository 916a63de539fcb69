"""Who belongs to the program: its threads and processes, and the slots that they hold."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator

from . import linux, stub
from .space import Space
from .task import IGNORED, Process, Task


class Threads:
    """The threads by their ids.

    ``waited`` and ``preempted`` are how often those that are gone were switched out while their ops
    ran.
    """

    __slots__ = ("_page_size", "by_id", "preempted", "waited")

    def __init__(self, page_size: int) -> None:
        self.by_id: dict[int, Task] = {}
        self.waited = 0
        self.preempted = 0
        self._page_size = page_size

    def __len__(self) -> int:
        return len(self.by_id)

    def __iter__(self) -> Iterator[Task]:
        return iter(tuple(self.by_id.values()))

    def __contains__(self, tid: int) -> bool:
        return tid in self.by_id

    def get(self, tid: int) -> Task | None:
        """The thread of an id."""
        return self.by_id.get(tid)

    def is_alive(self, task: Task) -> bool:
        """Whether a thread is still the one that its id names."""
        return self.by_id.get(task.tid) is task

    def add_program(self, pid: int, process: Process | None = None) -> Task:
        """A process's first thread in memory of its own."""
        return self._add(pid, process or Process(pid), Space(pid, self._page_size))

    def _add(self, tid: int, process: Process, space: Space) -> Task:
        task = self.by_id[tid] = Task(tid, process, space)
        return task

    def adopt(self, tid: int) -> Task:
        """A thread or child that appeared; its first stop may come before its creator's event.

        Raises FileNotFoundError or ProcessLookupError when it is gone already.
        """
        group, parent = _group_and_parent(tid)
        sibling = next((each for each in self if each.process.pid == group), None)
        if sibling is not None:
            return self._add(tid, sibling.process, sibling.space)
        creator = next((each for each in self if each.process.pid == parent), None)
        if creator is None:
            return self.add_program(tid)
        shared = linux.same_address_space(parent, tid)
        if shared is None:
            shared = creator.vfork_wait
        space = creator.space if shared else creator.space.forked(tid)
        return self._add(tid, Process(tid, creator.process.sigill_action), space)

    def executed(self, task: Task) -> set[int]:
        """exec: new memory, and one thread, with the id of its process; the ids that are gone."""
        tid, process = task.tid, task.process
        gone = {each.tid for each in self if each.process is process} - {tid}
        for other in (*gone, tid):
            self.remove(other)
        action = process.sigill_action
        ignored = action is not None and struct.unpack_from("<Q", action)[0] == IGNORED
        self.add_program(tid, Process(tid, action if ignored else None))
        return gone

    def remove(self, tid: int) -> Task | None:
        """Forget a thread that is gone."""
        task = self.by_id.pop(tid, None)
        if task is not None:
            self.return_slot(task)
            space = task.space
            space.users -= 1
            if space.users == 0:
                space.close()
        return task

    def return_slot(self, task: Task) -> None:
        """A thread needs its slot no longer: count its interruptions, let others have it."""
        space, slot = task.space, task.slot
        if not slot:
            return
        task.slot = 0
        try:
            sums = os.pread(space.memory, 16, slot + stub.INTERRUPTIONS_OFFSET)
            waited, preempted = stub.INTERRUPTIONS.unpack(sums)
        except (OSError, struct.error):
            return  # the memory went with the last thread
        space.free_slots.append(slot)
        self.waited += waited
        self.preempted += preempted


def _group_and_parent(tid: int) -> tuple[int, int]:
    """The process of a thread, and that process's parent."""
    group, parent = tid, 0
    with open(f"/proc/{tid}/status", encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("Tgid:"):
                group = int(line.split()[1])
            elif line.startswith("PPid:"):
                parent = int(line.split()[1])
                break
    return group, parent
