"""Every request of the Debug Adapter Protocol, its answer and its errors, in this process."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from opvasm.debugger.dap.adapter import Adapter, Launched, LaunchError
from opvasm.debugger.load import session_of_case, session_of_test, session_of_trace
from opvasm.debugger.record import trace_records
from tests.debugger.client import Client, Message
from tests.debugger.sessions import PROGRAM, assembly_of, cases, program

NODES = 0x6000_0000_0000  # of the default layout (grammar/README.md): the shared area
SLOTS_SIZE = 8  # the word of a 64-bit machine


def line_of(text: str) -> int:
    """The line of the program in which a text stands first."""
    return PROGRAM[: PROGRAM.index(text)].count("\n") + 1


COMPARE = line_of("cmpeq.ptr   head, expect")
COMMIT = line_of("memcpy.ptr  head, node")
ADD = line_of("add.u32     count")
PUSH = line_of("run push(&nodes[0], 0) -> 0")
ASSIGN = line_of("nodes[0].value = 7")


def launched(arguments: Message) -> Launched:
    """What a launch request asks for, without files: a test of PROGRAM."""
    name = arguments.get("test", "a list")
    if name == "internal":
        raise RuntimeError("a mistake in the launcher")
    found = [each for each in program().tests if each.name == name]
    if not found:
        raise LaunchError(f"no test {name}")
    return Launched(session_of_test(program(), found[0]), program().tests)


@contextmanager
def serving(launch: Callable[[Message], Launched] = launched) -> Iterator[Client]:
    """A client of an adapter that serves in another thread; at the end the adapter has ended."""
    requests, to_adapter = os.pipe()
    answers, to_client = os.pipe()
    with (
        os.fdopen(requests, "rb") as adapter_source,
        os.fdopen(to_client, "wb") as adapter_sink,
        os.fdopen(answers, "rb") as source,
    ):
        thread = Thread(target=Adapter(adapter_source, adapter_sink, launch).serve, daemon=True)
        with os.fdopen(to_adapter, "wb") as sink:
            thread.start()
            yield Client(source, sink)
        thread.join(timeout=20)
        assert not thread.is_alive()


@pytest.fixture
def client() -> Iterator[Client]:
    with serving() as made:
        yield made


def launch(client: Client, **more: Any) -> None:
    client.request("initialize", adapterID="opvasm")
    client.request("launch", stopOnEntry=True, **more)
    client.event("initialized")


def start(client: Client, **more: Any) -> None:
    """Launch, and stop before the first statement."""
    launch(client, **more)
    client.request("configurationDone")
    assert client.event("stopped")["reason"] == "entry"


def refused(client: Client, command: str, **arguments: Any) -> str:
    """Why a request is not carried out; it gets this one answer and no other."""
    answer = client.response(client.send(command, **arguments))
    assert not answer["success"], answer
    assert answer["body"]["error"]["showUser"]
    number = client.send("threads")
    assert client.receive()["request_seq"] == number
    return str(answer["message"])


def lines(*numbers: int, **more: Any) -> list[Message]:
    return [{"line": number, **more} for number in numbers]


def run_to(client: Client, line: int) -> None:
    """Continue to a breakpoint on a line, and take it away again."""
    path = {"path": "program.opv"}
    client.request("setBreakpoints", source=path, breakpoints=lines(line))
    client.request("continue", threadId=1)
    assert client.stopped() == ("breakpoint", line)
    client.request("setBreakpoints", source=path, breakpoints=[])


def scope(client: Client, name: str) -> dict[str, Message]:
    """The variables of a scope by their names."""
    scopes = client.request("scopes", frameId=1)["scopes"]
    reference = next(each for each in scopes if each["name"] == name)["variablesReference"]
    found = client.request("variables", variablesReference=reference)["variables"]
    return {each["name"]: each for each in found}


# -- beginning and end -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("configurationDone", {}),
        ("setBreakpoints", {"source": {"path": "program.opv"}, "breakpoints": []}),
        ("setFunctionBreakpoints", {"breakpoints": []}),
        ("dataBreakpointInfo", {"name": "head"}),
        ("setDataBreakpoints", {"breakpoints": []}),
        ("continue", {"threadId": 1}),
        ("reverseContinue", {"threadId": 1}),
        ("next", {"threadId": 1}),
        ("stepBack", {"threadId": 1}),
        ("stepIn", {"threadId": 1}),
        ("stepOut", {"threadId": 1}),
        ("stackTrace", {"threadId": 1}),
        ("scopes", {"frameId": 1}),
        ("variables", {"variablesReference": 1}),
        ("evaluate", {"expression": "head"}),
        ("readMemory", {"memoryReference": "0x0", "count": 1}),
    ],
)
def test_before_a_launch_a_request_is_answered_once_with_what_comes_first(
    client: Client, command: str, arguments: Message
) -> None:
    """One failure that says to launch, and never a success before it."""
    assert "launch comes first" in refused(client, command, **arguments)


def test_requests_that_need_no_session_are_answered_before_a_launch(client: Client) -> None:
    """Editors send these at any time."""
    assert client.request("threads")["threads"] == [{"id": 1, "name": "caller"}]
    assert client.request("setExceptionBreakpoints", filters=[]) == {"breakpoints": []}
    client.request("pause", threadId=1)
    client.request("terminate")
    client.event("terminated")


@pytest.mark.parametrize("command", ["restart", "disassemble", "attach", "__init__", ""])
def test_what_is_not_claimed_is_refused(client: Client, command: str) -> None:
    """An editor restarts by launching again, which reads the changed file."""
    capabilities = client.request("initialize", adapterID="opvasm")
    assert f"supports{command.capitalize()}Request" not in capabilities
    assert "not supported" in refused(client, command)


def test_a_launch_that_fails_says_why_and_another_may_follow(client: Client) -> None:
    """A reason of the launcher's own, and a mistake inside of it, which ends nothing."""
    assert refused(client, "launch", test="nosuch") == "no test nosuch"
    said = refused(client, "launch", test="internal")
    assert said == "launch can't be carried out: RuntimeError: a mistake in the launcher"
    start(client)


