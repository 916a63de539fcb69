"""A real Dask scheduler and workers on this machine, some of which are killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import environment

from .helpers import COUNTER, ROOT

NEEDED = "Dask distributed is not installed: pip install 'opvasm[cluster]'"
pytest.importorskip("distributed", reason=NEEDED)

WORDS = ("explore", "--sweep", "stepping.opv", "--kernels", "legacy", "-f", "json")
PATIENCE = 120  # seconds that a busy machine may take to connect


def command(*words: str, **patches: float) -> list[str]:
    """A command line; ``patches`` are other values for what cluster.py waits."""
    program = "import sys, opvasm.sweep.cluster as c; "
    for name, value in {"ANSWER_SECONDS": PATIENCE, **patches}.items():
        program += f"c.{name} = {value}; "
    program += "from opvasm.cli.main import main; sys.exit(main(sys.argv[1:]))"
    return [sys.executable, "-c", program, *words]


class Cluster:
    """A scheduler and its workers, each a process that can be killed."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.env = environment(**settings)
        self.processes: list[subprocess.Popen[bytes]] = []
        file = folder / "scheduler.json"
        self.start(
            "dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
            "--scheduler-file", str(file),
        )  # fmt: skip
        self.address = str(json.loads(awaited(file, b"}", self.processes[0]))["address"])

    def start(self, program: str, *words: str) -> subprocess.Popen[bytes]:
        """One more process of the cluster, whose output goes to a file of its own."""
        log = (self.folder / f"{len(self.processes)}.log").open("wb")
        with log:
            process = subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.{program}", *words],
                cwd=self.folder, env=self.env, stdout=log, stderr=log,
            )  # fmt: skip
        self.processes.append(process)
        return process

    def worker(self) -> subprocess.Popen[bytes]:
        """A worker that has registered itself."""
        log = self.folder / f"{len(self.processes)}.log"
        process = self.start(
            "dask_worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard"
        )
        awaited(log, b"Registered to", process)
        return process

    def end_workers(self) -> None:
        """End all but the scheduler."""
        for process in self.processes[1:]:
            process.kill()
            process.wait(timeout=30)

    def close(self) -> None:
        """End everything that still runs."""
        self.end_workers()
        self.processes[0].kill()
        self.processes[0].wait(timeout=30)


def awaited(path: Path, what: bytes, process: subprocess.Popen[bytes]) -> bytes:
    """The content of a file once it holds something that a process writes, however long it takes."""
    while True:
        ended = process.poll() is not None
        data = path.read_bytes() if path.exists() else b""
        if what in data:
            return data
        assert not ended, f"ended with {process.returncode}: {data.decode()}"
        time.sleep(0.05)


