"""The picture of a failure: columns, marks, folded cycles, and the reason below it."""

from __future__ import annotations

import re

import pytest

from opvasm.cli.terminal.outputs import picture_width
from opvasm.explorer.answers.diagnose import diagnose
from opvasm.explorer.answers.diagnosis import Diagnosis
from opvasm.explorer.answers.text_report import diagnosis_lines
from opvasm.explorer.answers.verdict import Run
from opvasm.explorer.schedules.diagram import diagram
from opvasm.explorer.schedules.replay_file import read_replay
from opvasm.explorer.schedules.schedule import ScheduleError, follow
from opvasm.explorer.setting.options import Limits
from opvasm.explorer.steps.state import STEP, Decision
from opvasm.explorer.steps.step import GUARD, Guard
from opvasm.kernels.disturbances import Disturbance

from .helpers import report, sample


def failing(file: str, scenario: str, strategy: str | None = None) -> tuple[Run, Diagnosis]:
    """The first failing run of a sample (in which a thread has a strategy), and its diagnosis."""
    run = next(
        run
        for run in report(sample(file), scenario).runs
        if run.verdicts
        and (strategy is None or strategy in {s.name for s in run.configuration.strategies})
    )
    diagnosis = diagnose(run, Limits())
    assert diagnosis is not None
    return run, diagnosis


def picture(file: str, scenario: str, strategy: str | None = None) -> list[str]:
    """The lines of its report."""
    run, diagnosis = failing(file, scenario, strategy)
    return diagnosis_lines(run.found.plan, diagnosis)


def test_each_cpu_has_a_column_and_a_section_its_marks() -> None:
    lines = picture("locks", "with_fence", "lazy")
    head = lines[0]
    assert head.index("CPU 0") < head.index("CPU 1") < head.index("counter@0")
    rows = {
        key: next(i for i, line in enumerate(lines) if key in line)
        for key in ("> t begin", "`>t bump")
    }
    assert rows["> t begin"] < rows["`>t bump"]
    between = lines[rows["> t begin"] + 1 : rows["`>t bump"]]
    assert any("| t test slow: slow@0 is 0" in line for line in between)
    holder = [line for line in lines if "holder" in line and line[:4].strip().isdigit()]
    assert all(line.index("holder") >= head.index("CPU 1") for line in holder)


def test_the_reason_names_three_accesses_in_their_order() -> None:
    why = next(line for line in picture("locks", "with_fence", "lazy") if line.startswith("Why"))
    steps = [int(each) for each in re.findall(r"step (\d+)", why)]
    assert steps == sorted(steps)
    assert len(steps) == 3
    assert why.startswith("Why   t read counter@0")


def test_a_reader_that_saw_half_a_vector_is_told_so() -> None:
    why = next(line for line in picture("ring", "head_first") if line.startswith("Why"))
    assert "reader saw log.head@0" in why
    assert "before p" in why


def test_a_livelock_is_folded() -> None:
    lines = picture("stepping", "alone")
    assert any(line.strip().startswith("~ from here on") for line in lines)
    assert any("x a aborted: a single-step trap" in line for line in lines)
    assert any("repeat for ever" in line for line in lines)


def test_a_disturbance_is_a_line_of_its_own() -> None:
    lines = picture("checkpoint", "restored_inside")
    assert any("! a is checkpointed" in line or "! b is checkpointed" in line for line in lines)


def test_a_replay_looks_from_inside_or_as_hardware() -> None:
    """From inside nothing changes; a breakpoint inside a section aborts it."""
    _, diagnosis = failing("locks", "with_fence", "lazy")
    replay = diagnosis.replay
    inside = next(
        (index, thread)
        for index in range(len(replay.moments))
        for thread, local in enumerate(replay.state(index).threads)
        if local[GUARD] == Guard.SECTION
    )
    index, thread = inside
    seen = replay.state(index)
    stopped = replay.as_hardware(index, thread)
    assert stopped.memory == seen.memory
    assert stopped.threads[thread][GUARD] == Guard.NONE
    assert stopped.threads[thread] != seen.threads[thread]
    other = 1 - thread
    assert replay.as_hardware(index, other) == seen or seen.threads[other][GUARD] == Guard.SECTION
    assert replay.choices(-1)
    assert replay.state(replay.failing) == replay.moments[-1].state


def test_a_schedule_that_is_not_possible_is_refused() -> None:
    run, _ = failing("list", "naive")
    with pytest.raises(ScheduleError, match="decision 1: signal of t0 is not possible there"):
        follow(run.found.plan, [Decision(Disturbance.SIGNAL, 0)])
    with pytest.raises(ScheduleError, match="nobody"):
        follow(run.found.plan, [Decision(STEP, 9)])


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": "other/1"}', '{"format": 5}'])
def test_what_is_no_replay_file_is_said_to_be_none(text: str) -> None:
    with pytest.raises(ScheduleError, match="is not a replay file that can be read"):
        read_replay(text, "x.json")


@pytest.mark.parametrize("width", [50, 79, 80, 100, 120])
def test_a_picture_fits_its_width(width: int) -> None:
    """From 80 characters each CPU has a column; below one column has the CPU in front of each step."""
    _, found = failing("locks", "with_fence", "lazy")
    whole = diagram(found.replay)
    assert max(map(len, whole)) > 120
    lines = diagram(found.replay, width=width)
    assert max(map(len, lines)) <= width
    assert ("CPU 1" in lines[0]) == (width >= 80)
    numbers = [line[:4] for line in lines if line[:4].strip().isdigit()]
    assert numbers == [line[:4] for line in whole if line[:4].strip().isdigit()]
    if width < 80:
        told = [line for line in lines if line[:4].strip().isdigit() and "!" not in line[:8]]
        assert all(re.match(r"[01]: ", line[8:]) for line in told)


def test_columns_say_how_wide_a_picture_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """COLUMNS decides; without it, and without a terminal, it is 100 characters."""
    monkeypatch.setenv("COLUMNS", "91")
    assert picture_width(None) == 91
    monkeypatch.delenv("COLUMNS")
    assert picture_width("file.txt") == 100