def test_an_event_or_answer_from_the_client_is_passed_over(client: Client) -> None:
    """Only requests are answered."""
    body = b'{"seq": 9, "type": "event", "event": "hello"}'
    client._sink.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
    number = client.send("threads")
    assert client.receive()["request_seq"] == number


def test_arguments_of_the_wrong_kind_are_refused_and_the_session_goes_on(client: Client) -> None:
    """A client with a mistake gets an answer, not a dead adapter."""
    start(client)
    said = refused(client, "setBreakpoints", source=None)
    assert said.startswith("setBreakpoints can't be carried out")
    assert "'source' is missing" in refused(client, "setBreakpoints")
    assert "'count' is missing" in refused(client, "readMemory", memoryReference="0")
    assert "can't be carried out" in refused(client, "variables", variablesReference=[])
    client.request("next", threadId=1)
    assert client.stopped() == ("step", ASSIGN)


def test_bytes_that_are_no_message_end_the_service_with_a_reason() -> None:
    """The client hears of it on the console; then the stream is closed."""
    with serving() as client:
        client._sink.write(b"GET / HTTP/1.1\r\n\r\n")
        client._sink.flush()
        assert "is no header field" in client.event("output")["output"]


def test_a_client_that_has_gone_ends_the_service(capfd: pytest.CaptureFixture[str]) -> None:
    """Nobody reads the answer: no traceback, no thread that waits."""
    requests, to_adapter = os.pipe()
    answers, to_client = os.pipe()
    os.close(answers)
    with os.fdopen(requests, "rb") as source, os.fdopen(to_adapter, "wb") as sink:
        gone = os.fdopen(to_client, "wb", buffering=0)
        thread = Thread(target=Adapter(source, gone, launched).serve, daemon=True)
        thread.start()
        Client(source, sink).send("threads")
        thread.join(timeout=20)
        assert not thread.is_alive()
        gone.close()
    assert capfd.readouterr() == ("", "")