@contextmanager
def running(folder: Path, *words: str, **patches: float) -> Iterator[subprocess.Popen[bytes]]:
    """A command that goes on meanwhile, and is killed where its test fails."""
    with subprocess.Popen(
        command(*words, **patches),
        cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A scheduler that gives a task up when one worker has died of it: we are more patient."""
    settings = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0", "PYTHONPATH": str(ROOT)}
    found = Cluster(tmp_path_factory.mktemp("cluster"), **settings)
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


def run(folder: Path, *words: str, **patches: float) -> subprocess.CompletedProcess[str]:
    """A command from start to end."""
    return subprocess.run(
        command(*words, **patches),
        cwd=folder, capture_output=True, text=True, env=environment(), check=False,
    )  # fmt: skip


def test_a_worker_that_is_killed_midway_leaves_the_report_as_it_is(
    cluster: Cluster, tmp_path: Path
) -> None:
    """Byte for byte what one process says; so does `opvasm test` on what is left of the cluster."""
    victim, _ = cluster.worker(), cluster.worker()
    sweep = (*WORDS, "--cluster", cluster.address, "--results", "r.jsonl")
    with running(tmp_path, *sweep) as process:
        # The first batch is there, others are under way.
        awaited(tmp_path / "r.jsonl", b"\n{", process)
        assert process.poll() is None
        os.kill(victim.pid, signal.SIGKILL)
        output, errors = process.communicate()
    assert process.returncode == 0, errors
    alone = run(tmp_path, *WORDS, "--jobs", "1")
    assert output.decode() == alone.stdout
    assert errors == b""

    (tmp_path / "bad.opv").write_text('use "used.opv"\ntest "t" { cpu 0\n run v() -> 1 }\n')
    (tmp_path / "used.opv").write_text("percpu n: u64\nvector v() { add n, 1 }\n")
    words = ("test", "stepping.opv", "bad.opv")
    here, there = run(tmp_path, *words), run(tmp_path, *words, "--cluster", cluster.address)
    assert here.returncode == 1
    assert (there.returncode, there.stdout, there.stderr) == (1, here.stdout, here.stderr)


def test_a_cluster_without_workers_is_not_waited_for_for_ever(
    cluster: Cluster, tmp_path: Path
) -> None:
    """What was finished is kept; the sweep goes on to the same report without the cluster."""
    ran = run(tmp_path, *WORDS, "--cluster", cluster.address, EMPTY_SECONDS=1)
    assert ran.returncode == 4
    assert f"the cluster at {cluster.address} has had no worker for 1 seconds" in ran.stderr

    worker = cluster.worker()
    sweep = (*WORDS, "--cluster", cluster.address, "--results", "r.jsonl")
    with running(tmp_path, *sweep, EMPTY_SECONDS=2) as process:
        awaited(tmp_path / "r.jsonl", b"\n{", process)
        worker.kill()
        output, errors = process.communicate()
    assert (process.returncode, output) == (4, b""), errors
    assert b"go on with --resume r.jsonl" in errors
    resumed = run(tmp_path, *WORDS, "--jobs", "2", "--resume", "r.jsonl")
    assert resumed.returncode == 0
    assert resumed.stdout == run(tmp_path, *WORDS, "--jobs", "1").stdout


def test_an_interrupt_leaves_the_cluster_and_keeps_what_is_finished(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.worker()
    sweep = (*WORDS, "--cluster", cluster.address, "--results", "r.jsonl")
    with running(tmp_path, *sweep) as process:
        awaited(tmp_path / "r.jsonl", b"\n{", process)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate()
    assert process.returncode == 130, errors
    assert json.loads(output)["complete"] is False
    assert b"Traceback" not in errors


def test_a_task_of_which_workers_die_is_named(cluster: Cluster, tmp_path: Path) -> None:
    """The scheduler gives a task up at its first death here; it is tried once more, then told."""
    for _ in range(2):
        cluster.worker()
    program = (
        "import sys; from opvasm.sweep.cluster import Cluster; from opvasm.sweep.tasks import *; "
        "from tests.sweep.helpers import dies_if; found = {}; "
        "cluster = Cluster(sys.argv[1]); "
        "tasks = [Task(f'task {i}', dies_if, (i, 2)) for i in range(3)]\n"
        "try: cluster.run(tasks, found.__setitem__)\n"
        "except WorkersLost as error: print(error.message)\n"
        "cluster.close()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, cluster.address],
        cwd=ROOT, capture_output=True, text=True, env=environment(), check=False,
    )  # fmt: skip
    assert done.stdout == f"task 2: the workers of {cluster.address} die of it\n", done.stderr


def test_nobody_at_the_address_is_told_soon(tmp_path: Path) -> None:
    (tmp_path / "c.opv").write_text(COUNTER)
    words = ("explore", "--sweep", "c.opv", "--cluster")
    ran = run(tmp_path, *words, "tcp://127.0.0.1:9", ANSWER_SECONDS=1)
    assert ran.returncode == 4
    assert "no Dask scheduler answers at tcp://127.0.0.1:9" in ran.stderr
    for address in ("nonsense", "foo://1:2"):
        ran = run(tmp_path, *words, address)
        assert ran.returncode == 2
        assert f"--cluster: {address!r} is not an address" in ran.stderr
        assert "Traceback" not in ran.stderr
