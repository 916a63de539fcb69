"""What is meant by a kernel's version where the name of a profile must stand."""

from __future__ import annotations

import re

from .profiles import RULE_SETS, Profile, profiles_of_version

# As a name of this language spells a version: v6_1, v7_0_12.
_SPELLED = re.compile(r"v?(\d+)_(\d+)(?:_(\d+))?(?:_\w*)?")


def version_help(name: str) -> str | None:
    """Which profiles rule the kernel version that was written in place of one; None where it is none."""
    spelled = _SPELLED.fullmatch(name)
    version = ".".join(each for each in spelled.groups() if each) if spelled else name
    found = profiles_of_version(version)
    if not found:
        return None
    if not found[0].registered:
        return f"Linux {version} has no rseq: profile {found[0].name}"
    names = [_whose(each) for each in found if each in RULE_SETS]
    more = [each.name for each in found if each not in RULE_SETS]
    debugging = f"; started with rseq_debug=1 on x86-64 by {' or '.join(more)}" if more else ""
    return (
        f"Linux {version} is ruled by {', '.join(names)}{debugging};"
        " opvasm probe asks the running one"
    )


def _whose(profile: Profile) -> str:
    """A profile's name with the registrations that are its own."""
    size = {"32": ", registered with 32 bytes", "33": ", with more"}.get(profile.size, "")
    return f"{profile.name} ({' and '.join(profile.architectures)}{size})"
