"""A real Dask scheduler and workers on this machine, some of which are killed."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.cli.conftest import environment
from tests.command import run_here

from .forked import Fork, Forks
from .helpers import COUNTER, ROOT

NEEDED = "Dask distributed is not installed: pip install 'opvasm[cluster]'"
pytest.importorskip("distributed", reason=NEEDED)

WORDS = ("explore", "--sweep", "stepping.opv", "--kernels", "legacy", "-f", "json")
PATIENCE = 120  # seconds that a busy machine may take to connect


class Cluster:
    """A scheduler and its workers, each a process that can be killed."""

    def __init__(self, folder: Path, forks: Forks, **settings: str) -> None:
        self.folder = folder
        self.forks = forks
        self.env = environment(**settings)
        self.processes: list[Fork] = []
        file = folder / "scheduler.json"
        self.start(
            "dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
            "--scheduler-file", str(file),
        )  # fmt: skip
        self.address = str(json.loads(awaited(file, b"}", self.processes[0]))["address"])

    def start(self, program: str, *words: str) -> Fork:
        """One more process of the cluster."""
        log = self.folder / f"{len(self.processes)}.log"
        module = f"distributed.cli.{program}"
        self.processes.append(self.forks.start(module, words, self.folder, self.env, log))
        return self.processes[-1]

    def worker(self) -> Fork:
        """A worker that has registered itself."""
        process = self.start(
            "dask_worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard"
        )
        awaited(process.errors, b"Registered to", process)
        return process

    def end_workers(self) -> None:
        """End all but the scheduler."""
        for process in self.processes[1:]:
            process.kill()
            process.wait()

    def close(self) -> None:
        """End everything that still runs."""
        self.end_workers()
        self.processes[0].kill()
        self.processes[0].wait()


def awaited(path: Path, what: bytes, process: Fork) -> bytes:
    """The content of a file once it holds something that a process writes, however long it takes."""
    while True:
        ended = process.poll() is not None
        data = path.read_bytes() if path.exists() else b""
        if what in data:
            return data
        assert not ended, f"ended with {process.returncode}: {data.decode()}"
        time.sleep(0.05)


class Ran(NamedTuple):
    """A command that has ended."""

    returncode: int
    stdout: str
    stderr: str


class Commands:
    """Runs command lines in a folder; ``patches`` are other values for what cluster.py waits."""

    def __init__(self, folder: Path, forks: Forks) -> None:
        self.folder = folder
        self.forks = forks
        self.count = 0

    def start(self, *words: str, **patches: float) -> Fork:
        """A command that goes on meanwhile."""
        self.count += 1
        given = json.dumps({"ANSWER_SECONDS": PATIENCE, **patches})
        log = self.folder / f"command{self.count}.log"
        module = "tests.sweep.patched"
        return self.forks.start(module, (given, *words), self.folder, environment(), log)

    def end(self, process: Fork) -> Ran:
        """What a command said, once it has ended."""
        code = process.wait()
        return Ran(code, process.output.read_text(), process.errors.read_text())

    def run(self, *words: str, **patches: float) -> Ran:
        """A command from start to end."""
        return self.end(self.start(*words, **patches))

    @contextmanager
    def running(self, *words: str, **patches: float) -> Iterator[Fork]:
        """A command that goes on meanwhile, and is killed where its test fails."""
        process = self.start(*words, **patches)
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    """What all processes of this file are forked from."""
    found = Forks()
    yield found
    found.close()


@pytest.fixture
def commands(forks: Forks, tmp_path: Path) -> Commands:
    """Command lines, in the test's folder."""
    return Commands(tmp_path, forks)


