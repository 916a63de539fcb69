"""The limits of a search, from the command line."""

from __future__ import annotations

from ...light_typing import TYPE_CHECKING
from ..inputs.options import whole_number
from ..inputs.workers import chosen_jobs
from ..terminal.exits import UsageError
from .arguments import MOST_THREADS, Options

if TYPE_CHECKING:
    from ...explorer.setting.options import Limits


def chosen_limits(options: Options, preemptions: bool = True) -> Limits:
    """The checked values of ``--max-states``, ``--timeout``, ``--max-memory``, ``--engine``, ``--jobs``
    where there is no ``--sweep``, and maybe ``--preemptions``."""
    from ...explorer.setting.options import Limits

    limits = Limits(engine=options.engine)
    if not options.sweep:
        limits = limits._replace(jobs=chosen_jobs(options, 1, MOST_THREADS))
        if limits.jobs > 1 and options.engine == "python":
            raise UsageError(
                f"--jobs {limits.jobs} needs the engine in C: the one in Python searches on one core",
                "leave out --jobs or --engine",
            )
    if options.max_memory is not None:
        limits = limits._replace(memory=_positive(options.max_memory, "--max-memory") << 20)
    if options.max_states is not None:
        limits = limits._replace(states=_positive(options.max_states, "--max-states"))
    if options.timeout is not None:
        try:
            seconds = float(options.timeout)
        except ValueError:
            seconds = -1.0
        if not 0 < seconds < 1e9:
            raise UsageError(f"--timeout: {options.timeout!r} is not a number of seconds above 0")
        limits = limits._replace(seconds=seconds)
    if preemptions and options.preemptions is not None:
        bound = whole_number(options.preemptions, "--preemptions")
        if bound < 0:
            raise UsageError(f"--preemptions {bound} is less than 0")
        limits = limits._replace(preemptions=bound)
    return limits


def _positive(text: str, option: str) -> int:
    number = whole_number(text, option)
    if number < 1:
        raise UsageError(f"{option} {number} is less than 1")
    return number
