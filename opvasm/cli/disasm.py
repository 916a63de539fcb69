"""``opvasm disasm``."""

from __future__ import annotations

from ..formats import DISASSEMBLIES, INPUTS, disassembly, read_ops
from ..light_typing import TYPE_CHECKING
from .exits import DONE, NEGATIVE
from .inputs import display_name, read_bytes
from .options import abi_for_bytes, add_abi, add_input, add_output, listed
from .outputs import write_text

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..abi.revisions import Abi
    from .terminal import Terminal

DESCRIPTION = """\
Turn the bytes of struct cpu_op into text. The text of -f opv assembles to the same
bytes again, whatever they hold: unknown ops, unused bytes, lengths that no kernel takes."""
EXAMPLES = """
opvasm asm samples/ops/add.opv | opvasm disasm
opvasm disasm -a 2018-04 -f table vector.bin
opvasm disasm --from hex -f json < dump.txt
opvasm disasm --strict vector.bin -o vector.opv
"""
EXITS = {DONE: "disassembled", NEGATIVE: "--strict: a kernel would refuse the ops"}


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
        default="raw",
        help=listed(INPUTS.values(), "raw"),
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="refuse ops that the kernel refuses, and unused bytes that are not zero",
    )
    add_abi(parser)


def execute(arguments: Namespace, terminal: Terminal) -> int:
    """Read, decode, print."""
    abi = abi_for_bytes(arguments)
    name = display_name(arguments.file)
    data = read_bytes(arguments.file)
    if arguments.source != "raw":
        data = read_ops(arguments.source, data, name, abi)
    if arguments.strict and _refused(data, abi, name, terminal):
        return NEGATIVE
    write_text(disassembly(arguments.format, data, name, abi), arguments.output)
    return DONE


def _refused(data: bytes, abi: Abi, name: str, terminal: Terminal) -> bool:
    """Report what the kernel would refuse and which unused bytes are set."""
    from ..binary import decode
    from ..errors import in_order
    from ..verifier.report import verify
    from ..verifier.reserved import reserved_bytes

    ops = decode(data, abi, name)
    found = in_order((*verify(ops, abi, name=name, advice=False), *reserved_bytes(ops, name)))
    terminal.report(found)
    return bool(found)
