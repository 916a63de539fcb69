"""``opvasm docs``: the documents, which messages and helps name by their pages."""

from __future__ import annotations

import os

from ...light_typing import TYPE_CHECKING
from ..inputs.option_values import OptionValues
from ..terminal.exits import DONE, UsageError
from ..terminal.outputs import write_text

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from ..terminal.terminal import Terminal

DESCRIPTION = """\
Print a page of the documents, as Markdown; without one, the pages and their titles."""
EXAMPLES = """
opvasm docs
opvasm docs tutorial | less
"""
EXITS = {DONE: "printed"}
_PACKAGE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# Inside the installed package, or beside it in a checkout.
_PLACES = (_PACKAGE, os.path.dirname(_PACKAGE))
# Pages that lie beside what they describe.
_ELSEWHERE = {
    "editors": os.path.join("editors", "README.md"),
    "language": os.path.join("grammar", "README.md"),
}


class Options(OptionValues):
    """The options, as they were typed."""

    page: str | None


def add_arguments(parser: ArgumentParser) -> None:
    """The page."""
    parser.add_argument("page", metavar="PAGE", nargs="?", help="a page (default: list them)")


def execute(options: Options, terminal: Terminal) -> int:
    """Print a page, or the list."""
    pages = _pages()
    if options.page is None:
        width = max(map(len, pages))
        lines = (f"{name:{width}}  {_title(path)}\n" for name, path in sorted(pages.items()))
        write_text("".join(lines), None)
        return DONE
    name = options.page.removesuffix(".md").removeprefix("docs/")
    if name not in pages:
        from ...suggestion import did_you_mean

        raise UsageError(
            f"there is no page {options.page!r}",
            did_you_mean(name, list(pages)) or f"one of: {', '.join(sorted(pages))}",
        )
    with open(pages[name], encoding="utf-8") as file:
        write_text(file.read(), None)
    return DONE


def _pages() -> dict[str, str]:
    """Each page's name, and where its file is."""
    for place in _PLACES:
        folder = os.path.join(place, "docs")
        if os.path.isdir(folder):
            names = [each for each in os.listdir(folder) if each.endswith(".md")]
            found = {each.removesuffix(".md"): os.path.join(folder, each) for each in names}
            return found | {name: os.path.join(place, path) for name, path in _ELSEWHERE.items()}
    raise UsageError("this package was installed without its documents", "pip install opvasm")


def _title(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.readline().lstrip("#").strip()
