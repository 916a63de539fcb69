"""States and time of ``opvasm explore`` on the list-push family, beside Spin on a twin of it.

T threads on C CPUs push k nodes of their own to the list of their CPU.  The twin gives Spin every
advantage: a vector is one atomic step, and addresses are bytes.  Spin's time includes what a user
waits for: generating the verifier, compiling it, running it.  Spin is the Debian package ``spin``
(``apt-get install spin gcc``); without it only our own numbers are printed.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

# (threads, CPUs, pushes of each)
ROWS = ((3, 1, 2), (5, 1, 1), (4, 2, 2), (6, 2, 1), (5, 2, 2), (8, 2, 1))
RUNS = 3


class Measured(NamedTuple):
    """States that a tool stored, and the seconds that a user waited."""

    states: int
    seconds: float


def scenario_text(threads: int, cpus: int, pushes: int) -> str:
    """The family member as a scenario."""
    groups = [range(cpu, threads, cpus) for cpu in range(cpus)]
    bodies = "\n".join(f"""    thread w{cpu} x{len(group)} @{cpu} {{
        own n: node[{pushes}]
        i = 0
        loop {pushes} {{
            h = load head
            run push(&n[i], h) {{ differs -> retry }}
            i = i + 1
        }}
    }}""" for cpu, group in enumerate(groups))
    claim = " && ".join(
        f"length(head@{cpu}) == {len(group) * pushes}" for cpu, group in enumerate(groups)
    )
    return f"""struct node {{ next: ptr<node>, value: u64 }}
percpu head: ptr<node>
vector push(node: ptr<node>, old: u64) {{
    cmpeq.u64 head, old
    memcpy.u64 node->next, old
    memcpy.u64 head, node
}}
scenario push {{
    cpus {cpus}
    strategy opv
{bodies}
    forall {claim}
}}
"""


def promela_text(threads: int, cpus: int, pushes: int) -> str:
    """The same in Promela, without the claim, which would only cost Spin time."""
    starts = "; ".join(f"run thread({t}, {t % cpus})" for t in range(threads))
    return f"""byte head[{cpus}]; byte next[{threads * pushes + 1}];
proctype thread(byte me; byte cpu) {{
    byte i; byte h;
    do
    :: i < {pushes} ->
        h = head[cpu];
        atomic {{
            if
            :: head[cpu] == h ->
                next[me * {pushes} + i + 1] = h;
                head[cpu] = me * {pushes} + i + 1;
                i++
            :: else
            fi;
            h = 0
        }}
    :: else -> break
    od;
    i = 0
}}
init {{ atomic {{ {starts} }} }}
"""


def measure_opvasm(row: tuple[int, int, int], folder: Path) -> Measured:
    """``opvasm explore`` as a user starts it; the median time of some runs."""
    path = folder / "push.opv"
    path.write_text(scenario_text(*row))
    times = []
    states = 0
    for _ in range(RUNS):
        started = perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "opvasm", "explore", str(path)],
            capture_output=True,
            text=True,
            check=True,
        )
        times.append(perf_counter() - started)
        found = re.search(r"([\d,]+) states?;", done.stdout)
        assert found is not None, done.stdout
        states = int(found[1].replace(",", ""))
    return Measured(states, sorted(times)[RUNS // 2])


def measure_spin(row: tuple[int, int, int], folder: Path) -> Measured:
    """Spin with its partial-order reduction: generate, compile, run."""
    (folder / "push.pml").write_text(promela_text(*row))

    def run(*words: str) -> str:
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True)
        return done.stdout

    started = perf_counter()
    run("spin", "-a", "push.pml")
    run("gcc", "-O2", "-w", "-DSAFETY", "-DCOLLAPSE", "-DMEMLIM=4096", "-o", "pan", "pan.c")
    report = run("./pan", "-m1000000")
    seconds = perf_counter() - started
    found = re.search(r"([\d.e+]+) states, stored", report)
    assert found is not None, report
    assert "errors: 0" in report, report
    return Measured(round(float(found[1])), seconds)


def measure() -> str:
    """The table: states and seconds of both, and the ratio of the times."""
    with_spin = shutil.which("spin") is not None and shutil.which("gcc") is not None
    lines = ["Exploring: T threads on C CPUs, k list pushes each; times from start to answer"]
    if not with_spin:
        lines.append("Spin is not here (apt-get install spin gcc): our own numbers only")
    lines.append(f"{'T,C,k':<8}{'opvasm':>10}{'seconds':>10}{'Spin':>12}{'seconds':>10}{'time':>8}")
    for row in ROWS:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            ours = measure_opvasm(row, folder)
            line = f"{','.join(map(str, row)):<8}{ours.states:>10,}{ours.seconds:>10.2f}"
            if with_spin:
                theirs = measure_spin(row, folder)
                ratio = ours.seconds / theirs.seconds
                line += f"{theirs.states:>12,}{theirs.seconds:>10.2f}{ratio:>8.2f}"
            lines.append(line)
    return "\n".join(lines) + "\n"
