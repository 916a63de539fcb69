"""Step code: what its data says, the page about it, and that nothing of it is forgotten anywhere."""

from __future__ import annotations

import ast
import json
from enum import Enum
from pathlib import Path
from typing import get_args

import jsonschema
import pytest

from opvasm.cli.main import main
from opvasm.explorer.answers.step_code import step_code_json, step_code_text
from opvasm.explorer.plan.plan import Plan
from opvasm.explorer.search.search import can_wait, leaves_own_bytes, leaves_sections
from opvasm.explorer.setting.options import NO_REDUCTIONS
from opvasm.explorer.steps import step as steps, terms
from opvasm.explorer.steps.execute import runs_of
from opvasm.explorer.steps.spelling import Spelling
from opvasm.explorer.steps.state import UNLIMITED
from opvasm.explorer.steps.step import NOWHERE, REGISTERS
from opvasm.explorer.steps.terms import Binary, Memory, Number, Register, Width
from opvasm.kernels.disturbances import BUDGETS, IN_LANGUAGE, ROWS, SLOT, Disturbance, Way
from opvasm.kernels.profiles import Profile

from ..sources import nodes_of
from .helpers import RACES, ROOT, found, plans, sample

ACTIONS = get_args(steps.Action)
TERMS = get_args(terms.Term)
SCHEMA = ROOT / "opvasm" / "explorer" / "schemas" / "opvasm-steps-1.json"
FILES = sorted(path.stem for path in RACES.glob("*.opv"))
FIELD_TYPES = {
    *("Point", "Points", "Read", "Written", "Maybe", "Term", "Width", "Phase", "int", "bool"),
    *(f"tuple[{each}, ...]" for each in ("Read", "Written", "Maybe", "Term")),
}


def every_plan() -> list[Plan]:
    """The first configuration of each scenario of samples/races."""
    return [
        plans(assembly, scenario.name)[0]
        for assembly in map(sample, FILES)
        for scenario in assembly.scenarios
    ]


# ---- what the data says of itself --------------------------------------------------------------------

ADD = Binary("+", Register(5), Number(1))


@pytest.mark.parametrize(
    ("action", "targets", "reads", "writes"),
    [
        (steps.Assign((6, 7), (ADD, Register(8)), 3), (3,), {5, 8}, {6, 7}),
        (steps.Branch(ADD, 1, 2), (1, 2), {5}, set()),
        (steps.Switch(4, (9, 8)), (9, 8), {4}, set()),
        (steps.Store(Register(4), 8, Register(5), 6), (6,), {4, 5}, set()),
        (
            steps.CompareExchange(ADD, Width(8, False), Register(6), Register(7), (8,), 2),
            *((2,), {5, 6, 7}, {8}),
        ),
        (
            steps.RunOp(0, 1, steps.Phase.COMPARES, (4, 5), (6,), (), (7,), 2, 3, NOWHERE),
            *((2, 3), {4, 5, 6}, set()),
        ),
        (steps.Enter(0, 4, (4, 5), 1, 2, 3, 4, 5), (1, 2, 3, 4, 5), {4, 5}, set()),
        (steps.Begin(ADD, (9,), 1, 2), (1, 2), {5}, {9}),
        (steps.End(), (), set(), set()),
    ],
    ids=lambda value: type(value).__name__,
)
def test_jumps_and_registers_of_an_action_are_read_from_its_fields(
    action: steps.Action, targets: tuple[int, ...], reads: set[int], writes: set[int]
) -> None:
    """Worked out by hand; moved points keep everything else."""
    assert steps.targets(action) == targets
    assert steps.reads(action) == reads
    assert steps.writes(action) == writes
    moved = steps.moved(action, {each: each + 100 for each in targets})
    assert steps.targets(moved) == tuple(each + 100 for each in targets)
    assert steps.reads(moved) == reads


@pytest.mark.parametrize("action", ACTIONS, ids=lambda each: each.__name__)
def test_a_field_of_an_action_has_a_type_with_a_meaning(action: type) -> None:
    """A field of an unknown type would be a jump or a register that nobody sees."""
    assert set(action.__annotations__.values()) <= FIELD_TYPES


def test_a_term_that_reads_memory_makes_a_step_that_others_can_come_before() -> None:
    """A load is an access, the CPU makes a step of its own kind, and registers are quiet."""
    load = steps.Assign((4,), (Memory(Number(64), Width(8, False)),), 0)
    assert steps.kind_of(load) is steps.Kind.ACCESS
    assert steps.kind_of(steps.Assign((4,), (terms.CurrentCpu(),), 0)) is steps.Kind.CURRENT
    assert steps.kind_of(steps.Assign((4,), (ADD,), 0)) is steps.Kind.LOCAL
    leaving = steps.Jump(0, leaves=True)
    assert steps.kind_of(leaving, steps.Guard.SECTION) is steps.Kind.ACCESS
    assert steps.kind_of(leaving) is steps.Kind.LOCAL


