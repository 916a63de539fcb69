"""The counterexamples of a sweep as replay files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from .merge import Report

_UNSAFE = re.compile(r"[^\w.]+")


def saved_examples(report: Report) -> Iterator[tuple[str, str]]:
    """Each counterexample: the name of a file, which no other has, and its text."""
    taken: set[str] = set()
    for merged in report.scenarios:
        path = merged.block.text.name.removesuffix(".opv")
        stem = _UNSAFE.sub("-", path).strip("-.") or "text"
        base = first = f"{stem}-{merged.block.scenario.name}"
        number = 1
        while base in taken:
            number += 1
            base = f"{first}-{number}"
        taken.add(base)
        for example in merged.examples:
            text = json.dumps(example.result.replay, indent=1) + "\n"
            yield f"{base}-{example.number}.json", text
