"""``opvasm debug --dap``: the Debug Adapter Protocol on standard streams or a loopback port."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from ..inputs.inputs import read_source
from ..inputs.options import chosen_abi, whole_number
from ..inputs.programs import TEXT, assembled
from ..terminal.exits import DONE, USAGE, UsageError
from ..terminal.outputs import protocol_streams
from ..terminal.terminal import say
from .arguments import Options
from .sessions import make_session, text_session

if TYPE_CHECKING:
    from ...debugger.dap.adapter import Launched
    from ..terminal.terminal import Terminal

LOOPBACK = "127.0.0.1"
_FIELDS: dict[str, type] = {
    **dict.fromkeys(("program", "test", "vector", "trace", "schedule", "abi", "quirks"), str),
    "args": dict,
    "set": list,
}
_KINDS: dict[type, str] = {
    str: "a text",
    dict: 'an object such as {"node": "&nodes[0]", "expect": 0}',
    list: 'a list such as ["head=&nodes[0]"]',
}


def serve(where: str, options: Options, terminal: Terminal) -> int:
    """Serve one client until it disconnects; ``where`` is ``stdio`` or a port.

    USAGE where what it sent were no messages.
    """
    from ...debugger.dap.adapter import Adapter

    def launch(request: dict[str, Any]) -> Launched:
        return _launch(request, options, terminal)

    if where == "stdio":
        return DONE if Adapter(*protocol_streams(), launch).serve() else USAGE
    port = whole_number(where, "--dap")
    if not 0 <= port <= 65535:
        raise UsageError(f"--dap: {port} is not a TCP port")
    try:
        listener = socket.create_server((LOOPBACK, port))
    except OSError as error:
        raise UsageError(f"--dap: port {port} can't be had: {error.strerror}") from None
    with listener:
        say(f"{terminal.name}: listening on {LOOPBACK}:{listener.getsockname()[1]}")
        connection, _ = listener.accept()
    with connection, connection.makefile("rb") as reader, connection.makefile("wb") as writer:
        return DONE if Adapter(reader, writer, launch).serve() else USAGE


def _launch(request: dict[str, Any], options: Options, terminal: Terminal) -> Launched:
    """``program``, ``test`` or ``vector``, ``args``, ``set``, ``cpu``, ``trace`` … of a launch."""
    from ...debugger.dap.adapter import Launched, LaunchError

    for field, kind in _FIELDS.items():
        if not isinstance(given := request.get(field), kind | None):
            raise LaunchError(f"launch: {field} is {given!r}, where {_KINDS[kind]} is needed")
    chosen = options.replaced(
        file=request.get("program", options.file),
        what=request.get("test") or request.get("vector") or options.what,
        replay=request.get("trace", options.replay),
        schedule=request.get("schedule", options.schedule),
        quirks=request.get("quirks", options.quirks),
        abi=request.get("abi", options.abi),
        cpu=str(request.get("cpu", options.cpu)),
        arg=tuple(f"{name}={value}" for name, value in (request.get("args") or {}).items()),
        assignments=tuple(request.get("set") or ()),
    )
    try:
        file = None if chosen.replay is not None or chosen.source != TEXT else chosen.file
        if file is None or file.endswith(".jsonl") or chosen.schedule is not None:
            return Launched(make_session(chosen, terminal))
        assembly = assembled(read_source(file), *chosen_abi(chosen))
        session = text_session(chosen, assembly, is_test=bool(request.get("test")))
        return Launched(session, assembly.tests)
    except UsageError as error:
        hint = f" ({error.help})" if error.help else ""
        raise LaunchError(f"{error.message}{hint}") from None
