"""Scenarios that a search got wrong, or that are near such ones: right with and without reductions."""

from __future__ import annotations

from pathlib import Path

import pytest

from opvasm.assembler import Assembly, assemble
from opvasm.explorer.answers.diagnose import diagnose
from opvasm.explorer.plan.validate import check_scenarios
from opvasm.explorer.setting.options import NO_REDUCTIONS, Limits, Reductions
from opvasm.source import SourceFile

from .helpers import report

CASES = Path(__file__).parent / "cases"


def case(name: str) -> Assembly:
    """A file of cases/."""
    return assemble(SourceFile(name, (CASES / name).read_text(encoding="utf-8")))


SCENARIOS = [
    (path.name, scenario.name)
    for path in sorted(CASES.glob("*.opv"))
    for scenario in case(path.name).scenarios
]
MODES = {
    "all": Reductions(),
    **{f"without {name}": Reductions()._replace(**{name: False}) for name in Reductions._fields},
    "none": NO_REDUCTIONS,
}


@pytest.mark.parametrize(("file", "name"), SCENARIOS)
def test_a_case_comes_out_as_its_file_says_whatever_is_reduced(file: str, name: str) -> None:
    """The file's expectation is met in every mode, and each failure has a schedule."""
    assembly = case(file)
    assert not [
        each
        for each in check_scenarios(assembly.program, assembly.scenarios, assembly.strategies)
        if each.level == "error"
    ]
    for mode, reductions in MODES.items():
        found = report(assembly, name, reductions=reductions)
        assert [each.reason for each in found.outcomes if not each.met] == [], mode
        for run in found.runs:
            if run.verdicts and not run.found.missing:
                assert diagnose(run, Limits()) is not None, mode
