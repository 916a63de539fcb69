"""The CPUs of a real thread, for the reference interpreter's rules of placement."""

from __future__ import annotations

from ..abi.revisions import Abi
from ..interpreter.events import CpuRefused, Moved, RunsOffline
from ..interpreter.placement import place
from ..machine import Cpus


def parse_cpu_list(text: str) -> frozenset[int]:
    """The CPUs of a list as the kernel prints it: ``0-3,8``."""
    cpus: set[int] = set()
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        if first:
            cpus.update(range(int(first), int(last or first) + 1))
    return frozenset(cpus)


def _cpu_file(name: str) -> frozenset[int]:
    with open(f"/sys/devices/system/cpu/{name}", encoding="ascii") as file:
        return parse_cpu_list(file.read())


def current_cpu(tid: int) -> int:
    """The CPU that a thread is on, or was on last."""
    with open(f"/proc/{tid}/stat", "rb") as file:
        return int(file.read().rpartition(b")")[2].split()[36])


def _allowed(tid: int) -> frozenset[int]:
    """A thread's affinity mask, offline CPUs included."""
    with open(f"/proc/{tid}/status", encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("Cpus_allowed_list:"):
                return parse_cpu_list(line.partition(":")[2])
    return frozenset()


def place_thread(
    tid: int, abi: Abi, cpu: int, quirks: frozenset[str]
) -> Moved | RunsOffline | CpuRefused:
    """Where a vector of a thread runs when it asks for a CPU; raises OSError when it is gone."""
    return place(abi, cpus_of(tid), cpu, quirks)


def cpus_of(tid: int) -> Cpus:
    """The CPUs as a thread sees them; raises OSError when it is gone."""
    possible = max(_cpu_file("possible")) + 1
    online, current = _cpu_file("online"), current_cpu(tid)
    # A CPU that goes offline takes its threads along only when they run next.
    return Cpus(possible, online, _allowed(tid), current if current in online else min(online))
