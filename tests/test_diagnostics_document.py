"""docs/diagnostics.md says what the codes say.  ``BLESS=1`` rewrites it."""

from __future__ import annotations

import os
import re
from pathlib import Path

from opvasm.codes import all_codes
from opvasm.explain.document import diagnostics_document

DOCUMENT = Path(__file__).parents[1] / "docs" / "diagnostics.md"


def test_the_document_is_made_from_the_codes() -> None:
    text = diagnostics_document()
    if os.environ.get("BLESS") == "1":
        DOCUMENT.write_text(text, encoding="utf-8")
    assert DOCUMENT.read_text("utf-8") == text


def test_every_code_is_in_it_once() -> None:
    found = re.findall(r"^### (OPV\d{3}) ", diagnostics_document(), re.MULTILINE)
    assert found == list(all_codes())


def test_every_code_of_the_verifier_is_used_by_it() -> None:
    """A code that nothing reports, or a report of a code that nothing explains, is a slip."""
    package = Path(__file__).parents[1] / "opvasm"
    for module in ("advice", "kernel", "rseq"):
        text = (package / "codes" / f"{module}.py").read_text("utf-8")
        names = re.findall(r'^([A-Z_]+) = "OPV\d{3}"', text, re.MULTILINE)
        source = "".join(path.read_text("utf-8") for path in (package / "verifier").rglob("*.py"))
        unused = [name for name in names if not re.search(rf"\b{name}\b", source)]
        assert unused == [], f"codes/{module}.py"
