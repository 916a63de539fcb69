"""The ``test`` blocks of a ``.opv`` file."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from time import perf_counter

from ..assembler import Assembly
from ..scenario.runner import run_test
from .coverage import Collector
from .outcome import TESTS, Outcome
from .selection import Selection


def run_blocks(
    assembly: Assembly,
    file: str,
    quirks: Collection[str],
    chosen: Selection,
    coverage: Collector | None = None,
) -> Iterator[Outcome]:
    """Every chosen test of a file that was assembled; ``coverage`` is told what they reach."""
    if coverage is not None:
        coverage.enter(assembly.program.abi)
    for test in assembly.tests:
        if not chosen(f"{file}::{test.name}"):
            continue
        started = perf_counter()
        result = run_test(assembly.program, test, quirks=quirks, observe=coverage)
        yield Outcome(
            kind=TESTS,
            file=file,
            name=test.name,
            revision=assembly.program.abi.revision.name,
            category=file,
            problem="; ".join(each.message for each in result.findings) or None,
            findings=result.findings,
            seconds=perf_counter() - started,
        )
