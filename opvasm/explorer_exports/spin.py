"""Runs Spin on a model, and says what it found in the explorer's words."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from ..explorer.steps.state import State
from ..explorer.steps.step import NOWHERE, POINT, REGISTERS, Kind
from ..light_typing import NamedTuple
from .promela import COMPILE, RUN, STEPS_MAX, PromelaModel

# RUN for a small model: to touch the table of 128 MiB and the stack of a million that it sets aside
# takes ten times what the search of a thousand states does.
QUICK_RUN = RUN.replace(f"-m{STEPS_MAX}", "-m20000 -w20")
TOO_DEEP = "max search depth too small"


class SpinError(Exception):
    """Spin or the compiler can't be run, or did not accept the model."""


class SpinResult(NamedTuple):
    """What Spin says of a model.

    ``finals`` are the final states: memory and locals as numbers of the explorer.  ``outcomes`` are
    the lines of the outcomes; ``decoded`` the same as the explorer shows them.  ``broken`` are
    numbers of conditions.
    """

    verdicts: tuple[str, ...]
    finals: frozenset[tuple[bool, tuple[int, ...]]]
    outcomes: frozenset[str]
    decoded: frozenset[tuple[str, ...]]
    broken: frozenset[int]
    fails: frozenset[str]
    states: int


def missing_tools() -> list[str]:
    """The programs that are needed and are not here."""
    return [each for each in ("spin", "gcc") if shutil.which(each) is None]


def run_spin(model: PromelaModel, timeout: float = 120.0) -> SpinResult:
    """Generate the verifier, compile it, run it.  Raises SpinError."""
    lacking = missing_tools()
    if lacking:
        raise SpinError(f"{' and '.join(lacking)} not found")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "model.pml").write_text(model.text)
        _run("spin -a model.pml", folder, timeout)
        _compile(folder, timeout)
        printed = _run(QUICK_RUN, folder, timeout)
        if TOO_DEEP in printed:
            printed = _run(RUN, folder, timeout)
    return _read(model, printed)


def _compile(folder: Path, timeout: float) -> None:
    """The same compilation without optimisation: clang takes half of gcc's time, tcc a fortieth.

    What tcc does not take, on a machine whose headers it does not know, the next one does.
    """
    command = COMPILE.replace("-O1", "-O0")
    if shutil.which("tcc") is not None:
        try:
            _run(command.replace("gcc -O0", "tcc", 1), folder, timeout)
        except SpinError:
            pass
        else:
            return
    if shutil.which("clang") is not None:
        command = command.replace("gcc", "clang", 1)
    _run(command, folder, timeout)


def _run(command: str, folder: Path, timeout: float) -> str:
    try:
        done = subprocess.run(
            shlex.split(command),
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise SpinError(f"{command}: no end after {timeout:g} seconds") from None
    except OSError as error:
        raise SpinError(f"{command}: {error.strerror}") from None
    if done.returncode != 0 or "syntax error" in done.stdout:
        raise SpinError(f"{command} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def _read(model: PromelaModel, printed: str) -> SpinResult:
    lines = printed.splitlines()
    if "outside" in lines:
        raise SpinError("a number left the model (a line `outside`): Spin's result says nothing")
    if TOO_DEEP in printed:
        raise SpinError(
            f"the model has schedules of more than {STEPS_MAX:,} steps, for which Spin has no room: give the "
            "scenario fewer or shorter threads, or run the recipe at the model's head with a larger -m"
        )
    stored = re.search(r"([\d.e+]+) states, stored", printed)
    unfinished = ("Search not completed", "out of memory")
    if stored is None or any(each in printed for each in unfinished):
        raise SpinError(f"Spin did not get to its end: {printed[-1000:]}")
    finals = set()
    for line in lines:
        kind, _, rest = line.partition(" ")
        if kind in ("final", "deadlock"):
            finals.add((kind == "deadlock", tuple(int(n) for n in re.findall(r"=(-?\d+)", rest))))
    broken = {int(line.split()[1]) for line in lines if line.startswith("broken ")}
    witnesses = {int(line.split()[1]) for line in lines if line.startswith("witness ")}
    fails = {line[5:] for line in lines if line.startswith("fail ")}
    claims = model.plan.scenario.conditions
    exists = {number for number, each in enumerate(claims) if each.kind == "exists"}
    verdicts = []
    if broken or fails or exists - witnesses:
        verdicts.append("fails")
    if any(stuck for stuck, _ in finals):
        verdicts.append("deadlock")
    real = {
        (stuck, tuple(model.export.memory.real(number) for number in numbers))
        for stuck, numbers in finals
    }
    return SpinResult(
        verdicts=tuple(verdicts),
        finals=frozenset(real),
        outcomes=frozenset(line for line in lines if line.startswith("outcome")),
        decoded=frozenset(_outcome(model, numbers) for _, numbers in real),
        broken=frozenset(broken),
        fails=frozenset(fails),
        states=round(float(stored[1])),
    )


def _outcome(model: PromelaModel, numbers: tuple[int, ...]) -> tuple[str, ...]:
    """A final state as a row of the explorer's table of outcomes."""
    plan = model.plan
    memory = bytearray(plan.memory)
    cells, locks = len(model.cells), 2 * plan.configuration.cpus
    for (start, size), number in zip(model.cells, numbers, strict=False):
        memory[start : start + size] = number.to_bytes(size, plan.image.byteorder)
    for index, number in enumerate(numbers[cells : cells + locks]):
        memory[plan.image.lock_start + index] = number
    threads = []
    for code in plan.codes:
        end = next(i for i, step in enumerate(code.steps) if step.kind is Kind.END)
        local = [0] * code.size
        local[POINT] = end
        local[REGISTERS - 1] = NOWHERE
        threads.append(local)
    for (thread, name), number in zip(model.locals, numbers[cells + locks :], strict=True):
        threads[thread][plan.codes[thread].registers[name]] = number
    system = None
    state = State(bytes(memory), tuple(tuple(each) for each in threads), system)  # type: ignore[arg-type]
    return plan.judge.outcome(state)
