"""Scenarios and the debugger, as the playground's page asks for them."""

from __future__ import annotations

from typing import Any

import pytest

from opvasm.assembler import Assembly
from opvasm.explorer.answers.library import explore
from opvasm.explorer.answers.verdict import Report
from opvasm.playground import debugging, exploring

from .test_answers import COUNTER, ask

LIMIT = 10_000


def test_a_race_is_found_with_the_schedule_to_step_through() -> None:
    """Two unprotected increments lose one: the last step of the schedule leaves 1 in the counter."""
    found = ask("explore", scenario="lost", limit=LIMIT)
    (scenario,) = found["scenarios"]
    assert scenario["as_expected"] is True
    assert scenario["runs"][0]["verdict"] == "fails"
    show = found["shows"][0]
    values = list(show["initial"])
    for step in show["steps"]:
        for cell, value in step["changes"]:
            values[cell] = value
    assert values[show["cells"].index("counter@0")] == "1"
    assert found["sources"][0]["lines"] == COUNTER.splitlines()
    assert "<script" not in found["html"]


def test_text_of_the_file_is_no_markup() -> None:
    """A title with an element in it comes out escaped, in what is put into the page as HTML."""
    text = COUNTER.replace("scenario lost {", 'scenario lost "<img src=x onerror=alert(1)>" {')
    found = ask("explore", text, scenario=None, limit=LIMIT)
    assert "<img" not in found["html"]
    assert "&lt;img" in found["html"]
    found = ask("compare", text, scenario=None, limit=LIMIT)
    assert "<img" not in found["html"]


def test_a_limit_leaves_the_answer_open() -> None:
    """Two states are not enough: the run says what stopped it, and holds nothing for sure."""
    text = COUNTER.replace("expect fails", "").replace("== 2", "<= 2")
    found = ask("explore", text, scenario="lost", limit=2)
    run = found["scenarios"][0]["runs"][0]
    assert run["verdict"] == "inconclusive"
    assert run["stopped"]


def test_a_wrong_scenario_is_a_finding_of_explore() -> None:
    """A thread on a CPU that is not there is refused with its place in the text."""
    text = COUNTER.replace("thread b @0", "thread b @7")
    found = ask("explore", text, scenario="lost", limit=LIMIT)
    assert not found["ok"]
    finding = found["findings"][0]
    assert "7" in text[finding["from"] : finding["to"]]


@pytest.mark.usefixtures("python_engine")
def test_progress_is_told() -> None:
    """A search of more than a few hundred states says how far it is."""
    import json

    from opvasm.playground.answers import answer

    told: list[str] = []
    threads = "".join(
        f"thread t{each} @{each} {{ loop 4 {{ x = load counter; store counter, x + {each} }} }}\n"
        for each in range(1, 3)
    )
    text = f"shared counter: u64\nscenario s {{ cpus 3\n{threads}forall counter < 100 }}\n"
    question = {"ask": "explore", "name": "s.opv", "text": text, "scenario": None, "limit": LIMIT}
    assert json.loads(answer(json.dumps(question), told.append))["ok"]
    assert told
    assert "states" in told[0]


def test_the_table_has_a_cell_for_each_kernel() -> None:
    """Under the strategy rseq a kernel that does not abort on preemption is not what others are."""
    found = ask("compare", scenario="lost", limit=LIMIT)
    assert found["ok"]
    assert 'class="matrix' in found["html"]
    assert "legacy" in found["html"]


def debug(*commands: str, **more: Any) -> dict[str, Any]:
    """The debugger's view of the first test, after some commands."""
    subject: dict[str, Any] = {"kind": "test", "what": "one"}
    return ask("debug", **(subject | more), commands=commands, limit=LIMIT)


def test_steps_go_forwards_and_back() -> None:
    """Adding 5 shows in memory as a change; one step back it is gone, at the position before."""
    before = debug("next")
    after = debug("next", "next")
    assert ["counter@1", "5", True] in after["memory"]
    back = debug("next", "next", "reverse-next")
    assert ["counter@1", "0", True] in back["memory"]
    assert back["position"] == before["position"]
    assert COUNTER[before["from"] : before["to"]].startswith("run bump(5)")


def test_a_session_that_was_forgotten_comes_to_the_same_place() -> None:
    """After another subject in between, the same commands give the same view."""
    commands = ("next", "step", "why")
    first = debug(*commands)
    debug(what="two")
    again = debug(*commands)
    assert again["outputs"] == first["outputs"]
    assert again["position"] == first["position"]
    debugging._consoles.cache_clear()
    assert debug(*commands)["outputs"] == first["outputs"]
    assert "op 0" in first["outputs"][2]["text"]


def test_a_vector_is_called_with_what_was_typed() -> None:
    """The op of the call is shown with its argument; a missing argument is said."""
    found = debug("step", kind="vector", what="bump", arguments=[["n", "3"]])
    assert found["ops"] == ["add counter, n"]
    assert not debug(kind="vector", what="bump")["ok"]


def test_the_schedule_of_a_failure_is_debugged() -> None:
    """The threads of the scenario take their steps, and the end names what is violated."""
    found = debug("continue", kind="schedule", what="lost")
    assert found["at_end"]
    assert "counter@0 == 2" in found["outputs"][1]["text"]


def test_commands_that_need_files_are_unknown() -> None:
    """There is no `source` in the page, and the session goes on."""
    found = debug("source x", "next")
    assert "error" in found["outputs"][1]["text"]
    assert found["position"] > 0


def test_the_same_race_again_is_not_searched_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same question has the same answer at once, another text or limit is explored; few are kept."""
    asked: list[str] = []

    def counted(assembly: Assembly, *names: str, **more: Any) -> tuple[Report, ...]:
        asked.append(assembly.sources[0].text)
        return explore(assembly, *names, **more)

    monkeypatch.setattr(exploring, "explore_scenarios", counted)
    exploring._explored.clear()
    found = ask("explore", scenario="lost", limit=LIMIT)
    assert ask("explore", scenario="lost", limit=LIMIT) == found
    assert len(asked) == 1
    ask("explore", scenario="lost", limit=LIMIT - 1)
    for number in range(exploring.KEPT):
        ask("explore", f"{COUNTER}// {number}\n", scenario="lost", limit=LIMIT)
    assert len(asked) == 2 + exploring.KEPT
    assert len(exploring._explored) == exploring.KEPT
    assert ask("explore", scenario="lost", limit=LIMIT) == found
    assert len(asked) == 3 + exploring.KEPT


def test_a_mistake_in_another_scenario_is_no_obstacle() -> None:
    """The scenario that is asked for is explored; with all of them asked for the mistake is reported."""
    other = COUNTER[COUNTER.index("scenario") :].replace("lost", "wrong").replace("b @0", "b @7")
    assert ask("explore", COUNTER + other, scenario="lost", limit=LIMIT)["ok"]
    assert not ask("explore", COUNTER + other, scenario="wrong", limit=LIMIT)["ok"]
    assert not ask("explore", COUNTER + other, scenario=None, limit=LIMIT)["ok"]
    assert not ask("explore", COUNTER + other, scenario="absent", limit=LIMIT)["ok"]
