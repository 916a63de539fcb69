"""A debug adapter: the requests of an editor, carried out on a session."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from queue import Queue
from threading import Thread
from typing import BinaryIO, NamedTuple

from ...errors import OpvasmError
from ...expression import Unevaluable
from ...source import Place, Span
from ...text.tree import Test
from ..branch import NoBranch
from ..command_set import edited
from ..commands import COMMANDS
from ..displays import value_text
from ..locations import CommandError, parse_range, parsed, place_of
from ..points import call_begins, op_place
from ..session import Session
from ..shell import Shell
from ..stops import Reason, Stop
from ..view import statement_place, stop_lines
from ..wording import call_text, names_of, op_text
from .breakpoints import Breakpoints
from .protocol import (
    BodyError,
    Message,
    ProtocolError,
    Sender,
    path_of_uri,
    read_message,
    uri_of_path,
)
from .variables import Variables

THREAD = 1
READ_MAX = 1 << 20
CAPABILITIES: Message = {
    "supportsConfigurationDoneRequest": True,
    "supportsFunctionBreakpoints": True,
    "supportsConditionalBreakpoints": True,
    "supportsDataBreakpoints": True,
    "supportsStepBack": True,
    "supportsSteppingGranularity": True,
    "supportsEvaluateForHovers": True,
    "supportsReadMemoryRequest": True,
    "supportsSetVariable": True,
    "supportsTerminateRequest": True,
}
_REASONS = {
    Reason.LOADED: "entry",
    Reason.STEP: "step",
    Reason.FAILED: "exception",
    Reason.INTERRUPTED: "pause",
    Reason.START: "step",
    Reason.END: "step",
    Reason.GOTO: "goto",
}


class Launched(NamedTuple):
    """What ``launch`` made: a session, and the tests of its file."""

    session: Session
    tests: Iterable[Test] = ()


class LaunchError(Exception):
    """A launch request that can't be carried out."""


Launch = Callable[[Message], Launched]


