"""What each row of rows.c must come to under a profile, and the comparison with what was seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from opvasm.kernels.profiles import DEBUG, DEBUG_SIZE32, X86_64, Profile
from opvasm.light_typing import NamedTuple

SHARE = 0.95  # of the tries must agree
# ... or this, where nothing should happen: to 6.18 a timer's tick that switches nobody rewrites the
# ids and aborts sections now and then (the scan of mm_cid), more often on a slow machine.
QUIET_SHARE = 0.6


class Row(NamedTuple):
    """One row that was seen: its name, the registered size in bytes, and how often each outcome."""

    name: str
    size: int
    seen: Mapping[str, int]

    @property
    def outcome(self) -> str | None:
        """What nearly all tries came to; None: they differ, or there were none."""
        total = sum(self.seen.values())
        name = max(self.seen, key=lambda each: self.seen[each], default="")
        least = QUIET_SHARE if self.name in ALWAYS else SHARE
        return name if total and self.seen[name] >= least * total else None


class Contradiction(NamedTuple):
    """A row in which a kernel does not do what its profile says."""

    row: Row
    wanted: str


# A row, and the field of Profile that says what it comes to.
FIELDS: dict[str, str] = {
    "section-preempted": "preemption_aborts",
    "section-signal": "signal_aborts",
    "section-membarrier-all": "membarrier_aborts",
    "section-membarrier-here": "membarrier_aborts",
    "section-migrated": "migration_aborts",
    "section-migrated-and-back": "migration_aborts",
    # A fault that a thread has to wait for (userfaultfd) is a switch like any other; one that is
    # an error is delivered as a signal: the handler finds the abort address in the context.
    "section-fault-that-sleeps": "preemption_aborts",
    "section-fault-at-start": "signal_aborts",
    "section-fault-at-last": "signal_aborts",
    "call-getppid": "system_call_stays",
    "call-fork-parent": "system_call_stays",
    "call-membarrier-self-plain": "system_call_stays",
    "call-membarrier-alone": "system_call_stays",
    "call-nanosleep": "system_call_switches",
    "call-sched-yield": "system_call_switches",
    # With its own CPU, in a process of two threads: the same as if it had been switched out.
    "call-membarrier-self": "system_call_switches",
    # The child's first return to user space is one after a switch.
    "call-fork-child": "system_call_switches",
    "id-preempted": "id_at_preemption",
    "cpu-id-preempted": "id_at_preemption",
    "id-signal": "id_at_signal",
    "id-membarrier-here": "id_at_membarrier",
    # By the thread itself, with its own CPU: it comes back as from any system call, which on arm64
    # from 7.1 on does not kill, where an interrupt does.
    "id-membarrier-self": "id_at_sleep",
    "id-migrated": "id_at_migration",
    "id-sleep": "id_at_sleep",
    "inside-version": "bad_version",
    "inside-flags": "bad_version",
    # Start + length that wraps: where nobody minds, the thread is inside as everywhere after start.
    "inside-wraps": "bad_version",
    "inside-abort-within": "abort_inside",
    "inside-unsigned": "bad_signature",
    "inside-abort-kernel": "bad_signature",
    "outside-version": "outside",
    "outside-unsigned": "outside",
    "outside-abort-within": "outside",
    "outside-wraps": "outside",
    # One that can't be read is looked at first, before it is known where the thread is.
    "outside-unreadable": "bad_signature",
    "outside-kernel-pointer": "bad_signature",
    "two-threads": "preemption_aborts",
}
# Rows that every kernel answers alike.
ALWAYS: dict[str, str] = {
    "section-nothing": "commits",
    "section-ignored-signal": "commits",
    "section-membarrier-elsewhere": "commits",
    "section-same-affinity": "commits",
    "section-blocked-signal": "commits",
    "section-membarrier-private": "commits",
    "section-tlb-shootdown": "commits",
    "section-minor-fault": "commits",
    "section-fault-after": "commits",
    # A child in the same memory (vfork, posix_spawn) is not registered.
    "vfork-child-signal": "commits",
    # A section of no bytes: nobody is ever inside.
    "inside-empty": "commits",
    "left-after-commit": "kept",
    "id-nothing": "kept",
    "id-ignored-signal": "kept",
    "id-membarrier-elsewhere": "kept",
    "id-membarrier-self-plain": "kept",
    "id-membarrier-alone": "kept",
    "id-getppid": "kept",
}
# Rows that stand in the table and that no field of a profile says.
NOTED = (
    *("section-tick", "outside-sleep", "outside-preempted", "outside-flags", "outside-empty"),
    *("kill-handler", "kill-handler-nodefer", "kill-handler-sleeps"),
)
_WORDS = {"kills": "killed", "continues": "commits"}


def debug_profile(profile: Profile) -> Profile | None:
    """What a profile becomes with rseq_debug=1; None where that is not known (arm64)."""
    if X86_64 not in profile.architectures:
        return None
    return DEBUG_SIZE32 if profile.size == "32" else DEBUG


def wanted(name: str, profile: Profile) -> str | None:
    """What a row comes to under a profile; None: no rule says it."""
    if name in ALWAYS:
        return ALWAYS[name]
    if name not in FIELDS:
        return None
    value = profile._asdict()[FIELDS[name]]
    if name == "two-threads":
        return "none_lost" if value else "lost"
    if isinstance(value, bool):
        return "aborts" if value else "commits"
    if value == "ignored":
        return "kept" if name.startswith("outside") else "commits"
    return _WORDS.get(value, str(value))


def contradictions(rows: Iterable[Row], profile: Profile) -> list[Contradiction]:
    """The rows of one registration that are not as a profile says, in their order."""
    found = []
    for row in rows:
        must = wanted(row.name, profile)
        if must is not None and row.seen and row.outcome != must:
            found.append(Contradiction(row, must))
    return found


def read_rows(text: str) -> list[Row]:
    """The rows that rows.c printed; other lines are passed over."""
    found = []
    for line in text.splitlines():
        words = line.strip().split()
        if len(words) >= 3 and words[0] == "row" and words[2].isdigit():
            pairs = (each.split("=") for each in words[3:] if "=" in each)
            seen = {name: int(count) for name, count in pairs}
            found.append(Row(words[1], int(words[2]), seen))
    return found
