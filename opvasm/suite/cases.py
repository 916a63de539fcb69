"""Reference cases of a ``.jsonl`` file, held against an engine."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from time import perf_counter

from ..abi.revisions import get_abi
from ..conformance_case import PAGE_SIZE, Case, read_cases
from ..engines import Engine
from ..engines.conformance import Kernel, check
from ..source import SourceFile
from .coverage import Collector
from .outcome import CASES, HISTORIC, Outcome
from .selection import Selection


def run_cases(
    source: SourceFile,
    engine: Engine,
    quirks: Collection[str] | None,
    chosen: Selection,
    coverage: Collector | None = None,
) -> Iterator[Outcome]:
    """Every chosen case; ``quirks`` as for ``check``.  Raises DecodeError and EngineError.

    ``coverage`` is the observer that the engine was made with, if any.
    """
    cases = chosen_cases(source, chosen)
    if coverage is not None:
        cases = _entered(cases, coverage)
    started = perf_counter()
    for verdict in check(cases, engine, quirks):
        case = verdict.case
        ended = perf_counter()
        yield Outcome(
            kind=HISTORIC if verdict.kernel is Kernel.HISTORIC else CASES,
            file=source.name,
            name=case.identifier,
            revision=case.revision,
            category=case.category,
            problem=verdict.problem,
            seconds=ended - started,
        )
        started = perf_counter()


def chosen_cases(source: SourceFile, chosen: Selection) -> Iterator[Case]:
    """The cases of a file that are asked for.  Raises DecodeError."""
    for case in read_cases(source):
        if chosen(f"{source.name}::{case.identifier} {case.category} {case.revision}"):
            yield case


def _entered(cases: Iterator[Case], coverage: Collector) -> Iterator[Case]:
    """The cases, each after the coverage was told its revision."""
    for case in cases:
        coverage.enter(get_abi(case.revision, page_size=PAGE_SIZE))
        yield case
