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
    RULES,
    Profile,
    Told,
    aliases_of,
    rules_told,
    versions,
)
from .layout import paragraph, rows

SIZES = {"any": "any", "32": "32 bytes", "33": "more than 32 bytes"}
WORDS: dict[str | bool, str] = {
    True: "aborts",
    False: "goes on and commits: it is not protected",
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
DESCRIPTOR_WORDS = {**WORDS, ABORTS: "aborts as if it were right"}
_APART = (Told.IN_TEXT, Told.CALL, Told.BY_NONE)


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
        f"{Told.SECTION.value}:\n{rows([*_rules(profile, Told.SECTION), *_rules(profile, Told.MET)])}",
        *(f"{told.value}:\n{rows(_rules(profile, told))}" for told in _APART),
    ]
    if not profile.registered:
        parts = [*parts[:2], paragraph("Every attempt fails at the check of cpu_id.")]
    return "\n".join(parts)


def _rules(profile: Profile, told: Told) -> Iterator[tuple[str, str]]:
    """Each rule that is told by something, and what it is here."""
    words = DESCRIPTOR_WORDS if told is Told.BY_NONE else WORDS
    for name in rules_told(told):
        if name != "registered":
            yield RULES[name].applies, words[getattr(profile, name)]
