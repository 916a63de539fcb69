"""Tasks, some of which kill workers.  Each new worker imports this: nothing else is imported for it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path


def double(number: int) -> int:
    """A task that does its work."""
    return 2 * number


def dies_once(number: int, folder: str) -> int:
    """A task of which the first worker that does it dies, as by the system's lack of memory."""
    try:
        os.close(os.open(os.path.join(folder, str(number)), os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return number
    signal.raise_signal(signal.SIGKILL)
    return -1


def _kill_server() -> None:
    """Kill the fork server, unless it is gone already and another process has this worker."""
    server = os.getppid()
    if b"forkserver" in Path(f"/proc/{server}/cmdline").read_bytes():
        os.kill(server, signal.SIGKILL)


def ends_server_once(index: int, folder: str) -> int:
    """Kills the process that started this worker, the first time."""
    mark = Path(folder) / f"server{index}"
    if not mark.exists():
        mark.touch()
        _kill_server()
        time.sleep(60)  # the pool notices the server's end, and ends this worker
    return index


def ends_server(index: int) -> int:
    """Kills the process that started this worker, every time."""
    _kill_server()
    time.sleep(60)
    return index


def dies_if(number: int, fatal: int) -> int:
    """A task of which every worker dies."""
    if number == fatal:
        signal.raise_signal(signal.SIGKILL)
    return number


def raises_if(number: int, wrong: int) -> int:
    """A task that fails by itself."""
    if number == wrong:
        raise ValueError(f"task {number}")
    return number


def sleeps(seconds: float, folder: str) -> None:
    """A long task, which leaves word of the process that does it."""
    Path(folder, str(os.getpid())).touch()
    time.sleep(seconds)
