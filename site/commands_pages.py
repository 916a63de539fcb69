"""The commands as pages, made of their parsers as ``--help`` and the man pages are."""

from __future__ import annotations

import re
from textwrap import wrap

from opvasm.cli.command_line.manual import Manual, manual
from opvasm.cli.command_line.registry import COMMANDS


def command_pages() -> dict[str, str]:
    """A page for each subcommand, and a table of them."""
    rows = "\n".join(
        f"| [{name}]({name}.md) | {entry.summary} |" for name, entry in COMMANDS.items()
    )
    index = (
        "# Commands\n\nThe same texts are `opvasm COMMAND --help`, and `opvasm help --man` writes them "
        f"as man pages.\n\n| command | what it does |\n| --- | --- |\n{rows}\n"
    )
    pages = {f"commands/{name}.md": _page(manual(name)) for name in COMMANDS}
    return {"commands/index.md": index} | pages


def _page(of: Manual) -> str:
    options = "\n".join(
        f"| `{_cell(each.written)}` | {_cell(_plain(each.help))} |" for each in of.arguments
    )
    exits = "\n".join(f"| {code} | {_plain(text)} |" for code, text in of.exits)
    examples = "\n".join(f"$ {each}" for each in of.examples)
    # Usages are broken between options and never inside of one.
    whole = re.sub(r"\[[^][]*\]", lambda found: found[0].replace(" ", "\0"), of.synopsis)
    synopsis = "\n    ".join(wrap(whole, 78)).replace("\0", " ")
    return (
        f"# opvasm {of.name}\n\n{_plain(of.description)}\n\n```\n{synopsis}\n```\n\n## Options\n\n"
        f"| option | |\n| --- | --- |\n{options}\n\n## Examples\n\n```console\n{examples}\n```\n\n"
        f"## Exit codes\n\n| code | |\n| --- | --- |\n{exits}\n\n[All commands](index.md)\n"
    )


def _plain(text: str) -> str:
    """A text in which no sign is Markdown."""
    return re.sub(r"([\\`*_<>\[\]])", r"\\\1", text)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
