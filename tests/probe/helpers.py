"""Tables of answers made from what documents say of kernels, and never from profiles.py."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from opvasm.probe.answers import Counts

NAMES = (
    *("preemption", "migration", "signal", "membarrier", "sleep_inside", "call_inside"),
    *("id_preemption", "id_signal", "id_membarrier", "id_sleep", "id_migration"),
    *("bad_version", "bad_signature"),
)
A, C, G = "aborts", "commits", "continues"
R, K, X = "rewritten", "kept", "kills"
D, I = "killed", "ignored"  # noqa: E741

# One line a rule set, in the order of NAMES: architecture, registered size, answers.
SEEN: dict[str, tuple[str, int, tuple[str, ...]]] = {
    "legacy": ("x86-64", 32, (A, A, A, A, A, G, R, R, R, R, R, D, D)),
    "v6_19_x86": ("x86-64", 32, (A, A, A, A, G, G, K, K, K, K, R, A, D)),
    "v7_x86_size32": ("x86-64", 32, (A, A, A, A, G, G, R, R, R, R, R, A, D)),
    "v7_x86_size33": ("x86-64", 33, (A, A, A, A, G, G, K, K, K, K, X, A, D)),
    "v6_19_arm64": ("aarch64", 32, (C, C, C, C, G, G, K, K, K, K, R, I, I)),
    "v7_0_arm64_size32": ("aarch64", 32, (C, C, A, C, G, G, R, R, R, R, R, I, I)),
    "v7_0_arm64_size33": ("aarch64", 33, (C, C, C, C, G, G, K, K, K, K, X, I, I)),
    "v7_1_arm64_size32": ("aarch64", 32, (A, A, A, A, G, G, R, R, R, R, R, A, D)),
    "v7_1_arm64_size33": ("aarch64", 33, (A, A, A, A, G, G, X, K, X, K, X, A, D)),
}


def answers(
    name: str, other: Mapping[str, str] = MappingProxyType({}), tries: int = 20
) -> dict[str, Counts]:
    """The answers of a rule set, all tries alike; ``other`` names outcomes that differ."""
    seen = dict(zip(NAMES, SEEN[name][2], strict=True)) | dict(other)
    return {
        "control": Counts({"commits": tries}),
        **{question: Counts({outcome: tries}) for question, outcome in seen.items()},
    }
