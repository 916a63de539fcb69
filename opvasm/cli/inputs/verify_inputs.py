"""What ``opvasm verify`` checks: the vectors of texts, of raw ops, of ELF files."""

from __future__ import annotations

from ...light_typing import TYPE_CHECKING, NamedTuple
from ..terminal.exits import UsageError
from .elf_inputs import ELF_MAGIC, ElfOptions, elf_vectors
from .inputs import display_name, read_bytes, source_of
from .op_inputs import assembled_ops
from .options import abi_for_bytes, chosen_abi
from .programs import JSON, TEXT, assembled, json_input

if TYPE_CHECKING:
    from ...abi.revisions import Abi
    from ...program import Data, Program, Vector
    from ...source import SourceFile


class VerifyOptions(ElfOptions):
    """The options that say what a file holds."""

    source: str


class Checked(NamedTuple):
    """A vector with what it is checked against; ``name`` is what its bytes are called."""

    vector: Vector
    abi: Abi
    data: Data
    name: str


class Input(NamedTuple):
    """A file's vectors and sections; ``source`` is its text, where it is one."""

    vectors: tuple[Checked, ...]
    source: SourceFile | None
    program: Program | None = None


def read_input(path: str, options: VerifyOptions) -> Input:
    """The vectors of a file.  Raises OpvasmError with everything that is wrong with it."""
    name = display_name(path)
    data = read_bytes(path)
    if data[:4] == ELF_MAGIC:
        return Input(_elf(data, name, options), None)
    if options.symbol or options.section:
        raise UsageError(f"{name} is not an ELF file, so it has no symbols or sections")
    if options.source not in (TEXT, JSON):
        return Input((_raw(data, name, options),), None)
    source = None if options.source == JSON else source_of(data, name)
    if source is None:
        program = json_input(data, name, options).program
    else:
        program = assembled(source, *chosen_abi(options)).program
    return Input(
        tuple(
            Checked(vector, program.abi, program.data, name) for vector in program.vectors.values()
        ),
        source,
        program,
    )


def _raw(data: bytes, name: str, options: VerifyOptions) -> Checked:
    from ...binary import decode
    from ...program import Vector
    from ...verifier.report import NO_DATA

    abi = abi_for_bytes(options)
    ops = assembled_ops(options.source, data, name, abi)
    return Checked(Vector(name, (), decode(ops, abi, name)), abi, NO_DATA, name)


def _elf(data: bytes, name: str, options: VerifyOptions) -> tuple[Checked, ...]:
    from ...verifier.report import NO_DATA

    return tuple(
        Checked(each.vector, each.abi, NO_DATA, name) for each in elf_vectors(data, name, options)
    )
