"""Other implementations behind a pipe are held against the same cases."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from opvasm.conformance_case import Case, read_cases
from opvasm.engines import EngineError, get_engine
from opvasm.engines.conformance import check
from opvasm.engines.plugin import PluginEngine
from opvasm.source import SourceFile

HERE = Path(__file__).parent
PLUGIN = f"{sys.executable} -m tests.conformance.plugin_reference"


@pytest.fixture(scope="module")
def some_cases() -> list[Case]:
    """Every fortieth case, and each that runs into a historic bug of the CPU rules."""
    path = HERE / "public.jsonl"
    cases = list(read_cases(SourceFile(path.name, path.read_text())))
    return cases[::40] + [each for each in cases if (each.historic_bug or "").startswith("cpu")]


def test_a_right_plugin_passes_and_a_wrong_one_fails(
    some_cases: list[Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every answer is compared, and the quirks arrive: both kernels' answers are right."""
    monkeypatch.chdir(HERE.parent.parent)
    engine = PluginEngine(PLUGIN)
    assert [v.problem for v in check(some_cases, engine) if v.problem] == []
    engine.close()
    spoiled = PluginEngine(f"{PLUGIN} --spoil")
    assert all(verdict.problem for verdict in check(some_cases, spoiled))
    spoiled.close()


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("", "is empty"),
        ("'unclosed", "can't be split"),
        ("/no/such/command", "can't be started: No such file"),
        ("false", "ended with status 1, no answer given"),
        ("echo hello", "no answer: "),
        ("echo '{\"ret\": 0}'", "field 'memory_after' is missing"),
        ('echo \'{"id": "other", "ret": 0, "memory_after": []}\'', "it answers case 'other'"),
        ('echo \'{"ret": 0, "memory_after": [["0x1", "zz"]]}\'', "no answer: "),
    ],
)
def test_a_broken_plugin_is_one_clear_error(
    some_cases: list[Case], command: str, complaint: str
) -> None:
    """Whatever the command does, an EngineError says what."""
    with pytest.raises(EngineError, match=complaint):
        list(check(some_cases[:1], PluginEngine(command)))


def test_an_unknown_engine_is_refused_with_the_known_ones() -> None:
    """get_engine names what there is."""
    with pytest.raises(EngineError, match="no engine is called 'fast'; there is: reference"):
        get_engine("fast")
    get_engine("reference").close()
