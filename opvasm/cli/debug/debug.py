"""``opvasm debug``."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from ..inputs.inputs import display_name, read_bytes, read_source
from ..inputs.live_options import add_no_rseq, add_number
from ..inputs.options import abi_for_bytes, chosen_abi, chosen_quirks, whole_number
from ..inputs.programs import (
    JSON,
    TEXT,
    add_machine,
    argument_values,
    assembled,
    assembled_input,
    chosen_layout,
    chosen_vector,
    cpu_number,
)
from ..terminal.exits import DONE, HOST, NEGATIVE, UsageError

if TYPE_CHECKING:
    from ...assembler import Assembly
    from ...debugger.session import Session
    from ..terminal.terminal import Terminal

DESCRIPTION = """\
Step through a test, a vector, a reference case or a recorded trace, forwards and backwards.
The commands are gdb's; 'help' lists them. 'who' says which op wrote some bytes, 'why' what
decided a result."""
EXAMPLES = """
opvasm debug samples/idioms/list.opv 'push, then a stale push'
opvasm debug list.opv push --arg 'node=&nodes[0]' --arg expect=0
opvasm debug list.opv -ex 'break push.2' -ex run -ex why --batch
opvasm debug tests/conformance/public.jsonl pub-0007
opvasm debug --from raw vector.bin
opvasm debug list.opv --replay trace.jsonl
opvasm debug samples/races/list.opv --schedule failure.json
opvasm debug --dap
opvasm debug --attach-on 'memcpy sym=head' -- ./program --its-own-option
opvasm debug --attach-on result=EAGAIN -ex why --batch -- ./test_suite
"""
EXITS = {
    DONE: "the session ended; with --attach-on the program's own exit code is passed on",
    NEGATIVE: "--batch: a command could not be carried out",
    HOST: "--attach-on: this host can't run the program so; the message says what is missing",
}
BARE = {"--dap": "--dap=stdio"}
RUNS_PROGRAM = True
HISTORY = "~/.local/state/opvasm/debug_history"


def add_arguments(parser: ArgumentParser) -> None:
    """The options."""
    parser.add_argument(
        "file",
        metavar="FILE",
        nargs="?",
        help=".opv, .jsonl (cases, or a trace), or ops with --from",
    )
    parser.add_argument(
        "what",
        metavar="WHAT",
        nargs="?",
        help="a test's or vector's name, or a case's (default: the first test or case)",
    )
    add_machine(parser)
    parser.add_argument(
        "--replay",
        metavar="TRACE",
        help="walk a recorded trace (run --trace=jsonl, record); FILE, where given, has its names",
    )
    parser.add_argument(
        "--schedule",
        metavar="FILE",
        help="walk a schedule that 'opvasm explore --save' has written for the scenarios of FILE",
    )
    parser.add_argument(
        "--dap",
        metavar="stdio|PORT",
        help="serve an editor by the Debug Adapter Protocol, on standard input and output or on "
        "a TCP port of the loopback interface (0: any free one)",
    )
    parser.add_argument(
        "-x", dest="script", metavar="FILE", help="carry out the commands of a file"
    )
    parser.add_argument(
        "-ex",
        dest="commands",
        metavar="COMMAND",
        action="append",
        default=[],
        help="carry out a command; may be repeated",
    )
    parser.add_argument("--batch", action="store_true", help="end after -x and -ex; no prompt")
    parser.add_argument(
        "--attach-on",
        metavar="PATTERN",
        action="append",
        default=[],
        help="run the program behind --, as exec does, and stop it at its calls that are meant: "
        "any, memcpy, sym=head, cpu=1, nr=17, result=EAGAIN, 'memcpy cpu=0,1 if head == 0'; may be "
        "repeated",
    )
    add_number(parser)
    add_no_rseq(parser)


def execute(arguments: Namespace, terminal: Terminal) -> int:
    """Make the session, then serve whoever asks."""
    program: list[str] | None = getattr(arguments, "program", None)
    if arguments.attach_on or program is not None:
        return _attach(arguments, program or [], terminal)
    if arguments.dap is not None:
        from .adapter import serve

        return serve(arguments, terminal)
    session = make_session(arguments, terminal)
    return _converse(session, arguments, terminal)


def _attach(arguments: Namespace, program: list[str], terminal: Terminal) -> int:
    """The calls of a real program."""
    if not arguments.attach_on:
        raise UsageError(
            "a program stands behind --, but not at which of its calls to stop",
            "--attach-on any; 'opvasm debug --help' shows more",
        )
    if not program:
        raise UsageError(
            "--attach-on needs a program", "opvasm debug --attach-on PATTERN -- PROGRAM ARGS"
        )
    for option, given in (
        ("FILE", arguments.file),
        ("--from", arguments.source != TEXT),
        ("--arg", arguments.arg),
        ("--set", arguments.assignments),
        ("--layout", arguments.layout),
        ("--replay", arguments.replay),
        ("--schedule", arguments.schedule),
        ("--dap", arguments.dap),
    ):
        if given:
            raise UsageError(f"{option} and --attach-on exclude each other")
    from .attach import execute as attach

    return attach(arguments, program, os.path.expanduser(HISTORY), terminal)


def _converse(session: Session, arguments: Namespace, terminal: Terminal) -> int:
    """Commands from files, from the command line, then from the prompt."""
    from ...debugger.commands import COMMANDS
    from ...debugger.prompt import PROMPT, interact, stopping
    from ...debugger.shell import Shell

    shell = Shell(session, COMMANDS, _print, terminal.out)
    with stopping(shell):
        shell.show(session.last)
        if arguments.script is not None:
            shell.execute(f"source {arguments.script}")
        for command in arguments.commands:
            if shell.quitting:
                break
            _print(f"{PROMPT}{command}")
            shell.execute(command)
    if arguments.batch or shell.quitting:
        return NEGATIVE if arguments.batch and shell.failures else DONE
    if sys.stdin is None:
        raise UsageError("standard input is closed", "say what to do with -ex or -x, and --batch")
    interact(shell, sys.stdin, sys.stdout, os.path.expanduser(HISTORY))
    return DONE


def _print(line: str) -> None:
    print(line)


def make_session(arguments: Namespace, terminal: Terminal) -> Session:
    """The session that the command line asks for."""
    if arguments.replay is not None:
        return _trace(arguments, terminal)
    if arguments.file is None:
        raise UsageError("say what to debug: a FILE", "'opvasm debug --help' shows examples")
    if arguments.schedule is not None:
        return _schedule(arguments)
    if arguments.source not in (TEXT, JSON):
        return _ops(arguments)
    if arguments.file.endswith(".jsonl"):
        return _case(arguments, terminal)
    return text_session(arguments, assembled_input(arguments))


def _trace(arguments: Namespace, terminal: Terminal) -> Session:
    from ...debugger.load import session_of_trace

    assembly = None
    if arguments.file is not None:
        assembly = assembled(read_source(arguments.file), *chosen_abi(arguments))
    source = read_source(arguments.replay)
    session, notes = session_of_trace(source.text, source.name, assembly)
    for note in notes:
        terminal.remark(note)
    return session


def _schedule(arguments: Namespace) -> Session:
    from ...debugger.schedule import session_of_schedule
    from ...explorer.plan.validate import strategy_table
    from ...explorer.schedules.replay_file import read_replay, replay

    assembly = assembled(read_source(arguments.file), *chosen_abi(arguments))
    found = read_replay(read_source(arguments.schedule).text, arguments.schedule)
    strategies = strategy_table(assembly.strategies)
    program, sources = assembly.program, assembly.sources
    return session_of_schedule(replay(program, sources, assembly.scenarios, strategies, found))


def _ops(arguments: Namespace) -> Session:
    from ...binary import decode
    from ...debugger.load import session_of_ops
    from ...formats import read_ops
    from ...machine import Cpus

    abi = abi_for_bytes(arguments)
    name = display_name(arguments.file)
    ops = decode(read_ops(arguments.source, read_bytes(arguments.file), name, abi), abi, name)
    cpu, possible = cpu_number(arguments), _possible(arguments)
    return session_of_ops(ops, abi, Cpus(possible, current=_current(cpu, possible)), cpu)


def _case(arguments: Namespace, terminal: Terminal) -> Session:
    """A reference case by its name; a trace, should the file be one."""
    from ...conformance_case import read_cases
    from ...debugger.load import session_of_case

    source = read_source(arguments.file)
    if '"opvasm-trace/' in source.text[:200]:
        arguments.replay, arguments.file = arguments.file, None
        return _trace(arguments, terminal)
    quirks = chosen_quirks(arguments.quirks) or ()
    for case in read_cases(source):
        if arguments.what in (None, case.identifier):
            return session_of_case(case, quirks)
    raise UsageError(
        f"no case of {arguments.file} is called {arguments.what!r}"
        if arguments.what
        else f"{arguments.file} holds no case"
    )


def text_session(arguments: Namespace, assembly: Assembly) -> Session:
    """A vector or a test of a file."""
    from ...debugger.load import session_of_test

    what, tests = arguments.what, assembly.tests
    quirks = chosen_quirks(arguments.quirks) or ()
    if (what is not None and what in assembly.program.vectors) or (what is None and not tests):
        return _vector(arguments, assembly)
    for option, given in (("--arg", arguments.arg), ("--set", arguments.assignments)):
        if given:
            raise UsageError(f"{option} needs a VECTOR to run")
    layout = chosen_layout(arguments, assembly.program)
    if what is None:
        return session_of_test(assembly, tests[0], quirks, layout)
    exact = [test for test in tests if test.name == what]
    near = [test for test in tests if what.lower() in test.name.lower()]
    found = exact or near
    if len(found) == 1:
        return session_of_test(assembly, found[0], quirks, layout)
    names = [*assembly.program.vectors, *(test.name for test in tests)]
    if found:
        listed = ", ".join(repr(test.name) for test in found)
        raise UsageError(f"{what!r} could be each of {listed}")
    from ...suggestion import did_you_mean

    raise UsageError(
        f"there is no vector or test {what!r}",
        did_you_mean(what, names) or f"there are: {', '.join(names)}",
    )


def _vector(arguments: Namespace, assembly: Assembly) -> Session:
    from ...debugger.load import session_of_vector
    from ...machine import Cpus
    from ...scenario.world import World
    from ..inputs.assignments import assign

    program = assembly.program
    vector = chosen_vector(program, arguments.what, "VECTOR")
    cpu, possible = cpu_number(arguments), _possible(arguments)
    layout = chosen_layout(arguments, program)
    cpus = Cpus(possible, current=_current(cpu, possible))
    quirks = chosen_quirks(arguments.quirks) or ()
    world = World(program, cpus=cpus, layout=layout, quirks=quirks)
    for text in arguments.assignments:
        assign(text, world, cpus.current)
    values = argument_values(arguments.arg, program, layout, cpus.current)
    return session_of_vector(world, vector, values, cpu)


def _possible(arguments: Namespace) -> int:
    possible = whole_number(arguments.cpus, "--cpus")
    if not 1 <= possible <= 4096:
        raise UsageError(f"--cpus {possible}: a machine has 1 to 4096")
    return possible


def _current(cpu: int, possible: int) -> int:
    return cpu if 0 <= cpu < possible else 0
