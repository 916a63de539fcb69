"""The options of `opvasm test`."""

from __future__ import annotations

from ...abi.revisions import QUIRKS
from ...engines import ENGINE_NAMES
from ...light_typing import TYPE_CHECKING
from ..inputs.options import AbiOptions, add_abi
from ..inputs.workers import WorkerOptions, add_workers

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Options(AbiOptions, WorkerOptions):
    """The options, as they were typed."""

    paths: tuple[str, ...]
    expression: str
    engine: str
    plugin: str | None
    quirks: str | None
    against: tuple[str, str] | None
    coverage: bool
    require: str | None
    junit: str | None


def add_arguments(parser: ArgumentParser) -> None:
    """The options."""
    parser.add_argument("paths", metavar="PATH", nargs="+", help=".opv, .jsonl or a folder")
    parser.add_argument(
        "-k",
        dest="expression",
        metavar="EXPR",
        default="",
        help="only what contains these words: 'push and not (stale or empty)'",
    )
    add_abi(parser)
    engine = parser.add_mutually_exclusive_group()
    engine.add_argument(
        "--engine",
        choices=ENGINE_NAMES,
        default=ENGINE_NAMES[0],
        help=f"what runs reference cases (default: {ENGINE_NAMES[0]})",
    )
    engine.add_argument(
        "--plugin", metavar="CMD", help="a command that answers reference cases, one a line"
    )
    parser.add_argument(
        "--quirks",
        metavar="NAMES",
        help=f"none, all, or some of: {', '.join(QUIRKS)} (default: none, then each case's own)",
    )
    engine.add_argument(
        "--against",
        nargs=2,
        metavar=("A", "B"),
        help="run reference cases on two engines or plugin commands and stop at the first event "
        "that differs",
    )
    parser.add_argument(
        "--coverage",
        action="store_true",
        help="print which op, length, alignment and outcome the tests and cases have reached",
    )
    parser.add_argument(
        "--require",
        metavar="PERCENT",
        help="with --coverage: fail when less than this share of the combinations was reached",
    )
    parser.add_argument("--junit", metavar="OUT", help="also write the results as JUnit XML")
    add_workers(parser, "how many processes share the work (default: 1)")
