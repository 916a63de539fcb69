"""docs/diagnostics.md: every code with its explanation, made from the codes themselves."""

from __future__ import annotations

from ..codes import all_codes
from ..codes.code import Code

# Where each range of codes begins (opvasm/codes/__init__.py) and what it is about.
_CHAPTERS = (
    (1, "Texts"),
    (100, "Binding and files"),
    (200, "What the kernel refuses"),
    (300, "Advice"),
    (400, "Restartable sequences"),
    (450, "Running and tests"),
    (500, "Scenarios and the explorer"),
    (600, "Debugger and traces"),
    (650, "Live programs"),
    (750, "Emitted C"),
)
_HEAD = """\
# Diagnostics

Every finding has a code that never changes its meaning, a name for `--deny`, and a level. `opvasm
explain CODE` prints the same text. This file is made from the codes by
`BLESS=1 python -m pytest tests/test_diagnostics_document.py`.
"""


def diagnostics_document() -> str:
    """The file's text."""
    codes = list(all_codes().values())
    parts = [_HEAD]
    ends = [start for start, _ in _CHAPTERS[1:]] + [1000]
    for (start, title), end in zip(_CHAPTERS, ends, strict=True):
        rows = [each for each in codes if start <= int(each.code[3:]) < end]
        if rows:
            parts.append(f"## {title}\n")
            parts += [_section(each) for each in rows]
    return "\n".join(parts)


def _section(code: Code) -> str:
    text = (
        f"### {code.code} `{code.name}` ({code.level})\n\n{code.title[:1].upper()}{code.title[1:]}."
    )
    text += f" {code.explanation}\n"
    if code.example:
        text += f"\n```\n{code.example}\n```\n"
    return text
