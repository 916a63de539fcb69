"""``--jobs`` and ``--cluster``: the options that say who does the work of a sweep or of many tests."""

from __future__ import annotations

from ...light_typing import TYPE_CHECKING
from ..terminal.exits import HOST, UsageError
from .option_values import OptionValues
from .options import whole_number

if TYPE_CHECKING:
    from argparse import ArgumentParser

# More processes than this on one machine are a slip of the finger.
MOST_JOBS = 4096


class HostError(Exception):
    """This host, or its cluster, can't do it; ``help`` says what may mend that."""

    def __init__(self, message: str, help: str | None) -> None:
        super().__init__(message)
        self.message = message
        self.help = help
        self.code = HOST


class WorkerOptions(OptionValues):
    """What ``add_workers`` adds."""

    jobs: str | None
    cluster: str | None


def add_workers(parser: ArgumentParser, jobs: str) -> None:
    """The two options; ``jobs`` says in words who shares the work."""
    parser.add_argument("--jobs", metavar="N", help=jobs)
    parser.add_argument(
        "--cluster",
        metavar="ADDRESS",
        help="work on the Dask cluster whose scheduler is at ADDRESS (tcp://host:8786); needs "
        "pip install 'opvasm[cluster]'",
    )


def chosen_jobs(options: WorkerOptions, default: int, most: int = MOST_JOBS) -> int:
    """The checked value of ``--jobs``."""
    if options.jobs is None:
        return default
    if options.cluster is not None:
        raise UsageError("--jobs and --cluster exclude each other")
    jobs = whole_number(options.jobs, "--jobs")
    if not 1 <= jobs <= most:
        raise UsageError(f"--jobs {jobs} is not within 1 to {most}")
    return jobs
