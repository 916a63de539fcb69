"""Tasks on the cores of this machine, in processes of which any may be killed.

concurrent.futures gives a pool up when one of its processes dies.  Here that costs time only: the
tasks that were under way are done again by a new pool.  A task of which workers die again and again
is done with no other beside it, so that it is clear which one it is, and then given up.  The server
that forks the processes may be killed as well: the next pool starts another one.
"""

from __future__ import annotations

import gc
import os
import signal
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import connection, context, get_context, parent_process
from pathlib import Path
from threading import Thread
from time import sleep

from ..light_typing import Any
from .tasks import Done, Task, WorkersLost

# A task that was under way this often when a worker died is done alone from then on.
SUSPECT = 2
# And given up after that many deaths.
TRIES = 4
# Servers of one run that may die.
SERVERS = 5
PAUSE = 0.05  # seconds
# Of a process in linux/sched.h, seen in /proc/PID/stat: it has begun to end.
_PF_EXITING = 4
# Tasks that wait in each process's queue beside the one that it does.
AHEAD = 1


class Pool:
    """Does tasks in processes of its own."""

    def __init__(self, jobs: int, preload: Sequence[str] = ("opvasm.sweep.work",)) -> None:
        self.jobs = jobs
        # A server that has imported what workers need forks them; forking this process itself
        # would copy threads that a test runner or a library may have started.
        self.context: context.ForkServerContext = get_context("forkserver")
        self.context.set_forkserver_preload(list(preload))

    def run(self, tasks: Sequence[Task], done: Done) -> None:
        """Do all tasks, the first ones first."""
        left = deque(range(len(tasks)))
        deaths: Counter[int] = Counter()
        servers = 0
        while left:
            trusted = [each for each in left if deaths[each] < SUSPECT]
            batch = deque(trusted or [left[0]])
            group = set(batch)
            left = deque(each for each in left if each not in group)
            try:
                lost = self._run(tasks, batch, done)
                deaths.update(lost)
            except _ServerLost as gone:
                lost, servers = gone.under_way, servers + 1
                if servers >= SERVERS:
                    raise WorkersLost(
                        f"the fork server, which starts the workers of --jobs, died {servers} times",
                        "was it killed, or out of memory? --jobs 1 works without it",
                    ) from None
                sleep(PAUSE * 2**servers)  # one that is killed takes a moment to be gone
            left.extendleft(reversed(batch))
            left.extend(lost)
            for index in lost:
                if deaths[index] >= TRIES:
                    raise WorkersLost(
                        f"{tasks[index].name}: {deaths[index]} workers died of it",
                        "were they out of memory? fewer --jobs leave each of them more",
                    )

    def close(self) -> None:
        """Every run ends its own processes."""

    def _run(self, tasks: Sequence[Task], waiting: deque[int], done: Done) -> list[int]:
        """Do tasks until all are done or a process dies; then, those that were under way.

        What was done or begun is taken from ``waiting``.  _ServerLost: it was the server's death.
        """
        jobs = min(self.jobs, len(waiting))
        under_way: dict[Future[Any], int] = {}
        with self._workers(jobs) as (executor, server):
            try:
                while waiting or under_way:
                    while waiting and len(under_way) < jobs * (1 + AHEAD):
                        task = tasks[waiting[0]]
                        future = _submitted(executor, task)
                        under_way[future] = waiting.popleft()
                    finished, _ = wait(under_way, return_when=FIRST_COMPLETED)
                    for future in finished:
                        value = future.result()
                        done(under_way.pop(future), value)
            except (BrokenProcessPool, _CannotStart) as problem:
                lost = self._salvaged(under_way, done)
                if isinstance(problem, _CannotStart) or server.is_gone():
                    raise _ServerLost(lost) from None
                return lost
        return []

    def _salvaged(self, under_way: dict[Future[Any], int], done: Done) -> list[int]:
        """Take what was done before the pool broke; the indexes of what was not."""
        lost = []
        for future, index in under_way.items():
            if not future.done() or future.cancelled() or future.exception() is not None:
                lost.append(index)
            else:
                done(index, future.result())
        return lost

    @contextmanager
    def _workers(self, jobs: int) -> Iterator[tuple[ProcessPoolExecutor, _Server]]:
        """Processes that end with the pool, however that ends."""
        reader, writer = self.context.Pipe(duplex=False)
        server = _Server(self.context)
        executor = ProcessPoolExecutor(jobs, self.context, _begin, (reader, server.writer))
        try:
            yield executor, server
        except BaseException:
            writer.send_bytes(b"stop")
            raise
        finally:
            executor.shutdown(cancel_futures=True)
            writer.close()
            reader.close()
            server.close()


class _ServerLost(Exception):
    """The server died; these tasks were under way."""

    def __init__(self, under_way: list[int]) -> None:
        super().__init__()
        self.under_way = under_way


class _CannotStart(Exception):
    """The server does not answer, or refuses to fork."""


class _Server:
    """The process that forks the workers, known by what they say of their parent."""

    def __init__(self, context: context.ForkServerContext) -> None:
        self._reader, self.writer = context.Pipe(duplex=False)

    def is_gone(self) -> bool:
        """Whether the server of these workers has ended; it is a child of this process."""
        if not self._reader.poll():
            return False
        try:
            process = self._reader.recv()
            ended = os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            return ended is not None or _exits(process)
        except ChildProcessError:
            return True

    def close(self) -> None:
        """Nothing more is said."""
        self._reader.close()
        self.writer.close()


def _exits(process: int) -> bool:
    """Whether a process is about to end: its pipes close before anybody can wait for it."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return bool(int(stat.rpartition(")")[2].split()[6]) & _PF_EXITING)


def _submitted(executor: ProcessPoolExecutor, task: Task) -> Future[Any]:
    """A task in the executor's queue; its first one starts the processes."""
    try:
        return executor.submit(task.call, *task.arguments)
    except (EOFError, OSError) as problem:
        raise _CannotStart from problem


def _begin(stop: connection.Connection, parent: connection.Connection) -> None:
    """A worker's first act: interrupts are for whoever started it, whose end is its own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent.send(os.getppid())
    gc.freeze()
    Thread(target=_end_with_parent, args=(stop,), daemon=True).start()


def _end_with_parent(stop: connection.Connection) -> None:
    parent = parent_process()
    assert parent is not None
    connection.wait([parent.sentinel, stop])
    os._exit(1)
