"""Traces: valid by their schema, complete enough to walk without the program, honest about doubt."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest

from opvasm.debugger.load import session_of_case, session_of_trace
from opvasm.debugger.record import record, trace_records
from opvasm.debugger.session import Session
from opvasm.errors import DecodeError
from opvasm.interpreter.events import Event
from opvasm.scenario.events import TestEvent
from opvasm.trace import json_lines
from tests.debugger.sessions import ROOT, Transcript, cases, program, session, state

SCHEMA = json.loads((Path(json_lines.__file__).parent / "opvasm-trace-1.json").read_text())


def text_of(recorded: Session) -> str:
    return "".join(json.dumps(each) + "\n" for each in trace_records(recorded))


def to_the_end(walk: Session) -> Session:
    while not walk.at_end:
        walk.next_statement()
    return walk


def snake(name: str) -> str:
    return "".join(f"_{each.lower()}" if each.isupper() else each for each in name).lstrip("_")


def test_the_schema_has_every_event_with_its_fields() -> None:
    """A new event or field can't be forgotten in the schema."""
    for event in (*get_args(Event), *get_args(TestEvent)):
        described = SCHEMA["$defs"][snake(event.__name__)]["properties"]
        assert set(described) == {"event", *event._fields}, event.__name__


@pytest.mark.parametrize("number", range(0, 2900, 58))
def test_a_recorded_case_is_valid_and_walks_to_the_same_states(number: int) -> None:
    """Every line follows the schema; the walk of the trace meets the states of the session."""
    live = to_the_end(session_of_case(cases()[number]))
    lines = text_of(live).splitlines()
    validator = jsonschema.Draft202012Validator(SCHEMA)
    for line in lines:
        validator.validate(json.loads(line))
    replay, notes = session_of_trace("\n".join(lines), "trace")
    assert notes == ()
    live.goto(0)
    # A trace begins by making the machine, which a live session does not.
    replay.step_movement()
    assert state(replay) == state(live)
    while not live.at_end:
        live.step_movement()
        replay.step_movement()
        assert state(replay) == state(live)
    assert replay.at_end


def test_a_replay_without_the_program_stops_where_the_session_stops() -> None:
    """Watchpoints, who and why need no source: the events say enough."""
    text = text_of(to_the_end(session()))
    blind = Transcript(session_of_trace(text, "trace")[0])
    # head@1 of the default layout: the second page of the percpu area.
    blind("watch 0x7f0000001000, 8")
    assert "by op 2 of push" in blind("continue")
    assert "op 2 of push" in blind("who 0x7f0000001000, 8")
    assert "by op 2 of push" in blind("continue")
    blind("break EFAULT")
    blind("continue")
    assert "not mapped" in blind("why")
    assert "This is the start" in (blind("reverse-continue 9"))


def test_a_replay_with_the_program_has_its_names_and_lines() -> None:
    """The file that was traced gives names, types and the text of the statements."""
    text = text_of(to_the_end(session()))
    replay = Transcript(session_of_trace(text, "trace", program())[0])
    replay("break push.2")
    stopped = replay("continue")
    assert "memcpy.ptr  head, node" in stopped
    assert "head@1" in stopped or "dst head" in stopped
    assert replay("print nodes[0].value") == "$1 = 7"


def test_a_trace_of_run_can_be_walked_test_by_test(tmp_path: Path) -> None:
    """`run --trace=jsonl` and `debug --replay` fit together, several machines in one trace."""
    trace = tmp_path / "trace.jsonl"
    opvasm = [sys.executable, "-m", "opvasm"]
    made = subprocess.run(
        [*opvasm, "run", "samples/idioms/list.opv", "--trace=jsonl"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    validator = jsonschema.Draft202012Validator(SCHEMA)
    for line in made.stdout.splitlines():
        validator.validate(json.loads(line))
    trace.write_text(made.stdout)
    walked = subprocess.run(
        [
            *(*opvasm, "debug", "--replay", str(trace), "--batch"),
            *("-ex", "goto end", "-ex", "when", "-ex", "goto 0", "-ex", "when"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "position 0 of" in walked.stdout
    calls = made.stdout.count('"event":"returned"')
    assert calls >= 20


def lines_of(test: str = "a list") -> list[dict[str, Any]]:
    return [json.loads(line) for line in text_of(to_the_end(session(test))).splitlines()]


def test_a_trace_that_contradicts_itself_says_where() -> None:
    """A store that found other bytes than the trace has put there: somebody else wrote."""
    records = lines_of()
    stored = [each for each in records if each.get("event") == "stored"]
    stored[3]["before"] = "ff" * (len(stored[3]["before"]) // 2)
    text = "\n".join(json.dumps(each) for each in records)
    _, notes = session_of_trace(text, "trace")
    assert any("something that is not in the trace wrote there" in note for note in notes)


def test_a_trace_without_memory_is_walked_with_what_its_ops_touched() -> None:
    """Another implementation may say nothing but what the ops did."""
    kept = ("called", "copied_in", "started", "loaded", "stored", "finished", "returned")
    records = lines_of()
    text = "\n".join(
        json.dumps(each) for each in records if each.get("event") in kept or "schema" in each
    )
    replay, notes = session_of_trace(text, "trace")
    assert "only what its ops touched is known" in notes[0]
    first = state(replay)
    to_the_end(replay)
    assert state(replay) != first
    replay.goto(0)
    assert state(replay) == first


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([], "the file is empty"),
        (["{}"], "opvasm-trace/1"),
        (['{"schema": "opvasm-trace/1", "revision": "1999-01"}'], "unknown"),
        (["[1]"], "not a JSON object"),
        (["HEADER", "nonsense"], "line 2"),
        (["HEADER", '{"event": "stored", "op": 0}'], "is missing"),
        (["HEADER", '{"event": "stored", "op": 0, "address": "0x1", "before": "", "after": "00"}'], "lengths"),
        (["HEADER", '{"event": "machine_ready", "memory": [], "cpus": {"possible": 0, "online": [], "allowed": [], "current": 0}}'], "not online"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_trace_is_refused_with_the_line(lines: list[str], reason: str) -> None:
    """OPV601 names the line and what is wrong with it."""
    header = '{"schema": "opvasm-trace/1", "revision": "2017-11"}'
    text = "\n".join(header if line == "HEADER" else line for line in lines)
    with pytest.raises(DecodeError, match=reason):
        session_of_trace(text, "trace")


def test_record_writes_whole_files_or_none(tmp_path: Path) -> None:
    """A folder that is not there: an error, no part of a file; a good path: the trace up to here."""
    recorded = session()
    recorded.next_statement()
    with pytest.raises(OSError, match="No such file"):
        record(recorded, str(tmp_path / "no" / "trace.jsonl"))
    path = tmp_path / "trace.jsonl"
    position = recorded.position
    count = record(recorded, str(path))
    assert recorded.position == position
    assert len(path.read_text().splitlines()) == count + 1
    assert [each.name for each in tmp_path.iterdir()] == ["trace.jsonl"]
