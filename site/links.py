"""Links of the documents: to pages where there is one, to the playground for samples."""

from __future__ import annotations

import os
import re
from pathlib import Path

from fragment import sample_link

_LINK = re.compile(r"(?<!`)(!?)\[([^\]]*)\]\(([^)\s]+)\)")
_LANGUAGES = {".c": "c", ".py": "python", ".json": "json", ".h": "c"}


class Links:
    """``pages`` are the site's by the file that each is made of; ``files`` are added as needed.

    A link to a file that is no page makes one: the file's text, so that the site stands alone.
    """

    def __init__(self, root: Path, pages: dict[str, str]) -> None:
        self.root = root
        self.pages = pages
        self.files: dict[str, str] = {}

    def rewritten(self, text: str, source: str, page: str) -> str:
        """A document with its links as they must be on its page; code is left alone."""
        parts = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
        for index in range(0, len(parts), 2):
            parts[index] = _LINK.sub(lambda found: self._link(found, source, page), parts[index])
        return "".join(parts)

    def _link(self, found: re.Match[str], source: str, page: str) -> str:
        image, text, target = found.groups()
        if re.match(r"[a-z]+:|#", target):
            return found[0]
        path, hash_, anchor = target.partition("#")
        file = os.path.normpath(os.path.join(os.path.dirname(source), path))
        if image:
            return f"![{text}]({self._relative(file.removeprefix('docs/'), page)})"
        if file in self.pages:
            if text.endswith((".md", "/")):  # on a site pages have titles
                text = self._title(file) or text
            return f"[{text}]({self._relative(self.pages[file], page)}{hash_}{anchor})"
        if file.startswith("samples/") and file.endswith(".opv"):
            href = sample_link(self.root / "samples", file.removeprefix("samples/"), page)
            return f'<a href="{href}">{text.replace("`", "")}</a>'
        whole = self.root / file
        assert whole.exists(), f"{source}: there is no {file}"
        if whole.is_dir():
            return text
        name = f"files/{file}.md"
        language = _LANGUAGES.get(whole.suffix, "")
        content = whole.read_text("utf-8")
        plain = whole.suffix == ".md"
        self.files[name] = content if plain else f"# {file}\n\n````{language}\n{content}````\n"
        return f"[{text}]({self._relative(name, page)})"

    def _title(self, file: str) -> str | None:
        whole = self.root / file
        found = re.match(r"# (.*)", whole.read_text("utf-8")) if whole.is_file() else None
        return None if found is None else found[1].replace("`", "")

    @staticmethod
    def _relative(target: str, page: str) -> str:
        return os.path.relpath(target, os.path.dirname(page) or ".")
