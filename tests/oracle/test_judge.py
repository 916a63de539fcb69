"""The judge itself: what it may look at, and that it keeps what the samples promise."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from opvasm.explorer.plan.validate import strategy_table
from opvasm.explorer.setting.configuration import concerns, configurations

from .compare import read
from .judge import Judge

HERE = Path(__file__).parent
RACES = HERE.parents[1] / "samples" / "races"
JUDGE = (
    "memory",
    "world",
    "expectations",
    "steps",
    "runs",
    "sections",
    "bodies",
    "state",
    "progress",
    "judge",
)
# Small enough to be enumerated in a moment.
SMALL = [
    *("again", "checkpoint", "membarrier", "never_exercised", "registration", "stepping"),
    *("offline", "init_done"),
]


@pytest.mark.parametrize("name", JUDGE)
def test_the_judge_shares_nothing_with_the_explorer(name: str) -> None:
    """No file of the judge imports the explorer, the interpreter, or a file of the campaign."""
    tree = ast.parse((HERE / f"{name}.py").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert not any(each.name.startswith("opvasm") for each in node.names)
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module is not None:
            known = ("opvasm.assembler", "opvasm.expression", "opvasm.program", "opvasm.text")
            assert not node.module.startswith("opvasm") or node.module.startswith(known)
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            assert node.module in JUDGE


@pytest.mark.parametrize("name", SMALL)
def test_the_judge_finds_what_a_sample_expects(name: str) -> None:
    """Each ``expect`` line of a sample is met by the judge's own verdicts."""
    assembly = read((RACES / f"{name}.opv").read_text(encoding="utf-8"))
    strategies = strategy_table(assembly.strategies)
    for scenario in assembly.scenarios:
        found = {}
        for each in configurations(scenario, strategies):
            chosen = {t.name: s for t, s in zip(scenario.threads, each.strategies, strict=True)}
            judge = Judge(assembly, scenario, each.cpus, each.profile.name, chosen)
            found[each] = judge.judge(20_000).findings
        for expectation in scenario.expectations:
            meant = [v for each, v in found.items() if concerns(expectation, scenario, each)]
            if expectation.verdict == "holds":
                assert not any(meant), scenario.name
            else:
                assert any(expectation.verdict in each for each in meant), scenario.name
