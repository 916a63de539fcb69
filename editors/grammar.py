"""Writes editors/vscode/syntaxes/opv.tmLanguage.json from the words of the language.

    python editors/grammar.py           # writes the file
    python editors/grammar.py --check   # exit code 1 where the kept file is another

A TextMate grammar has no parser: a word that is a name in one place is coloured as a word of the
language there, too.  The server's semantic tokens say it exactly.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from opvasm.text.vocabulary import vocabulary

KEPT = Path(__file__).parent / "vscode" / "syntaxes" / "opv.tmLanguage.json"
_NAME = "[A-Za-z_][A-Za-z0-9_]*"


def _any(words: Iterable[str]) -> str:
    return (
        "(?:"
        + "|".join(re.escape(word) for word in sorted(words, key=lambda w: (-len(w), w)))
        + ")"
    )


def grammar() -> dict[str, object]:
    """The grammar as VS Code reads it."""
    words = vocabulary()
    declared = {"vector": "function", "section": "function", "struct": "type", "const": "constant"}
    declared |= {"strategy": "class", "scenario": "class", "thread": "class"}
    headings = [
        {
            "match": rf"\b({word})\s+({_NAME})\b(?!\s*,)",
            "captures": {
                "1": {"name": "keyword.declaration.opv"},
                "2": {"name": f"entity.name.{kind}.opv"},
            },
        }
        for word, kind in declared.items()
    ]
    plain = [
        ("constant.numeric.opv", r"(?<![A-Za-z0-9_])[0-9][A-Za-z0-9_]*"),
        ("keyword.declaration.opv", rf"(?<![.>])\b{_any(words.declarations)}\b"),
        ("storage.type.opv", rf"\b{_any(words.types)}\b(?!\s*->)"),
        ("keyword.control.opv", rf"(?<![.>])\b{_any(words.keywords)}\b"),
        ("support.constant.kernel.opv", rf"\b{_any(words.kernels)}\b"),
        ("support.constant.opv", rf"(?<![.>])\b{_any(words.values)}\b"),
        ("keyword.operator.opv", r"->|\.\.|<<|>>|[<>=!]=|&&|\|\||[-+*/%&|^~!<>=@?]"),
    ]
    patterns: list[dict[str, object]] = [
        {"name": "comment.line.double-slash.opv", "match": r"//.*$"},
        {"name": "comment.block.opv", "begin": r"/\*", "end": r"\*/"},
        {
            "name": "string.quoted.double.opv",
            "begin": '"',
            "end": '"|$',
            "patterns": [{"name": "constant.character.escape.opv", "match": r"\\."}],
        },
        {"name": "string.quoted.single.opv", "match": r"'(?:[^'\\]|\\.)+'"},
        {
            "match": rf"\b(abi)\s+([0-9]+-[0-9]+)(?:\s+([0-9]+{_NAME}))?",
            "captures": {
                "1": {"name": "keyword.declaration.opv"},
                "2": {"name": "constant.numeric.revision.opv"},
                "3": {"name": "constant.numeric.model.opv"},
            },
        },
        {
            "match": rf"(?:^|(?<=[{{;]))\s*({_any(words.operations)})(\.{_any(words.types)})?(?![\w.:\[@]|\s+=\s)",
            "captures": {
                "1": {"name": "support.function.op.opv"},
                "2": {"name": "storage.type.opv"},
            },
        },
        *headings,
        *({"name": name, "match": match} for name, match in plain),
    ]
    return {
        "$schema": "https://raw.githubusercontent.com/martinring/tmlanguage/master/tmlanguage.json",
        "name": "opv",
        "scopeName": "source.opv",
        "fileTypes": ["opv"],
        "patterns": patterns,
    }


def text() -> str:
    """The file's text."""
    return json.dumps(grammar(), indent=2, ensure_ascii=False) + "\n"


def main() -> int:
    """Write the file, or compare it."""
    if "--check" in sys.argv[1:]:
        same = KEPT.read_text(encoding="utf-8") == text()
        if not same:
            print(f"{KEPT} is not current: python editors/grammar.py", file=sys.stderr)
        return int(not same)
    KEPT.write_text(text(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
