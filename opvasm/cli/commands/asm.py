"""``opvasm asm``: a text is assembled, and its vectors are written in one of the formats."""

from __future__ import annotations

from ...formats import OUTPUTS, Listing, write
from ...light_typing import TYPE_CHECKING
from ..inputs.options import AbiOptions, add_abi, add_input, add_output, listed
from ..inputs.programs import (
    BindingOptions,
    add_binding,
    argument_values,
    assembled_input,
    chosen_layout,
    chosen_vector,
    cpu_number,
)
from ..terminal.exits import DONE, NEGATIVE, UsageError
from ..terminal.outputs import write_binary, write_text

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from ...program import Program, Vector
    from ..terminal.terminal import Terminal

DESCRIPTION = """\
Assemble a .opv text. raw and hex hold one vector, bound to addresses by the layout, the CPU
and the arguments; the other formats hold all vectors and keep names as relocations, unless
arguments are given. A vector that the kernel would refuse is an error."""
EXAMPLES = """
opvasm asm samples/idioms/list.opv --vector push --arg node=0x1000 --arg expect=0 -o push.bin
opvasm asm samples/ops/add.opv -f hex
opvasm asm samples/idioms/list.opv -f json | jq .vectors
echo 'vector v() { mb }' | opvasm asm | opvasm disasm
"""
EXITS = {DONE: "assembled", NEGATIVE: "the kernel would refuse a vector; nothing is written"}


class Options(AbiOptions, BindingOptions):
    """The options, as they were typed."""

    file: str
    output: str | None
    format: str
    vector: str | None
    include: str | None
    no_verify: bool


def add_arguments(parser: ArgumentParser) -> None:
    """The options."""
    add_input(parser, "the text")
    add_output(parser)
    parser.add_argument(
        "-f",
        "--format",
        choices=tuple(OUTPUTS),
        default="raw",
        help=listed(OUTPUTS.values(), "raw"),
    )
    add_abi(parser)
    parser.add_argument("--vector", metavar="NAME", help="only this vector")
    add_binding(parser)
    parser.add_argument(
        "--include",
        metavar="HEADER",
        help="-f c: take the structs from this C header (or <HEADER>) instead of declaring them",
    )
    parser.add_argument(
        "--no-verify", action="store_true", help="write what the kernel would refuse, too"
    )


def execute(options: Options, terminal: Terminal) -> int:
    """Assemble, verify, bind, write."""
    program = assembled_input(options.file, options).program
    format = OUTPUTS[options.format]
    cpu = cpu_number(options)
    layout = chosen_layout(options, program)
    values = argument_values(options.arg, program, layout, cpu)
    bound = format.bound or bool(values)
    vectors: tuple[Vector, ...]
    if bound or options.vector is not None:
        vectors = (chosen_vector(program, options.vector, "--vector"),)
    else:
        vectors = tuple(program.vectors.values())
        has_sections = format.name == "json" and program.sections
        if not vectors and not has_sections:
            raise UsageError("the input has no vector")
        if program.sections and not has_sections:
            from ...suggestion import listing as names_of

            left_out = names_of(program.sections)
            terminal.remark(f"sections have no ops and are left out: {left_out}")
    if options.include is not None and (format.name != "c" or bound):
        raise UsageError("--include is for -f c without --arg: nothing else declares structs")
    header = options.include
    listing = Listing(program, vectors, layout, cpu, values if bound else None, header)
    if not options.no_verify and _refused(listing, program, terminal):
        return NEGATIVE
    data = write(options.format, listing)
    if format.binary:
        hint = "use -o FILE, a pipe, or -f hex"
        write_binary(data, options.output, hint)
    else:
        write_text(data.decode(), options.output)
    return DONE


def _refused(listing: Listing, program: Program, terminal: Terminal) -> bool:
    """Report what the kernel would refuse, of vectors that do not say so themselves."""
    from ...binding import bind
    from ...errors import in_order
    from ...verifier.report import verify

    def checked(vector: Vector) -> Vector:
        if listing.arguments is None:
            return vector
        ops = bind(vector, program, listing.layout, listing.cpu, listing.arguments)
        return vector._replace(instructions=ops)

    errors = in_order(
        finding
        for vector in listing.vectors
        if vector.verified
        for finding in verify(checked(vector), program.abi, data=program.data, advice=False)
        if finding.level == "error"
    )
    terminal.report(errors)
    if errors:
        from ..terminal.terminal import say

        say(
            f"{terminal.err.help('help')}: 'unverified vector' or --no-verify writes it all the same"
        )
    return bool(errors)
