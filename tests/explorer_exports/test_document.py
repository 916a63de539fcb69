"""docs/explorer.md shows what the command prints."""

from __future__ import annotations

import re
import shlex

import pytest

from opvasm.cli.main import main

from ..explorer.helpers import ROOT
from .helpers import needs_spin


def test_the_example_of_the_document_is_what_happens(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    needs_spin()
    text = (ROOT / "docs" / "explorer.md").read_text("utf-8")
    section = text.partition("\n## Exports\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"```console\n\$ opvasm ([^\n]*)\n(.*?)```", section, re.DOTALL)
    assert blocks
    monkeypatch.chdir(ROOT)
    for command, shown in blocks:
        assert main(shlex.split(command)) == 0
        assert capsys.readouterr().out == shown
