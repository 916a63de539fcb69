"""Makes a text on which judge and explorer disagree as small as it gets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

Wrong = Callable[[str], bool]


def shrink(text: str, wrong: Wrong) -> str:
    """The smallest text that ``wrong`` still says yes to, by leaving out one part after the other."""
    again = True
    while again:
        again = False
        for smaller in candidates(text):
            if len(smaller) < len(text) and wrong(smaller):
                text, again = smaller, True
                break
    return text


def candidates(text: str) -> Iterator[str]:
    """Texts with one part less, large parts first.  Many of them are no valid scenarios."""
    lines = text.splitlines(keepends=True)
    for number in range(len(lines)):
        yield "".join(lines[:number] + lines[number + 1 :])
    blocks = [(one, _closing(text, one)) for one in (m.start() for m in re.finditer(r"\{", text))]
    for start, end in sorted(blocks, key=lambda each: each[0] - each[1]):
        if "\n" in text[start:end]:
            continue
        inside = text[start + 1 : end]
        yield text[:start].rstrip() + text[end + 1 :]
        before = re.search(r"(if [^{;]*|else|loop( \d)?) $", text[:start])
        if before is not None:
            yield text[: before.start()] + inside.strip() + text[end + 1 :]
        items = _split(inside)
        for number in range(len(items)):
            rest = items[:number] + items[number + 1 :]
            yield f"{text[: start + 1]} {'; '.join(rest)} {text[end:]}"
    for part in re.finditer(
        r" else \{[^{}]*\}| allowed \d\.\.\d| x[23]\b| strategy \w+(?= \{)| on \w+(?= [{;}])", text
    ):
        yield text[: part.start()] + text[part.end() :]
    for part in re.finditer(r", [^,;{}()\n]+(?=[,\n])|(?<= )[^,;{}()\n ]+, (?=\w)", text):
        yield text[: part.start()] + text[part.end() :]
    for pattern, simple in (
        ("cpus 3", "cpus 2"),
        ("cpus 2", "cpus 1"),
        ("x3", "x2"),
        ("<= 2", "<= 1"),
    ):
        for part in re.finditer(pattern, text):
            # Shorter by a blank at the end of the file, so that it counts as smaller.
            yield (
                text[: part.start()] + simple + text[part.end() :]
            ).rstrip() + "\n" * text.endswith("\n\n")
    for part in re.finditer(
        r"\b(v\w+_(?:x86|arm64)\w*|no_rseq|debug(?:_size32)?|64be|32le|32be)\b", text
    ):
        simple = "64le" if part.group()[:2].isdigit() else "legacy"
        yield text[: part.start()] + simple + text[part.end() :]
    for part in re.finditer(r"\b(differs\.at|current|x \+ 1|x \^ 1|y \* 2 - 1)", text):
        yield text[: part.start()] + "0" + text[part.end() :]


def _closing(text: str, start: int) -> int:
    depth = 0
    for number in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[number], 0)
        if depth == 0:
            return number
    return len(text) - 1


def _split(text: str) -> list[str]:
    """The parts between semicolons that stand in no braces of their own."""
    found, depth = [""], 0
    for character in text:
        depth += {"{": 1, "}": -1}.get(character, 0)
        if character == ";" and depth == 0:
            found.append("")
        else:
            found[-1] += character
    return [each.strip() for each in found if each.strip()]
