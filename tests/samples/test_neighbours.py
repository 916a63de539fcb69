"""``opvasm test`` and files that are wrong on purpose, or by mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from opvasm.cli.main import main

WRONG = "vector v() { mbb }\n"
FINDING = """\
wrong.opv:1:14: error[OPV012]: the op `mbb` is unknown
   1 | vector v() { mbb }
     |              ^^^
help: did you mean mb?
"""
RIGHT = 'vector v() { mb }\ntest "does nothing" { cpu 0; run v() -> 0 }\n'
REFUSED = (
    'shared b: u8\nvector v() { lshift b, 8 }\ntest "is refused" { cpu 0; run v() -> EINVAL }\n'
)


def test_a_file_with_the_findings_of_its_neighbour_passes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "wrong.opv").write_text(WRONG)
    (tmp_path / "wrong.expected").write_text(FINDING)
    assert main(["test", str(tmp_path)]) == 0
    assert capsys.readouterr().out.endswith("1 passed, 0 failed\n")


def test_other_findings_than_the_neighbours_are_a_failure_that_shows_the_difference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "wrong.opv").write_text(WRONG)
    (tmp_path / "wrong.expected").write_text(FINDING.replace("mb?", "and?"))
    assert main(["test", str(tmp_path / "wrong.opv")]) == 1
    output = capsys.readouterr().out
    assert "FAILED" in output
    assert "-help: did you mean and?" in output
    assert "+help: did you mean mb?" in output


def test_a_neighbour_without_a_mistake_is_a_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "wrong.opv").write_text(RIGHT)
    (tmp_path / "wrong.expected").write_text(FINDING)
    assert main(["test", str(tmp_path)]) == 1
    assert "1 passed, 1 failed" in capsys.readouterr().out


def test_what_the_kernel_refuses_is_compared_and_the_tests_still_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "refused.opv"
    path.write_text(REFUSED)
    (tmp_path / "refused.expected").write_text("nothing\n")
    assert main(["test", str(path)]) == 1
    output = capsys.readouterr().out
    assert "+refused.opv:2:24: error[OPV204]" in output
    assert "1 passed, 1 failed" in output


def test_a_file_that_can_not_be_read_is_reported_and_the_others_still_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.opv").write_text(WRONG)
    (tmp_path / "b.opv").write_bytes(b"// \xe4\n")
    (tmp_path / "c.opv").write_text(RIGHT)
    assert main(["test", str(tmp_path)]) == 2
    output = capsys.readouterr()
    assert "1 passed, 0 failed" in output.out
    assert "error[OPV012]: the op `mbb` is unknown" in output.err
    assert "is not UTF-8" in output.err
    assert "2 files could not be read" in output.err


def test_a_selection_is_for_neighbours_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "wrong.opv").write_text(WRONG)
    (tmp_path / "wrong.expected").write_text(FINDING)
    (tmp_path / "right.opv").write_text(RIGHT)
    assert main(["test", str(tmp_path), "-k", "does nothing"]) == 0
    assert "1 passed, 0 failed" in capsys.readouterr().out
