"""Tasks on a cluster that runs already, through Dask distributed (the extra ``cluster``)."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from importlib import import_module
from queue import Empty, SimpleQueue
from time import monotonic

from .._version import __version__
from ..light_typing import Any
from .runners import Done, Task, WorkersLost

Future = Any

# Seconds that the scheduler has to answer, and that a cluster may be without any worker.
ANSWER_SECONDS = 5.0
EMPTY_SECONDS = 30.0
LOOK_SECONDS = 0.5
# Dask gives a task up when several workers have died of it; it is tried again so often.
TRIES = 2


class NoCluster(Exception):
    """There is no cluster to work with: the extra is missing, or nobody answers there.

    ``malformed``: what was given is no address at all.
    """

    def __init__(self, message: str, help: str, malformed: bool = False) -> None:
        super().__init__(message)
        self.malformed = malformed
        self.message = message
        self.help = help


class Cluster:
    """Does tasks on the workers of a Dask scheduler.  Raises NoCluster."""

    def __init__(self, address: str) -> None:
        try:
            distributed: Any = import_module("distributed")  # it has types for a part of itself
        except ImportError as error:
            raise NoCluster(
                f"a cluster needs Dask distributed, which is not installed ({error})",
                "pip install 'opvasm[cluster]'",
            ) from None
        # What becomes of workers is told here; the log would tell it again, with tracebacks.
        # Dask sets levels of parts of its own (distributed.client), which don't follow the whole's.
        for name in ("distributed", *logging.Logger.manager.loggerDict):
            if name.partition(".")[0] == "distributed":
                logging.getLogger(name).setLevel(logging.CRITICAL)
        self.address = address
        self.distributed = distributed
        try:
            import_module("distributed.comm").get_address_host_port(address)
        except (ValueError, TypeError) as error:
            raise NoCluster(
                f"{address!r} is no address: {error}", "write tcp://HOST:PORT", malformed=True
            ) from None
        try:
            self.client: Any = distributed.Client(
                address, timeout=ANSWER_SECONDS, set_as_default=False
            )
        except OSError as error:
            reason = next(iter(str(error).splitlines()), "") or type(error).__name__
            raise NoCluster(
                f"no Dask scheduler answers at {address}: {reason}",
                "start one with 'dask scheduler', and workers with 'dask worker ADDRESS'",
            ) from None

    def run(self, tasks: Sequence[Task], done: Done) -> None:
        """Do all tasks; the scheduler moves those of a worker that dies to another one."""
        ended: SimpleQueue[tuple[int, Future]] = SimpleQueue()
        under_way: dict[int, Future] = {}
        deaths: Counter[int] = Counter()

        def submit(index: int) -> None:
            task = tasks[index]
            future = self.client.submit(
                _called, __version__, task.call, task.arguments, pure=False, priority=-index
            )
            under_way[index] = future
            future.add_done_callback(lambda each, index=index: ended.put((index, each)))

        try:
            for index in range(len(tasks)):
                submit(index)
            while under_way:
                index, future = self._next(ended)
                if future.status in ("lost", "pending") and self.client.status == "running":
                    submit(index)  # its result died with the worker that had it
                    continue
                if self._died(future, tasks[index]):
                    deaths[index] += 1
                    if deaths[index] >= TRIES:
                        raise WorkersLost(
                            f"{tasks[index].name}: the workers of {self.address} die of it",
                            "their logs say why; more memory for each may help",
                        )
                    submit(index)
                    continue
                del under_way[index]
                done(index, future.result())
        except BaseException:
            self._cancel(list(under_way.values()))
            raise

    def close(self) -> None:
        """Leave the cluster, which goes on without us."""
        self.client.close(timeout=ANSWER_SECONDS)

    def _next(self, ended: SimpleQueue[tuple[int, Future]]) -> tuple[int, Future]:
        """The next task that has ended.  Raises WorkersLost when nobody is there to do any."""
        last = monotonic()
        while True:
            try:
                return ended.get(timeout=LOOK_SECONDS)
            except Empty:
                if self._workers():
                    last = monotonic()
                elif monotonic() - last > EMPTY_SECONDS:
                    raise WorkersLost(
                        f"the cluster at {self.address} has had no worker for "
                        f"{EMPTY_SECONDS:g} seconds",
                        f"start one with 'dask worker {self.address}'",
                    ) from None

    def _workers(self) -> int:
        """How many workers there are, as far as anybody can tell."""
        if self.client.status != "running":
            return 0
        try:
            return len(self.client.scheduler_info()["workers"])
        except OSError:
            return 0

    def _died(self, future: Future, task: Task) -> bool:
        """Whether workers died of a task.  Raises what the task itself has raised."""
        if future.status == "finished":
            return False
        if future.status != "error":
            raise WorkersLost(
                f"the scheduler at {self.address} is gone",
                "start it again, and go on with --resume where results were kept",
            )
        error = future.exception()
        if isinstance(error, self.distributed.KilledWorker):
            return True
        if isinstance(error, ModuleNotFoundError | OtherVersion):
            raise WorkersLost(
                f"the workers of {self.address} are no help: {error}",
                f"they need opvasm {__version__} as this command has it",
            )
        raise error if error is not None else WorkersLost(f"{task.name}: it failed without a word")

    def _cancel(self, futures: list[Future]) -> None:
        try:
            self.client.cancel(futures, force=True)
        except Exception:  # the cluster is gone; what ends us is told, this is not
            return


class OtherVersion(Exception):
    """A worker has another opvasm."""


def _called(version: str, call: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """What a worker does."""
    if version != __version__:
        raise OtherVersion(f"one has opvasm {__version__}")
    return call(*arguments)
