"""Reference cases of a ``.jsonl`` file, held against an engine."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from time import perf_counter

from ..conformance_case import read_cases
from ..engines import Engine
from ..engines.conformance import Kernel, check
from ..source import SourceFile
from .outcome import CASES, HISTORIC, Outcome
from .selection import Selection


def run_cases(
    source: SourceFile,
    engine: Engine,
    quirks: Collection[str] | None,
    chosen: Selection,
) -> Iterator[Outcome]:
    """Every chosen case; ``quirks`` as for ``check``.  Raises DecodeError and EngineError."""
    cases = (
        case
        for case in read_cases(source)
        if chosen(f"{source.name}::{case.identifier} {case.category} {case.revision}")
    )
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
