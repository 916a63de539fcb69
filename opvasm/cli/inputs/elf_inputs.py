"""ELF files as inputs: the options that choose arrays of ops in them, and reading those."""

from __future__ import annotations

from ...abi.revisions import DEFAULT_REVISION
from ...light_typing import TYPE_CHECKING
from ..terminal.exits import UsageError
from .options import AbiOptions, chosen_abi

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from ...formats.elf import ElfVector

ELF_MAGIC = b"\x7fELF"


class ElfOptions(AbiOptions):
    """What ``add_elf`` and ``add_abi`` add."""

    symbol: tuple[str, ...]
    section: tuple[str, ...]


def add_elf(parser: ArgumentParser) -> None:
    """``--symbol`` and ``--section``."""
    parser.add_argument(
        "--symbol",
        metavar="NAME",
        action="append",
        default=[],
        help="the array of ops in an ELF file, * matches; may be repeated",
    )
    parser.add_argument(
        "--section",
        metavar="NAME",
        action="append",
        default=[],
        help="the section of an ELF file whose arrays are read; may be repeated",
    )


def elf_vectors(data: bytes, name: str, options: ElfOptions) -> tuple[ElfVector, ...]:
    """The arrays that the options choose; at least one.  Raises DecodeError."""
    from ...formats.elf import read_vectors

    revision, model, page_size = chosen_abi(options)
    found = read_vectors(
        data,
        name,
        revision or DEFAULT_REVISION,
        page_size,
        options.symbol,
        options.section,
    )
    if model is not None and any(each.abi.model.name != model for each in found):
        raise UsageError(
            f"{name} is of {found[0].abi.model.name}, not of {model}",
            "leave --model out: an ELF file says its data model",
        )
    return found
