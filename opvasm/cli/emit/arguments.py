"""The options of `opvasm emit`, which the head of a header names again."""

from __future__ import annotations

from ...light_typing import TYPE_CHECKING
from ..inputs.options import AbiOptions, add_abi, add_output

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Options(AbiOptions):
    """The options, as they were typed."""

    file: str
    output: str | None
    strategy: str | None
    vector: tuple[str, ...]
    arch: str
    prefix: str | None
    types: tuple[str, ...]
    index: tuple[str, ...]
    include: tuple[str, ...]
    no_explore: bool
    check: str | None


def add_arguments(parser: ArgumentParser) -> None:
    """The options."""
    parser.add_argument(
        "file", metavar="FILE", nargs="?", default="-", help="the text (- or none: standard input)"
    )
    add_output(parser)
    parser.add_argument(
        "--strategy",
        metavar="NAME",
        help="how vectors are run: a strategy of the file, or rseq, opv, lock (default: the file's "
        "only one; of a file without any, rseq then lock after 2)",
    )
    parser.add_argument(
        "--vector",
        metavar="NAME",
        action="append",
        default=[],
        help="only this vector or section; may be repeated",
    )
    parser.add_argument(
        "--arch",
        metavar="ARCH",
        default="x86-64,aarch64",
        help="the architectures that get sections; on others the fallback is compiled "
        "(default: x86-64,aarch64)",
    )
    parser.add_argument(
        "--prefix", metavar="NAME", help="what every name begins with (default: the file's name)"
    )
    parser.add_argument(
        "--type",
        dest="types",
        metavar="STRUCT=TYPE",
        action="append",
        default=[],
        help="use this C type for a declared struct; may be repeated",
    )
    parser.add_argument(
        "--index",
        metavar="PARAMETER=ARRAY",
        action="append",
        default=[],
        help="hand this pointer over as the number of an element of a percpu array, slot=log.slot; "
        "may be repeated",
    )
    parser.add_argument(
        "--include",
        metavar="HEADER",
        action="append",
        default=[],
        help="a header of your own that declares those types, as in #include; may be repeated",
    )
    parser.add_argument(
        "--no-explore",
        action="store_true",
        help="write the header without exploring any scenario; its head says so",
    )
    parser.add_argument(
        "--check",
        metavar="HEADER",
        help="write nothing: say whether this header is still what its source gives",
    )
    add_abi(parser)
