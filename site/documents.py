"""The documents as a site: pages from docs/, the codes, the parsers; links; what can be tried."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from commands_pages import command_pages
from links import Links
from try_it import with_attempts

# Pages by the file that each is made of; everything in docs/ has the name that it has there.
_PAGES = {
    "README.md": "index.md",
    "grammar/README.md": "language.md",
    "samples/README.md": "samples.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
_DIAGNOSTICS = "docs/diagnostics.md"


def build_documents(root: Path, work: Path, out: Path) -> None:
    """Write the pages to ``work/docs``, and let mkdocs make HTML of them in ``out``.

    Ends the program where mkdocs finds a link or an anchor that leads nowhere.
    """
    docs = work / "docs"
    shutil.rmtree(docs, ignore_errors=True)
    sources = _PAGES | {
        f"docs/{each.name}": each.name
        for each in sorted((root / "docs").glob("*.md"))
        if f"docs/{each.name}" != _DIAGNOSTICS
    }
    links = Links(root, sources | {_DIAGNOSTICS: "diagnostics/index.md", "docs": "index.md"})
    for source, page in sources.items():
        text = links.rewritten((root / source).read_text("utf-8"), source, page)
        _write(docs / page, with_attempts(text, page, docs, root))
    for page, text in _diagnostics((root / _DIAGNOSTICS).read_text("utf-8")).items():
        _write(docs / page, with_attempts(text, page, docs, root))
    for page, text in command_pages().items():
        _write(docs / page, with_attempts(text, page, docs, root))
    for page, text in links.files.items():
        _write(docs / page, text)
    for image in (root / "docs" / "images").glob("*.png"):
        target = docs / "images" / image.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(image, target)
    here = Path(__file__).parent
    shutil.copy(here / "site.css", docs / "site.css")
    # So that the navigation may name it; build.py puts the playground in its place.
    _write(docs / "playground" / "index.html", "<p>make site builds the playground, too.</p>\n")
    command = [sys.executable, "-m", "mkdocs", "--quiet", "build", "--strict", "--clean"]
    quiet = os.environ | {"NO_MKDOCS_2_WARNING": "1"}  # an advertisement, in colours
    if subprocess.run([*command, "-f", here / "mkdocs.yml"], check=False, env=quiet).returncode:
        sys.exit("make site: mkdocs refuses the documents; the lines above say why")
    kept = out / "playground"
    shutil.copytree(work / "html", out, dirs_exist_ok=True, ignore=_all_but(kept))


def _all_but(playground: Path):  # type: ignore[no-untyped-def]
    """What copytree leaves out: the stand-in, where the playground itself is there."""

    def ignored(folder: str, names: list[str]) -> list[str]:
        stands = folder.endswith("/html") and (playground / "app.js").exists()
        return ["playground"] if stands and "playground" in names else []

    return ignored


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def _diagnostics(text: str) -> dict[str, str]:
    """docs/diagnostics.md, which is made of the codes: a page for each, and a table of them all."""
    pages: dict[str, str] = {}
    table = []
    for chapter in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        title, _, rest = chapter.partition("\n")
        table.append(
            f"\n## {title}\n\n| code | name | level | what it says |\n| --- | --- | --- | --- |"
        )
        for part in re.split(r"^### ", rest, flags=re.MULTILINE)[1:]:
            head, _, body = part.partition("\n")
            found = re.fullmatch(r"(OPV\d+) `([\w-]+)` \((\w+)\)", head)
            assert found, f"docs/diagnostics.md: {head!r} is not the heading of a code"
            code, name, level = found.groups()
            body = re.sub(r"^```\n(?=.)", "```opv\n", body.strip(), count=1, flags=re.MULTILINE)
            says = body.partition(". ")[0].replace("|", "\\|").rstrip(".")
            table.append(f"| [{code}]({code}.md) | `{name}` | {level} | {says} |")
            deny = "" if level == "error" else f", `--deny {name}` makes it an error"
            pages[f"diagnostics/{code}.md"] = (
                f"# {code}: {name}\n\n*{level}; `opvasm explain {code}` prints this{deny}.* "
                f"[All diagnostics](index.md)\n\n{body}\n"
            )
    pages["diagnostics/index.md"] = (
        "# Diagnostics\n\nEvery finding has a code that never changes its meaning, a name for "
        "`--deny`, and a level.\n" + "\n".join(table) + "\n"
    )
    return pages