def test_every_step_of_the_samples_is_complete() -> None:
    """Jumps lead to steps, registers exist, aborts are there in sections and nowhere else."""
    for plan in every_plan():
        for code in plan.codes:
            assert len(runs_of(code, plan.image)) == len(code.steps)
            for step in code.steps:
                used = steps.reads(step.action) | steps.writes(step.action)
                assert all(0 <= each < len(code.steps) for each in steps.targets(step.action))
                assert all(REGISTERS <= each < code.size for each in used)
                assert (step.abort != NOWHERE) == (step.guard is steps.Guard.SECTION)
                assert len(step.covers) <= len(steps.targets(step.action))
                hash(step)  # frozen all through


def test_what_a_compare_left_is_kept_until_it_is_read() -> None:
    """A compare that passes does not overwrite where an earlier one stopped."""
    text = """
percpu counter: u64
vector check(n: u64) {
    cmpeq.u64 counter, =0
    cmpeq.u64 counter, n
}
scenario s {
    thread a @0 strategy opv {
        run check(7) { differs { } }
        run check(0)
        y = differs.at
    }
    observe a.y
}
"""
    assert set(found(text).outcomes) == {("1",)}
    assert set(found(text, "s", NO_REDUCTIONS).outcomes) == {("1",)}


# ---- nothing is forgotten ----------------------------------------------------------------------------


def test_the_page_names_every_kind_of_everything() -> None:
    """Kinds, guards, actions, phases and terms stand in docs/steps.md."""
    text = (ROOT / "docs" / "steps.md").read_text("utf-8")
    rows = {line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")}
    assert {each.__name__ for each in (*ACTIONS, *TERMS)} <= rows
    assert {each.name for each in steps.Kind} <= rows
    for enum in (steps.Guard, steps.Phase):
        for each in enum:
            assert each.name in text, each


def matches_over(enum: type[Enum], path: Path) -> list[tuple[int, set[str], bool]]:
    """Each ``match`` of a file with cases of an enum: its line, the members, whether it has a rest."""
    result = []
    for node in nodes_of(ast.Match, path):
        named = {
            value.attr
            for case in node.cases
            for value in ast.walk(case.pattern)
            if isinstance(value, ast.Attribute)
            and isinstance(value.value, ast.Name)
            and value.value.id == enum.__name__
        }
        rest = any(
            isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None
            for case in node.cases
        )
        if named:
            result.append((node.lineno, named, rest))
    return result


def unhandled(members: set[str]) -> list[str]:
    """Where a match over ways to disturb lacks some of these, or takes whatever is left."""
    return [
        f"{path.relative_to(ROOT)}:{line} lacks {', '.join(sorted(members - named)) or 'no rest'}"
        for path in sorted((ROOT / "opvasm").rglob("*.py"))
        for line, named, rest in matches_over(Way, path)
        if rest or named != members
    ]


def test_every_match_over_ways_to_disturb_names_each_of_them() -> None:
    """There are at least those of the model, of the search and of the Promela model."""
    members = {each.name for each in Way}
    assert unhandled(members) == []
    places = {line.partition(":")[0] for line in unhandled({*members, "EARTHQUAKE"})}
    assert places >= {
        "opvasm/explorer/model/environment.py",
        "opvasm/explorer/search/search.py",
        "opvasm/explorer_exports/promela.py",
    }


def test_a_row_of_each_disturbance_is_whole() -> None:
    """Every one has a row, its ability is a field of profiles, and its budget counts itself."""
    assert set(ROWS) == set(Disturbance)
    for disturbance, row in ROWS.items():
        assert row.aborts is None or row.aborts in Profile._fields
        assert row.budget is None or ROWS[row.budget].budget is row.budget
        assert row.meaning.endswith(".")
        assert (disturbance in IN_LANGUAGE) == (row.budget in (None, disturbance))
        if row.budget is not None:
            assert BUDGETS[SLOT[disturbance]] is row.budget
        for text in (row.happened, row.instead):
            assert text.format(thread="a", cpu=1, before=0, state="offline")


def test_no_match_is_over_disturbances() -> None:
    """What a disturbance does is a case of its way: a second of that way would be left out there."""
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in sorted((ROOT / "opvasm").rglob("*.py"))
        for line, _, _ in matches_over(Disturbance, path)
    ]
    assert found == []