class Adapter:
    """Serves one client on two streams until it disconnects.

    ``launch`` makes a session of the arguments of a launch request; it raises LaunchError or
    OpvasmError.
    """

    def __init__(self, source: BinaryIO, sink: BinaryIO, launch: Launch) -> None:
        self._source = source
        self._sender = Sender(sink)
        self._launch = launch
        self._session: Session | None = None
        self._tests: Iterable[Test] = ()
        # What the console's `set` has left; positions of the history in which something failed.
        self._left: list[Session] = []
        self._failed: set[int] = set()
        self._ended = False
        self._done = False
        self._understood = True
        self._stop_on_entry = False
        self._runs_only = False
        self._uris = False
        # The numbers of a file's first line and column, for this client.
        self._first_line = self._first_column = 1

    def serve(self) -> bool:
        """Answer requests until the client is gone; False where its bytes were no messages."""
        queue: Queue[Message | None] = Queue()
        Thread(target=self._read, args=(queue,), daemon=True).start()
        while not self._done:
            message = queue.get()
            if message is None:
                break
            try:
                self._handle(message)
            except ConnectionError:
                break
        return self._understood

    def _read(self, queue: Queue[Message | None]) -> None:
        """Takes messages while a run is under way, so that a pause can stop it."""
        try:
            while (message := self._next_message()) is not None:
                stops = message.get("command") in ("pause", "disconnect", "terminate")
                if stops and self._session is not None:
                    self._session.interrupted = True
                queue.put(message)
                if message.get("command") == "disconnect":
                    return  # nothing follows, and a thread that waits would hold up the end
        except (ProtocolError, OSError, ValueError) as error:
            self._understood = not isinstance(error, ProtocolError)
            with suppress(OSError):
                self._complain(error)
        finally:
            if self._session is not None:
                self._session.interrupted = True  # nobody waits any more for what runs
            queue.put(None)

    def _next_message(self) -> Message | None:
        """The next one that can be read; what is wrong with those before it is said."""
        while True:
            try:
                return read_message(self._source)
            except BodyError as error:
                self._complain(error)

    def _complain(self, error: Exception) -> None:
        self._sender.event("output", category="stderr", output=f"opvasm: {error}\n")

    def _handle(self, message: Message) -> None:
        if message.get("type") != "request":
            return
        command = str(message.get("command", ""))
        handler: Callable[[Message, Message], None] | None = getattr(
            self, f"_on_{_snake(command)}", None
        )
        if handler is None:
            self._sender.failure(message, f"the request {command!r} is not supported")
            return
        try:
            handler(message, message.get("arguments") or {})
        except ConnectionError:
            raise
        except (CommandError, LaunchError, OpvasmError, ValueError) as error:
            self._sender.failure(message, str(error))
        except Unevaluable as error:
            self._sender.failure(message, error.reason)
        except KeyError as error:
            self._sender.failure(message, f"{command}: the argument {error} is missing")
        except Exception as error:  # whatever a client sends, the session goes on
            what = f"{type(error).__name__}: {error}"
            self._sender.failure(message, f"{command} can't be carried out: {what}")

    # -- beginning and end ---------------------------------------------------------------------

    def _on_initialize(self, request: Message, arguments: Message) -> None:
        self._first_line = int(bool(arguments.get("linesStartAt1", True)))
        self._first_column = int(bool(arguments.get("columnsStartAt1", True)))
        self._uris = arguments.get("pathFormat") == "uri"
        self._sender.response(request, CAPABILITIES)

    def _on_launch(self, request: Message, arguments: Message) -> None:
        launched = self._launch(arguments)
        self._session = launched.session
        self._breakpoints = Breakpoints(launched.session, launched.tests, self._first_line)
        self._variables = Variables(launched.session)
        self._left, self._failed = [], set()
        self._ended = False
        self._stop_on_entry = bool(arguments.get("stopOnEntry"))
        self._runs_only = bool(arguments.get("noDebug"))
        self._sender.response(request)
        self._sender.event("initialized")

    @property
    def session(self) -> Session:
        """The session; raises CommandError before a launch."""
        if self._session is None:
            raise CommandError("nothing is being debugged yet: launch comes first")
        return self._session

    def _require_session(self) -> None:
        """Raises CommandError before a launch."""
        assert self.session is not None

    def _on_configuration_done(self, request: Message, arguments: Message) -> None:
        self._require_session()
        self._sender.response(request)
        if self._runs_only:
            self._run_through()
        elif self._stop_on_entry:
            self._stopped(self.session.last)
        else:
            self._stopped(self.session.begin())

    def _run_through(self) -> None:
        """``noDebug``: to the end, whatever breakpoints there are; exit code 1 after a failure."""
        session = self.session
        for point in session.points:
            point.enabled = False
        failed = False
        while True:
            stop = session.resume()
            failed = failed or stop.reason is Reason.FAILED
            self._tell(stop_lines(session, stop))
            if stop.reason in (Reason.END, Reason.INTERRUPTED):
                break
        if stop.reason is Reason.END:
            self._sender.event("exited", exitCode=int(failed))
        self._sender.event("terminated")

    def _tell(self, lines: list[str]) -> None:
        self._sender.event("output", category="console", output="\n".join(lines) + "\n")

    def _on_disconnect(self, request: Message, arguments: Message) -> None:
        self._sender.response(request)
        self._done = True

    def _on_terminate(self, request: Message, arguments: Message) -> None:
        self._sender.response(request)
        self._sender.event("terminated")

    # -- breakpoints ---------------------------------------------------------------------------

    def _on_set_breakpoints(self, request: Message, arguments: Message) -> None:
        self._require_session()
        path = str(arguments["source"].get("path", ""))
        path = path_of_uri(path) if self._uris else path
        answers = self._breakpoints.set_lines(path, arguments.get("breakpoints") or [])
        self._sender.response(request, {"breakpoints": answers})

    def _on_set_function_breakpoints(self, request: Message, arguments: Message) -> None:
        self._require_session()
        answers = self._breakpoints.set_functions(arguments["breakpoints"])
        self._sender.response(request, {"breakpoints": answers})

    def _on_set_exception_breakpoints(self, request: Message, arguments: Message) -> None:
        self._sender.response(request, {"breakpoints": []})

    def _on_data_breakpoint_info(self, request: Message, arguments: Message) -> None:
        self._require_session()
        name = str(arguments["name"])
        try:
            if reference := int(arguments.get("variablesReference") or 0):
                name = self._variables.place_of(reference, name)
            address, length = parse_range(name, self.session)
        except (CommandError, OpvasmError):
            answer: Message = {"dataId": None, "description": f"{name} is not a place in memory"}
        else:
            answer = {
                "dataId": f"{address:#x},{length},{name}",
                "description": f"{name}: {length} bytes at {address:#x}",
                "accessTypes": ["read", "write", "readWrite"],
            }
        self._sender.response(request, answer)

    def _on_set_data_breakpoints(self, request: Message, arguments: Message) -> None:
        self._require_session()
        answers = self._breakpoints.set_data(arguments["breakpoints"])
        self._sender.response(request, {"breakpoints": answers})

    # -- moves ---------------------------------------------------------------------------------

    def _move(
        self, request: Message, move: Callable[[], Stop], body: Message | None = None
    ) -> None:
        self._require_session()
        self._sender.response(request, body)
        self._stopped(move())

    def _on_continue(self, request: Message, arguments: Message) -> None:
        session = self.session
        if self._ended and session.at_end:
            self._sender.response(request, {"allThreadsContinued": True})
            self._sender.event("exited", exitCode=int(bool(self._failed)))
            self._sender.event("terminated")
            return
        self._move(request, session.resume, {"allThreadsContinued": True})

    def _on_reverse_continue(self, request: Message, arguments: Message) -> None:
        self._move(request, lambda: self.session.resume(False))

    def _on_next(self, request: Message, arguments: Message) -> None:
        self._move(request, lambda: self._step(arguments, True))

    def _on_step_back(self, request: Message, arguments: Message) -> None:
        self._move(request, lambda: self._step(arguments, False))

    def _on_step_in(self, request: Message, arguments: Message) -> None:
        if arguments.get("granularity") == "instruction":
            self._move(request, lambda: self.session.step_movement())
        else:
            self._move(request, lambda: self.session.step_op())

    def _on_step_out(self, request: Message, arguments: Message) -> None:
        self._move(request, lambda: self.session.finish())

    def _step(self, arguments: Message, forward: bool) -> Stop:
        """Over a statement in a test, over an op in a vector, by a movement when so asked."""
        session = self.session
        if arguments.get("granularity") == "instruction":
            return session.step_movement(forward)
        if session.index:
            return session.step_op(forward)
        return session.next_statement(forward)

    def _on_pause(self, request: Message, arguments: Message) -> None:
        if self._session is not None:
            self._session.interrupted = False  # whatever ran has stopped, or nothing did
        self._sender.response(request)

    def _stopped(self, stop: Stop) -> None:
        session = self.session
        self._variables.forget()
        self._ended = stop.reason is Reason.END
        if stop.reason is Reason.FAILED:
            self._failed.add(stop.position)
        text = stop_lines(session, stop)
        self._tell(text)
        body: Message = {
            "reason": _REASONS.get(stop.reason, "breakpoint"),
            "threadId": THREAD,
            "allThreadsStopped": True,
            "description": text[0] if text else stop.reason.value,
        }
        if stop.points:
            watch = all(point.is_watch for point in stop.points)
            body["reason"] = "data breakpoint" if watch else "breakpoint"
            body["hitBreakpointIds"] = [point.number for point in stop.points]
        if stop.findings:
            body["text"] = "; ".join(each.message for each in stop.findings)
        self._sender.event("stopped", **body)

    # -- looking -------------------------------------------------------------------------------

    def _on_threads(self, request: Message, arguments: Message) -> None:
        self._sender.response(request, {"threads": [{"id": THREAD, "name": "caller"}]})

    def _on_stack_trace(self, request: Message, arguments: Message) -> None:
        session = self.session
        names = names_of(session)
        movements = session.movements
        call, op, copied = call_begins(movements), session.op, session.instructions
        frames: list[Message] = []
        if session.index and call is not None:
            place: Place | None = None if call.vector is None else call.vector.place
            name = call_text(call, names)
            if op is not None and op < len(copied):
                place = op_place(movements, op) or place
                name = f"{name}: op {op}, {op_text(call.vector, op, copied[op], names)}"
            frames.append(self._frame(len(frames), name, place))
        statement = statement_place(movements)
        if statement is not None:
            frames.append(self._frame(len(frames), " ".join(statement.text.split()), statement))
        if not frames:
            # An editor shows the line of a frame: that of the vector that is called next, and at
            # the end of what ran last.
            name = "the end" if session.at_end else "the call"
            around = session.previous_movements() if session.at_end else movements
            called = call_begins(around)
            place = None if called is None or called.vector is None else called.vector.place
            frames.append(self._frame(0, name, statement_place(around) or place))
        first = int(arguments.get("startFrame") or 0)
        levels = int(arguments.get("levels") or 0) or len(frames)
        body = {"stackFrames": frames[first : first + levels], "totalFrames": len(frames)}
        self._sender.response(request, body)

    def _frame(self, number: int, name: str, place: Place | None) -> Message:
        frame: Message = {"id": number + 1, "name": name, "line": 0, "column": 0}
        if isinstance(place, Span):
            path = os.path.abspath(place.file.name)
            shown = uri_of_path(path) if self._uris else path
            frame["source"] = {"name": os.path.basename(path), "path": shown}
            frame["line"] = place.line - 1 + self._first_line
            frame["column"] = place.column - 1 + self._first_column
        return frame

    def _on_scopes(self, request: Message, arguments: Message) -> None:
        self._require_session()
        self._sender.response(request, {"scopes": self._variables.scopes()})

    def _on_variables(self, request: Message, arguments: Message) -> None:
        self._require_session()
        found = self._variables.of(int(arguments["variablesReference"]))
        self._sender.response(request, {"variables": found})

    def _on_set_variable(self, request: Message, arguments: Message) -> None:
        """Goes on in the branch of the history in which the variable holds the value."""
        name = str(arguments["name"])
        reference = int(arguments["variablesReference"])
        place = self._variables.place_of(reference, name, memory=False)
        try:
            session = edited(self.session, place, str(arguments["value"])).session
        except NoBranch as problem:
            raise CommandError(str(problem)) from None
        self._left.append(self.session)
        self._follow(session)
        self._sender.response(request, {"value": self._variables.value_of(reference, name)})

    def _follow(self, session: Session) -> None:
        """Go on in another history, of which nothing is known that comes after this."""
        self._session = session
        self._failed = {each for each in self._failed if each < session.position}
        self._breakpoints.follow(session)
        self._variables.follow(session)

    def _on_evaluate(self, request: Message, arguments: Message) -> None:
        session = self.session
        text = str(arguments["expression"])
        if arguments.get("context") == "repl":
            before = session.position
            result = self._command(text)
            self._sender.response(request, {"result": result, "variablesReference": 0})
            if self.session is not session or session.position != before:
                self._stopped(self.session.last)
            return
        body: Message = {"result": value_text(text, session), "variablesReference": 0}
        address, kind = place_of(parsed(text), session)
        if kind is not None:
            typed = self._variables.typed(text, address, kind, text)
            body |= {key: typed[key] for key in ("variablesReference", "type", "memoryReference")}
        self._sender.response(request, body)

    def _command(self, text: str) -> str:
        """A command of the prompt, or else an expression."""
        session = self.session
        lines: list[str] = []
        shell = Shell(session, COMMANDS, lines.append)
        shell.left = self._left
        try:
            shell.find(text)
        except CommandError:
            return value_text(text, session)
        shell.execute(text)
        if shell.session is not session:
            self._follow(shell.session)
        return "\n".join(lines)

    def _on_read_memory(self, request: Message, arguments: Message) -> None:
        reference = str(arguments["memoryReference"])
        try:
            address = int(reference, 0) + int(arguments.get("offset") or 0)
        except ValueError:
            raise CommandError(f"memoryReference {reference!r} is not an address") from None
        count = int(arguments["count"])
        if address < 0 or count < 0:
            raise CommandError(f"{count} bytes at {address}: there are none below 0")
        wanted = min(count, READ_MAX)
        data = bytearray()
        memory = self.session.holder.memory
        for part in memory.ranges(address, wanted):
            page = memory.pages.get(part.page)
            if page is None:
                break
            data += page.data[part.offset : part.offset + part.size]
        body: Message = {"address": f"{address:#x}"}
        if len(data) < wanted:
            body["unreadableBytes"] = count - len(data)
        if data:
            body["data"] = base64.b64encode(data).decode()
        self._sender.response(request, body)


def _snake(command: str) -> str:
    return "".join(f"_{each.lower()}" if each.isupper() else each for each in command)
