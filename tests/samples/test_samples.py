"""The samples: their tests pass, their findings are those beside them, none is missing, all round-trip.

``BLESS=1 python -m pytest tests/samples`` rewrites the golden neighbours (NAME.expected).
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest

from opvasm.abi.layout import DATA_MODELS
from opvasm.abi.ops import OPERATIONS
from opvasm.abi.pages import PageKind
from opvasm.abi.revisions import REVISIONS
from opvasm.assembler import Assembly, assemble, read_file
from opvasm.binary import encode
from opvasm.binding import bind
from opvasm.cli.main import main
from opvasm.codes import kernel
from opvasm.codes.code import Code
from opvasm.disassembler import disassemble
from opvasm.errors import BindError, ParseError
from opvasm.program import Scalar, Vector, default_layout
from opvasm.report.human import render_all
from opvasm.scenario.runner import run_test
from opvasm.source import SourceFile
from opvasm.suite.neighbours import SUFFIX, findings_text, neighbour

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "samples"
RUNNING = ("ops", "idioms", "selftest", "faults")
KERNEL_RULES = [each for each in kernel.CODES if "OPV200" <= each.code <= "OPV206"]


def samples(*folders: str) -> list[str]:
    """The paths of the samples in some folders, as they are named on the command line."""
    return sorted(
        str(path.relative_to(ROOT))
        for folder in folders
        for path in (SAMPLES / folder).glob("*.opv")
    )


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths in findings are those that a reader types."""
    monkeypatch.chdir(ROOT)


@cache
def assembly_of(path: str, model: str | None = None) -> Assembly:
    """A sample, assembled."""
    return assemble(read_file(str(ROOT / path)), model=model)


TESTS = [
    pytest.param(path, test.name, id=f"{Path(path).parent.name}/{Path(path).stem}: {test.name}")
    for path in samples(*RUNNING, "invalid")
    for test in assembly_of(path).tests
]


@pytest.mark.parametrize(("path", "name"), TESTS)
def test_a_test_of_a_sample_passes(path: str, name: str) -> None:
    assembly = assembly_of(path)
    (test,) = (each for each in assembly.tests if each.name == name)
    result = run_test(assembly.program, test)
    assert result.passed, render_all(result.findings)
    assert result.calls > 0


@pytest.mark.parametrize("model", [each.name for each in DATA_MODELS])
@pytest.mark.parametrize("path", samples("ops", "idioms"))
def test_ops_and_idioms_mean_the_same_in_every_data_model(path: str, model: str) -> None:
    assembly = assembly_of(path, model)
    assert assembly.program.abi.model.name == model
    for test in assembly.tests:
        result = run_test(assembly.program, test)
        assert result.passed, render_all(result.findings)


def test_the_command_runs_all_samples(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["test", *(f"samples/{each}" for each in (*RUNNING, "malformed"))])
    output = capsys.readouterr()
    assert (code, output.err) == (0, "")
    assert output.out.endswith(" passed, 0 failed\n")


def test_each_op_has_a_sample_that_runs_it() -> None:
    for operation in OPERATIONS:
        path = f"samples/ops/{operation.mnemonic.replace('.', '_')}.opv"
        assert Path(path).exists(), f"{path} is missing"
        vectors = assembly_of(path).program.vectors.values()
        lengths = {
            each.length
            for vector in vectors
            for each in vector.instructions
            if each.operation is operation
        }
        if operation.operands:
            assert {1, 2, 4, 8} <= lengths, f"{path} lacks a length of {operation.mnemonic}"
        assert lengths, f"{path} does not use {operation.mnemonic}"


@pytest.mark.parametrize("rule", KERNEL_RULES, ids=lambda rule: rule.code)
def test_each_rule_of_the_kernel_has_a_sample_that_breaks_it(rule: Code) -> None:
    paths = [each for each in samples("invalid") if Path(each).name.startswith(rule.code)]
    assert paths, f"samples/invalid/{rule.code}_….opv is missing"
    for path in paths:
        text = findings_text(assembly_of(path), path)
        assert f"error[{rule.code}]" in text
        others = {each.code for each in KERNEL_RULES} - {rule.code}
        assert not any(
            f"error[{each}]" in text for each in others
        ), f"{path} breaks other rules too"


def test_each_kind_of_page_and_each_revision_is_met_by_a_sample() -> None:
    programs = [assembly_of(path).program for path in samples(*RUNNING)]
    kinds = {symbol.page_kind for each in programs for symbol in each.data.symbols.values()}
    assert kinds == set(PageKind)
    revisions = {each.abi.revision for each in programs}
    with_a_kernel_of_its_own = {each for each in REVISIONS if not each.inferred}
    assert with_a_kernel_of_its_own <= revisions


@pytest.mark.parametrize("path", samples("malformed", "invalid"))
def test_the_findings_of_a_sample_are_those_beside_it(path: str) -> None:
    problem: Assembly | ParseError
    try:
        problem = assemble(read_file(path))
    except ParseError as error:
        problem = error
    found = findings_text(problem, path)
    assert found, "nothing is wrong with it"
    beside = Path(path).with_suffix(SUFFIX)
    if os.environ.get("BLESS") == "1":
        beside.write_text(found)
    assert beside.read_text() == found


def test_no_golden_neighbour_is_left_alone() -> None:
    for each in SAMPLES.rglob(f"*{SUFFIX}"):
        assert each.with_suffix(".opv").exists(), f"{each} belongs to no sample"
        assert neighbour(str(each.with_suffix(".opv"))) == str(each)


def some_arguments(vector: Vector) -> dict[str, int]:
    """A different number for each parameter, negative where it may be."""
    return {
        each.name: -index - 1 if isinstance(each.type, Scalar) and each.type.signed else index + 7
        for index, each in enumerate(vector.parameters)
    }


@pytest.mark.parametrize("model", [each.name for each in DATA_MODELS])
@pytest.mark.parametrize("path", samples(*RUNNING, "invalid"))
def test_every_vector_of_a_sample_survives_disassembly(path: str, model: str) -> None:
    try:
        program = assembly_of(path, model).program
    except ParseError:
        assert not model.startswith("64"), "only the size of an address may be a reason"
        return
    layout = default_layout(program.abi, program.data)
    for vector in program.vectors.values():
        try:
            data = encode(bind(vector, program, layout, 1, some_arguments(vector)), program.abi)
        except BindError:
            assert not model.startswith("64"), "only the size of an address may be a reason"
            continue
        text = disassemble(data, program.abi)
        again = assemble(SourceFile("disassembly.opv", text)).program
        assert again.abi == program.abi
        (only,) = again.vectors.values()
        assert encode(only.instructions, again.abi) == data, text
