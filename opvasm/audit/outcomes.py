"""What becomes of a section under a kernel's rules, derived from the profiles in opvasm/kernels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..kernels.profiles import ABORTS, KEPT, KILLED, KILLS, PROFILES, RULE_SETS, Profile
from ..light_enum import IntEnum


class Outcome(IntEnum):
    """From good to bad; the worst of all that applies to a section is what is shown."""

    FINE = 0
    LIVELOCK = 1
    UNPROTECTED = 2
    KILLED_INSIDE = 3
    KILLED = 4
    CORRUPTS = 5

    @property
    def words(self) -> str:
        """What to tell a person."""
        return _WORDS[self]


_WORDS = {
    Outcome.FINE: "fine",
    Outcome.LIVELOCK: "livelock when stepped",
    Outcome.UNPROTECTED: "silently unprotected",
    Outcome.KILLED_INSIDE: "killed when interrupted",
    Outcome.KILLED: "killed at a switch",
    Outcome.CORRUPTS: "corrupts",
}


class Fault(IntEnum):
    """What can be wrong with a section, as far as kernels differ about it."""

    NONE = 0  # a note: nothing goes wrong
    VERSION = 1  # version or flags are not 0
    SIGNATURE = 2
    ABORT_INSIDE = 3
    RANGE = 4  # the kernel never finds a thread inside
    SYSTEM_CALL = 5
    ID_READ = 6  # a value that user space keeps over an id
    ID_WRITE = 7
    LEAVES = 8  # the thread leaves the range and goes on
    ALWAYS = 9  # wrong by itself: the retry does not start from what the first try found
    STEPPED = 10
    WRAPS = 11  # start + length wraps: checked, or the thread is inside wherever it is after start


def kernels_for(machine: str) -> tuple[Profile, ...]:
    """The rule sets that programs of an architecture meet; all of them where it has none of its own."""
    found = tuple(each for each in RULE_SETS if machine in each.architectures)
    return found or (PROFILES["legacy"],)


def outcome(fault: Fault, kernel: Profile) -> Outcome:
    """What a kernel does to a section with a fault, or to its thread."""
    if not kernel.registered:
        return Outcome.FINE
    anywhere = Outcome.KILLED if kernel.outside == KILLED else Outcome.KILLED_INSIDE
    match fault:
        case Fault.NONE:
            return Outcome.FINE
        case Fault.VERSION:
            return _checked(kernel.bad_version, anywhere)
        case Fault.SIGNATURE:
            return _checked(kernel.bad_signature, anywhere)
        case Fault.ABORT_INSIDE:
            return _checked(kernel.abort_inside, anywhere)
        case Fault.RANGE:
            return Outcome.UNPROTECTED
        case Fault.WRAPS:
            if kernel.bad_version == KILLED:
                return Outcome.KILLED
            return Outcome.CORRUPTS if kernel.bad_version == ABORTS else Outcome.UNPROTECTED
        case Fault.SYSTEM_CALL:
            if kernel.system_call_switches == ABORTS:
                return Outcome.FINE
            killed = KILLED in (kernel.system_call_switches, kernel.system_call_stays)
            return Outcome.KILLED_INSIDE if killed else Outcome.UNPROTECTED
        case Fault.ID_READ:
            if KILLS in (kernel.id_at_preemption, kernel.id_at_migration):
                return Outcome.KILLED
            return Outcome.CORRUPTS if kernel.id_at_preemption == KEPT else Outcome.FINE
        case Fault.ID_WRITE:
            killed = KILLS in (kernel.id_at_preemption, kernel.id_at_migration)
            return Outcome.KILLED if killed else Outcome.CORRUPTS
        case Fault.LEAVES:
            return Outcome.UNPROTECTED
        case Fault.ALWAYS:
            return Outcome.CORRUPTS
        case Fault.STEPPED:
            return Outcome.LIVELOCK


def _checked(answer: str, killed: Outcome) -> Outcome:
    if answer == KILLED:
        return killed
    if answer == ABORTS:
        return Outcome.FINE
    return Outcome.UNPROTECTED


def of_section(faults: Iterable[Fault], kernel: Profile) -> Outcome:
    """The worst that a kernel does to a section with these faults, or to one without any."""
    base = Outcome.FINE
    if kernel.registered and not (kernel.preemption_aborts and kernel.migration_aborts):
        base = Outcome.UNPROTECTED
    return max([base, *(outcome(each, kernel) for each in faults)])


def grouped(fault: Fault, kernels: Sequence[Profile]) -> dict[Outcome, list[Profile]]:
    """The kernels under which a fault is not fine, by what they do."""
    found: dict[Outcome, list[Profile]] = {}
    for kernel in kernels:
        result = outcome(fault, kernel)
        if result is not Outcome.FINE:
            found.setdefault(result, []).append(kernel)
    return dict(sorted(found.items(), reverse=True))


def in_words(fault: Fault, kernels: Sequence[Profile]) -> str:
    """``corrupts under v6_19_x86; killed at a switch under v7_x86_size33``; empty where all is fine."""
    groups = grouped(fault, kernels)
    if len(groups) == 1 and len(next(iter(groups.values()))) == len(kernels) > 1:
        return f"{next(iter(groups)).words} under every kernel"
    return "; ".join(
        f"{result.words} under {', '.join(each.name for each in found)}"
        for result, found in groups.items()
    )
