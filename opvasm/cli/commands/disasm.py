"""``opvasm disasm``: the bytes of ops become a text, a table or JSON."""

from __future__ import annotations

from ...formats import DISASSEMBLIES, INPUTS, disassembly
from ...light_typing import TYPE_CHECKING
from ..inputs.elf_inputs import ELF_MAGIC, ElfOptions, add_elf, elf_vectors
from ..inputs.inputs import display_name, read_bytes
from ..inputs.op_inputs import assembled_ops
from ..inputs.options import abi_for_bytes, add_abi, add_input, add_output, listed
from ..terminal.exits import DONE, NEGATIVE, UsageError
from ..terminal.outputs import write_text

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from ...abi.revisions import Abi
    from ..terminal.terminal import Terminal

DESCRIPTION = """\
Turn the bytes of struct cpu_op into text. The text of -f opv assembles to the same
bytes again, whatever they hold: unknown ops, unused bytes, lengths that no kernel takes."""
EXAMPLES = """
opvasm asm samples/ops/add.opv | opvasm disasm
opvasm disasm -a 2018-04 -f table vector.bin
hexdump -C vector.bin | opvasm disasm --from hex
opvasm disasm --strict vector.bin -o vector.opv
opvasm disasm prog.o --symbol push_ops
"""
EXITS = {DONE: "disassembled", NEGATIVE: "--strict: a kernel would refuse the ops"}


class Options(ElfOptions):
    """The options, as they were typed."""

    file: str
    output: str | None
    format: str
    source: str | None
    strict: bool


def add_arguments(parser: ArgumentParser) -> None:
    """The options."""
    add_input(parser, "the ops")
    add_output(parser)
    parser.add_argument(
        "-f",
        "--format",
        choices=tuple(DISASSEMBLIES),
        default="opv",
        help=listed(DISASSEMBLIES.values(), "opv"),
    )
    parser.add_argument(
        "--from",
        dest="source",
        choices=tuple(INPUTS),
        help=listed(INPUTS.values(), "raw"),
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="refuse ops that the kernel refuses, and unused bytes that are not zero",
    )
    add_elf(parser)
    add_abi(parser)


def execute(options: Options, terminal: Terminal) -> int:
    """Read, decode, print."""
    name = display_name(options.file)
    data = read_bytes(options.file)
    if options.source is None and data[:4] == ELF_MAGIC:
        return _elf(data, name, options)
    if options.symbol or options.section:
        raise UsageError(f"{name} is not an ELF file, so it has no symbols or sections")
    abi = abi_for_bytes(options)
    data = assembled_ops(options.source, data, name, abi)
    if options.strict and _refused(data, abi, name, terminal):
        return NEGATIVE
    write_text(disassembly(options.format, data, name, abi), options.output)
    return DONE


def _elf(data: bytes, name: str, options: Options) -> int:
    """The arrays of ops inside an object or a program."""
    from ...formats.elf_text import elf_text

    if options.format != "opv" or options.strict:
        raise UsageError(
            "an ELF file is disassembled to -f opv only, without --strict",
            "'opvasm verify' says what a kernel would refuse",
        )
    write_text(elf_text(elf_vectors(data, name, options)), options.output)
    return DONE


def _refused(data: bytes, abi: Abi, name: str, terminal: Terminal) -> bool:
    """Report what the kernel would refuse and which unused bytes are set."""
    from ...binary import decode
    from ...errors import in_order
    from ...verifier.report import verify
    from ...verifier.reserved import reserved_bytes

    ops = decode(data, abi, name)
    found = in_order((*verify(ops, abi, name=name, advice=False), *reserved_bytes(ops, name)))
    terminal.report(found)
    return bool(found)
