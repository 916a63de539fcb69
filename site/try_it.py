"""What can be tried: links to the playground below examples, and pictures of what is explored."""

from __future__ import annotations

import re
import shlex
from html import escape
from itertools import takewhile
from pathlib import Path

from fragment import link, sample_link
from pictures import picture

_FENCE = re.compile(
    r"(?P<file><!-- file: (?P<name>\S+\.opv) -->\n)?^```(?P<kind>[^\n]*)\n(?P<body>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
# Subcommands that the playground has a panel for.
_PANELS = {"explore": "explore", "debug": "debug", "run": "run", "test": "run", "verify": "verify"}
_ILLUSTRATED = ("debate.md",)


def with_attempts(text: str, page: str, docs: Path, root: Path) -> str:
    """A page with a link below each example, and with the schedules of the debate to step through.

    Pictures are written to ``docs/pictures``.
    """

    def block(found: re.Match[str]) -> str:
        kind, body = found["kind"].split(), found["body"]
        language = kind[0] if kind else ""
        shown = found[0]
        if language == "console":
            return shown.replace("```console live", "```console") + _of_console(
                body, page, docs, root
            )
        if language == "opv" or found["name"]:
            name = found["name"] or next(
                (each for each in kind[1:] if each.endswith(".opv")), "example.opv"
            )
            panel = "explore" if re.search(r"^scenario ", body, re.MULTILINE) else "run"
            wanted = {"panel": panel} if re.search(r"^(scenario|test) ", body, re.MULTILINE) else {}
            fence = f"```opv\n{body}```"
            return fence + _link(link(page, name, body, **wanted), "try it")
        return shown

    return _FENCE.sub(block, text)


def _link(address: str, text: str) -> str:
    return f'\n\n<p class="try"><a href="{escape(address)}">{escape(text)}</a></p>'


def _of_console(body: str, page: str, docs: Path, root: Path) -> str:
    """The files that a console writes or reads, each once."""
    made: dict[str, str] = {}
    for found in re.finditer(
        r"^\$ cat > (\S+\.opv) <<'?END'?\n((?:> ?.*\n)*?)> END$", body, re.MULTILINE
    ):
        content = "".join(f"{line[2:]}\n" for line in found[2].splitlines())
        made[found[1]] = _link(link(page, found[1], content), f"try {found[1]}")
    for command in re.findall(r"^\$ (opvasm [^|<>]*)", body, re.MULTILINE):
        made |= _of_command(command, page, docs, root, made)
    return "".join(made.values())


def _of_command(
    command: str, page: str, docs: Path, root: Path, known: dict[str, str]
) -> dict[str, str]:
    try:
        words = shlex.split(command)
    except ValueError:  # it goes on in the next line
        return {}
    files = [each for each in words if re.fullmatch(r"samples/\w+/\w+\.opv", each)]
    if len(files) != 1 or files[0] in known or not (root / files[0]).exists():
        return {}
    name = files[0].removeprefix("samples/")
    rest = words[words.index(files[0]) + 1 :]
    after = list(takewhile(lambda each: not each.startswith("-"), rest))
    more = {}
    if words[1] in _PANELS:
        more["panel"] = "compare" if "--compare" in words else _PANELS[words[1]]
    if words[1] == "explore" and after:
        more["scenario"] = after[0]
    address = sample_link(root / "samples", name, page, **more)
    shown = _link(address, f"open {files[0]} in the playground")
    if page in _ILLUSTRATED and words[1] == "explore":
        shown += picture(root, files[0], after, "--compare" in words, page, docs)
    return {files[0]: shown}