# -- lines and columns -------------------------------------------------------------------------


def test_lines_and_columns_count_from_zero_for_a_client_that_counts_so(client: Client) -> None:
    """linesStartAt1 and columnsStartAt1 of initialize hold in both directions."""
    client.request("initialize", linesStartAt1=False, columnsStartAt1=False)
    client.request("launch")
    answer = client.request(
        "setBreakpoints", source={"path": "program.opv"}, breakpoints=lines(COMMIT - 1)
    )
    assert answer["breakpoints"][0]["line"] == COMMIT - 1
    client.request("configurationDone")
    assert client.stopped() == ("breakpoint", COMMIT - 1)
    frames = client.request("stackTrace", threadId=1)["stackFrames"]
    # Both are written behind four spaces: columns 4, counted from 0.
    assert [(each["line"], each["column"]) for each in frames] == [(COMMIT - 1, 4), (PUSH - 1, 4)]


def test_frames_are_the_call_and_the_statement(client: Client) -> None:
    """The op in its call, then the statement of the test; a part of them can be asked for."""
    start(client)
    run_to(client, COMMIT)
    whole = client.request("stackTrace", threadId=1)
    assert whole["totalFrames"] == 2
    call, statement = whole["stackFrames"]
    assert call["name"] == (
        f"push(node = {NODES:#x} (&nodes[0]), expect = 0): op 2, memcpy.ptr head, node"
    )
    assert statement["name"] == "run push(&nodes[0], 0) -> 0"
    assert (statement["line"], statement["column"]) == (PUSH, 5)
    part = client.request("stackTrace", threadId=1, startFrame=1, levels=1)
    assert part["stackFrames"] == [statement]
    assert part["totalFrames"] == 2


def test_at_the_end_there_is_one_frame_without_a_source(client: Client) -> None:
    """Editors ask for frames at every stop."""
    start(client)
    client.request("continue", threadId=1)
    assert client.event("stopped")["description"].startswith("This is the end")
    frames = client.request("stackTrace", threadId=1)["stackFrames"]
    assert [each["name"] for each in frames] == ["the end"]
    assert "source" not in frames[0]


def test_a_call_that_no_text_names_has_a_frame_and_no_source() -> None:
    """A reference case: ops in memory, no file."""
    case = next(each for each in cases() if each.expect.result == 0 and each.cpuopcnt > 0)
    with serving(lambda _: Launched(session_of_case(case))) as client:
        start(client)
        frames = client.request("stackTrace", threadId=1)["stackFrames"]
        assert [each["name"] for each in frames] == ["the call"]
        client.request("stepIn", threadId=1)
        client.event("stopped")
        frames = client.request("stackTrace", threadId=1)["stackFrames"]
        assert re.fullmatch(r"ops\(\): op 0, .+", frames[0]["name"])
        assert "source" not in frames[0]
        assert scope(client, "Slots") == {}


# -- breakpoints -------------------------------------------------------------------------------


def test_each_line_breakpoint_is_answered_in_order(client: Client) -> None:
    """Moved to the next line that holds something, refused behind the last or in another file."""
    start(client)
    source = {"path": os.path.abspath("program.opv")}
    answer = client.request(
        "setBreakpoints",
        source=source,
        breakpoints=[{"line": 1}, {"line": 9000}, {"line": COMMIT, "condition": "head +"}],
    )["breakpoints"]
    assert answer[0]["verified"]
    assert answer[0]["line"] == COMPARE
    assert not answer[1]["verified"]
    assert answer[1]["message"] == "no op or statement is here"
    assert not answer[2]["verified"]
    assert answer[2]["message"]
    other = client.request("setBreakpoints", source={"path": "other.opv"}, breakpoints=lines(1))
    assert [each["verified"] for each in other["breakpoints"]] == [False]
    client.request("setBreakpoints", source=source, breakpoints=lines(ADD))
    client.request("continue", threadId=1)
    assert client.stopped() == ("breakpoint", ADD)  # those of the list before are gone


