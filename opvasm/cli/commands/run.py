"""``opvasm run``."""

from __future__ import annotations

from ...light_typing import TYPE_CHECKING
from ..inputs.options import add_input, chosen_quirks
from ..inputs.programs import (
    JSON,
    TEXT,
    add_machine,
    argument_values,
    assembled_input,
    chosen_layout,
    chosen_vector,
    cpu_number,
)
from ..terminal.exits import DONE, NEGATIVE, UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator, Sequence

    from ...assembler import Assembly
    from ...program import Instruction, Layout, Program, Vector
    from ..terminal.terminal import Terminal

DESCRIPTION = """\
Run vectors on simulated per-CPU memory. With only a file: run its tests and print a trace of
each, op by op. With a vector: make one call and print its trace; the last line is the result."""
EXAMPLES = """
opvasm run samples/idioms/list.opv
opvasm run samples/idioms/list.opv push --cpu 1 --arg 'node=&nodes[0]' --arg expect=0
opvasm run list.opv pop --set 'head=&nodes[0]' --arg 'expect=&nodes[0]' --arg out=0x600000000000
opvasm run counter.opv --trace=jsonl | jq .event
opvasm run --from raw vector.bin --set '@0x7f0000000000.u64=5'
"""
EXITS = {
    DONE: "ran, whatever the call returned; the file's tests pass",
    NEGATIVE: "-e: the call did not return 0; a test of the file fails",
}
BARE = {"--trace": "--trace=human"}


def add_arguments(parser: ArgumentParser) -> None:
    """The options."""
    add_input(parser, "the text, or ops with --from")
    parser.add_argument(
        "vector",
        metavar="VECTOR",
        nargs="?",
        help="the vector or section to run (default: the tests)",
    )
    add_machine(parser)
    parser.add_argument(
        "--trace",
        choices=("human", "jsonl", "none"),
        default="human",
        metavar="human|jsonl|none",
        help="how to tell what happens: for people (default), a JSON object a line, or not",
    )
    parser.add_argument(
        "-e",
        "--exit-status",
        action="store_true",
        help="exit with 1 when the call does not return 0",
    )


def execute(arguments: Namespace, terminal: Terminal) -> int:
    """Run one vector, or all tests."""
    if arguments.source not in (TEXT, JSON):
        from .run_ops import run_ops

        return run_ops(arguments, terminal)
    assembly = assembled_input(arguments)
    if arguments.vector is None:
        return _run_tests(arguments, assembly, terminal)
    return _run_vector(arguments, assembly, terminal)


def _run_tests(arguments: Namespace, assembly: Assembly, terminal: Terminal) -> int:
    from ...scenario.runner import run_test
    from .tracing import begin_trace, tracer_of_test

    for option, given in (
        ("--arg", arguments.arg),
        ("--set", arguments.assignments),
        ("-e", arguments.exit_status),
    ):
        if given:
            raise UsageError(f"{option} needs a VECTOR to run", _vectors(assembly))
    if not assembly.tests:
        raise UsageError("the input has no tests; name a vector to run it", _vectors(assembly))
    layout = chosen_layout(arguments, assembly.program)
    quirks = chosen_quirks(arguments.quirks) or ()
    begin_trace(arguments.trace, assembly.program)
    failed = 0
    for test in assembly.tests:
        tracer = tracer_of_test(arguments.trace, assembly.program, layout, test, terminal.out)
        result = run_test(
            assembly.program,
            test,
            layout=layout,
            quirks=quirks,
            observe=tracer,
        )
        tracer.end(result)
        failed += not result.passed
    terminal.remark(f"{len(assembly.tests) - failed} passed, {failed} failed")
    return NEGATIVE if failed else DONE


def _vectors(assembly: Assembly) -> str | None:
    program = assembly.program
    from ...suggestion import listing

    names = listing([*program.vectors, *program.sections])
    return f"vectors: {names}" if names else None


def _run_vector(arguments: Namespace, assembly: Assembly, terminal: Terminal) -> int:
    from ...interpreter.supplied import supplied_text, supply
    from ...machine import Cpus
    from ...scenario.world import World
    from ..inputs.assignments import assign
    from ..inputs.options import whole_number
    from .tracing import begin_trace, tracer_of_call

    program = assembly.program
    section = program.sections.get(arguments.vector)
    vector = None if section else chosen_vector(program, arguments.vector, "VECTOR")
    cpu, possible = cpu_number(arguments), whole_number(arguments.cpus, "--cpus")
    if not 1 <= possible <= 4096:
        raise UsageError(f"--cpus {possible}: a machine has 1 to 4096")
    layout = chosen_layout(arguments, program)
    current = cpu if 0 <= cpu < possible else 0
    quirks = chosen_quirks(arguments.quirks) or ()
    world = World(program, cpus=Cpus(possible, current=current), layout=layout, quirks=quirks)
    for text in arguments.assignments:
        assign(text, world, current)
    values = argument_values(arguments.arg, program, layout, current)
    if vector is None:
        assert section is not None
        from .run_section import run_section

        strict = arguments.exit_status
        return run_section(section, world, values, arguments.trace, terminal.out, strict)
    ops = world.ops(vector, current, values)
    pages = supply(
        world.machine.memory, _plain(vector, ops), program.abi, _declared(program, layout)
    )
    if pages:
        terminal.remark(supplied_text(pages, program.abi))
    begin_trace(arguments.trace, program)
    tracer = tracer_of_call(arguments.trace, program, layout, terminal.out, world.machine)
    tracer.begin(vector, cpu, values)
    world.machine.observe = tracer
    result = world.machine.cpu_opv(ops, len(ops), cpu)
    tracer.end(result)
    return NEGATIVE if arguments.exit_status and result != 0 else DONE


def _plain(vector: Vector, ops: Sequence[Instruction]) -> Iterator[tuple[int, int]]:
    """The (address, bytes) of operands that name no variable: numbers, written or given."""
    from ...program import ArgumentValue

    for written, bound in zip(vector.instructions, ops, strict=True):
        for value, address in zip(written.addresses, bound.addresses, strict=True):
            if isinstance(value, int | ArgumentValue) and isinstance(address, int):
                yield address, bound.length


def _declared(program: Program, layout: Layout) -> list[tuple[int, int]]:
    """Where pages are declared, from a start up to an end: what is unmapped there stays so."""
    from ...program import Area

    return [
        (layout.symbol_address(each, 0), layout.symbol_address(each, 0) + each.size)
        for each in program.data.symbols.values()
        if each.area is Area.PAGE
    ]
