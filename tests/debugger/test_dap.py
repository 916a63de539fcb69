"""Editors drive the debugger by the Debug Adapter Protocol, over real pipes and sockets."""

from __future__ import annotations

import io
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from opvasm.debugger.dap.protocol import BodyError, ProtocolError, read_message
from tests.debugger.client import Client
from tests.debugger.sessions import PROGRAM, line_of

COMMAND = [sys.executable, "-m", "opvasm", "debug", "--dap"]


COMPARE = line_of("cmpeq.ptr   head, expect")
COMMIT = line_of("memcpy.ptr  head, node")
ADD = line_of("add.u32     count")
RUN = line_of("run push(&nodes[0], 0) -> 0")
STALE = line_of("run push(&nodes[1], 0) -> 1")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "program.opv"
    path.write_text(PROGRAM)
    return path


@pytest.fixture
def adapter() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    yield process
    process.communicate(timeout=10)  # closes its input: an adapter without a client ends
    assert process.returncode == 0


@pytest.fixture
def client(adapter: subprocess.Popen[bytes]) -> Client:
    assert adapter.stdout is not None
    assert adapter.stdin is not None
    return Client(adapter.stdout, adapter.stdin)


def launch(client: Client, file: Path, **more: object) -> None:
    assert client.request("initialize", adapterID="opvasm")["supportsStepBack"]
    client.request("launch", program=str(file), **more)
    client.event("initialized")


def test_an_editor_breaks_steps_both_ways_reads_and_leaves(
    client: Client, adapter: subprocess.Popen[bytes], file: Path
) -> None:
    """Breakpoint, step forward and back, a variable, then a clean end."""
    launch(client, file)
    answer = client.request(
        "setBreakpoints", source={"path": str(file)}, breakpoints=[{"line": COMMIT}]
    )
    assert [each["verified"] for each in answer["breakpoints"]] == [True]
    client.request("configurationDone")
    assert client.stopped() == ("breakpoint", COMMIT)
    frames = client.request("stackTrace", threadId=1)["stackFrames"]
    assert [frame["line"] for frame in frames] == [COMMIT, RUN]
    assert frames[0]["source"]["path"] == str(file)

    def head() -> str:
        scopes = client.request("scopes", frameId=1)["scopes"]
        variables = next(each for each in scopes if each["name"] == "Variables")
        found = client.request("variables", variablesReference=variables["variablesReference"])
        return str(next(each["value"] for each in found["variables"] if each["name"] == "head@1"))

    assert head() == "0"
    client.request("next", threadId=1)
    assert client.stopped() == ("step", ADD)
    assert head().endswith("(&nodes[0])")
    client.request("stepBack", threadId=1)
    assert client.stopped() == ("breakpoint", COMMIT)
    assert head() == "0"
    client.request("stepOut", threadId=1)
    assert client.stopped() == ("step", STALE)
    client.request("reverseContinue", threadId=1)
    assert client.stopped() == ("breakpoint", COMMIT)
    client.request("disconnect")
    assert adapter.wait(timeout=10) == 0


def test_parts_of_variables_and_expressions_can_be_asked_for(client: Client, file: Path) -> None:
    """A struct opens into its fields; hover and console evaluate the language's expressions."""
    launch(client, file, stopOnEntry=True)
    client.request("configurationDone")
    assert client.stopped()[0] == "entry"
    client.request("next", threadId=1)
    client.stopped()
    client.request("next", threadId=1)
    client.stopped()
    nodes = client.request("evaluate", expression="nodes", context="watch")
    assert nodes["type"] == "node[4]"
    elements = client.request("variables", variablesReference=nodes["variablesReference"])
    first = elements["variables"][0]
    assert first["name"] == "[0]"
    fields = client.request("variables", variablesReference=first["variablesReference"])
    assert [(each["name"], each["value"]) for each in fields["variables"]] == [
        ("next", "0"),
        ("value", "7"),
    ]
    assert client.request("evaluate", expression="nodes[0].value * 2")["result"] == "14"
    assert "program.opv" in client.request("evaluate", expression="where", context="repl")["result"]
    address = nodes["memoryReference"]
    memory = client.request("readMemory", memoryReference=address, offset=8, count=8)
    assert memory["data"] == "BwAAAAAAAAA="  # seven, eight bytes, little-endian
    wrong = client.response(client.send("evaluate", expression="nothing", context="watch"))
    assert not wrong["success"]
    assert "the name `nothing` is unknown" in wrong["message"]


def test_conditions_functions_and_data_stop_runs(client: Client, file: Path) -> None:
    """A breakpoint with a condition, one on an op by name, and a watchpoint."""
    launch(client, file)
    client.request(
        "setBreakpoints",
        source={"path": str(file)},
        breakpoints=[{"line": COMPARE, "condition": "head != 0"}],
    )
    info = client.request("dataBreakpointInfo", name="count@1")
    client.request("setDataBreakpoints", breakpoints=[{"dataId": info["dataId"]}])
    names = client.request(
        "setFunctionBreakpoints", breakpoints=[{"name": "bad.0"}, {"name": "bad.9"}]
    )
    assert [each["verified"] for each in names["breakpoints"]] == [True, False]
    client.request("configurationDone")
    assert client.stopped() == ("data breakpoint", ADD)
    client.request("continue", threadId=1)
    assert client.stopped() == ("breakpoint", COMPARE)
    stopped = client.request("evaluate", expression="head", context="hover")
    assert stopped["result"].endswith("(&nodes[0])")


