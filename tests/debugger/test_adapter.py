"""Every request of the Debug Adapter Protocol, its answer and its errors, in this process."""

from __future__ import annotations

import os
import re
from pathlib import Path
from threading import Thread

import pytest

from opvasm.debugger.dap.adapter import Adapter, Launched
from opvasm.debugger.dap.protocol import path_of_uri, uri_of_path
from opvasm.debugger.load import session_of_case, session_of_test, session_of_vector
from opvasm.machine import Cpus
from opvasm.scenario.world import World
from tests.debugger.adapters import (
    ADD,
    ASSIGN,
    COMMIT,
    COMPARE,
    NODES,
    PUSH,
    launched,
    lines,
    refused,
    run_to,
    scope,
    serving,
    start,
)
from tests.debugger.client import Client, Message
from tests.debugger.sessions import assembly_of, cases, line_of

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
        assert "is not a header field" in client.event("output")["output"]


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a": "\0"}', b"\0\0"])
def test_a_message_that_says_nothing_does_not_end_the_service(body: bytes) -> None:
    """The client hears of it on the console, and its next request is answered."""
    with serving() as client:
        client._sink.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        client._sink.flush()
        assert "a message is not JSON" in client.event("output")["output"]
        start(client)


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
    # Both are written after four spaces: columns 4, counted from 0.
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


def test_at_the_end_there_is_one_frame_at_what_ran_last(client: Client) -> None:
    """Editors ask for frames at every stop."""
    start(client)
    client.request("continue", threadId=1)
    assert client.event("stopped")["description"].startswith("This is the end")
    frames = client.request("stackTrace", threadId=1)["stackFrames"]
    assert [each["name"] for each in frames] == ["the end"]
    client.request("stepBack", threadId=1)
    client.event("stopped")
    before = client.request("stackTrace", threadId=1)["stackFrames"]
    assert frames[0]["line"] == before[-1]["line"]
    assert frames[0]["source"] == before[-1]["source"]


def test_before_a_call_the_frame_shows_the_vector() -> None:
    """An editor stops at a line; before the first op that is the vector's own."""
    assembly = assembly_of("percpu count: u64\n\nvector bump() {\n    add count, 1\n}\n")
    vector = assembly.program.vectors["bump"]
    world = World(assembly.program, cpus=Cpus(1))
    with serving(lambda _: Launched(session_of_vector(world, vector, {}, 0))) as client:
        start(client)
        (frame,) = client.request("stackTrace", threadId=1)["stackFrames"]
        assert (frame["name"], frame["line"]) == ("the call", 3)
        client.request("stepIn", threadId=1)
        client.event("stopped")
        (frame,) = client.request("stackTrace", threadId=1)["stackFrames"]
        assert frame["line"] == 4


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
    """Moved to the next line that holds something, refused after the last or in another file."""
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


def test_a_breakpoint_on_the_first_statement_stops_before_it(client: Client) -> None:
    """Without stopOnEntry nothing has run at that stop, and going on does not stop there again."""
    client.request("initialize", adapterID="opvasm")
    client.request("launch")  # answered before the configuration is done
    client.event("initialized")
    first = line_of("cpu 1")
    client.request(
        "setBreakpoints", source={"path": "program.opv"}, breakpoints=lines(first, ASSIGN)
    )
    client.request("configurationDone")
    assert client.stopped() == ("breakpoint", first)
    assert scope(client, "Position")["position"]["value"] == "0"
    client.request("continue", threadId=1)
    assert client.stopped() == ("breakpoint", ASSIGN)


@pytest.mark.parametrize("right", [True, False])
def test_without_debugging_a_test_runs_to_its_end(right: bool) -> None:
    """noDebug: no breakpoint and no entry stops; the exit code says whether the test passed."""
    text = (
        "percpu count: u32\nvector bump(n: u32) {\n    add.u32 count, n\n}\n"
        f'test "t" {{\n    cpu 0\n    run bump(3) -> {0 if right else 1}\n    assert count == 3\n}}\n'
    )
    assembly = assembly_of(text)
    session = session_of_test(assembly, assembly.tests[0])
    with serving(lambda _: Launched(session, assembly.tests)) as client:
        client.request("initialize", adapterID="opvasm")
        client.request("launch", noDebug=True, stopOnEntry=True)
        client.event("initialized")
        client.request("setBreakpoints", source={"path": "program.opv"}, breakpoints=lines(7))
        client.request("configurationDone")
        while not {"exited", "stopped"} & {each["event"] for each in client.events}:
            client.receive()
        assert "stopped" not in [each["event"] for each in client.events]
        said = "".join(
            each["body"]["output"] for each in client.events if each["event"] == "output"
        )
        assert ("The test failed here" in said) is not right
        assert client.event("exited")["exitCode"] == (0 if right else 1)
        client.event("terminated")


def test_paths_are_uris_for_a_client_that_wants_them(client: Client) -> None:
    """pathFormat uri: breakpoints come and frames go as file URIs; other schemes are no files."""
    client.request("initialize", adapterID="opvasm", pathFormat="uri")
    client.request("launch", stopOnEntry=True)
    client.event("initialized")
    uri = Path("program.opv").resolve().as_uri()
    for path, verified in (("git:/program.opv", False), (uri, True)):
        answer = client.request("setBreakpoints", source={"path": path}, breakpoints=lines(ASSIGN))
        assert answer["breakpoints"][0]["verified"] is verified
    client.request("configurationDone")
    assert client.event("stopped")["reason"] == "entry"
    client.request("continue", threadId=1)
    assert client.stopped() == ("breakpoint", ASSIGN)
    frames = client.request("stackTrace", threadId=1)["stackFrames"]
    assert frames[0]["source"] == {"name": "program.opv", "path": uri}


def test_the_path_of_a_uri_has_its_escapes_undone() -> None:
    """As pathlib writes them: a space, a per cent sign, a letter beyond ASCII."""
    path = "/a b/50%/é.opv"
    assert uri_of_path(path) == Path(path).as_uri()
    assert path_of_uri(Path(path).as_uri()) == path


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
    """Stopped right after the access, within the op that has made it."""
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
        assert info["description"] == f"{name} is not a place in memory"
