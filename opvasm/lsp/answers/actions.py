"""What mends a finding: the changes of ``verify --fix``, and the name that was probably meant."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ...light_typing import NamedTuple
from ..document import Document
from .findings import Change, Finding

_MEANT = re.compile(r"did you mean `?([A-Za-z_][A-Za-z0-9_.]*)`?\?")
_WRITE = re.compile(r"write `?([A-Za-z_][A-Za-z0-9_]*)`?;")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")


class Action(NamedTuple):
    """A change that mends a finding.

    ``is_certain``: it changes nothing else, and is one of those that ``verify --fix`` makes.
    """

    title: str
    finding: Finding
    changes: tuple[Change, ...]
    is_certain: bool


def actions(document: Document, found: Iterable[Finding]) -> tuple[Action, ...]:
    """The changes that mend some findings of a document."""
    done: list[Action] = []
    for each in found:
        if each.fixes:
            title = each.help or f"mend {each.code}"
            done.append(Action(_sentence(title), each, each.fixes, True))
        meant = _meant(document, each)
        if meant is not None:
            name = document.text[meant.start : meant.end]
            done.append(Action(f"Change `{name}` to `{meant.text}`", each, (meant,), False))
    return tuple(done)


def all_fixes(found: Iterable[Finding]) -> tuple[Change, ...]:
    """Every certain change that collides with no earlier one."""
    made: list[Change] = []
    for each in found:
        collides = any(
            (new.start < old.end and old.start < new.end) or new.start == old.start
            for new in each.fixes
            for old in made
        )
        if not collides:
            made += each.fixes
    return tuple(sorted(made))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _meant(document: Document, finding: Finding) -> Change | None:
    """The misspelt word replaced by the one that the help names.

    It is the word in the finding's place that its message speaks of; where the place is a whole
    declaration, the word must stand in it once.
    """
    if finding.help is None:
        return None
    match = _MEANT.search(finding.help) or _WRITE.search(finding.help)
    if match is None or finding.end <= finding.start:
        return None
    said = set(_WORD.findall(finding.message))
    wrong = [
        word
        for word in _WORD.finditer(document.text, finding.start, finding.end)
        if word[0] in said or any(part in said for part in word[0].split("."))
    ]
    if len(wrong) > 1:  # the one that resembles the name that was meant
        from difflib import SequenceMatcher

        best = max(SequenceMatcher(None, w[0], match[1]).ratio() for w in wrong)
        wrong = [w for w in wrong if SequenceMatcher(None, w[0], match[1]).ratio() == best]
    if len(wrong) != 1 or wrong[0][0] == match[1]:
        return None
    start, word = wrong[0].start(), wrong[0][0]
    if word not in said:  # of `a.b.c` one part
        part = next(each for each in word.split(".") if each in said)
        start += f".{word}.".index(f".{part}.")
        word = part
    return Change(start, start + len(word), match[1])
