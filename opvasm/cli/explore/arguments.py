"""The options of `opvasm explore`."""

from __future__ import annotations

from ...light_typing import TYPE_CHECKING
from ..inputs.options import AbiOptions, add_abi, add_output
from ..inputs.workers import WorkerOptions, add_workers
from .formats import FORMATS

if TYPE_CHECKING:
    from argparse import ArgumentParser

REDUCTIONS = ("fuse", "dead", "collapse", "groups", "symmetry")
# Threads of one search; native/source/engine.h has the same number.
MOST_THREADS = 16
# Random schedules after a search that hit its limit, unless --walks says another number.
DEFAULT_WALKS = 100
# Options of a sweep alone, by their names.
SWEEP_ONLY = ("cpus", "strategies", "walks", "pct", "seed", "cluster", "results", "resume")


class Options(AbiOptions, WorkerOptions):
    """The options, as they were typed."""

    file: str
    scenarios: tuple[str, ...]
    output: str | None
    format: str
    max_states: str | None
    timeout: str | None
    preemptions: str | None
    engine: str | None
    max_memory: str | None
    no_reduction: tuple[str, ...]
    compare: bool
    save: str | None
    dump: bool
    replay: str | None
    coverage: bool
    require: str | None
    kernels: tuple[str, ...]
    # Of --sweep alone.
    sweep: bool
    cpus: str | None
    strategies: str | None
    walks: str | None
    pct: str | None
    seed: str | None
    results: str | None
    resume: str | None


def add_arguments(parser: ArgumentParser) -> None:
    """The options."""
    parser.add_argument("file", metavar="FILE", help="the text (-: standard input)")
    parser.add_argument(
        "scenarios",
        metavar="SCENARIO",
        nargs="*",
        default=[],
        help="only these (default: all of the file)",
    )
    add_abi(parser)
    add_output(parser)
    parser.add_argument(
        "-f",
        "--format",
        choices=tuple(FORMATS),
        default="human",
        help="for people (default); opvasm-explore/1; a page that works offline; the graphs of "
        "states for Graphviz or as a picture; for continuous integration",
    )
    _add_search(parser)
    _add_other_answers(parser)
    parser.add_argument(
        "--kernel",
        "--kernels",
        dest="kernels",
        metavar="LIST",
        action="append",
        default=[],
        help="under these kernels instead of the scenario's own, asking whether it holds there; "
        "host: the running one's, found by a probe; with --sweep: only under these (default: all)",
    )
    _add_sweep(parser)


def _add_search(parser: ArgumentParser) -> None:
    """The options for how a search searches, and for how long."""
    parser.add_argument(
        "--max-states",
        metavar="N",
        help="stop a search after N states (default: 1000000)",
    )
    parser.add_argument(
        "--timeout",
        metavar="S",
        help="stop exploring a scenario after S seconds, reading included: what it has seen then depends "
        "on the machine (with --sweep: a combination)",
    )
    parser.add_argument(
        "--preemptions",
        metavar="K",
        help="only schedules in which a thread that could go on loses its CPU at most K times "
        "(with --sweep also several: 0,1,2)",
    )
    parser.add_argument(
        "--engine",
        choices=("python", "native"),
        help="which engine searches: the specification in Python, or the one in C (default: the one "
        "in C where it was built, and Python for what that can't do)",
    )
    parser.add_argument(
        "--max-memory",
        metavar="MIB",
        help="stop a search once it takes so much (default: half of what is free)",
    )
    parser.add_argument(
        "--no-reduction",
        metavar="NAME",
        action="append",
        default=[],
        help=f"search without one of: {', '.join(REDUCTIONS)}, or all; may be repeated",
    )


def _add_other_answers(parser: ArgumentParser) -> None:
    """The options for what is answered, and where it goes."""
    parser.add_argument(
        "--compare",
        action="store_true",
        help="instead of what the scenarios say, go through every strategy, kernel and "
        "environment, and print what each comes to (-f human, json or html)",
    )
    parser.add_argument(
        "--save",
        metavar="OUT",
        help="write the schedule of the first failure as a replay file (with --compare or --sweep: "
        "of each, into the folder OUT)",
    )
    parser.add_argument(
        "--dump",
        action="store_true",
        help="only print the step code of each configuration, which is what a search runs "
        "(opvasm docs steps; -f human or json)",
    )
    parser.add_argument("--replay", metavar="FILE", help="only show the schedule of a replay file")
    parser.add_argument(
        "--coverage", action="store_true", help="say of each op what has happened there"
    )
    parser.add_argument(
        "--require",
        metavar="WHAT",
        help="exit 1 unless each op was: executed, differs (each compare failed), aborted (each op "
        "of a section was aborted at), several with commas, or all",
    )


def _add_sweep(parser: ArgumentParser) -> None:
    """The options that only a sweep has."""
    parser.add_argument(
        "--sweep",
        action="store_true",
        help="FILE and SCENARIO are files and folders: explore all their scenarios with every "
        "strategy, under every kernel (-f human, json or junit)",
    )
    parser.add_argument(
        "--cpus",
        metavar="LIST",
        help="--sweep: with these numbers of CPUs, as 1,2,3 (default: the scenario's own)",
    )
    parser.add_argument(
        "--strategies",
        metavar="LIST",
        help="--sweep: only with these strategies (default: all of the file, and rseq, opv, lock)",
    )
    parser.add_argument(
        "--walks",
        metavar="N",
        help="--sweep: follow N random schedules instead of a search; with --max-states or "
        f"--timeout, after a search that hit the limit (default: {DEFAULT_WALKS} then)",
    )
    parser.add_argument(
        "--pct",
        metavar="DEPTH",
        help="--sweep: random schedules by priorities that change DEPTH - 1 times (PCT)",
    )
    parser.add_argument(
        "--seed", metavar="S", help="--sweep: what random schedules derive from (default: 1)"
    )
    add_workers(
        parser,
        "how many cores share the work: with --sweep as processes (default: one for each CPU), else "
        f"as threads of one search by the engine in C, at most {MOST_THREADS} (default: 1)",
    )
    parser.add_argument(
        "--results",
        metavar="FILE",
        help="--sweep: append each finished unit to this new file, for --resume",
    )
    parser.add_argument(
        "--resume",
        metavar="FILE",
        help="--sweep: go on with the sweep whose results are in FILE; what is finished is not "
        "explored again",
    )
