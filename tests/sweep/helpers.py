"""A small file to sweep, whose verdicts are known from the literature."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from opvasm.assembler import Assembly
from opvasm.explorer.schedules.walks import Walks
from opvasm.sweep.merge import Report, merge
from opvasm.sweep.plan import Axes, Sweep, plan_sweep
from opvasm.sweep.run import run_sweep
from opvasm.sweep.runners import InProcess
from opvasm.sweep.unit import Settings, Text
from opvasm.sweep.work import assembled_text

ROOT = Path(__file__).parents[2]
# model.md section 6: two sections on one CPU lose an increment where preemption does not restart
# them (v6_19_arm64).  A plain load and store lose one under every kernel, whatever the strategy of
# others.
COUNTER = """\
percpu counter: u64
percpu plain: u64
vector bump(n: i64) { add.u64 counter, n }
vector both(n: i64) { add.u64 counter, n; add.u64 plain, n }

scenario two_sections "two sections on one CPU" {
    cpus 1
    kernel legacy, v6_19_arm64
    strategy rseq
    thread a @0 { run bump(1) { aborted -> retry } }
    thread b @0 { run bump(1) { aborted -> retry } }
    forall counter == 2
    expect holds unless kernel v6_19_arm64
}

scenario plain_race "a load and a store, twice" {
    cpus 1..2
    strategy opv
    thread a @0 { x = load plain; store plain, x + 1; run bump(1) }
    thread b @0 { y = load plain; store plain, y + 1; run bump(1) }
    forall plain@0 == 2
    expect fails
}

scenario two_adds "two adds are no section (rule R4)" {
    cpus 1
    strategy opv
    thread a @0 { run both(1) { aborted -> retry } }
    thread b @0 { run both(1) { aborted -> retry } }
    forall counter == 2 && plain == 2
}
"""
SETTINGS = Settings(1_000_000, None, Walks(100, 1))


def text_of(source: str, name: str = "counter.opv") -> Text:
    """A text that uses no other."""
    return Text(((name, source),))


def planned(
    source: str = COUNTER, axes: Axes | None = None, settings: Settings = SETTINGS
) -> Sweep:
    """The sweep of one text."""
    return plan_of([text_of(source)], axes, settings)


def plan_of(
    texts: Iterable[Text], axes: Axes | None = None, settings: Settings = SETTINGS
) -> Sweep:
    """The sweep of some texts."""
    files: list[tuple[Text, Assembly]] = [(text, assembled_text(text)) for text in texts]
    return plan_sweep(files, axes or Axes(), settings)


def explored(sweep: Sweep) -> Report:
    """A sweep that was run here."""
    return merge(sweep, run_sweep(sweep, InProcess()))