def test_a_failed_expectation_stops_and_the_end_comes_once(client: Client, file: Path) -> None:
    """An editor sees a failed test as an exception; a continue at the end ends the session."""
    launch(client, file, test="fails")
    client.request("configurationDone")
    assert client.event("stopped")["reason"] == "exception"
    client.request("continue", threadId=1)
    failed = client.event("stopped")
    assert failed["reason"] == "exception"
    assert "does not hold" in failed["text"]
    client.request("continue", threadId=1)
    assert client.event("stopped")["description"].startswith("This is the end")
    client.request("continue", threadId=1)
    assert client.event("exited")["exitCode"] == 1
    client.event("terminated")


def test_wrong_requests_are_answered_and_the_session_goes_on(client: Client, file: Path) -> None:
    """Every request gets an answer, a wrong one a reason."""
    client.request("initialize", adapterID="opvasm")
    for command, arguments, message in (
        ("continue", {}, "launch comes first"),
        ("launch", {"program": str(file.parent / "none.opv")}, "cannot read"),
        ("launch", {"program": str(file), "test": "nosuch"}, "no vector or test"),
        ("makeCoffee", {}, "not supported"),
    ):
        answer = client.response(client.send(command, **arguments))
        assert not answer["success"]
        assert message in answer["message"]
    launch(client, file, stopOnEntry=True)
    client.request("configurationDone")
    assert client.stopped()[0] == "entry"
    answer = client.response(client.send("variables", variablesReference=99))
    assert "means nothing" in answer["message"]


def test_a_socket_on_the_loopback_interface_serves_one_client(file: Path) -> None:
    """--dap=0 says on which port it listens."""
    process = subprocess.Popen([*COMMAND[:-1], "--dap=0"], stderr=subprocess.PIPE)
    try:
        assert process.stderr is not None
        said = re.search(rb"127\.0\.0\.1:(\d+)", process.stderr.readline())
        assert said is not None
        with (
            socket.create_connection(("127.0.0.1", int(said[1])), timeout=10) as connection,
            connection.makefile("rb") as source,
            connection.makefile("wb") as sink,
        ):
            client = Client(source, sink)
            launch(client, file, stopOnEntry=True)
            client.request("configurationDone")
            assert client.stopped()[0] == "entry"
            client.request("disconnect")
        assert process.wait(timeout=10) == 0
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"Content-Length: 5\r\n\r\n{}", "within a message"),
        (b"Content-Length: x\r\n\r\n", "not a length"),
        (b"hello\r\n", "not a header field"),
        (b"A: b\r\n\r\n", "without Content-Length"),
        (b"Content-Length: 5\r\n", "within a header"),
        (b"A: " + b"b" * 9000, "header of more than"),
    ],
)
def test_bytes_that_are_no_message_are_told_apart(data: bytes, reason: str) -> None:
    """A broken stream is named as such, never guessed at."""
    with pytest.raises(ProtocolError, match=reason):
        read_message(io.BytesIO(data))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"[]", "not a JSON object"),
        (b"{", "not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a": "\0"}', "not JSON"),
    ],
)
def test_a_message_that_says_nothing_is_skipped(body: bytes, reason: str) -> None:
    """It has the length that its header says, so the message after it is read."""
    stream = io.BytesIO(
        b"Content-Length: %d\r\n\r\n%sContent-Length: 2\r\n\r\n{}" % (len(body), body)
    )
    with pytest.raises(BodyError, match=reason):
        read_message(stream)
    assert read_message(stream) == {}


@pytest.mark.parametrize(("sent", "code"), [(b"GET / HTTP/1.1\r\n\r\n", 2), (b"", 0)])
def test_the_exit_code_says_whether_messages_came(sent: bytes, code: int) -> None:
    """A client that goes is an end; one that speaks something else is not."""
    command = [sys.executable, "-m", "opvasm", "debug", "--dap"]
    assert subprocess.run(command, input=sent, capture_output=True, check=False).returncode == code


def test_the_end_of_a_stream_is_no_error() -> None:
    """Between two messages a client may go."""
    assert read_message(io.BytesIO(b"")) is None


def test_a_test_and_a_vector_of_one_name(client: Client, tmp_path: Path) -> None:
    """Who asks for the test gets it: it begins at its first statement that runs something."""
    file = tmp_path / "bump.opv"
    file.write_text(
        "percpu count: u64\nvector bump() { add count, 1 }\n"
        'test "bump" {\n    cpu 0\n    run bump() -> 0\n}\n'
    )
    launch(client, file, test="bump", stopOnEntry=True)
    client.request("configurationDone")
    client.event("stopped")
    frames = client.request("stackTrace", threadId=1)["stackFrames"]
    assert frames[-1]["line"] in (4, 5)
