"""Every rule of advice: its sample triggers it, the near miss beside it does not, its example does."""

from __future__ import annotations

from pathlib import Path

import pytest

from opvasm.codes import advice, all_codes, kernel
from opvasm.codes.code import Code
from opvasm.edits import edited
from opvasm.source import SourceFile
from opvasm.text.formatter import formatted

from .programs import codes, findings_of, program

SAMPLES = Path(__file__).parents[2] / "samples" / "advice"
# These are said only when verify is asked for --portability: test_portability.py.
ASKED = {advice.NOT_PORTABLE, advice.OTHER_OPERATION}
RULES = [
    each
    for each in (*kernel.CODES, *advice.CODES)
    if each.code == kernel.MISALIGNED or (each.code >= "OPV300" and each.code not in ASKED)
]
FILES = sorted(SAMPLES.glob("*.opv"))
VECTORS = [
    (path, vector)
    for path in FILES
    for vector in program(path.read_text("utf-8"), path.name).vectors
]


def test_every_rule_has_its_sample() -> None:
    assert [path.name[:6] for path in FILES] == sorted(each.code for each in RULES)


@pytest.mark.parametrize(
    ("path", "vector"), VECTORS, ids=[f"{path.stem}: {vector}" for path, vector in VECTORS]
)
def test_a_vector_triggers_its_rule_exactly_when_its_name_says_so(path: Path, vector: str) -> None:
    found = findings_of(program(path.read_text("utf-8"), path.name), vector)
    assert vector.startswith(("triggers", "near_miss"))
    assert (path.name[:6] in codes(found)) is vector.startswith("triggers"), found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_sample_has_both_kinds_of_vectors(path: Path) -> None:
    vectors = list(program(path.read_text("utf-8"), path.name).vectors)
    assert {each.startswith("triggers") for each in vectors} == {True, False}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_the_example_of_a_rule_triggers_it_at_its_level(rule: Code) -> None:
    found = [each for each in findings_of(program(rule.example)) if each.code == rule.code]
    assert [each.level for each in found] == [rule.level]


@pytest.mark.parametrize("rule", kernel.CODES, ids=lambda rule: rule.code)
def test_the_example_of_a_static_rule_triggers_it(rule: Code) -> None:
    assert rule.code in codes(findings_of(program(rule.example)))


def test_every_finding_is_explained_and_has_a_help_or_a_note() -> None:
    known = all_codes()
    for path in FILES:
        for each in findings_of(program(path.read_text("utf-8"), path.name)):
            assert each.code in known
            assert each.help or each.notes
            assert each.place is not None
            assert not each.message.endswith(".")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_making_the_edits_of_a_sample_takes_the_findings_away(path: Path) -> None:
    source = program(path.read_text("utf-8"), path.name)
    found = findings_of(source)
    mended = [each for each in found if each.edits]
    texts = edited(found)
    assert bool(texts) is bool(mended)
    for _, text in texts:
        again = findings_of(program(text, path.name))
        assert len(again) <= len(found) - len(mended)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_samples_are_laid_out(path: Path) -> None:
    text = path.read_text("utf-8")
    assert formatted(SourceFile(path.name, text)) == text
