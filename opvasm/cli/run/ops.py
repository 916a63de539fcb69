"""``opvasm run --from raw``: one assembled vector on memory that is supplied where it points.

Nothing here reads text: an assembled vector starts as fast as the interpreter allows.
"""

from __future__ import annotations

from ...abi.ops import WORD_LENGTHS
from ...binary import decode
from ...formats.listing import listing_of
from ...interpreter import Machine
from ...interpreter.supplied import accesses_of, supplied_text, supply
from ...light_typing import TYPE_CHECKING
from ...machine import Cpus, Fault, Memory
from ..inputs.inputs import display_name, read_bytes
from ..inputs.op_inputs import assembled_ops
from ..inputs.options import abi_for_bytes, chosen_quirks, whole_number
from ..inputs.programs import cpu_number
from ..terminal.exits import DONE, NEGATIVE, UsageError
from .arguments import Options
from .tracing import begin_trace, tracer_of_call

if TYPE_CHECKING:
    from ...abi.revisions import Abi
    from ..terminal.terminal import Terminal


def run_ops(options: Options, terminal: Terminal) -> int:
    """Run the ops of a file of bytes; pages are supplied where its operands point."""
    for option, given in (
        ("VECTOR", options.vector),
        ("--arg", options.arg),
        ("--layout", options.layout),
    ):
        if given:
            raise UsageError(f"{option} is for texts: assembled ops hold no names")
    abi = abi_for_bytes(options)
    name = display_name(options.file)
    data = read_bytes(options.file)
    data = assembled_ops(options.source, data, name, abi)
    ops = decode(data, abi, name)
    cpu, possible = cpu_number(options), whole_number(options.cpus, "--cpus")
    if not 1 <= possible <= 4096:
        raise UsageError(f"--cpus {possible}: a machine has 1 to 4096")
    memory = Memory(abi.page_size)
    pages = supply(memory, accesses_of(ops), abi)
    for text in options.assignments:
        _assign(text, memory, abi)
    if pages:
        terminal.remark(supplied_text(pages, abi))
    cpus = Cpus(possible, current=cpu if 0 <= cpu < possible else 0)
    listing = listing_of(ops, abi, "ops")
    begin_trace(options.trace, listing.program)
    machine = Machine(abi, memory, cpus, chosen_quirks(options.quirks) or ())
    program, layout = listing.program, listing.layout
    tracer = tracer_of_call(options.trace, program, layout, terminal.out, machine)
    tracer.begin(listing.vectors[0], cpu, {})
    machine.observe = tracer
    result = machine.cpu_opv(ops, len(ops), cpu)
    tracer.end(result)
    return NEGATIVE if options.exit_status and result != 0 else DONE


def _assign(text: str, memory: Memory, abi: Abi) -> None:
    """``@ADDRESS.u32=VALUE``; without a size, a word of the machine."""
    place, equals, value = text.partition("=")
    address, _, size_name = place.strip().removeprefix("@").partition(".")
    sizes = {f"u{8 * size}": size for size in WORD_LENGTHS} | {"": abi.model.word}
    if not equals or not place.strip().startswith("@") or size_name not in sizes:
        raise UsageError(
            f"--set takes @ADDRESS.u64=VALUE for assembled ops, not {text!r}",
            "sizes: u8, u16, u32, u64",
        )
    size = sizes[size_name]
    number = whole_number(value.strip(), "--set")
    if not -(1 << (8 * size - 1)) <= number < 1 << (8 * size):
        raise UsageError(f"--set: {value.strip()} does not fit {size} bytes")
    data = (number % (1 << (8 * size))).to_bytes(size, abi.model.byteorder)
    try:
        memory.write(whole_number(address, "--set"), data)
    except Fault:
        raise UsageError(
            f"--set: no operand lies in the page of {address}",
            "pages are supplied where operands point, but for the first one",
        ) from None