@pytest.fixture(scope="module")
def scheduler(forks: Forks, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A scheduler that gives a task up when one worker has died of it: we are more patient."""
    settings = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0", "PYTHONPATH": str(ROOT)}
    found = Cluster(tmp_path_factory.mktemp("cluster"), forks, **settings)
    yield found
    found.close()


@pytest.fixture
def cluster(scheduler: Cluster, tmp_path: Path) -> Iterator[Cluster]:
    """The scheduler without a worker; those that a test starts end with it."""
    (tmp_path / "stepping.opv").write_bytes(
        (ROOT / "samples" / "races" / "stepping.opv").read_bytes()
    )
    yield scheduler
    scheduler.end_workers()


def test_a_worker_that_is_killed_midway_leaves_the_report_as_it_is(
    cluster: Cluster, commands: Commands, tmp_path: Path
) -> None:
    """Byte for byte what one process says; so does `opvasm test` on what is left of the cluster."""
    victim, _ = cluster.worker(), cluster.worker()
    sweep = (*WORDS, "--cluster", cluster.address, "--results", "r.jsonl")
    with commands.running(*sweep) as process:
        # The first batch is there, others are under way.
        awaited(tmp_path / "r.jsonl", b"\n{", process)
        assert process.poll() is None
        os.kill(victim.pid, signal.SIGKILL)
        ended = commands.end(process)
    assert ended.returncode == 0, ended.stderr
    alone = commands.run(*WORDS, "--jobs", "1")
    assert (ended.stdout, ended.stderr) == (alone.stdout, "")

    (tmp_path / "bad.opv").write_text('use "used.opv"\ntest "t" { cpu 0\n run v() -> 1 }\n')
    (tmp_path / "used.opv").write_text("percpu n: u64\nvector v() { add n, 1 }\n")
    words = ("test", "stepping.opv", "bad.opv")
    here, there = commands.run(*words), commands.run(*words, "--cluster", cluster.address)
    assert here.returncode == 1
    assert (there.returncode, there.stdout, there.stderr) == (1, here.stdout, here.stderr)


def test_a_cluster_without_workers_is_not_waited_for_for_ever(
    cluster: Cluster, commands: Commands, tmp_path: Path
) -> None:
    """What was finished is kept; the sweep goes on to the same report without the cluster."""
    ran = commands.run(*WORDS, "--cluster", cluster.address, EMPTY_SECONDS=1)
    assert ran.returncode == 4
    assert f"the cluster at {cluster.address} has had no worker for 1 seconds" in ran.stderr

    worker = cluster.worker()
    sweep = (*WORDS, "--cluster", cluster.address, "--results", "r.jsonl")
    with commands.running(*sweep, EMPTY_SECONDS=2) as process:
        awaited(tmp_path / "r.jsonl", b"\n{", process)
        worker.kill()
        ended = commands.end(process)
    assert ended[:2] == (4, ""), ended.stderr
    assert "go on with --resume r.jsonl" in ended.stderr
    resumed = commands.run(*WORDS, "--jobs", "2", "--resume", "r.jsonl")
    assert resumed.returncode == 0
    assert resumed.stdout == commands.run(*WORDS, "--jobs", "1").stdout


def test_an_interrupt_leaves_the_cluster_and_keeps_what_is_finished(
    cluster: Cluster, commands: Commands, tmp_path: Path
) -> None:
    cluster.worker()
    sweep = (*WORDS, "--cluster", cluster.address, "--results", "r.jsonl")
    with commands.running(*sweep) as process:
        awaited(tmp_path / "r.jsonl", b"\n{", process)
        process.send_signal(signal.SIGINT)
        ended = commands.end(process)
    assert ended.returncode == 130, ended.stderr
    assert json.loads(ended.stdout)["complete"] is False
    assert "Traceback" not in ended.stderr


def test_a_task_of_which_workers_die_is_named(cluster: Cluster, tmp_path: Path) -> None:
    """The scheduler gives a task up at its first death here; it is tried once more, then told."""
    for _ in range(2):
        cluster.worker()
    log = tmp_path / "log"
    process = cluster.forks.start("tests.sweep.fatal", (cluster.address,), ROOT, environment(), log)
    assert process.wait() == 0, log.read_text()
    assert process.output.read_text() == f"task 2: the workers of {cluster.address} die of it\n"


def test_nobody_at_the_address_is_told_soon(commands: Commands, tmp_path: Path) -> None:
    (tmp_path / "c.opv").write_text(COUNTER)
    words = ("explore", "--sweep", "c.opv", "--cluster")
    ran = commands.run(*words, "tcp://127.0.0.1:9", ANSWER_SECONDS=1)
    assert ran.returncode == 4
    assert "no Dask scheduler answers at tcp://127.0.0.1:9" in ran.stderr
    for address in ("nonsense", "foo://1:2"):
        here = run_here(*words, address, cwd=tmp_path)
        assert here.code == 2
        assert f"--cluster: {address!r} is not an address" in here.errors
