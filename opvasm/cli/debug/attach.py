"""``opvasm debug --attach-on PATTERN -- PROGRAM``: the debugger on the calls of a real program."""

from __future__ import annotations

import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from ...debugger.commands import COMMANDS
from ...debugger.load import session_of_call
from ...debugger.locations import CommandError
from ...debugger.prompt import interact, stopping
from ...debugger.shell import PROMPT, Command, Shell
from ...debugger.stops import Reason, Stop
from ...debugger.wording import names_of, number_text, title
from ...live import launch
from ...live.attach import Attached, StoppedCall, Then
from ...live.compare import differences
from ...live.host import HostCannot, probe
from ...live.launch import ProgramRefused, Run, Streams
from ...live.pattern import BadPattern, Pattern, parse_pattern
from ...live.replay import replay
from ...live.report import Names, answer_name
from ...live.session import unanswered
from ...live.settings import Settings
from ..inputs.live_options import not_run, syscall_number
from ..inputs.options import abi_for_bytes, chosen_quirks
from ..terminal.exits import DONE, NEGATIVE, UsageError
from .arguments import Options

if TYPE_CHECKING:
    from ...abi.revisions import Abi
    from ...debugger.session import Session
    from ...live.call import Call
    from ..terminal.terminal import Terminal


def execute(options: Options, words: list[str], history: str, terminal: Terminal) -> int:
    """Run the program; the exit code is its own unless a command failed in a batch."""
    try:
        patterns = [parse_pattern(text) for text in options.attach_on]
    except BadPattern as problem:
        raise UsageError(f"--attach-on: {problem}", problem.help) from None
    abi = abi_for_bytes(options)
    if abi.model.name != "64le" or abi.page_size != os.sysconf("SC_PAGE_SIZE"):
        raise UsageError("--attach-on: a program of this host has its data model and page size")
    number = syscall_number(options)
    try:
        return _run(options, words, history, terminal, patterns, abi, number)
    except (HostCannot, ProgramRefused) as problem:
        return not_run(problem, terminal)


def _run(
    options: Options,
    words: list[str],
    history: str,
    terminal: Terminal,
    patterns: list[Pattern],
    abi: Abi,
    number: int | None,
) -> int:
    quirks = frozenset(chosen_quirks(options.quirks) or ())
    settings = Settings(abi, probe(number), quirks, record=True)
    front = _Front(options, terminal, abi, history)
    names = Names()

    def make(settings: Settings, **told: Callable[..., None]) -> Attached:
        front.supervisor = Attached(
            settings, patterns, front, names, told["foreign"], told["executed"]
        )
        return front.supervisor

    with front.sharing_terminal():
        run = launch.run(
            settings,
            words,
            options.no_rseq,
            foreign=lambda tid, what: terminal.report([unanswered(tid, what)]),
            executed=names.forget,
            make=make,
            streams=front.streams,
        )
    assert front.supervisor is not None
    return front.finished(run, front.supervisor.stops)


class _LiveShell(Shell):
    """Says at the end of the copy's call that the program's own is still to be made."""

    def show(self, stop: Stop) -> None:
        """What a stop shows."""
        super().show(stop)
        if self.session.at_end:
            self.write("the program itself has not made this call: `continue` lets it")


