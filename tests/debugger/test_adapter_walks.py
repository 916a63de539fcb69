"""An editor moves through a session and looks around, in this process."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from opvasm.debugger.dap.adapter import Launched
from opvasm.debugger.load import session_of_test, session_of_trace
from opvasm.debugger.record import trace_records
from tests.debugger.adapters import (
    ASSIGN,
    COMMIT,
    COMPARE,
    NODES,
    PUSH,
    SLOTS_SIZE,
    refused,
    run_to,
    scope,
    serving,
    start,
)
from tests.debugger.client import Client
from tests.debugger.sessions import assembly_of, line_of, program

# -- moves -------------------------------------------------------------------------------------


def test_steps_go_over_statements_outside_of_a_call_and_over_ops_within(client: Client) -> None:
    """next, stepIn and stepOut, and stepBack along the same places."""
    start(client)
    found = []
    for command in ("next", "next", "stepIn", "next", "next", "stepOut"):
        client.request(command, threadId=1)
        found.append(client.stopped()[1])
    stale = line_of("run push(&nodes[1], 0) -> 1")
    assert found == [ASSIGN, PUSH, COMPARE, COMPARE + 1, COMMIT, stale]
    client.request("stepBack", threadId=1)  # over the whole call
    assert client.stopped()[1] == PUSH
    client.request("stepBack", threadId=1)
    assert client.stopped()[1] == ASSIGN


def test_a_variable_that_is_set_changes_what_follows(client: Client) -> None:
    """The head is set to a node before the push that expects none: the test fails there."""
    start(client)
    run_to(client, PUSH)
    scopes = client.request("scopes", frameId=1)["scopes"]
    reference = next(each for each in scopes if each["name"] == "Variables")["variablesReference"]

    def assign(name: str, value: str) -> dict[str, Any]:
        number = client.send("setVariable", variablesReference=reference, name=name, value=value)
        return client.response(number)

    assert "does not fit u32" in assign("count@1", "-1")["message"]
    assert assign("head@1", "&nodes[2]")["body"]["value"].endswith("(&nodes[2])")
    assert scope(client, "Variables")["head@1"]["value"].endswith("(&nodes[2])")
    path = {"path": "program.opv"}
    client.request("setBreakpoints", source=path, breakpoints=[{"line": COMPARE}])
    client.request("continue", threadId=1)
    assert client.stopped() == ("breakpoint", COMPARE)
    # Within the call, before its compare: with 0 there the push goes through, and the next one begins.
    scopes = client.request("scopes", frameId=1)["scopes"]
    reference = next(each for each in scopes if each["name"] == "Variables")["variablesReference"]
    assert assign("head@1", "0")["body"]["value"].startswith("0")
    client.request("continue", threadId=1)
    assert client.stopped() == ("breakpoint", COMPARE)


def test_the_console_sets_and_abandons(client: Client) -> None:
    """`set` in the console goes on in a branch, which the editor follows; `abandon` leads back."""
    start(client)
    run_to(client, PUSH)

    def console(text: str) -> str:
        return str(client.request("evaluate", expression=text, context="repl")["result"])

    assert "another history" in console("set head@1 = &nodes[2]")
    assert client.stopped()[1] == PUSH
    assert scope(client, "Variables")["head@1"]["value"].endswith("(&nodes[2])")
    client.request("continue", threadId=1)
    assert client.event("stopped")["reason"] == "exception"
    console("abandon")
    assert client.stopped()[1] == PUSH
    assert not scope(client, "Variables")["head@1"]["value"].endswith("(&nodes[2])")


@pytest.mark.parametrize("right", [True, False])
def test_the_exit_code_says_whether_the_test_failed(client: Client, right: bool) -> None:
    """Continuing past the end: 0, or 1 where something failed in the history that ended."""
    start(client)
    run_to(client, PUSH)
    client.request("evaluate", expression="set head@1 = &nodes[2]", context="repl")
    client.stopped()
    if right:
        client.request("continue", threadId=1)
        assert client.event("stopped")["reason"] == "exception"
        client.request("evaluate", expression="abandon", context="repl")
        client.stopped()
    ended = False
    while not ended:
        client.request("continue", threadId=1)
        while not {"exited", "stopped"} & {each["event"] for each in client.events}:
            client.receive()
        ended = any(each["event"] == "exited" for each in client.events)
        if not ended:
            client.event("stopped")
    assert client.event("exited")["exitCode"] == (0 if right else 1)


def test_an_instruction_of_the_editor_is_one_movement(client: Client) -> None:
    """granularity: instruction; stepIn, next and stepBack move the position by one."""
    start(client)
    run_to(client, COMPARE)

    def position() -> int:
        return int(scope(client, "Position")["position"]["value"])

    first = position()
    for command, change in (("stepIn", 1), ("next", 2), ("stepBack", 1), ("stepBack", 0)):
        client.request(command, threadId=1, granularity="instruction")
        client.event("stopped")
        assert position() == first + change


def test_going_back_stops_at_the_start_with_a_reason(client: Client) -> None:
    """reverseContinue without a breakpoint."""
    start(client)
    client.request("next", threadId=1)
    client.event("stopped")
    client.request("reverseContinue", threadId=1)
    stopped = client.event("stopped")
    assert stopped["description"].startswith("This is the start")
    assert scope(client, "Position")["position"]["value"] == "0"


def test_a_pause_stops_a_run_that_would_not_end() -> None:
    """The request is read while the run is under way; after it the session can be looked at."""
    text = (
        "percpu count: u64\nvector bump(n: i64) { add.u64 count, n }\n"
        'test "for ever" {\n    cpu 0\n    repeat 100000000 { run bump(1) -> 0 }\n}\n'
    )
    assembly = assembly_of(text)
    session = session_of_test(assembly, assembly.tests[0])
    with serving(lambda _: Launched(session)) as client:
        start(client)
        client.send("continue", threadId=1)
        client.request("pause", threadId=1)
        stopped = client.event("stopped")
        assert stopped["reason"] == "pause"
        count = int(client.request("evaluate", expression="count")["result"])
        assert 0 <= count < 100_000_000
        client.send("continue", threadId=1)  # and leaving stops it, too
        client.request("disconnect")


def test_a_client_that_leaves_without_a_word_stops_the_run() -> None:
    """Its end of the stream is closed while a run is under way."""
    text = (
        "percpu count: u64\nvector bump(n: i64) { add.u64 count, n }\n"
        'test "for ever" {\n    cpu 0\n    repeat 100000000 { run bump(1) -> 0 }\n}\n'
    )
    assembly = assembly_of(text)
    session = session_of_test(assembly, assembly.tests[0])
    with serving(lambda _: Launched(session)) as client:
        start(client)
        client.send("continue", threadId=1)
    assert not session.at_end


# -- looking -----------------------------------------------------------------------------------


def test_scopes_show_arguments_slots_cpus_and_the_place_in_history(client: Client) -> None:
    """At the commit of the first push on CPU 1."""
    start(client)
    assert scope(client, "Arguments") == {}
    run_to(client, COMMIT)
    arguments = scope(client, "Arguments")
    assert arguments["node"]["value"] == f"{NODES:#x} (&nodes[0])"
    assert arguments["expect"]["value"] == "0"
    slots = scope(client, "Slots")
    assert slots["node"]["type"] == "ptr<node>"
    address = int(slots["node"]["memoryReference"], 16)
    # The parameters lie one after the other, a word each.
    assert int(slots["expect"]["memoryReference"], 16) == address + SLOTS_SIZE
    again = client.request("evaluate", expression=slots["node"]["evaluateName"])
    assert again["result"] == slots["node"]["value"] == f"{NODES:#x} (&nodes[0])"
    assert again["memoryReference"] == slots["node"]["memoryReference"]
    cpus = scope(client, "CPUs")
    assert cpus["CPU 1"]["value"] == "online, the caller is here"
    assert cpus["CPU 0"]["value"] == "online"
    position = scope(client, "Position")
    assert position["statement"]["value"] == "3"
    assert position["op"]["value"] == "2"
    assert position["dst"]["value"] == "head@1"
    variables = scope(client, "Variables")
    assert variables["gone"]["type"] == "page"
    assert variables["count@3"]["value"] == "0"


def test_cpus_say_whether_they_run_and_may_be_used() -> None:
    """Online, allowed, and where the caller is."""
    text = """
    percpu count: u64
    vector bump() { add.u64 count, 1 }
    test "t" {
        cpus 0..2
        online 0..1
        allowed 0
        cpu 0
        run bump() on 2 -> EINVAL
    }"""
    assembly = assembly_of(text)
    session = session_of_test(assembly, assembly.tests[0])
    with serving(lambda _: Launched(session)) as client:
        start(client)
        client.request("continue", threadId=1)
        client.event("stopped")
        cpus = scope(client, "CPUs")
        assert cpus["CPU 0"]["value"] == "online, the caller is here"
        assert cpus["CPU 1"]["value"] == "online, not allowed"
        assert cpus["CPU 2"]["value"] == "offline, not allowed"


def test_a_variable_that_a_trace_never_touched_is_said_to_be_unmapped() -> None:
    """A trace of another implementation tells only of the memory that its ops met."""
    recorded = session_of_test(program(), program().tests[0])
    recorded.goto(10_000)
    kept = ("called", "copied_in", "started", "loaded", "stored", "finished", "returned")
    records = [json.dumps(each) for each in trace_records(recorded)]
    text = "\n".join(each for each in records if "schema" in each or _event(each) in kept)
    walk, _ = session_of_trace(text, "trace", program())
    with serving(lambda _: Launched(walk)) as client:
        start(client)
        variables = scope(client, "Variables")
        # The calls of the test were on CPU 1: nothing touched the page of CPU 0's instance.
        assert variables["head@0"]["value"] == "not mapped (page 0x7f0000000000)"
        assert variables["head@0"]["type"] == "ptr<node>"


def _event(line: str) -> str:
    return str(json.loads(line)["event"])


def test_values_of_expressions_carry_what_an_editor_opens_and_watches(client: Client) -> None:
    """A place has a type and an address, an aggregate parts, a number neither."""
    start(client)
    client.request("next", threadId=1)
    client.event("stopped")
    client.request("next", threadId=1)
    client.event("stopped")
    whole = client.request("evaluate", expression="nodes[0]", context="watch")
    assert whole["result"] == "{ .next = 0, .value = 7 }"
    assert whole["memoryReference"] == f"{NODES:#x}"
    assert whole["variablesReference"] > 0
    field = client.request("evaluate", expression="nodes[0].value", context="hover")
    assert (field["type"], field["variablesReference"]) == ("u64", 0)
    plain = client.request("evaluate", expression="2 * 21", context="watch")
    assert plain == {"result": "42", "variablesReference": 0}
    untyped = client.request("evaluate", expression="&nodes[1]", context="watch")
    assert untyped == {"result": f"{NODES + 16:#x} (&nodes[1])", "variablesReference": 0}


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("nodez", "the name `nodez` is unknown; did you mean nodes?"),
        ("[0x10].u64", "can't be read"),
        ("nodes[9]", "there is no element 9: `nodes` has 4, 0 to 3"),
        ("1 / 0", "zero"),
        ("head +", ""),
        ("", "an expression is missing"),
    ],
)
def test_an_expression_without_a_value_is_refused_with_the_reason(
    client: Client, expression: str, reason: str
) -> None:
    """The editor shows the reason where the value would stand."""
    start(client)
    said = refused(client, "evaluate", expression=expression, context="watch")
    assert said
    assert reason in said


def test_the_console_takes_commands_and_expressions(client: Client) -> None:
    """A command that moves is a stop for the editor; one that does not is only answered."""
    start(client)

    def console(text: str) -> str:
        answer = client.request("evaluate", expression=text, context="repl")
        return str(answer["result"])

    assert console("nodes[1].value + 2") == "2"
    assert console("info watchpoints") == "no breakpoints or watchpoints"
    assert console("break nowhere").startswith("error: no vector is called 'nowhere'")
    before = len(client.events)
    assert console("break push.2").startswith("Breakpoint 1: push.2")
    assert len(client.events) == before
    assert "Breakpoint 1: push.2" in console("continue")
    assert client.stopped() == ("breakpoint", COMMIT)


def test_memory_is_read_as_far_as_it_is_mapped(client: Client) -> None:
    """The shared area of this program is one page of 4096 bytes; nothing follows it."""
    start(client, test="a list")
    client.request("next", threadId=1)
    client.event("stopped")
    client.request("next", threadId=1)
    client.event("stopped")
    area = f"{NODES:#x}"
    value = client.request("readMemory", memoryReference=area, offset=8, count=8)
    assert base64.b64decode(value["data"]) == (7).to_bytes(8, "little")
    assert value["address"] == f"{NODES + 8:#x}"
    assert "unreadableBytes" not in value
    across = client.request("readMemory", memoryReference=area, offset=4096 - 6, count=16)
    assert base64.b64decode(across["data"]) == bytes(6)
    assert across["unreadableBytes"] == 10
    beyond = client.request("readMemory", memoryReference=area, offset=4096, count=16)
    assert beyond == {"address": f"{NODES + 4096:#x}", "unreadableBytes": 16}
    nothing = client.request("readMemory", memoryReference=area, count=0)
    assert nothing == {"address": area}


@pytest.mark.parametrize(
    ("reference", "offset", "count", "reason"),
    [
        ("head", 0, 1, "'head' is not an address"),
        ("0x10", -17, 1, "none below 0"),
        ("0x10", 0, -1, "none below 0"),
        ("0x10", 0, "many", "invalid literal"),
    ],
)
def test_a_request_for_memory_that_means_nothing_is_refused(
    client: Client, reference: str, offset: int, count: Any, reason: str
) -> None:
    """An address and a number of bytes are needed."""
    start(client)
    said = refused(client, "readMemory", memoryReference=reference, offset=offset, count=count)
    assert reason in said


def test_a_long_read_is_answered_in_part_without_calling_the_rest_unreadable() -> None:
    """What is mapped after the part can be asked for next."""
    text = 'shared big: u8[1200000]\ntest "t" { cpu 0\n    assert big[0] == 0\n}\n'
    assembly = assembly_of(text)
    session = session_of_test(assembly, assembly.tests[0])
    with serving(lambda _: Launched(session)) as client:
        start(client)
        found = client.request("readMemory", memoryReference=f"{NODES:#x}", count=1_200_000)
        assert len(base64.b64decode(found["data"])) == 1 << 20
        assert "unreadableBytes" not in found


def test_a_reference_to_parts_means_nothing_after_a_move(client: Client, tmp_path: Path) -> None:
    """Numbers of variables hold until the next stop."""
    start(client)
    nodes = scope(client, "Variables")["nodes"]["variablesReference"]
    client.request("next", threadId=1)
    client.event("stopped")
    assert "means nothing" in refused(client, "variables", variablesReference=nodes)
