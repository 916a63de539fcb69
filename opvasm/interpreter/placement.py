"""On which CPU the vector runs, or why on none (abi.md section 2.5; conformance FORMAT, ``cpus``)."""

from __future__ import annotations

from ..abi.revisions import Abi
from ..machine.cpus import Cpus
from .errno import EAGAIN, EINVAL
from .events import CpuRefused, Moved, RunsOffline

CPU_NOT_ALLOWED = "cpu-not-allowed"
CPU_NOT_ALLOWED_OFFLINE = "cpu-not-allowed-offline"
CPU_OFFLINE = "cpu-offline"


def place(
    abi: Abi, cpus: Cpus, cpu: int, quirks: frozenset[str]
) -> Moved | RunsOffline | CpuRefused:
    """Where the vector of a caller on ``cpus.current`` runs when it asks for ``cpu`` (>= 0).

    The CPU that the caller is on is never checked against the masks.  Nothing is changed here.
    """
    if cpu == cpus.current:
        return Moved(cpu, cpu)
    if cpu >= cpus.possible:
        return CpuRefused(cpu, f"only CPUs 0 to {cpus.possible - 1} exist", EINVAL)
    allowed, online = cpu in cpus.allowed, cpu in cpus.online
    if allowed and online:
        return Moved(cpus.current, cpu)
    if online:
        errno = EAGAIN if CPU_NOT_ALLOWED in quirks else EINVAL
        return CpuRefused(cpu, "it is not in the thread's affinity mask", errno)
    if not abi.revision.offline_path:
        return CpuRefused(cpu, "it is offline", EINVAL)
    if allowed:
        if CPU_OFFLINE in quirks:
            return CpuRefused(cpu, "it is offline, and the move silently fails", EAGAIN)
        return RunsOffline(cpu, cpus.current)
    if CPU_NOT_ALLOWED_OFFLINE in quirks:
        return RunsOffline(cpu, cpus.current)
    return CpuRefused(cpu, "it is offline and not in the thread's affinity mask", EINVAL)
