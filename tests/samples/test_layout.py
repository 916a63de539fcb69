"""The samples stand in the formatter's layout, so that nobody has to think about theirs."""

from __future__ import annotations

from pathlib import Path

import pytest

from opvasm.source import SourceFile
from opvasm.text.formatter import formatted

SAMPLES = Path(__file__).parent.parent.parent / "samples"
# The wrong ones keep the layout of their mistakes.
FOLDERS = ("advice", "emit", "faults", "idioms", "ops", "races", "selftest")


@pytest.mark.parametrize("folder", FOLDERS)
def test_fmt_has_nothing_to_change(folder: str) -> None:
    files = sorted((SAMPLES / folder).glob("*.opv"))
    assert files
    for file in files:
        text = file.read_text()
        assert formatted(SourceFile(file.name, text)) == text, f"opvasm fmt {file}"