@pytest.mark.parametrize("way", [Way.BOUNCES, Way.TRAPS, Way.STALLS])
def test_a_way_that_the_models_follow_by_name_is_that_of_one_disturbance(way: Way) -> None:
    """A second one would be passed over by those that ask for the first."""
    assert len([row for row in ROWS.values() if row.way is way]) == 1


def test_one_disturbance_strikes_places() -> None:
    """The places that a plan keeps are not told apart by what strikes them."""
    places = [each for each, row in ROWS.items() if row.strikes.names_place]
    assert places == [Disturbance.UNPROTECTED]


@pytest.mark.parametrize("limit", [0, 1, UNLIMITED])
def test_what_uses_up_a_limit_disturbs_no_more_than_its_owner(limit: int) -> None:
    """Reductions ask of limits, so they see only what a limit is named after."""
    for disturbance, row in ROWS.items():
        if row.budget is not None:
            owner = row.budget
            assert row.way.moves <= owner.row.way.moves
            for asked in (can_wait, leaves_sections):
                assert asked(disturbance, limit) >= asked(owner, limit)
            for sections in (False, True):
                mine = leaves_own_bytes(disturbance, limit, sections)
                assert mine >= leaves_own_bytes(owner, limit, sections)


# ---- printed -----------------------------------------------------------------------------------------


def test_each_action_and_term_has_a_spelling() -> None:
    """The samples' step code can be printed, and holds every action but those of rare statements."""
    seen = {
        type(step.action) for plan in every_plan() for code in plan.codes for step in code.steps
    }
    assert {each.__name__ for each in set(ACTIONS) - seen} <= {"CompareExchange", "Switch"}
    assert step_code_text(every_plan())
    spelling = Spelling({4: "x"})
    assert spelling.term(Binary("+", Register(4), Number(1), Width(8, False))) == "x +u64 1"
    exchange = steps.CompareExchange(ADD, Width(4, True), Number(0), Register(4), (4,), 9)
    assert spelling.action(exchange) == (
        "x := i32[%5 + 1]; i32[%5 + 1] := x if it is 0 -> 9"
    )  # fmt: skip
    assert spelling.action(steps.Switch(4, (7, 8))) == "x: 0 -> 7, 1 -> 8"


def test_the_dump_is_the_code_that_the_search_runs() -> None:
    """As JSON each step of each thread is there, with its jumps and its dead registers."""
    (plan,) = plans(sample("counter"), "not_registered")[:1]
    document = json.loads(step_code_json([plan], "1"))
    assert document["format"] == "opvasm-steps/1"
    threads = document["configurations"][0]["threads"]
    for thread, code in zip(threads, plan.codes, strict=True):
        assert [each["action"]["is"] for each in thread["steps"]] == [
            type(each.action).__name__ for each in code.steps
        ]
        assert [tuple(each["dead"]) for each in thread["steps"]] == [
            code.dead(point) for point in range(len(code.steps))
        ]


def test_the_dump_follows_its_schema() -> None:
    """Every sample does; and the schema names the kinds that there are, and no others."""
    schema = json.loads(SCHEMA.read_text("utf-8"))
    document = json.loads(step_code_json(every_plan(), "1"))
    jsonschema.Draft202012Validator(schema).validate(document)
    for configuration in document["configurations"]:
        assert list(configuration["environment"]) == [each.value for each in BUDGETS]
    step = schema["$defs"]["step"]["properties"]
    assert step["kind"]["enum"] == [each.name for each in steps.Kind]
    assert step["guard"]["enum"] == [each.name for each in steps.Guard]
    assert step["action"]["properties"]["is"]["enum"] == [each.__name__ for each in ACTIONS]
    values = schema["$defs"]["value"]["anyOf"][1]["properties"]["is"]["enum"]
    assert values == [*(each.__name__ for each in TERMS), "Nodes", "AddressesOf"]


def test_the_command_prints_it_and_explores_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Text for people, JSON for machines, and no other format or option."""
    command = ["explore", str(RACES / "counter.opv"), "not_registered", "--dump"]
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert "Verdict" not in printed
    assert "begin bump" in printed
    assert main([*command, "-f", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["configurations"]
    assert main([*command, "-f", "svg"]) == 2
    assert main([*command, "--coverage"]) == 2
    assert "--coverage" in capsys.readouterr().err


def test_a_class_of_the_explorer_has_a_name_of_its_own() -> None:
    """Two classes of one name in one part are taken for one another."""
    seen: dict[str, Path] = {}
    for path in sorted((ROOT / "opvasm" / "explorer").rglob("*.py")):
        for node in nodes_of(ast.ClassDef, path):
            if not node.name.startswith("_"):
                assert node.name not in seen, f"{node.name}: {seen[node.name]} and {path}"
                seen[node.name] = path
