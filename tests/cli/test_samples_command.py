"""opvasm samples writes what the help names, and nothing over what is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from opvasm.cli.command_line.registry import COMMANDS, load
from opvasm.cli.main import main

ROOT = Path(__file__).parents[2]


def test_every_sample_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Byte for byte those of the checkout, with the language beside them."""
    folder = tmp_path / "new" / "samples"
    assert main(["samples", str(folder)]) == 0
    for path in (ROOT / "samples").rglob("*.opv"):
        assert (folder / path.relative_to(ROOT / "samples")).read_bytes() == path.read_bytes()
    assert (folder / "LANGUAGE.md").read_bytes() == (ROOT / "grammar" / "README.md").read_bytes()
    capsys.readouterr()
    assert main(["samples"]) == 0
    listed = capsys.readouterr().out.split()
    assert listed == sorted(
        str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file()
    )


def test_nothing_is_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder that holds something is refused."""
    (tmp_path / "mine").write_text("x")
    assert main(["samples", str(tmp_path)]) == 2
    assert "is not empty" in capsys.readouterr().err
    assert [each.name for each in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_help_that_names_samples_says_where_they_are(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """And every sample that an example names is there."""
    examples = load(name).EXAMPLES
    assert main([name, "--help"]) == 0
    told = "`opvasm samples samples` writes the samples" in capsys.readouterr().out
    assert told == (" samples/" in examples)
    for word in examples.split():
        if word.startswith("samples/") and word.endswith(".opv") and "*" not in word:
            assert (ROOT / word).exists(), word
