"""The session that ``opvasm debug`` is asked for."""

from __future__ import annotations

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
from .arguments import Options

if TYPE_CHECKING:
    from ...assembler import Assembly
    from ...debugger.session import Session
    from ...source import SourceFile
    from ..terminal.terminal import Terminal


def make_session(options: Options, terminal: Terminal) -> Session:
    """The session that the command line asks for."""
    if options.replay is not None:
        return _trace(options.replay, options.file, options, terminal)
    if options.file is None:
        raise UsageError("say what to debug: a FILE", "'opvasm debug --help' shows examples")
    if options.schedule is not None:
        return _schedule(options.file, options.schedule, options)
    if options.source not in (TEXT, JSON):
        return _ops(options.file, options)
    if options.file.endswith(".jsonl"):
        return _case(options.file, options, terminal)
    return text_session(options, assembled_input(options.file, options, options.source))


def _trace(trace: str, file: str | None, options: Options, terminal: Terminal) -> Session:
    """A recorded trace, with the names of a text where there is one."""
    from ...debugger.load import session_of_trace

    assembly = None
    source = read_source(trace)
    if file is not None:
        assembly = assembled(read_source(file), *_abi_of_trace(options, source))
    session, notes = session_of_trace(source.text, source.name, assembly)
    for note in notes:
        terminal.remark(note)
    return session


def _abi_of_trace(options: Options, trace: SourceFile) -> tuple[str, str, int]:
    """What a trace says that it was recorded of.  Raises UsageError where options say otherwise."""
    from ...debugger.load import abi_of_trace

    abi = abi_of_trace(trace.text, trace.name)
    revision, model, size = chosen_abi(options)
    for option, wanted, held in (
        ("-a", revision, abi.revision.name),
        ("--model", model, abi.model.name),
        ("--page-size", options.page_size and size, abi.page_size),
    ):
        if wanted not in (None, held):
            raise UsageError(f"{option} {wanted}: {trace.name} was recorded for {held}")
    return abi.revision.name, abi.model.name, abi.page_size


def _schedule(file: str, schedule: str, options: Options) -> Session:
    from ...debugger.schedule import session_of_schedule
    from ...explorer.plan.validate import strategy_table
    from ...explorer.schedules.replay_file import read_replay, replay

    found = read_replay(read_source(schedule).text, schedule)
    assembly = for_schedule(file, options, found)
    strategies = strategy_table(assembly.strategies)
    program, sources = assembly.program, assembly.sources
    return session_of_schedule(replay(program, sources, assembly.scenarios, strategies, found))


def _ops(file: str, options: Options) -> Session:
    from ...binary import decode
    from ...debugger.load import session_of_ops
    from ...machine import Cpus
    from ..inputs.op_inputs import assembled_ops

    abi = abi_for_bytes(options)
    name = display_name(file)
    ops = decode(assembled_ops(options.source, read_bytes(file), name, abi), abi, name)
    cpu, possible = cpu_number(options), _possible(options)
    return session_of_ops(ops, abi, Cpus(possible, current=_current(cpu, possible)), cpu)


def _case(file: str, options: Options, terminal: Terminal) -> Session:
    """A reference case by its name; a trace, should the file be one."""
    from ...conformance_case import read_cases
    from ...debugger.load import session_of_case

    source = read_source(file)
    if '"opvasm-trace/' in source.text[:200]:
        return _trace(file, None, options, terminal)
    quirks = chosen_quirks(options.quirks) or ()
    for case in read_cases(source):
        if options.what in (None, case.identifier):
            return session_of_case(case, quirks)
    raise UsageError(
        f"no case of {file} is called {options.what!r}" if options.what else f"{file} holds no case"
    )


def text_session(options: Options, assembly: Assembly, is_test: bool = False) -> Session:
    """A vector or a test of a file; a name that both have is the vector's, or with ``is_test`` not."""
    from ...debugger.load import session_of_test

    what, tests = options.what, assembly.tests
    quirks = chosen_quirks(options.quirks) or ()
    if what is None and not tests and assembly.scenarios:
        name = assembly.scenarios[0].name
        raise UsageError(
            "the input has scenarios and no tests: say which vector, or debug a schedule",
            f"VECTOR: {', '.join(assembly.program.vectors) or 'there is none'}; opvasm explore FILE"
            f" {name} --save OUT writes a schedule where a claim fails: debug --schedule OUT FILE",
        )
    is_vector = what in assembly.program.vectors and not is_test
    if is_vector or (what is None and not tests):
        return _vector(options, assembly)
    for option, given in (("--arg", options.arg), ("--set", options.assignments)):
        if given:
            raise UsageError(f"{option} needs a VECTOR to run")
    layout = chosen_layout(options, assembly.program)
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

    if any(each.name == what for each in assembly.scenarios):
        raise UsageError(
            f"{what!r} is a scenario, and what is debugged is one of its schedules",
            f"opvasm explore FILE {what} --save OUT writes one where a claim fails: debug --schedule OUT FILE",
        )
    raise UsageError(
        f"there is no vector or test {what!r}",
        did_you_mean(what, names) or f"there are: {listing(names)}",
    )


def _vector(options: Options, assembly: Assembly) -> Session:
    from ...debugger.load import session_of_vector
    from ...machine import Cpus
    from ...scenario.world import World
    from ..inputs.assignments import assign

    program = assembly.program
    vector = chosen_vector(program, options.what, "VECTOR")
    cpu, possible = cpu_number(options), _possible(options)
    layout = chosen_layout(options, program)
    cpus = Cpus(possible, current=_current(cpu, possible))
    quirks = chosen_quirks(options.quirks) or ()
    world = World(program, cpus=cpus, layout=layout, quirks=quirks)
    for text in options.assignments:
        assign(text, world, cpus.current)
    values = argument_values(options.arg, program, layout, cpus.current)
    return session_of_vector(world, vector, values, cpu)


def _possible(options: Options) -> int:
    possible = whole_number(options.cpus, "--cpus")
    if not 1 <= possible <= 4096:
        raise UsageError(f"--cpus {possible}: a machine has 1 to 4096")
    return possible


def _current(cpu: int, possible: int) -> int:
    return cpu if 0 <= cpu < possible else 0
