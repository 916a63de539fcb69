"""Sections of one shape: the same operations in the same order, whatever registers were chosen."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..lift.code import Code
from .subject import Subject

_MEMORY = re.compile(r"\[[^\]]*\]!?")


def shape(subject: Subject) -> tuple[str, ...]:
    """Each operation with the kinds of its operands, and where its branches go.

    A section that was not decoded is of a shape of its own: its length.
    """
    if not subject.codes:
        return (f"{subject.context.machine} {subject.descriptor.length} bytes, not decoded",)
    places = {each.address: index for index, each in enumerate(subject.codes)}
    lines = [_line(each, index, places, subject) for index, each in enumerate(subject.codes)]
    return tuple(lines) if subject.decodes else (*lines, "cut")


def _line(code: Code, index: int, places: dict[int, int], subject: Subject) -> str:
    kinds = [_kind(each) for each in _operands(code)]
    if code.target is not None:
        to = places.get(code.target)
        goal = "end" if code.target == subject.end else "out" if to is None else f"{to - index:+d}"
        kinds = [*kinds[:-1], goal]
    return " ".join([code.mnemonic, *kinds])


def _operands(code: Code) -> list[str]:
    """The operands as text, memory as one each."""
    text = _MEMORY.sub("memory", code.text.partition(" ")[2])
    return [each.strip() for each in text.split(",") if each.strip()]


def _kind(operand: str) -> str:
    if "memory" in operand:
        return "m"
    return "i" if operand.lstrip("#-")[:1].isdigit() else "r"


def cluster(subjects: Iterable[Subject]) -> list[list[Subject]]:
    """Subjects of one shape together, the most frequent shape first, then by address."""
    found: dict[tuple[str, ...], list[Subject]] = {}
    for each in subjects:
        found.setdefault(shape(each), []).append(each)
    return sorted(found.values(), key=lambda group: (-len(group), group[0].start))
