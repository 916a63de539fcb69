"""Tasks in processes of which any may die."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from opvasm.sweep.pool import SERVERS, TRIES, Pool
from opvasm.sweep.runners import InProcess, local_runner
from opvasm.sweep.tasks import Task, WorkersLost

from .deadly import dies_if, dies_once, double, ends_server, ends_server_once, raises_if, sleeps

COUNT = 12


def run(pool: Pool | InProcess, tasks: list[Task]) -> dict[int, object]:
    """What each task came to."""
    found: dict[int, object] = {}

    def done(index: int, value: object) -> None:
        assert index not in found, "a task was done twice"
        found[index] = value

    pool.run(tasks, done)
    return found


def test_all_tasks_are_done() -> None:
    tasks = [Task(str(i), double, (i,)) for i in range(COUNT)]
    assert run(Pool(2), tasks) == {i: 2 * i for i in range(COUNT)}
    assert run(InProcess(), tasks) == {i: 2 * i for i in range(COUNT)}
    assert run(Pool(2), []) == {}


def test_a_worker_that_is_killed_costs_nothing_but_time(tmp_path: Path) -> None:
    """Each of the twelve tasks kills the first worker that does it; all are done in the end."""
    tasks = [Task(str(i), dies_once, (i, str(tmp_path))) for i in range(COUNT)]
    assert run(Pool(2), tasks) == {i: i for i in range(COUNT)}


def test_a_task_of_which_every_worker_dies_is_named() -> None:
    """Those beside it are done nevertheless."""
    tasks = [Task(f"task {i}", dies_if, (i, 3)) for i in range(COUNT)]
    found: dict[int, object] = {}
    with pytest.raises(WorkersLost) as caught:
        Pool(2).run(tasks, found.__setitem__)
    assert caught.value.message == f"task 3: {TRIES} workers died of it"
    assert found == {i: i for i in range(COUNT) if i != 3}


def test_a_fork_server_that_is_killed_costs_nothing_but_time(tmp_path: Path) -> None:
    """Whoever forks the workers is started again, and no task is blamed for its end."""
    tasks = [Task(str(i), ends_server_once, (i, str(tmp_path))) for i in range(2)]
    tasks += [Task(str(i), double, (i,)) for i in range(2, COUNT)]
    found = run(Pool(2), tasks)
    assert found == {0: 0, 1: 1} | {i: 2 * i for i in range(2, COUNT)}


def test_a_fork_server_that_dies_again_and_again_is_told_as_that() -> None:
    """The error says what died, and not that a task is to blame."""
    with pytest.raises(WorkersLost) as caught:
        Pool(1).run([Task("task", ends_server, (0,))], lambda index, value: None)
    assert caught.value.message == (
        f"the fork server, which starts the workers of --jobs, died {SERVERS} times"
    )


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_a_task_raises_is_raised_here(jobs: int) -> None:
    tasks = [Task(str(i), raises_if, (i, 4)) for i in range(COUNT)]
    with pytest.raises(ValueError, match="task 4"):
        local_runner(jobs).run(tasks, lambda index, value: None)


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_interrupt_ends_long_tasks_at_once(jobs: int, tmp_path: Path) -> None:
    """Tasks that would take an hour; their workers are gone when the interrupt is raised."""
    tasks = [Task(str(i), sleeps, (3600, str(tmp_path))) for i in range(4)]

    def interrupt() -> None:
        while len(list(tmp_path.iterdir())) < jobs:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        local_runner(jobs).run(tasks, lambda index, value: None)
    for path in tmp_path.iterdir():
        if int(path.name) != os.getpid():
            assert gone(int(path.name)), "a worker lives on"


def gone(process: int) -> bool:
    """Whether a process has ended (one that its parent has not looked after yet counts)."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state in "ZX"
