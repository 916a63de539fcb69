"""``opvasm test --jobs`` and ``--cluster``: pieces done by workers, told in the files' order."""

from __future__ import annotations

from ...light_typing import Any
from ...sweep.tasks import Task
from ..inputs.runners import workers
from ..inputs.workers import WorkerOptions
from .pieces import Setup, here, pieces, run_shared
from .results import Results


class _Enough(Exception):
    """An engine has failed: nothing else is run."""


def run_with_workers(
    options: WorkerOptions, files: list[str], setup: Setup, results: Results, jobs: int
) -> None:
    """The same results as one process has, in the same order.  Raises HostError."""
    setup = setup._replace(folder=here())
    listed = list(pieces(files, shared=True))
    # The biggest first, so that none is begun when all others are done.
    order = sorted(range(len(listed)), key=lambda i: -_weight(listed[i].text))
    tasks = [Task(listed[i].file, run_shared, (listed[i], setup)) for i in order]
    waiting: dict[int, Any] = {}
    ended: set[str] = set()
    position = 0

    def done(number: int, ran: Any) -> None:
        nonlocal position
        waiting[order[number]] = ran
        while position in waiting:
            piece, ran = listed[position], waiting.pop(position)
            position += 1
            if piece.file in ended:
                continue
            for outcome in ran.outcomes:
                results.tell(outcome)
            if not results.end(ran):
                raise _Enough
            if ran.ended_early:
                ended.add(piece.file)

    with workers(options, jobs) as runner:
        try:
            runner.run(tasks, done)
        except _Enough:
            return


def _weight(text: str) -> int:
    """About how long a piece takes, next to others: scenarios are explored."""
    return len(text.lstrip("\n")) + 20_000 * text.count("\nscenario ")
