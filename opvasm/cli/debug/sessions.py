"""The session that ``opvasm debug`` is asked for."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from ..inputs.inputs import display_name, read_bytes, read_source
from ..inputs.options import abi_for_bytes, chosen_abi, chosen_quirks, whole_number
from ..inputs.programs import (
    JSON,
    TEXT,
    argument_values,
    assembled,
    assembled_input,
    chosen_layout,
    chosen_vector,
    cpu_number,
)
from ..inputs.scenario_inputs import for_schedule
from ..terminal.exits import UsageError

if TYPE_CHECKING:
    from ...assembler import Assembly
    from ...debugger.session import Session
    from ...source import SourceFile
    from ..terminal.terminal import Terminal


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
    source = read_source(arguments.replay)
    if arguments.file is not None:
        assembly = assembled(read_source(arguments.file), *_abi_of_trace(arguments, source))
    session, notes = session_of_trace(source.text, source.name, assembly)
    for note in notes:
        terminal.remark(note)
    return session


def _abi_of_trace(arguments: Namespace, trace: SourceFile) -> tuple[str, str, int]:
    """What a trace says that it was recorded of.  Raises UsageError where options say otherwise."""
    from ...debugger.load import abi_of_trace

    abi = abi_of_trace(trace.text, trace.name)
    revision, model, size = chosen_abi(arguments)
    for option, wanted, held in (
        ("-a", revision, abi.revision.name),
        ("--model", model, abi.model.name),
        ("--page-size", arguments.page_size and size, abi.page_size),
    ):
        if wanted not in (None, held):
            raise UsageError(f"{option} {wanted}: {trace.name} was recorded for {held}")
    return abi.revision.name, abi.model.name, abi.page_size


def _schedule(arguments: Namespace) -> Session:
    from ...debugger.schedule import session_of_schedule
    from ...explorer.plan.validate import strategy_table
    from ...explorer.schedules.replay_file import read_replay, replay

    found = read_replay(read_source(arguments.schedule).text, arguments.schedule)
    assembly = for_schedule(arguments, found)
    strategies = strategy_table(assembly.strategies)
    program, sources = assembly.program, assembly.sources
    return session_of_schedule(replay(program, sources, assembly.scenarios, strategies, found))


def _ops(arguments: Namespace) -> Session:
    from ...binary import decode
    from ...debugger.load import session_of_ops
    from ...machine import Cpus
    from ..inputs.op_inputs import assembled_ops

    abi = abi_for_bytes(arguments)
    name = display_name(arguments.file)
    ops = decode(assembled_ops(arguments.source, read_bytes(arguments.file), name, abi), abi, name)
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
    from ...suggestion import did_you_mean, listing

    raise UsageError(
        f"there is no vector or test {what!r}",
        did_you_mean(what, names) or f"there are: {listing(names)}",
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
