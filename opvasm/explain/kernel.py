"""Explains a kernel profile: whose rules it is, and each rule in words."""

from __future__ import annotations

from collections.abc import Iterator

from ..kernels.profiles import (
    ABORTS,
    CLEARED,
    CONTINUES,
    IGNORED,
    KEPT,
    KILLED,
    KILLS,
    LANDS,
    REWRITTEN,
    Profile,
    aliases_of,
    versions,
)
from .layout import paragraph, rows

SIZES = {"any": "any", "32": "32 bytes", "33": "more than 32 bytes"}
WORDS = {
    REWRITTEN: "rewritten",
    KEPT: "kept",
    KILLS: "the process is killed",
    ABORTS: "aborts",
    CONTINUES: "goes on and commits",
    KILLED: "the process is killed",
    LANDS: "the thread lands at that address, without protection",
    CLEARED: "rseq_cs is cleared and nothing is said",
    IGNORED: "nobody looks",
}


def explain(profile: Profile) -> str:
    """Versions, rules and sources of a profile."""
    whose = [
        ("kernels", versions(profile) or "any"),
        ("architecture", ", ".join(profile.architectures)),
        ("registered size", SIZES[profile.size]),
        ("older name", ", ".join(aliases_of(profile))),
        ("source", profile.source),
    ]
    parts = [
        paragraph(f"{profile.name}: {profile.summary}"),
        rows((name, text) for name, text in whose if text),
        f"a section that is interrupted:\n{rows(_sections(profile))}",
        f"a cpu_id_start or cpu_id that user space wrote:\n{rows(_ids(profile))}",
        f"a system call inside of a section:\n{rows(_system_calls(profile))}",
        f"a descriptor that breaks a rule:\n{rows(_descriptors(profile))}",
    ]
    if not profile.registered:
        parts = [*parts[:2], paragraph("Every attempt fails at the check of cpu_id.")]
    return "\n".join(parts)


def _sections(profile: Profile) -> Iterator[tuple[str, str]]:
    for name, aborts in (
        ("by another thread of its CPU", profile.preemption_aborts),
        ("by a migration", profile.migration_aborts),
        ("by membarrier on its CPU", profile.membarrier_aborts),
        ("by a signal with a handler", profile.signal_aborts),
    ):
        yield name, "aborts" if aborts else "goes on and commits: it is not protected"


def _ids(profile: Profile) -> Iterator[tuple[str, str]]:
    for name, value in (
        ("at a preemption", profile.id_at_preemption),
        ("at a membarrier", profile.id_at_membarrier),
        ("at a signal", profile.id_at_signal),
        ("at a sleep", profile.id_at_sleep),
        ("at a migration", profile.id_at_migration),
    ):
        yield name, WORDS[value]


def _system_calls(profile: Profile) -> Iterator[tuple[str, str]]:
    yield "that switches (nanosleep)", WORDS[profile.system_call_switches]
    yield "that does not (getppid)", WORDS[profile.system_call_stays]


def _descriptors(profile: Profile) -> Iterator[tuple[str, str]]:
    as_usual = {**WORDS, ABORTS: "aborts as if it were right"}
    yield "inside: version or flags not 0", as_usual[profile.bad_version]
    yield "inside: abort address inside", as_usual[profile.abort_inside]
    yield "inside: wrong signature", as_usual[profile.bad_signature]
    yield "outside of its section", as_usual[profile.outside]
