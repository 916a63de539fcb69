"""The results file: whole lines, one sweep, one writer."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from opvasm.sweep.plan import Axes, Sweep
from opvasm.sweep.results_file import ResultsError, new_results, old_results
from opvasm.sweep.unit import Result

from .helpers import COUNTER, SETTINGS, planned

SWEEP = planned(axes=Axes(kernels=("legacy",)))
KEYS = [unit.key for unit in SWEEP.units]
RESULT = Result("holds", states=5, seconds=0.25)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with the results of three units."""
    path = tmp_path / "results.jsonl"
    with new_results(str(path), SWEEP) as results:
        for key in KEYS[:3]:
            results.add(key, RESULT)
    return path


def known(path: Path, sweep: Sweep = SWEEP) -> list[str]:
    """The units that a file knows, and that it can be gone on with."""
    with old_results(str(path), sweep) as results:
        assert set(results.known.values()) <= {RESULT}
        return list(results.known)


def refused(path: Path, sweep: Sweep = SWEEP) -> str:
    """Why a file can't be gone on with; it is left as it was."""
    before = path.read_bytes()
    with pytest.raises(ResultsError) as caught:
        old_results(str(path), sweep)
    assert path.read_bytes() == before
    return caught.value.message


def test_what_was_written_is_read(path: Path) -> None:
    assert known(path) == KEYS[:3]
    header = json.loads(path.read_text().splitlines()[0])
    assert header["format"] == "opvasm-sweep-results/1"
    assert header["units"] == len(KEYS)


def test_wherever_the_last_line_is_torn_the_others_are_kept(path: Path) -> None:
    """Every length that a kill can leave behind, from nothing to all; then one more is added."""
    whole = path.read_bytes()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == ord("\n")]
    lengths = {*range(0, len(whole), 37), *ends, *(e - 1 for e in ends), *(e + 1 for e in ends)}
    for length in sorted(each for each in lengths if each <= len(whole)):
        path.write_bytes(whole[:length])
        count = max(sum(end <= length for end in ends) - 1, 0)
        with old_results(str(path), SWEEP) as results:
            assert list(results.known) == KEYS[:count]
            assert results.dropped == (length not in (0, *ends))
            results.add(KEYS[5], RESULT)
        assert known(path) == [*KEYS[:count], KEYS[5]]


def test_zeros_that_a_power_failure_leaves_are_dropped(path: Path) -> None:
    for tail in (b"\0" * 100, b"\0" * 100 + b"\n"):
        whole = path.read_bytes()
        path.write_bytes(whole + tail)
        assert known(path) == KEYS[:3]
        assert path.read_bytes() == whole


def test_a_line_that_is_damaged_in_the_middle_is_refused(path: Path) -> None:
    lines = path.read_text().splitlines()
    lines[2] = lines[2].replace('"verdict"', '"verdikt"')
    path.write_text("\n".join(lines) + "\n")
    assert refused(path).endswith("results.jsonl:3: this line is not a result of this sweep")


def test_a_unit_that_was_written_twice_counts_once(path: Path) -> None:
    with path.open("a") as file:
        file.write(path.read_text().splitlines()[1] + "\n")
    assert known(path) == KEYS[:3]


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (planned(COUNTER + "// new\n", Axes(kernels=("legacy",))), "counter.opv, or a file that"),
        (planned(axes=Axes(kernels=("debug",))), 'kernels was ["legacy"], now it is ["debug"]'),
        (
            planned(axes=Axes(kernels=("legacy",)), settings=SETTINGS._replace(states=7)),
            "max_states was 1000000, now it is 7",
        ),
    ],
)
def test_results_of_another_sweep_are_refused(path: Path, other: Sweep, why: str) -> None:
    assert why in refused(path, other)


def test_results_of_another_version_are_refused(path: Path) -> None:
    lines = path.read_text().splitlines()
    header = json.loads(lines[0]) | {"tool": "opvasm 0.0.9", "identity": "x"}
    path.write_text("\n".join([json.dumps(header), *lines[1:]]) + "\n")
    assert "written by opvasm 0.0.9" in refused(path)


@pytest.mark.parametrize("text", ["hello", "hello\n", "{}\n", "[1]\n", '{"format":"x"}\n'])
def test_what_is_no_results_file_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "notes"
    path.write_text(text)
    assert "is not a results file of a sweep" in refused(path)


def test_a_file_that_is_there_is_not_overwritten(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(ResultsError, match="is there already"):
        new_results(str(path), SWEEP)
    assert path.read_bytes() == before


def test_two_sweeps_do_not_write_to_one_file(path: Path) -> None:
    with old_results(str(path), SWEEP):
        assert "another sweep is writing" in refused(path)
    assert known(path) == KEYS[:3]


def test_only_files_on_a_disk_hold_results(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="not a regular file"):
        new_results(os.devnull, SWEEP)
    with pytest.raises(IsADirectoryError):
        new_results(str(tmp_path), SWEEP)
    with pytest.raises(FileNotFoundError):
        old_results(str(tmp_path / "none"), SWEEP)
