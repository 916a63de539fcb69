"""The table of every strategy, kernel and environment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from opvasm.kernels.profiles import PROFILES

from .conftest import ROOT, Opvasm

FILE = """percpu counter: u64
percpu total: u64
vector bump(n: i64) { add.u64 counter, n }
vector both(n: i64) { add.u64 counter, n; add.u64 total, n }
strategy rseq_then_opv = rseq then opv after 2
strategy elide = rseq then lock after 2 { subscribe eager, fence membarrier }
scenario one "a counter" {
    cpus 1
    strategy rseq
    thread a @0 { run bump(1) { aborted -> retry } }
    thread b @0 { run bump(1) { aborted -> retry } }
    forall counter == 2
}
scenario two "two that belong together" {
    cpus 1
    strategy opv
    thread a @0 { run both(1) { aborted -> retry } }
    thread b @0 { run both(1) { aborted -> retry } }
    forall counter == 2 && total == 2
}
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("compare") / "two.opv"
    path.write_text(FILE)
    return path


@pytest.fixture(scope="module")
def document(opvasm: Opvasm, file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(opvasm("explore", str(file), "--compare", "-f", "json"))
    return found


def cell(document: dict[str, Any], scenario: int, *where: str) -> dict[str, Any]:
    found: dict[str, Any] = next(
        each
        for each in document["scenarios"][scenario]["cells"]
        if (each["strategy"], each["kernel"], each["environment"]) == where
    )
    return found


def test_the_document_keeps_to_its_schema(document: dict[str, Any]) -> None:
    path = ROOT / "opvasm/explorer_reports/schemas/opvasm-compare-1.json"
    jsonschema.validate(document, json.loads(path.read_text()))


# model.md section 2.4, the table of progress, and section 1, points 1, 2 and 8.
@pytest.mark.parametrize(
    ("where", "verdict"),
    [
        (("rseq", "legacy", "quiet"), "holds"),
        (("rseq", "legacy", "preempt"), "holds"),
        (("rseq", "legacy", "stepped"), "livelock"),
        (("rseq", "v6_19_arm64", "quiet"), "fails"),
        (("rseq", "no_rseq", "quiet"), "livelock"),
        (("rseq_then_opv", "legacy", "stepped"), "holds"),
        (("rseq_then_opv", "legacy", "stalled"), "holds"),
        (("rseq_then_opv", "no_rseq", "quiet"), "holds"),
        (("elide", "legacy", "stepped"), "holds"),
        (("elide", "legacy", "stalled"), "blocked"),
        (("opv", "legacy", "stepped"), "holds"),
        (("opv", "v6_19_arm64", "quiet"), "holds"),
        (("opv", "legacy", "stalled"), "holds"),
    ],
)
def test_what_each_way_comes_to(
    document: dict[str, Any], where: tuple[str, str, str], verdict: str
) -> None:
    assert cell(document, 0, *where)["verdict"] == verdict


def test_a_section_that_adds_twice_is_refused_by_rule_4(document: dict[str, Any]) -> None:
    """Two adds are no restartable section (R4), so no strategy with sections has a verdict."""
    for strategy in ("rseq", "rseq_then_opv", "elide"):
        found = cell(document, 1, strategy, "legacy", "quiet")
        assert (found["verdict"], found["rule"]) == ("refused", "OPV404")
    assert cell(document, 1, "opv", "legacy", "quiet")["verdict"] == "holds"


def test_one_preemption_loses_an_increment_on_arm64(document: dict[str, Any]) -> None:
    """model.md section 3.5: arm64 needs 1."""
    found = cell(document, 0, "rseq", "v6_19_arm64", "quiet")
    assert found["preemptions"] == 1
    example = document["counterexamples"][found["counterexample"]]
    assert example["model"]["kernel"] == "v6_19_arm64"


def test_kernels_with_equal_rules_agree_with_an_exploration_of_their_own(
    opvasm: Opvasm, tmp_path: Path, document: dict[str, Any]
) -> None:
    """What a cell takes over from another kernel is what exploring that kernel finds."""
    kernels = sorted({each["kernel"] for each in document["scenarios"][0]["cells"]})
    assert len(kernels) == len(PROFILES)
    for strategy in ("rseq", "rseq_then_opv", "opv"):
        for kernel in kernels:
            text = FILE.replace(
                "    strategy rseq\n", f"    kernel {kernel}\n    strategy {strategy}\n", 1
            ).replace(
                "    forall counter == 2\n", "    forall counter == 2\n    progress finishes\n"
            )
            path = tmp_path / "one.opv"
            path.write_text(text)
            wanted = cell(document, 0, strategy, kernel, "quiet")
            code = 0 if wanted["verdict"] == "holds" else 1
            found = json.loads(opvasm("explore", str(path), "one", "-f", "json", code=code))
            run = found["scenarios"][0]["runs"][0]
            assert run["verdict"] == wanted["verdict"], (strategy, kernel)
            assert run["states"] == wanted["states"], (strategy, kernel)


def test_every_counterexample_is_saved_and_replays(
    opvasm: Opvasm, file: Path, tmp_path: Path, document: dict[str, Any]
) -> None:
    """Also those of environments that the file does not name."""
    folder = tmp_path / "found"
    text = opvasm("explore", str(file), "--compare", "--save", str(folder))
    saved = sorted(folder.iterdir())
    assert len(saved) == len(document["counterexamples"])
    assert any("stepped" in each.name for each in saved)
    for each in saved:
        label = json.loads(each.read_text())["expect"]["label"]
        assert label in opvasm("explore", str(file), "--replay", str(each))
        assert label in text


def test_words_that_do_not_go_together(opvasm: Opvasm, file: Path, tmp_path: Path) -> None:
    """A format without tables, coverage, or a file where a folder is needed: each is refused."""
    (tmp_path / "plain").write_text("")
    for more in (["-f", "dot"], ["--coverage"], ["--save", str(tmp_path / "plain")]):
        assert opvasm("explore", str(file), "--compare", *more, code=2) == ""
    assert (tmp_path / "plain").read_text() == ""


def test_a_limit_leaves_cells_open(opvasm: Opvasm, tmp_path: Path) -> None:
    """Threads that name their strategies have one row: random schedules follow each limit."""
    path = tmp_path / "named.opv"
    path.write_text(FILE.replace("@0 {", "@0 strategy opv {").replace("    strategy opv\n", ""))
    text = opvasm("explore", str(path), "two", "--compare", "--max-states", "2", code=3)
    assert "inconclusive" in text
