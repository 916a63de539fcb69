"""Tasks on a cluster that runs already, through Dask distributed (the extra ``cluster``)."""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable, Sequence
from importlib import import_module
from queue import Empty, SimpleQueue
from time import monotonic

from .._version import __version__
from ..light_typing import Any
from .tasks import Done, Task, WorkersLost

Future = Any

# Seconds that the scheduler has to answer, also when we leave, and that a cluster may be without any
# worker.
ANSWER_SECONDS = 5.0
CLOSE_SECONDS = 5.0
EMPTY_SECONDS = 30.0
LOOK_SECONDS = 0.5
# Dask gives a task up when several workers have died of it; it is tried again so often.
TRIES = 2


class NoCluster(Exception):
    """There is no cluster to work with: the extra is missing, or nobody answers there.

    ``malformed``: what was given is not an address at all.
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
                f"{address!r} is not an address: {error}", "write tcp://HOST:PORT", malformed=True
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
        # The scheduler blames every task that a dead worker had: these are done alone, at the end.
        suspects: deque[int] = deque()

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
            while under_way or suspects:
                if not under_way:
                    submit(suspects.popleft())
                index, future = self._next(ended)
                answered, answer = self._answer(future)
                del under_way[index]
                if answered:
                    done(index, answer)
                    continue
                deaths[index] += 1
                if deaths[index] >= TRIES:
                    raise WorkersLost(
                        f"{tasks[index].name}: the workers of {self.address} die of it",
                        "their logs say why; more memory for each may help",
                    )
                suspects.append(index)
        except BaseException:
            self._cancel(list(under_way.values()))
            raise

    def close(self) -> None:
        """Leave the cluster, which goes on without us."""
        self.client.close(timeout=CLOSE_SECONDS)

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
                    raise self._empty() from None

    def _answer(self, future: Future) -> tuple[bool, Any]:
        """Whether a task that has ended has a result, and it; False when workers died of it.

        A result that dies with the worker that has it is computed again meanwhile.  Raises what the
        task itself has raised, or WorkersLost.
        """
        while True:
            try:
                return True, future.result(timeout=EMPTY_SECONDS)
            except self.distributed.KilledWorker:
                return False, None
            except self.distributed.CancelledError:
                raise WorkersLost(
                    f"the scheduler at {self.address} is gone",
                    "start it again, and go on with --resume where results were kept",
                ) from None
            except (ModuleNotFoundError, OtherVersion) as error:
                raise WorkersLost(
                    f"the workers of {self.address} can't do it: {error}",
                    f"they need opvasm {__version__} as this command has it",
                ) from None
            except TimeoutError:
                if future.status == "error":
                    raise  # the task's own
                if not self._workers():
                    raise self._empty() from None

    def _empty(self) -> WorkersLost:
        return WorkersLost(
            f"the cluster at {self.address} has had no worker for {EMPTY_SECONDS:g} seconds",
            f"start one with 'dask worker {self.address}'",
        )

    def _workers(self) -> int:
        """How many workers there are, as far as anybody can tell."""
        if self.client.status != "running":
            return 0
        try:
            return len(self.client.scheduler_info()["workers"])
        except OSError:
            return 0

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
