"""The samples that a page offers, from inside the installed package or beside a checkout's."""

from __future__ import annotations

import os
import re
from functools import cache

from ..light_typing import Any

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_PLACES = (os.path.join(_PACKAGE, "samples"), os.path.join(os.path.dirname(_PACKAGE), "samples"))
# The folders that are worth a look, in this order, with what they hold; those of mistakes are last.
GROUPS = {
    "races": "races: threads, explored",
    "idioms": "idioms: per-CPU data structures",
    "ops": "ops: one of each",
    "emit": "vectors that become C",
    "faults": "pages, CPUs and what the kernel answers",
    "selftest": "the kernel's own selftest",
    "advice": "advice: accepted, and worth a second look",
    "invalid": "refused by the kernel",
    "malformed": "mistakes, and how they are reported",
}


@cache
def folder() -> str | None:
    """Where the samples are; None where the package was installed without them."""
    return next((each for each in _PLACES if os.path.isdir(each)), None)


def sample_text(name: str) -> str | None:
    """The text of ``races/list.opv``; None where there is no such sample."""
    place = folder()
    if place is None or not re.fullmatch(r"(?:\w+/)*\w+\.opv", name, re.ASCII):
        return None
    try:
        with open(os.path.join(place, name), encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return None


def samples() -> list[dict[str, Any]]:
    """Groups of samples: title, and for each file its name and the sentence that it begins with."""
    place = folder()
    found = []
    for group, title in GROUPS.items():
        if place is None or not os.path.isdir(os.path.join(place, group)):
            continue
        names = sorted(each for each in os.listdir(os.path.join(place, group)) if _is_text(each))
        files = [{"name": f"{group}/{each}", "about": _about(f"{group}/{each}")} for each in names]
        found.append({"title": title, "files": files})
    return found


def _is_text(name: str) -> bool:
    return name.endswith(".opv")


def _about(name: str) -> str:
    """The first sentence of a file's opening comment."""
    words: list[str] = []
    for line in (sample_text(name) or "").splitlines():
        if not line.startswith("//"):
            break
        words += line.removeprefix("//").split()
        if words and words[-1].endswith((".", ":")):
            break
    return " ".join(words).rstrip(":")