def test_a_line_within_a_repeated_block_can_be_stopped_at() -> None:
    """Statements inside of repeat are lines like any other."""
    text = (
        'percpu count: u64\nvector bump(n: i64) { add.u64 count, n }\ntest "twice" {\n'
        "    cpu 0\n    repeat 2 {\n        run bump(3) -> 0\n    }\n}\n"
    )
    assembly = assembly_of(text)
    session = session_of_test(assembly, assembly.tests[0])
    with serving(lambda _: Launched(session, assembly.tests)) as client:
        start(client)
        answer = client.request(
            "setBreakpoints", source={"path": "program.opv"}, breakpoints=lines(6)
        )
        assert answer["breakpoints"][0]["verified"]
        for before in ("0", "3"):
            client.request("continue", threadId=1)
            assert client.stopped() == ("breakpoint", 6)
            assert client.request("evaluate", expression="count")["result"] == before


def test_function_breakpoints_say_which_vectors_there_are(client: Client) -> None:
    """A name that is none is not verified, with what could be meant; conditions hold."""
    start(client)
    answer = client.request(
        "setFunctionBreakpoints",
        breakpoints=[{"name": "pusch"}, {"name": "push", "condition": "head != 0"}],
    )["breakpoints"]
    assert "did you mean" in answer[0]["message"]
    client.request("continue", threadId=1)
    stopped = client.event("stopped")
    assert stopped["reason"] == "breakpoint"
    assert stopped["hitBreakpointIds"] == [answer[1]["id"]]
    assert client.request("evaluate", expression="head")["result"] == f"{NODES:#x} (&nodes[0])"


@pytest.mark.parametrize(
    ("access", "line"),
    [
        (None, COMMIT),
        ("write", COMMIT),
        ("read", COMPARE),  # the first compare reads it
        ("readWrite", COMPARE),
    ],
)
def test_data_breakpoints_stop_at_their_kind_of_access(
    client: Client, access: str | None, line: int
) -> None:
    """Stopped right behind the access, within the op that has made it."""
    start(client)
    info = client.request("dataBreakpointInfo", name="head@1")
    assert info["accessTypes"] == ["read", "write", "readWrite"]
    wanted = {"dataId": info["dataId"]} | ({} if access is None else {"accessType": access})
    answer = client.request("setDataBreakpoints", breakpoints=[wanted, {"dataId": "nonsense"}])
    assert [each["verified"] for each in answer["breakpoints"]] == [True, False]
    client.request("continue", threadId=1)
    assert client.stopped() == ("data breakpoint", line)


def test_a_part_of_a_variable_is_watched_where_it_lies(client: Client) -> None:
    """From the variables view: a name within its container, not any variable of that name."""
    start(client)
    nodes = scope(client, "Variables")["nodes"]["variablesReference"]
    second = client.request("variables", variablesReference=nodes)["variables"][1]
    info = client.request(
        "dataBreakpointInfo", variablesReference=second["variablesReference"], name="next"
    )
    assert info["dataId"].startswith(f"{NODES + 16:#x},8,")  # a node is 16 bytes, next its first 8
    scopes = client.request("scopes", frameId=1)["scopes"]
    cpus = next(each for each in scopes if each["name"] == "CPUs")["variablesReference"]
    for reference, name in ((cpus, "CPU 0"), (nodes, "[9]")):
        info = client.request("dataBreakpointInfo", variablesReference=reference, name=name)
        assert info["dataId"] is None
        assert info["description"] == f"{name} is no place in memory"


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
    # The parameters lie one behind the other, a word each.
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
        ("nodez", "nothing is called `nodez`; did you mean nodes?"),
        ("[0x10].u64", "can't be read"),
        ("nodes[9]", "element 9 of an array of 4"),
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
        ("head", 0, 1, "'head' is no address"),
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
    """What is mapped behind the part can be asked for next."""
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
