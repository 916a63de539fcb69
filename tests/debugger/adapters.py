"""An adapter that serves in this process, and what tests ask of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

from opvasm.debugger.dap.adapter import Adapter, Launched, LaunchError
from opvasm.debugger.load import session_of_test
from tests.debugger.client import Client, Message
from tests.debugger.sessions import line_of, program

NODES = 0x6000_0000_0000  # of the default layout (grammar/README.md): the shared area
SLOTS_SIZE = 8  # the word of a 64-bit machine


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
