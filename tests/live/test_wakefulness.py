"""Idle CPUs are kept awake while calls follow closely, and only then."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest

from opvasm.live import wakefulness
from opvasm.live.wakefulness import Wakefulness

from .conftest import Build

DEVICE = Path("/dev/cpu_dma_latency")


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file in place of the kernel's."""
    path = tmp_path / "latency"
    path.touch()
    monkeypatch.setattr(wakefulness, "_FILE", str(path))
    return path


def test_one_call_keeps_nobody_awake(device: Path) -> None:
    found = Wakefulness()
    found.called(1000.0)
    assert not found.lasts
    found.called(1000.5)
    assert not found.lasts
    assert device.read_bytes() == b""


def test_two_calls_close_together_do(device: Path) -> None:
    """The kernel takes a 32-bit number of microseconds."""
    found, later = Wakefulness(), time.perf_counter() + 10  # so that it does not end meanwhile
    found.called(later - 0.001)
    found.called(later)
    assert found.lasts
    assert device.read_bytes() == bytes(4)
    found.end()


def test_it_begins_again(device: Path) -> None:
    found = Wakefulness()
    for now in (1000.0, 1000.001):
        found.called(now)
    found.end()
    assert not found.lasts
    device.write_bytes(b"")
    found.called(1000.002)
    assert device.read_bytes() == bytes(4)
    found.end()


def test_where_no_thread_can_be_started_nobody_is_kept_awake(
    device: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As under a limit on a user's processes: nobody would ever end it."""

    def start(self: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(Thread, "start", start)
    found = Wakefulness()
    found.called(1000.0)
    found.called(1000.001)
    assert not found.lasts
    assert found._file == -1


def test_it_ends_a_while_after_the_last_call(device: Path) -> None:
    """Whatever the supervisor does meanwhile, and not earlier."""
    found = Wakefulness()
    last = time.perf_counter()
    found.called(last - 0.001)
    found.called(last)
    deadline = time.monotonic() + 30
    while found.lasts:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    assert time.perf_counter() - last >= 0.02


def test_a_call_while_it_ends_leaves_no_file_open(
    device: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file that is opened is closed, also when calls come at the very moment of the end."""
    found = Wakefulness()
    opened: list[int] = []
    closed: list[int] = []
    callers: list[Thread] = []
    really_open, really_close = os.open, os.close

    def open_file(path: str, flags: int) -> int:
        opened.append(really_open(path, flags))
        return opened[-1]

    def close_file(number: int) -> None:
        if number in opened and not callers:
            callers.append(Thread(target=call_twice))
            callers[0].start()
            callers[0].join(0.2)  # it comes to its end here, or waits for ours
        if number in opened:
            closed.append(number)
        really_close(number)

    def call_twice() -> None:
        later = time.perf_counter() + 10
        found.called(later - 0.001)
        found.called(later)

    monkeypatch.setattr(os, "open", open_file)
    monkeypatch.setattr(os, "close", close_file)
    call_twice()
    found.end()
    callers[0].join()
    found.end()
    assert sorted(opened) == sorted(closed)
    assert opened


@pytest.mark.parametrize("missing", ["no file", "a folder"])
def test_where_it_is_refused_nobody_asks_again(
    missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "none" if missing == "no file" else tmp_path
    monkeypatch.setattr(wakefulness, "_FILE", str(path))
    found = Wakefulness()
    found.called(1000.0)
    found.called(1000.001)
    assert not found.lasts
    monkeypatch.setattr(os, "open", lambda *_: pytest.fail("asked again"))
    found.called(1000.002)
    assert not found.lasts
    found.end()


@pytest.mark.skipif(not os.access(DEVICE, os.W_OK), reason=f"{DEVICE} can't be written here")
def test_a_program_that_only_waits_lets_them_sleep(build: Build) -> None:
    """The supervisor holds the file while calls come, and not while the program waits."""
    words = [sys.executable, "-m", "opvasm", "exec", "--", build("pausing", 335)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as run:
        assert _comes_to(run.pid, True)
        assert run.stdin is not None
        assert run.stdout is not None
        run.stdin.write(b"\n")
        run.stdin.flush()
        assert run.stdout.readline() == b"called\n"
        assert _comes_to(run.pid, False)
        output, _ = run.communicate(b"\n", timeout=30)
        assert b"pausing: passed" in output
    assert run.returncode == 0


def _comes_to(pid: int, held: bool) -> bool:
    """Whether a process holds the file, or does not, some time within half a minute."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if _holds(pid) is held:
            return True
        time.sleep(0.01)
    return False


def _holds(pid: int) -> bool:
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            if descriptor.readlink() == DEVICE:
                return True
    return False