class _Front:
    """The prompt, or a script, at every call that is meant.

    While the program runs, the terminal is its; at the prompt it is ours.
    """

    def __init__(self, options: Options, terminal: Terminal, abi: Abi, history: str) -> None:
        self.supervisor: Attached | None = None
        self._batch: bool = options.batch
        self._history = history
        self._terminal = terminal
        self._abi = abi
        self._commands = _script(options)
        self._shell: Shell | None = None
        self._then: Then | None = None
        self._skip = 0
        self._killed = False
        self._call: StoppedCall | None = None
        self._shown: dict[int, tuple[Session, list[object], int]] = {}
        self._program = 0
        self._on_terminal = _is_ours()
        self.streams = Streams.SHARED
        if self._on_terminal:
            self.streams = Streams.OWN_GROUP
        elif not self._batch:
            self.streams = Streams.NO_INPUT

    # -- the terminal --------------------------------------------------------------------------

    @contextmanager
    def sharing_terminal(self) -> Iterator[None]:
        """Around the program's run: the terminal is ours again at its end."""
        before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        try:
            yield
        finally:
            self._give_terminal(os.getpgrp())
            signal.signal(signal.SIGTTOU, before)

    def _give_terminal(self, group: int) -> None:
        if self._on_terminal and self._program:
            with suppress(OSError):  # the program has gone, or has a group of its own making
                os.tcsetpgrp(0, group)

    @contextmanager
    def _at_the_prompt(self) -> Iterator[None]:
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        self._give_terminal(os.getpgrp())
        try:
            yield
        finally:
            self._flush()
            self._give_terminal(self._program)
            signal.signal(signal.SIGINT, before)

    @staticmethod
    def _flush() -> None:
        sys.stdout.flush()

    def _write(self, line: str) -> None:
        print(line)

    # -- what the supervisor tells -------------------------------------------------------------

    def started(self, pid: int) -> None:
        """The program is about to begin."""
        self._program = pid
        self._give_terminal(pid)

    def stopped(self, call: StoppedCall) -> Then:
        """Show a call, and do what is asked until the program is let go."""
        if self._skip:
            self._skip -= 1
            return Then.GO_ON
        with self._at_the_prompt():
            session = session_of_call(
                call.machine, call.program, call.layout, call.arguments, call.names
            )
            shell = self._shell_on(session)
            self._call, self._then = call, None
            place = f" in {call.caller}" if call.caller else ""
            self._write(
                f"Call {call.number} of the program, thread {call.tid}{place}: {call.pattern.text}"
            )
            for remark in call.remarks:
                self._terminal.remark(remark)
            with stopping(shell):
                shell.show(session.last)
            then = self._converse(shell)
            if then is not Then.KILL:
                session.goto(sys.maxsize)
                movements = session.previous_movements()
                self._shown[call.tid] = (session, [*movements], _result(movements))
            return then

    def returned(self, stopped: StoppedCall, call: Call | None) -> None:
        """Tell of the real call, and of all that is not as it was shown."""
        if stopped.tid not in self._shown:
            return  # `continue N` did not show it
        session, movements, result = self._shown.pop(stopped.tid)
        if call is None:
            self._write(f"Thread {stopped.tid} was killed before its call was answered.")
        else:
            names = names_of(session)
            self._write(f"Thread {call.tid}: the call returned {answer_name(call.result)}.")
            if call.result != result:
                self._write(f"  shown was {answer_name(result)}: memory changed meanwhile")
            for each in differences(movements, replay(call, self._abi)):
                length = len(each.shown or each.real or b"")
                shown, real = (
                    "nothing" if data is None else number_text(_number(data), names)
                    for data in (each.shown, each.real)
                )
                where = title(names, each.address, length)
                self._write(f"  {where}: shown was {shown}, the call stored {real}")
        self._flush()

    def finished(self, run: Run, stops: int) -> int:
        """The program has ended: say how; the exit code."""
        if not self._killed:
            ended = run.ended
            how = (
                f"was killed by {signal.Signals(ended.signal).name}"
                if ended.signal
                else f"exited with {ended.code}"
            )
            self._write(f"The program {how}.")
        self._flush()
        if not stops:
            self._terminal.remark(f"no call was meant: the program made {run.calls}")
        if self._batch and self._shell is not None and self._shell.failures:
            return NEGATIVE
        return DONE if self._killed else launch.end_like(run.ended)

    # -- commands ------------------------------------------------------------------------------

    def _shell_on(self, session: Session) -> Shell:
        """The shell of all stops, with its breakpoints, on the session of this one."""
        shell = self._shell
        if shell is None:
            shell = self._shell = _LiveShell(
                session, self._table(), self._write, self._terminal.out
            )
        else:
            session.take_points(shell.session)
            shell.session = session
        shell.quitting = False
        return shell

    def _converse(self, shell: Shell) -> Then:
        """Commands from the script, then from the prompt, until one lets the program go."""
        while self._commands and self._then is None:
            line, echo = self._commands.popleft()
            if echo:
                self._write(f"{PROMPT}{line}")
            failures = shell.failures
            with stopping(shell):
                shell.execute(line)
            if shell.failures > failures and not echo:
                self._write("the command failed, the rest of the file is left out")
                self._commands = deque(each for each in self._commands if each[1])
        while self._then is None:
            if self._batch:
                return Then.DETACH
            if sys.stdin is None:
                raise UsageError("standard input is closed", "use -ex or -x, and --batch")
            shell.quitting = False
            interact(shell, sys.stdin, sys.stdout, self._history)
            if not shell.quitting:  # the input has ended
                if not self._on_terminal:
                    return Then.DETACH
                self._quit(shell, "")
        return self._then

    def _leave(self, shell: Shell, then: Then) -> None:
        self._then = then
        self._killed = then is Then.KILL
        shell.quitting = True

    def _continue(self, shell: Shell, argument: str) -> None:
        count = 1
        if argument:
            if not argument.isdigit() or not 1 <= int(argument) < 1 << 31:
                raise CommandError(f"{argument!r} is not a number of times")
            count = int(argument)
        stop = shell.session.resume()
        if stop.reason is not Reason.END:
            shell.show(stop)
            return
        self._skip = count - 1
        self._leave(shell, Then.GO_ON)

    def _detach(self, shell: Shell, argument: str) -> None:
        self._leave(shell, Then.DETACH)

    def _kill(self, shell: Shell, argument: str) -> None:
        self._leave(shell, Then.KILL)

    def _quit(self, shell: Shell, argument: str) -> None:
        if self._on_terminal and not self._batch:
            try:
                answer = input("The program is alive. Kill it? (y or n) ")
            except (EOFError, KeyboardInterrupt):
                answer = "y"
                self._write("")
            if not answer.lower().startswith("y"):
                self._write("`detach` lets it go and leaves the debugger.")
                return
        self._leave(shell, Then.KILL)

    def _info(self, shell: Shell, argument: str) -> None:
        call = self._call
        assert call is not None
        if argument == "registers":
            for name, value in call.registers.items():
                address = names_of(shell.session).address(value) if value else None
                self._write(f"{name:<8} {value:#x}{f'  ({address})' if address else ''}")
        elif argument == "threads":
            for each in call.threads:
                mark = "*" if each.tid == call.tid else " "
                self._write(
                    f"{mark} thread {each.tid} of process {each.pid}, {each.name}, CPU {each.cpu}"
                )
        else:
            COMMANDS["info"].run(shell, argument)
            if not argument:
                self._write("  registers    the caller's registers")
                self._write("  threads      the program's threads, all of which stand still")

    def _table(self) -> Mapping[str, Command]:
        """The debugger's commands, with those that mean something else for a program that lives."""
        changed = (
            Command(
                "continue",
                ("c",),
                "continue [N]",
                "to the next point; at the end of the call: let the program make it, and run to the "
                "next call (the Nth) that is meant",
                self._continue,
                True,
            ),
            Command(
                "detach", (), "detach", "let the program go, and stop it no more", self._detach
            ),
            Command("kill", ("k",), "kill", "kill the program", self._kill),
            Command("quit", ("q", "exit"), "quit", "kill the program and leave", self._quit),
            COMMANDS["info"]._replace(run=self._info),
        )
        table = dict(COMMANDS)
        for command in changed:
            table |= dict.fromkeys((command.name, *command.aliases), command)
        return table


def _script(options: Options) -> deque[tuple[str, bool]]:
    """The commands of -x, then those of -ex, which are shown."""
    lines: deque[tuple[str, bool]] = deque()
    if options.script is not None:
        try:
            with open(options.script, encoding="utf-8") as file:
                lines.extend((line, False) for line in file.read().splitlines() if line.strip())
        except (OSError, UnicodeDecodeError) as problem:
            raise UsageError(f"{options.script} can't be read: {problem}") from None
    lines.extend((command, True) for command in options.commands)
    return lines


def _is_ours() -> bool:
    """Whether standard input is a terminal that we are in the foreground of."""
    try:
        return os.isatty(0) and os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False


def _result(movements: Sequence[object]) -> int:
    """What the call returned in the debugger."""
    from ...interpreter.events import Returned

    return next(each.result for each in movements if isinstance(each, Returned))


def _number(data: bytes) -> int:
    return int.from_bytes(data, "little")
