"""``opvasm run``: what is named is run on the simulated machine, with a trace."""

from __future__ import annotations

from ...light_typing import TYPE_CHECKING
from ..inputs.options import chosen_quirks
from ..inputs.programs import (
    JSON,
    TEXT,
    argument_values,
    assembled_input,
    chosen_layout,
    chosen_vector,
    cpu_number,
)
from ..terminal.exits import DONE, NEGATIVE, UsageError
from .arguments import Options as Options, add_arguments as add_arguments

if TYPE_CHECKING:
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


def execute(options: Options, terminal: Terminal) -> int:
    """Run one vector, or all tests."""
    if options.source not in (TEXT, JSON):
        from .ops import run_ops

        return run_ops(options, terminal)
    assembly = assembled_input(options.file, options, options.source)
    if options.vector is None:
        return _run_tests(options, assembly, terminal)
    return _run_vector(options.vector, options, assembly, terminal)


def _run_tests(options: Options, assembly: Assembly, terminal: Terminal) -> int:
    from ...scenario.runner import run_test
    from .tracing import begin_trace, tracer_of_test

    for option, given in (
        ("--arg", options.arg),
        ("--set", options.assignments),
        ("-e", options.exit_status),
    ):
        if given:
            raise UsageError(f"{option} needs a VECTOR to run", _vectors(assembly))
    if not assembly.tests:
        raise UsageError("the input has no tests; name a vector to run it", _vectors(assembly))
    layout = chosen_layout(options, assembly.program)
    quirks = chosen_quirks(options.quirks) or ()
    begin_trace(options.trace, assembly.program)
    failed = 0
    for test in assembly.tests:
        tracer = tracer_of_test(options.trace, assembly.program, layout, test, terminal.out)
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


def _run_vector(name: str, options: Options, assembly: Assembly, terminal: Terminal) -> int:
    from ...interpreter.supplied import supplied_text, supply
    from ...machine import Cpus
    from ...scenario.world import World
    from ..inputs.options import whole_number
    from .tracing import begin_trace, tracer_of_call

    program = assembly.program
    section = program.sections.get(name)
    vector = None if section else chosen_vector(program, name, "VECTOR")
    cpu, possible = cpu_number(options), whole_number(options.cpus, "--cpus")
    if not 1 <= possible <= 4096:
        raise UsageError(f"--cpus {possible}: a machine has 1 to 4096")
    layout = chosen_layout(options, program)
    current = cpu if 0 <= cpu < possible else 0
    quirks = chosen_quirks(options.quirks) or ()
    world = World(program, cpus=Cpus(possible, current=current), layout=layout, quirks=quirks)
    if options.assignments:
        from ..inputs.assignments import assign

        for text in options.assignments:
            assign(text, world, current)
    values = argument_values(options.arg, program, layout, current)
    if vector is None:
        assert section is not None
        from .section import run_section

        strict = options.exit_status
        return run_section(section, world, values, options.trace, terminal.out, strict)
    ops = world.ops(vector, current, values)
    pages = supply(
        world.machine.memory, _plain(vector, ops), program.abi, _declared(program, layout)
    )
    if pages:
        terminal.remark(supplied_text(pages, program.abi))
    begin_trace(options.trace, program)
    tracer = tracer_of_call(options.trace, program, layout, terminal.out, world.machine)
    tracer.begin(vector, cpu, values)
    world.machine.observe = tracer
    result = world.machine.cpu_opv(ops, len(ops), cpu)
    tracer.end(result)
    return NEGATIVE if options.exit_status and result != 0 else DONE


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
