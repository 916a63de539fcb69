"""What is known to break under a profile, and what the version number would have said."""

from __future__ import annotations

import re

from ..kernels.profiles import RULE_SETS, Profile, rules_version

_UNPROTECTED = (
    "sections are not protected: two threads of one CPU lose updates, silently (about half of the "
    "increments of two busy threads); per-CPU allocators and lists are corrupted"
)
_WRITTEN = (
    "programs that keep a value of their own in cpu_id_start (tcmalloc's cached slab pointer) are "
    "killed at the next {event}"
)
_COMMITS = "a section that makes a system call commits, even where the thread was moved meanwhile"

KNOWN: dict[str, tuple[str, ...]] = {
    "v6_19_x86": (
        "programs that keep a value of their own in cpu_id_start and count on its being rewritten at "
        "each preemption (tcmalloc's cached slab pointer) use a stale one: memory is corrupted",
    ),
    "v7_x86_size33": (_WRITTEN.format(event="migration"),),
    "v6_19_arm64": (_UNPROTECTED,),
    "v7_0_arm64_size32": (_UNPROTECTED,),
    "v7_0_arm64_size33": (_UNPROTECTED, _WRITTEN.format(event="migration")),
    "v7_1_arm64_size33": (_WRITTEN.format(event="switch"),),
    "debug": (
        "the process is killed at a system call inside of a section, and after it has written an id",
    ),
    "debug_size32": (
        "the process is killed at a system call inside of a section, and at any look at an id that it "
        "has written: a switch, a signal, a sleep",
    ),
}
"""By the name of a profile; what is not here breaks nothing that was reported."""

REMARKS: dict[str, tuple[str, ...]] = {
    each.name: (_COMMITS,) for each in RULE_SETS if each.system_call_switches == "continues"
}
"""What changed without a program being known that it breaks."""


def uname_says(release: str, architecture: str, size: int) -> Profile | None:
    """The profile that the version number alone would lead to; None where it is not known.

    Distribution kernels carry changes of later versions, which is why nobody should go by this.
    """
    found = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", release)
    if found is None:
        return None
    version = tuple(int(each or 0) for each in found.groups())
    kind = "32" if size <= 32 else "33"
    for each in RULE_SETS:
        concerned = architecture in each.architectures and each.size in ("any", kind)
        if concerned and rules_version(each, version):
            return each
    return None
