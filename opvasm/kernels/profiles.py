"""Kernel profiles: what a kernel does to restartable sections and their ids, as data.

Each row is a rule set that was seen on booted kernels: ``make kernels`` boots them again and
compares (docs/kernels.md has the matrix).  Whoever needs a rule asks for the field and never for a
name.  "32" is a registration of 32 bytes (glibc 2.35 to 2.40), "33" one of more (glibc from 2.41
registers AT_RSEQ_FEATURE_SIZE where that is larger than 32).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from ..light_enum import Enum
from ..light_typing import NamedTuple

# What becomes of an id that user space wrote.
REWRITTEN, KEPT, KILLS = "rewritten", "kept", "kills"
# What becomes of a section that makes a system call; CONTINUES: it goes on and commits.
ABORTS, CONTINUES = "aborts", "continues"
# What becomes of a descriptor that breaks a rule: the process is killed; the section aborts as if
# the descriptor were right; the thread lands at the abort address; rseq_cs is cleared; nothing.
KILLED, LANDS, CLEARED, IGNORED = "killed", "lands", "cleared", "ignored"

X86_64, AARCH64 = "x86-64", "aarch64"


class Profile(NamedTuple):
    """One rule set.

    ``architectures`` and ``size`` ("32", "33" for more than 32 bytes, or "any") say whose
    registrations it is, ``first`` and ``last`` the kernel versions ("" is open).

    ``registered`` is False where rseq is not there: every attempt fails at the check of cpu_id.
    ``preemption_aborts`` and so on: whether a section that is interrupted that way restarts; where
    not, it goes on and commits.  Preemption means that another thread ran on the same CPU.

    ``id_at_preemption`` and so on: what becomes of a ``cpu_id_start`` or ``cpu_id`` that user space
    has written, when that happens: rewritten, kept, or the process is killed.

    ``system_call_switches``: a section that makes a system call during which the thread is switched
    out aborts, continues, or the process is killed; ``system_call_stays``: the same for a system
    call that does not switch.

    The last four say what an interruption does to a thread whose descriptor breaks a rule: inside
    of the section with ``version`` or ``flags`` other than 0, with an abort address inside the
    section, with a wrong signature in front of the abort address; and outside of the section.
    """

    name: str
    architectures: tuple[str, ...]
    size: str
    first: str
    last: str
    registered: bool
    preemption_aborts: bool
    migration_aborts: bool
    membarrier_aborts: bool
    signal_aborts: bool
    id_at_preemption: str
    id_at_membarrier: str
    id_at_signal: str
    id_at_sleep: str
    id_at_migration: str
    system_call_switches: str
    system_call_stays: str
    bad_version: str
    abort_inside: str
    bad_signature: str
    outside: str
    summary: str
    source: str

    def id_rule(self, event: str) -> str:
        """What becomes of a written id at an event: preemption, membarrier, signal, …"""
        match event:
            case "preemption":
                return self.id_at_preemption
            case "membarrier":
                return self.id_at_membarrier
            case "signal":
                return self.id_at_signal
            case "sleep":
                return self.id_at_sleep
            case "migration":
                return self.id_at_migration
            case _:
                raise ValueError(f"no rule for ids at a {event}")

    @property
    def id_store_kills(self) -> bool:
        """Whether something that happens to a thread kills it after it has written an id."""
        events = ("preemption", "membarrier", "signal", "sleep", "migration")
        return KILLS in map(self.id_rule, events)

    @property
    def protects(self) -> bool:
        """Whether a section that another thread interrupts restarts, as rseq is meant to do."""
        return self.registered and self.preemption_aborts and self.migration_aborts


class Told(Enum):
    """What a scenario must have to tell a rule: kernels that differ in no rule it can tell are one.

    ``MET``: a section, and a disturbance whose row names the rule.  ``IN_TEXT``: an id that the text
    reads or writes.  ``BY_NONE``: nothing that the language can say.
    """

    SECTION = "a section that is interrupted"
    MET = "a section that a disturbance meets"
    IN_TEXT = "a cpu_id_start or cpu_id that user space wrote"
    CALL = "a system call inside of a section"
    BY_NONE = "a descriptor that breaks a rule"


class Rule(NamedTuple):
    """A field of Profile that is a rule: what tells it, and when it applies, for ``opvasm explain``."""

    told: Told
    applies: str


RULES: dict[str, Rule] = {
    "registered": Rule(Told.SECTION, "at all"),
    "preemption_aborts": Rule(Told.SECTION, "by another thread of its CPU"),
    "migration_aborts": Rule(Told.SECTION, "by a migration"),
    "membarrier_aborts": Rule(Told.SECTION, "by membarrier on its CPU"),
    "signal_aborts": Rule(Told.MET, "by a signal with a handler"),
    "id_at_preemption": Rule(Told.IN_TEXT, "at a preemption"),
    "id_at_membarrier": Rule(Told.IN_TEXT, "at a membarrier"),
    "id_at_signal": Rule(Told.IN_TEXT, "at a signal"),
    "id_at_sleep": Rule(Told.IN_TEXT, "at a sleep"),
    "id_at_migration": Rule(Told.IN_TEXT, "at a migration"),
    "system_call_switches": Rule(Told.CALL, "that switches (nanosleep)"),
    "system_call_stays": Rule(Told.CALL, "that does not (getppid)"),
    "bad_version": Rule(Told.BY_NONE, "inside: version or flags not 0"),
    "abort_inside": Rule(Told.BY_NONE, "inside: abort address inside"),
    "bad_signature": Rule(Told.BY_NONE, "inside: wrong signature"),
    "outside": Rule(Told.BY_NONE, "outside of its section"),
}
"""A row for each field of Profile but LABELS.  A rule without one makes kernels differ everywhere."""


LEGACY = Profile(
    name="legacy",
    architectures=(X86_64, AARCH64),
    size="any",
    first="4.18",
    last="6.18",
    registered=True,
    preemption_aborts=True,
    migration_aborts=True,
    membarrier_aborts=True,
    signal_aborts=True,
    id_at_preemption=REWRITTEN,
    id_at_membarrier=REWRITTEN,
    id_at_signal=REWRITTEN,
    id_at_sleep=REWRITTEN,
    id_at_migration=REWRITTEN,
    system_call_switches=ABORTS,
    system_call_stays=CONTINUES,
    bad_version=KILLED,
    abort_inside=KILLED,
    bad_signature=KILLED,
    outside=KILLED,
    summary="Linux up to 6.18",
    source="kernel/rseq.c of Linux 4.18; 6.12.117 and 6.18.15 booted",
)

V6_19_X86 = LEGACY._replace(
    name="v6_19_x86",
    architectures=(X86_64,),
    first="6.19",
    last="7.0.9",
    id_at_preemption=KEPT,
    id_at_membarrier=KEPT,
    id_at_signal=KEPT,
    id_at_sleep=KEPT,
    system_call_switches=CONTINUES,
    bad_version=ABORTS,
    abort_inside=LANDS,
    outside=CLEARED,
    summary="Linux 6.19 to 7.0.9 on x86-64: ids are rewritten only when the CPU changed",
    source="kernel commit 39a167560a61; lkml 2604.2/08673; 6.19.6 to 7.0.9 booted",
)

V7_X86_SIZE32 = V6_19_X86._replace(
    name="v7_x86_size32",
    size="32",
    first="7.0.10",
    last="",
    id_at_preemption=REWRITTEN,
    id_at_membarrier=REWRITTEN,
    id_at_signal=REWRITTEN,
    id_at_sleep=REWRITTEN,
    summary="Linux 7.0.10 and later on x86-64, registered with 32 bytes: legacy for the ids only",
    source="kernel commit 82f572449cfe; 7.0.10 to 7.3.4 booted",
)

V7_X86_SIZE33 = V6_19_X86._replace(
    name="v7_x86_size33",
    size="33",
    first="7.0.10",
    last="",
    id_at_migration=KILLS,
    summary="Linux 7.0.10 and later on x86-64, registered with more than 32 bytes: a written id "
    "kills at the next migration",
    source="Documentation/userspace-api/rseq.rst; kernel commit 99428157dcf3; 7.0.10 to 7.3.4 booted",
)

V6_19_ARM64 = V6_19_X86._replace(
    name="v6_19_arm64",
    architectures=(AARCH64,),
    preemption_aborts=False,
    migration_aborts=False,
    membarrier_aborts=False,
    signal_aborts=False,
    bad_version=IGNORED,
    abort_inside=IGNORED,
    bad_signature=IGNORED,
    outside=IGNORED,
    summary="Linux 6.19 to 7.0.9 on arm64: nothing aborts a section, it is not protected",
    source="6.19.14 and 7.0.9 booted",
)

V7_0_ARM64_SIZE32 = V6_19_ARM64._replace(
    name="v7_0_arm64_size32",
    size="32",
    first="7.0.10",
    last="7.0.13",
    signal_aborts=True,
    id_at_preemption=REWRITTEN,
    id_at_membarrier=REWRITTEN,
    id_at_signal=REWRITTEN,
    id_at_sleep=REWRITTEN,
    summary="Linux 7.0.10 to 7.0.13 on arm64, registered with 32 bytes: only a signal aborts",
    source="7.0.10 and 7.0.13 booted",
)

V7_0_ARM64_SIZE33 = V6_19_ARM64._replace(
    name="v7_0_arm64_size33",
    size="33",
    first="7.0.10",
    last="7.0.13",
    id_at_migration=KILLS,
    summary="Linux 7.0.10 to 7.0.13 on arm64, registered with more than 32 bytes: nothing aborts, "
    "a written id kills at the next migration",
    source="7.0.10 and 7.0.13 booted",
)

V7_1_ARM64_SIZE32 = V7_X86_SIZE32._replace(
    name="v7_1_arm64_size32",
    architectures=(AARCH64,),
    first="7.0.14",
    summary="Linux 7.0.14 and later on arm64, registered with 32 bytes: legacy for the ids only",
    source="kernel commit 411c1cf43039; 7.1.3 to 7.3.4 booted",
)

V7_1_ARM64_SIZE33 = V7_X86_SIZE33._replace(
    name="v7_1_arm64_size33",
    architectures=(AARCH64,),
    first="7.0.14",
    id_at_preemption=KILLS,
    id_at_membarrier=KILLS,
    summary="Linux 7.0.14 and later on arm64, registered with more than 32 bytes: a written id "
    "kills at the next switch",
    source="kernel commit 411c1cf43039; 7.1.3 to 7.3.4 booted",
)

DEBUG = V7_X86_SIZE33._replace(
    name="debug",
    size="any",
    first="6.19",
    id_at_preemption=KILLS,
    id_at_membarrier=KILLS,
    system_call_switches=KILLED,
    system_call_stays=KILLED,
    bad_version=KILLED,
    abort_inside=KILLED,
    summary="a kernel started with rseq_debug=1 (debugfs rseq/debug), x86-64: a written id and a "
    "system call inside of a section kill the process (from 7.0.10 on for more than 32 bytes)",
    source="debugfs rseq/debug of 6.19.6 to 7.3.4 booted",
)

DEBUG_SIZE32 = DEBUG._replace(
    name="debug_size32",
    size="32",
    first="7.0.10",
    id_at_signal=KILLS,
    id_at_sleep=KILLS,
    summary="a kernel from 7.0.10 on started with rseq_debug=1, x86-64, registered with 32 bytes: "
    "every look at a written id, and a system call inside of a section, kill the process",
    source="7.1.3 booted with rseq_debug=1",
)

NO_RSEQ = LEGACY._replace(
    name="no_rseq",
    first="",
    last="",
    registered=False,
    preemption_aborts=False,
    migration_aborts=False,
    membarrier_aborts=False,
    signal_aborts=False,
    id_at_preemption=KEPT,
    id_at_membarrier=KEPT,
    id_at_signal=KEPT,
    id_at_sleep=KEPT,
    id_at_migration=KEPT,
    system_call_switches=CONTINUES,
    bad_version=IGNORED,
    abort_inside=IGNORED,
    bad_signature=IGNORED,
    outside=IGNORED,
    summary="rseq is not registered: ENOSYS, glibc.pthread.rseq=0, DynamoRIO -disable_rseq",
    source="glibc manual, glibc.pthread.rseq; DynamoRIO api/docs/rseq.dox",
)

RULE_SETS: tuple[Profile, ...] = (
    *(LEGACY, V6_19_X86, V7_X86_SIZE32, V7_X86_SIZE33),
    *(V6_19_ARM64, V7_0_ARM64_SIZE32, V7_0_ARM64_SIZE33, V7_1_ARM64_SIZE32, V7_1_ARM64_SIZE33),
)
"""The nine that were seen on kernels as distributions ship them."""

PROFILES: dict[str, Profile] = {
    each.name: each for each in (*RULE_SETS, DEBUG, DEBUG_SIZE32, NO_RSEQ)
}
DEFAULT_PROFILE = LEGACY.name

ALIASES: Mapping[str, tuple[str, ...]] = {"v2": (V7_X86_SIZE33.name, V7_1_ARM64_SIZE33.name)}
"""Older names, with what each stands for; where one profile is wanted, the first."""

LABELS = ("name", "architectures", "size", "first", "last", "summary", "source")
"""The fields that say whose rules these are, and are not rules."""


def profile_named(name: str) -> Profile:
    """The profile of a name or of an older name.  KeyError: there is none."""
    return PROFILES[ALIASES[name][0] if name in ALIASES else name]


def profiles_named(name: str) -> tuple[Profile, ...]:
    """All profiles that a name stands for: one, or those of an older name.  KeyError: none."""
    return tuple(PROFILES[each] for each in ALIASES.get(name, (name,)))


def aliases_of(profile: Profile) -> tuple[str, ...]:
    """Older names that lead to a profile: those that it stands for first."""
    return tuple(name for name, new in ALIASES.items() if new[0] == profile.name)


def rules_told(told: Told) -> tuple[str, ...]:
    """The rules that are told by something."""
    return tuple(name for name, rule in RULES.items() if rule.told is told)


def unknown_rules(known: Collection[str]) -> list[str]:
    """The fields of a Profile that are not among those which a translation of the model knows."""
    return sorted(set(Profile._fields) - set(known))


def versions(profile: Profile) -> str:
    """``6.19 to 7.0.9``, ``7.0.10 and later``, ``up to 6.18``; empty where none are meant."""
    if not profile.first:
        return ""
    return f"{profile.first} to {profile.last}" if profile.last else f"{profile.first} and later"


def profiles_of_version(text: str) -> tuple[Profile, ...]:
    """The profiles that rule a kernel version as uname writes it: ``6.1``, ``v7.0.12``, ``6.12.117-amd64``.

    ``7.0`` is each 7.0.N.  Before 4.18 there is no rseq.  Empty where the text is no version.  What a
    distribution has taken over from later kernels is not seen here; the probe asks the running one.
    """
    found = re.fullmatch(r"v?(\d{1,2})\.(\d{1,3})(?:\.(\d{1,4}))?(?:[-+_]\S*)?", text)
    if found is None:
        return ()
    given = tuple(int(each) for each in found.groups() if each is not None)
    ruled = tuple(each for each in PROFILES.values() if rules_version(each, given))
    return ruled or (NO_RSEQ,)


def rules_version(profile: Profile, version: tuple[int, ...]) -> bool:
    """Whether a profile's versions include this one; a number that is left out may be any.

    A profile without a first version (``no_rseq``) is of none.
    """
    if not profile.first:
        return False
    first, last = (
        tuple(map(int, each.split("."))) if each else () for each in (profile.first, profile.last)
    )
    return version >= first[: len(version)] and (not last or version[: len(last)] <= last)


def kernel_list(names: Sequence[str]) -> str:
    """Names in a table's cell: ``all``, up to three of them, or the first and how many more."""
    if len(names) == len(PROFILES):
        return "all"
    return " ".join(names) if len(names) <= 3 else f"{names[0]} +{len(names) - 1}"


def kernel_legend(names: Sequence[str]) -> str | None:
    """What a cell of ``kernel_list`` stands for, where it does not say so itself."""
    if 3 < len(names) < len(PROFILES):
        return f"{kernel_list(names)}: also {', '.join(names[1:])}"
    return None
