"""The formats in which vectors leave opvasm, and those in which ops come in.

``OUTPUTS`` and ``INPUTS`` are the registries from which the command line, its help and the tests
derive; a format's module is imported when it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..abi.revisions import Abi
from ..light_import import import_module
from ..light_typing import NamedTuple
from ..program import Layout, Program, Vector


class Listing(NamedTuple):
    """What is written: some vectors of a program, and what binds them.

    ``arguments`` None leaves parameters and symbols as names, in a format that can hold names;
    otherwise there is exactly one vector, and every value is known.  ``cpu`` is the CPU that the
    vectors run on.  ``header`` is a C header that declares the program's structs, which the C text
    then includes (``"x.h"``, ``<x.h>`` or x.h) instead of declaring them.
    """

    program: Program
    vectors: tuple[Vector, ...]
    layout: Layout
    cpu: int = 0
    arguments: Mapping[str, int] | None = None
    header: str | None = None


class OutputFormat(NamedTuple):
    """A format of ``asm``.

    ``binary`` ones are not for a terminal; ``bound`` ones hold bytes, so they need one vector and
    all of its arguments.
    """

    name: str
    module: str
    summary: str
    binary: bool = False
    bound: bool = False


class DisassemblyFormat(NamedTuple):
    """A format of ``disasm``; ``module`` is relative to this package."""

    name: str
    module: str
    summary: str


class InputFormat(NamedTuple):
    """A format of ``disasm``'s input."""

    name: str
    module: str
    summary: str
    binary: bool = False


OUTPUTS: dict[str, OutputFormat] = {
    each.name: each
    for each in (
        OutputFormat(
            "raw",
            "raw",
            "the array of struct cpu_op as it lies in memory, 32 bytes an op",
            binary=True,
            bound=True,
        ),
        OutputFormat(
            "hex", "hexadecimal", "the same bytes in hexadecimal, one op a line", bound=True
        ),
        OutputFormat("json", "json_writer", "ops, relocations, pool, symbols and spans as JSON"),
        OutputFormat("c", "c_writer", "C that fills struct cpu_op, with its header's names"),
        OutputFormat("gas", "gas_writer", "assembler source for GNU as, with relocations"),
    )
}

DISASSEMBLIES: dict[str, DisassemblyFormat] = {
    each.name: each
    for each in (
        DisassemblyFormat("opv", "disassembler", "text that assembles to the same bytes"),
        DisassemblyFormat(
            "table", "formats.table", "a line an op, every field by the header's name"
        ),
        DisassemblyFormat("json", "formats.json_writer", "the document that asm -f json writes"),
    )
}

INPUTS: dict[str, InputFormat] = {
    each.name: each
    for each in (
        InputFormat("raw", "raw", "an array of struct cpu_op", binary=True),
        InputFormat(
            "hex",
            "hexadecimal",
            "hexadecimal digits, a dump (xxd, hexdump -C, od -tx1, objdump -s) or a C array",
        ),
    )
}


def write(name: str, listing: Listing) -> bytes:
    """The listing in the format of that name; text is UTF-8.

    Raises BindError where the format needs values that the listing does not have, or where one
    does not fit; KeyError for a name that is not in OUTPUTS.
    """
    module = import_module(f"{__name__}.{OUTPUTS[name].module}")
    data: bytes = module.write(listing)
    return data


def disassembly(name: str, data: bytes, source_name: str, abi: Abi) -> str:
    """An array of struct cpu_op as text, in the format of that name.

    Raises DecodeError when the bytes are not a whole number of ops; KeyError for a name that is not
    in DISASSEMBLIES.
    """
    module = import_module(f"opvasm.{DISASSEMBLIES[name].module}")
    text: str = module.disassembly(data, source_name, abi)
    return text


def read_ops(
    name: str,
    data: bytes,
    source_name: str,
    abi: Abi,
    told: Callable[[str], None] | None = None,
) -> bytes:
    """The array of struct cpu_op that an input of that format holds.

    ``told`` is called with a sentence where the format has several layouts and one was recognised.
    Raises DecodeError with every problem of the input; KeyError for a name not in INPUTS.
    """
    module = import_module(f"{__name__}.{INPUTS[name].module}")
    ops: bytes = module.read(data, source_name, abi, told)
    return ops
