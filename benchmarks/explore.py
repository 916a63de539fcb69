"""States, time and memory of ``opvasm explore``, beside Spin on the same questions.

Times are seconds of a core from the start to the answer; Spin's include what a user waits for:
generating the verifier, compiling it, running it.  Spin is the Debian package ``spin`` (``apt-get install spin gcc``); without
it only our own numbers are printed.

Spin's twin of the list pushes is asked what the scenario claims: that all nodes are in the list.  A
second table has the twin without that claim.  Spin then leaves out of the state every variable that is
only written (its option -o2 keeps them), which is the list itself: it answers less, in fewer states.

With ``OPVASM_BESIDE=FOLDER``, another checkout of opvasm, that one is measured, too.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import process_time
from typing import NamedTuple

from opvasm.assembler import assemble
from opvasm.explorer.plan.plan import make_plan
from opvasm.explorer.plan.validate import strategy_table
from opvasm.explorer.search.explore import explore
from opvasm.explorer.setting.configuration import configurations
from opvasm.explorer.setting.options import NO_REDUCTIONS, Limits
from opvasm.source import SourceFile

from . import two_cores
from .exploring import scenarios, tools
from .exploring.scenarios import Row
from .exploring.tools import Run, Spin
from .measure import table

ROWS: tuple[Row, ...] = (
    *((3, 1, 2), (5, 1, 1), (4, 2, 2), (6, 2, 1), (5, 2, 2), (8, 2, 1)),
    *((4, 1, 2), (3, 1, 3), (4, 1, 3), (5, 1, 2)),
)
OTHERS = {"resize": scenarios.RESIZE, "lock": scenarios.LOCK}
MILLIONS = ("--max-states", "50000000")
# As an exported model says in its first lines, but optimised and with small states.
EXPORTED = (
    *("-O2", "-w", "-DSAFETY", "-DNOREDUCE", "-DCOLLAPSE", "-DPRINTF"),
    *("-DVECTORSZ=8192", "-DMEMLIM=8000"),
)
PATIENCE = 120.0  # seconds for a search of Spin


class Line(NamedTuple):
    """A row of the table: what each tool needed; None: not asked."""

    name: str
    ours: Run
    spin: Spin | None
    hidden: Spin | None
    before: Run | None


def _spin_is_here() -> bool:
    return all(shutil.which(each) is not None for each in ("spin", "gcc"))


def _explored(text: str, words: tuple[str, ...] = MILLIONS, tree: Path | None = None) -> Run:
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "s.opv").write_text(text)
        found = tools.opvasm(["explore", "s.opv", *words], Path(name), tree)
        assert tree is not None or found.status == 0, found.out
        return found


def _exported(text: str) -> str:
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "s.opv").write_text(text)
        words = ["export", "s.opv", "s", "--promela", "-o", "s.pml"]
        done = tools.opvasm(words, Path(name), runs=1)
        assert done.status == 0, done.out
        return (Path(name) / "s.pml").read_text()


def _lines(beside: Path | None) -> list[Line]:
    lines = []
    for row in ROWS:
        text, spin, hidden = scenarios.pushes(row), None, None
        if _spin_is_here():
            model = scenarios.pushes_for_spin(row)
            spin = tools.spin(model, limit=PATIENCE)
            hidden = tools.spin(_without_claim(model), limit=PATIENCE)
        before = None if beside is None else _explored(text, tree=beside)
        lines.append(Line(",".join(map(str, row)), _explored(text), spin, hidden, before))
        _tell(lines[-1])
    for name, text in OTHERS.items():
        spin = None
        if _spin_is_here():
            spin = tools.spin(_exported(text), EXPORTED, ("-c0", "-n", "-m1000000"), (), PATIENCE)
        before = None if beside is None else _explored(text, tree=beside)
        lines.append(Line(name, _explored(text), spin, None, before))
        _tell(lines[-1])
    return lines


def _tell(line: Line) -> None:
    """What is known so far, for whoever waits: all of it takes ten minutes and more."""
    spins = " ".join(
        f"Spin {each.states} states, {each.build:.2f} + {each.search:.2f} s, {each.memory >> 20} MB;"
        for each in (line.spin, line.hidden)
        if each is not None
    )
    ours = f"{tools.states_in(line.ours.out)} states, {line.ours.seconds:.2f} s"
    sys.stderr.write(f"{line.name}: {ours}, {line.ours.memory >> 20} MB; {spins}\n")


def _without_claim(model: str) -> str:
    """The twin whose list nobody reads."""
    return model[: model.index("    atomic {\n        (_nr_pr == 1);")] + "}\n"


def _of_spin(found: Spin | None, ours: Run, states: int) -> list[str]:
    if found is None:
        return ["", "", "", "", ""]
    if found.states is None:
        return [
            "?",
            f"> {found.seconds:.0f}",
            f"{found.memory >> 20}",
            "",
            f"< {ours.seconds / found.seconds:.3f}",
        ]
    return [
        f"{found.states:,}",
        f"{found.seconds:.2f}",
        f"{found.memory >> 20}",
        f"{states / found.states:.4f}",
        f"{ours.seconds / found.seconds:.3f}",
    ]


def _main_table(lines: list[Line]) -> str:
    rows = [["T,C,k", "states", "s", "MB", "Spin", "s", "MB", "states", "time"]]
    for line in lines:
        states = tools.states_in(line.ours.out)
        rows.append(
            [
                line.name,
                f"{states:,}",
                f"{line.ours.seconds:.2f}",
                f"{line.ours.memory >> 20}",
                *_of_spin(line.spin, line.ours, states),
            ]
        )
    return table(
        "opvasm explore, Spin on the same question, and ratios (under 1: opvasm is better)", rows
    )


def _hidden_table(lines: list[Line]) -> str:
    rows = [["T,C,k", "Spin", "s", "MB", "states", "time", "its search", "time"]]
    for line in lines:
        if line.hidden is None:
            continue
        states, search = tools.states_in(line.ours.out), line.hidden.search
        rows.append(
            [
                line.name,
                *_of_spin(line.hidden, line.ours, states),
                f"{search:.2f}",
                f"{line.ours.seconds / search:.2f}",
            ]
        )
    return table("Spin where nothing is claimed, so that it leaves the list out of the state", rows)


def _searched(text: str, most: int) -> tuple[int, float]:
    """The states of a search without reductions, ``most`` of them, and its seconds of a core."""
    assembly = assemble(SourceFile("s.opv", text))
    (scenario,) = assembly.scenarios
    (configuration,) = configurations(scenario, strategy_table(assembly.strategies))
    plan = make_plan(assembly.program, scenario, configuration)
    found, times = 0, []
    for _ in range(3):
        started = process_time()
        found = explore(plan, NO_REDUCTIONS, Limits(most, goes_on=False)).states
        times.append(process_time() - started)
    return found, median(times)


def _unreduced() -> str:
    """Without any reduction: states a second, and the twin by a verifier without one."""
    rows = [["T,C,k", "states", "s", "states/s", "pan -DNOREDUCE", "search", "states/s", "time"]]
    for row, most in (((4, 2, 2), 50_000_000), ((5, 2, 2), 5_000_000)):
        states, seconds = _searched(scenarios.pushes(row), most)
        cells = [
            ",".join(map(str, row)),
            f"{states:,}",
            f"{seconds:.2f}",
            f"{states / seconds:,.0f}",
        ]
        if _spin_is_here():
            flags = ("-O2", "-w", "-DSAFETY", "-DNOREDUCE", "-DMEMLIM=12000")
            spin = tools.spin(scenarios.pushes_for_spin(row), flags, limit=PATIENCE)
            stored = spin.states or 0
            cells += [f"{stored:,}", f"{spin.search:.2f}", f"{stored / spin.search:,.0f}"]
            cells.append(f"{seconds / spin.search:.2f}")
        else:
            cells += ["", "", "", ""]
        rows.append(cells)
    return table("All reductions off, the search alone (5,2,2: the first 5,000,000 states)", rows)


def _before_table(lines: list[Line], beside: Path) -> str:
    rows = [["", "before: s", "MB", "now: s", "MB", "times faster"]]
    for line in lines:
        if line.before is not None:
            rows.append(_faster(line.name, line.before, line.ours))
    samples = beside / "samples"  # what both can read
    smallest = str(samples / "races" / "again.opv")
    for name, words in (
        ("test samples", ["test", str(samples)]),
        ("explore --sweep samples", ["explore", "--sweep", str(samples)]),
        ("explore again.opv", ["explore", smallest]),
    ):
        with tempfile.TemporaryDirectory() as folder:
            before = tools.opvasm(words, Path(folder), beside)
            rows.append(_faster(name, before, tools.opvasm(words, Path(folder))))
    return table(f"Beside {beside.name}, from start to answer", rows)


def _faster(name: str, before: Run, now: Run) -> list[str]:
    ended = before.status != tools.ENDED
    return [
        name,
        f"{'' if ended else '> '}{before.seconds:.2f}",
        f"{before.memory >> 20}",
        f"{now.seconds:.2f}",
        f"{now.memory >> 20}",
        f"{'' if ended else '> '}{before.seconds / now.seconds:.1f}",
    ]


def measure() -> str:
    """The tables."""
    named = os.environ.get("OPVASM_BESIDE")
    beside = None if named is None else Path(named).resolve()
    lines = _lines(beside)
    parts = [
        "T threads on C CPUs push k nodes each; a slab is resized; a lock with signal handlers"
    ]
    if not _spin_is_here():
        parts.append("Spin is not here (apt-get install spin gcc): our own numbers only")
    parts.append(_main_table(lines))
    if _spin_is_here():
        parts.append(_hidden_table(lines))
    parts.append(_unreduced())
    parts.append(two_cores.measure())
    if beside is not None:
        parts.append(_before_table(lines, beside))
    return "\n".join(parts)
