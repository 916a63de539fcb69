"""Ctrl-C while `explore` does something else than search: it ends at once, and leaves no half of a file."""

from __future__ import annotations

import itertools
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from opvasm.cli.explore import compare, formats, sweep
from opvasm.explorer.search.explore import explore as search
from opvasm.explorer.search.search import Search
from opvasm.explorer_reports import comparison, graph_svg

from .conftest import Ran, Run

TEXT = """percpu counter: u64
vector bump(n: i64) { add.u64 counter, n }
strategy twice = rseq then opv after 2
scenario fails {
    thread a @0 { run bump(1) { aborted -> retry } }
    thread b @0 { run bump(1) { aborted -> retry } }
    forall counter@0 == 3
}
scenario holds {
    thread a @0 { run bump(1) { aborted -> retry } }
    forall counter@0 == 1
}
"""
OLD = "what was there before"
MAKING = "opvasm explore: error: interrupted while the report was made (verdicts: fails, holds)"


def interrupting(call: Callable[..., Any], number: int) -> Callable[..., Any]:
    """A function that is interrupted as it is called for the ``number``-th time."""
    count = itertools.count(1)

    def interrupted(*given: Any, **named: Any) -> Any:
        if next(count) == number:
            raise KeyboardInterrupt
        return call(*given, **named)

    return interrupted


def forever(*_: object) -> str:
    """A report that takes more time than anybody waits."""
    while True:
        pass


@pytest.fixture
def explore(opvasm: Run, tmp_path: Path) -> Callable[..., Ran]:
    """Explore TEXT into a file in which something stands."""
    (tmp_path / "a.opv").write_text(TEXT)
    (tmp_path / "out").write_text(OLD)

    def run(*words: str) -> Ran:
        ran = opvasm("explore", "a.opv", *words, "-o", "out")
        assert ran.output == b""
        assert sorted(each.name for each in tmp_path.iterdir() if each.is_file()) == [
            "a.opv",
            "out",
        ]
        return ran

    return run


def untouched() -> bool:
    """Whether the file holds what it held."""
    return Path("out").read_text() == OLD


@pytest.mark.parametrize("form", ["html", "svg", "dot"])
@pytest.mark.usefixtures("python_engine")
def test_an_interrupt_in_the_search_for_a_picture_ends_the_command(
    explore: Callable[..., Ran], form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A graph is searched once more to be drawn: that search is not taken for its whole, or for an answer."""

    def searches(*given: Any, **named: Any) -> Any:
        monkeypatch.setattr(Search, "_expand", interrupting(Search._expand, 3))
        return search(*given, **named)

    monkeypatch.setattr("opvasm.explorer_reports.state_graph.explore", searches)
    ran = explore("-f", form)
    assert ran.code == 130
    assert MAKING in ran.errors
    assert untouched()


def test_an_interrupt_while_a_picture_is_written_ends_the_command(
    explore: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At its third node; what stood in the file stays."""
    monkeypatch.setattr(graph_svg, "_node", interrupting(graph_svg._node, 3))
    ran = explore("-f", "svg")
    assert (ran.code, MAKING in ran.errors, untouched()) == (130, True, True)


@pytest.mark.usefixtures("python_engine")
def test_an_interrupt_while_a_schedule_is_worked_out_ends_the_command(
    explore: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The searches of a diagnosis are for nothing else."""

    def diagnosed(*given: Any, **named: Any) -> Any:
        monkeypatch.setattr(Search, "_expand", interrupting(Search._expand, 2))
        return search(*given, **named)

    monkeypatch.setattr("opvasm.explorer.answers.diagnose.explore", diagnosed)
    ran = explore()
    assert (ran.code, MAKING in ran.errors, untouched()) == (130, True, True)


@pytest.mark.usefixtures("python_engine")
def test_what_an_interrupt_leaves_out_is_named(
    explore: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its report is written, and has the scenarios that come after it, with nothing begun."""
    monkeypatch.setattr(Search, "_expand", interrupting(Search._expand, 3))
    assert explore("-f", "json").code == 130
    first, second = json.loads(Path("out").read_text())["scenarios"]
    assert first["interrupted"]
    assert [run["stopped"] for run in first["runs"]] == ["an interrupt"]
    assert (second["interrupted"], second["runs"], second["not_begun"]) == (True, [], 1)
    assert (second["as_expected"], second["undiagnosed"]) == (None, False)
    monkeypatch.setattr(Search, "_expand", interrupting(Search._expand, 3))
    explore()
    assert (
        Path("out")
        .read_text()
        .endswith(
            "Scenario holds\n"
            "Not begun 1 configuration, from kernel=legacy  a=opv  cpus=1 on: stopped by an interrupt\n\n"
            "Expect holds (nothing else is expected): open (stopped by an interrupt)\n"
        )
    )


@pytest.mark.parametrize("form", ["dot", "svg"])
@pytest.mark.usefixtures("python_engine")
def test_a_picture_says_what_an_interrupt_left_out(
    explore: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """A scenario of which nothing was begun has a graph without states, and its reason."""
    monkeypatch.setattr("opvasm.explorer.answers.verdict.explore", interrupting(search, 1))
    assert explore("-f", form).code == 130
    text = Path("out").read_text()
    assert "holds" in text
    assert "not begun: 1 configuration, from kernel=legacy  a=opv  cpus=1 on" in text


needs_alarms = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no alarms here")


@needs_alarms
@pytest.mark.usefixtures("python_engine")
def test_after_an_interrupt_a_report_has_little_time(
    explore: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that takes longer is broken off, without another interrupt."""
    monkeypatch.setattr(Search, "_expand", interrupting(Search._expand, 3))
    slow = formats.FORMATS["html"]._replace(write=forever)
    monkeypatch.setitem(formats.FORMATS, "html", slow)
    ran = explore("-f", "html")
    assert ran.code == 130
    assert "interrupted while the report was made (verdicts: inconclusive)" in ran.errors
    assert untouched()


@needs_alarms
@pytest.mark.usefixtures("python_engine")
def test_after_an_interrupt_a_comparison_has_little_time(
    explore: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same of --compare, with the scenarios that were not begun in the table."""
    monkeypatch.setattr(Search, "_expand", interrupting(Search._expand, 200))
    assert explore("--compare").code == 130
    text = Path("out").read_text()
    assert text.count("interrupted: the rest of this table is missing") == 2
    assert "Scenario holds" in text
    Path("out").write_text(OLD)
    monkeypatch.setattr(Search, "_expand", interrupting(Search._expand, 200))
    monkeypatch.setattr(compare, "_written", forever)
    assert explore("--compare").code == 130
    assert untouched()


@pytest.mark.usefixtures("python_engine")
def test_an_interrupt_in_a_diagnosis_ends_a_comparison(
    explore: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its cell keeps its verdict, and no other cell is begun."""

    def broken_off(*_: object, **more: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(comparison, "diagnose", broken_off)
    assert explore("--compare", "-f", "json").code == 130
    first, second = json.loads(Path("out").read_text())["scenarios"]
    assert (first["complete"], second["complete"]) == (False, False)


@needs_alarms
def test_after_an_interrupt_a_sweep_has_little_time(
    explore: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its report is broken off; what is finished would be in --results."""
    monkeypatch.setattr("opvasm.sweep.work._File.explore", interrupting(lambda *_: None, 1))
    monkeypatch.setattr(sweep, "_written", forever)
    ran = explore("--sweep", "--jobs", "1")
    assert ran.code == 130
    assert "interrupted while the report was made (verdicts: none)" in ran.errors
    assert untouched()
