"""What CONTRIBUTING says of a disturbance and a kernel rule is enough: a copy of the package has one more.

The copy has a disturbance `restored`, a rule of kernels `restore_aborts` that it meets, and a cause of its own;
nothing but the two tables is changed.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import Any

import pytest

from .helpers import ROOT
from .native.needed import not_here

CHANGES = {
    "kernels/disturbances.py": [
        ('    STALLED = "stalled"\n', '    RESTORED = "restored"\n'),
        ('    TRAP = "step", "a single-step trap"\n', '    RESTORE = "restore", "a restore"\n'),
        (
            "ROWS: dict[Disturbance, Row] = {\n",
            """    Disturbance.RESTORED: Row(
        budget=Disturbance.RESTORED,
        needs_limit=True,
        strikes=Strikes.ANY_THREAD,
        way=Way.FORGETS,
        aborts="restore_aborts",
        cause=Cause.RESTORE,
        happened="{thread} is restored",
        instead="{thread} was restored",
        meaning="The thread is restored inside of its section.",
    ),
""",
        ),
    ],
    "kernels/profiles.py": [
        ("    signal_aborts: bool\n", "    restore_aborts: bool\n"),
        (
            "RULES: dict[str, Rule] = {\n",
            '    "restore_aborts": Rule(Told.MET, "by a restore that the kernel sees"),\n',
        ),
        ('    name="legacy",\n', "    restore_aborts=True,\n"),
        ('    name="v6_19_x86",\n', "    restore_aborts=False,\n"),
        ('    name="v7_x86_size33",\n', "    restore_aborts=True,\n"),
    ],
}
SCENARIO = """
percpu counter: u64
vector bump(n: i64) { add.u64 counter, n }
scenario s {
    cpus 1
    kernel legacy, v6_19_x86, v7_x86_size33
    strategy rseq
    environment restored <= 1
    thread a @0 { run bump(1) { aborted -> retry } }
    thread b @0 { run bump(1) { aborted -> retry } }
    forall counter@0 == 2
}
"""
SCRIPT = """
import json, sys
from opvasm.assembler import assemble
from opvasm.explain import find
from opvasm.explorer.answers.step_code import step_code_json
from opvasm.explorer.plan.plan import make_plan
from opvasm.explorer.plan.validate import strategy_table
from opvasm.explorer.search.explore import explore
from opvasm.explorer.setting.configuration import configurations, kernel_abilities
from opvasm.explorer.setting.options import NO_REDUCTIONS, Limits
from opvasm.explorer_exports.promela import promela
from opvasm.source import SourceFile

assembly = assemble(SourceFile("s.opv", sys.argv[1]))
(scenario,) = assembly.scenarios
answers = {"explained": find("restored").explain(), "kernels": {}}
for one in configurations(scenario, strategy_table(assembly.strategies)):
    plan = make_plan(assembly.program, scenario, one)
    answer = answers["kernels"][one.profile.name] = {"model": promela(plan).text}
    answer["abilities"] = repr(kernel_abilities(scenario, one))
    answer["explained"] = find(one.profile.name).explain()
    answer["dump"] = json.loads(step_code_json([plan], "1"))
    for engine in json.loads(sys.argv[2]):
        limits = Limits(engine=engine)
        found = explore(plan, None, limits)
        answer[engine] = {
            "engine": found.engine,
            "refused": found.refused,
            "fails": bool(found.failures),
            "states": found.states,
            "outcomes": sorted(explore(plan, NO_REDUCTIONS, limits).outcomes.values()),
            "covered": sorted({each[-1] for each in found.covered}),
        }
print(json.dumps(answers))
"""
ENGINES = ["python", "native"] if not_here() is None else ["python"]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the copy says of the scenario."""
    folder = tmp_path_factory.mktemp("copy")
    package = folder / "opvasm"
    shutil.copytree(ROOT / "opvasm", package, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "grammar").symlink_to(ROOT / "grammar")
    for name, changes in CHANGES.items():
        path = package / name
        text = path.read_text("utf-8")
        for after, added in changes:
            assert text.count(after) == 1, after
            text = text.replace(after, after + added)
        path.write_text(text, "utf-8")
    command = [sys.executable, "-c", SCRIPT, SCENARIO, json.dumps(ENGINES)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.mark.parametrize("engine", ENGINES)
def test_each_engine_follows_the_rule_of_each_kernel(answers: dict[str, Any], engine: str) -> None:
    """Where a restore aborts, nothing is lost; where not, the section goes on with an old number.

    As `signal` and `checkpoint` do, which are its two halves.
    """
    kernels = answers["kernels"]
    for name, fails in (("legacy", False), ("v6_19_x86", True), ("v7_x86_size33", False)):
        answer = kernels[name][engine]
        assert (answer["engine"], answer["refused"]) == (engine, None)
        assert answer["fails"] == fails, name
        assert ("aborted by restore" in answer["covered"]) != fails, name
        assert answer == {**kernels[name]["python"], "engine": engine}


def test_kernels_that_differ_in_the_rule_are_not_taken_for_one(answers: dict[str, Any]) -> None:
    """Tables that fold equal kernels keep these apart, and explanations say in what they differ."""
    told = {name: each["abilities"] for name, each in answers["kernels"].items()}
    assert told["legacy"] == told["v7_x86_size33"] != told["v6_19_x86"]
    for name, text in (("legacy", "aborts"), ("v6_19_x86", "goes on and commits")):
        (line,) = [
            each
            for each in answers["kernels"][name]["explained"].splitlines()
            if "by a restore that the kernel sees" in each
        ]
        assert text in line


def test_the_promela_model_follows_the_rule(answers: dict[str, Any]) -> None:
    """The same guard, and another effect."""
    guard = "SETTLED && section[0] && restored_left > 0 -> restored_left--; "
    assert guard + "abort_slot(0) }" in answers["kernels"]["legacy"]["model"]
    assert guard + "section[0] = false }" in answers["kernels"]["v6_19_x86"]["model"]


def test_words_and_dumps_have_it(answers: dict[str, Any]) -> None:
    """``opvasm explain`` says what it is, and step code has its limit."""
    assert "restored inside of its section" in answers["explained"]
    for each in answers["kernels"].values():
        (configuration,) = each["dump"]["configurations"]
        assert configuration["environment"]["restored"] == 1
