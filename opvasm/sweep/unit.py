"""What is handed to a worker and what comes back, as small values that can be pickled."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

from ..abi.revisions import DEFAULT_PAGE_SIZE
from ..explorer.schedules.walks import Walks
from ..light_typing import Any, NamedTuple

REFUSED = "refused"


class Text(NamedTuple):
    """A file with all files that it uses, (name, text) each, itself first; read once for all workers.

    ``revision``, ``model`` and ``page_size`` (bytes) are those of the command line, None where the
    file says them.
    """

    sources: tuple[tuple[str, str], ...]
    revision: str | None = None
    model: str | None = None
    page_size: int = DEFAULT_PAGE_SIZE

    @property
    def name(self) -> str:
        """The file's name as it was given."""
        return self.sources[0][0]

    @property
    def sha256(self) -> str:
        """The hash of all its texts."""
        digest = sha256()
        for name, text in self.sources:
            digest.update(f"{name}\0{text}\0".encode())
        return digest.hexdigest()


class Settings(NamedTuple):
    """How every unit of a sweep is explored.

    A search ends after ``states`` states or ``seconds`` seconds (None: when it is done); without
    ``search`` there is none.  ``walks`` follow a search that was ended, or stand in its place.
    """

    states: int
    seconds: float | None
    walks: Walks
    search: bool = True


class Unit(NamedTuple):
    """One exploration: a scenario with a strategy for each thread of its text, under one kernel.

    ``bound`` is the most preemptions of a schedule, None without a bound.
    """

    file: str
    scenario: str
    strategies: tuple[tuple[str, str], ...]
    kernel: str
    cpus: int
    bound: int | None

    @property
    def name(self) -> str:
        """What tells the unit from the others of its file; walks are derived from it."""
        chosen = " ".join(f"{thread}={strategy}" for thread, strategy in self.strategies)
        bound = "" if self.bound is None else f" preemptions={self.bound}"
        return f"{self.scenario} kernel={self.kernel} {chosen} cpus={self.cpus}{bound}"

    @property
    def key(self) -> str:
        """What tells the unit from all others of a sweep."""
        return f"{self.file}: {self.name}"


class Walked(NamedTuple):
    """Walks that were taken: from which seed, how deep (None: uniformly random), how many.

    ``cut`` of them were given up as too long.  ``failing`` is the number of the walk that failed.
    """

    seed: int
    depth: int | None
    number: int
    cut: int
    steps: int
    failing: int | None


class Result(NamedTuple):
    """What became of a unit.

    ``verdict`` is one of holds, fails, deadlock, livelock, blocks, inconclusive, refused;
    ``verdicts`` all that was found against the scenario.  ``rule`` is the code that refused it.
    ``stopped`` says why not everything was seen.  ``label`` is what fails, ``preemptions`` the
    fewest that this takes, ``replay`` the document opvasm-replay/1 of a schedule that leads there.
    ``seconds`` is the core time that it took; no report has it.
    """

    verdict: str
    verdicts: tuple[str, ...] = ()
    rule: str | None = None
    stopped: str | None = None
    states: int | None = None
    preemptions: int | None = None
    label: str | None = None
    walked: Walked | None = None
    replay: Mapping[str, Any] | None = None
    seconds: float = 0.0


def result_record(result: Result) -> dict[str, Any]:
    """A result as JSON."""
    record: dict[str, Any] = result._asdict()
    record["verdicts"] = list(result.verdicts)
    record["walked"] = None if result.walked is None else result.walked._asdict()
    record["seconds"] = round(result.seconds, 6)
    return record


def result_of(record: Mapping[str, Any]) -> Result:
    """A result from its JSON.  Raises KeyError or TypeError where it is none."""
    walked = record["walked"]
    fields = {name: record[name] for name in Result._fields}
    fields["verdicts"] = tuple(record["verdicts"])
    fields["walked"] = None if walked is None else Walked(**walked)
    return Result(**fields)
