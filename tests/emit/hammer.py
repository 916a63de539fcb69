"""``python -m tests.emit.hammer``: each idiom and strategy as often as one has time for.

    python -m tests.emit.hammer --operations 100000000 --idiom list --mode mixed
    python -m tests.emit.hammer --operations 20000 --inject 1/3

Prints a line for each run and exits with 1 when anything was lost.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .conftest import IDIOMS, NOT_BY_THE_CALL, build_hammer, write_headers

STRATEGIES = ("elide", "rseq_then_opv", "rseq", "lock")
_ALL = ("remote", "migrate", "signal", "barrier")
# How the threads meet, and the variables of the environment.  fenced: no slow path is kept, so that each
# operation under the lock sets the flag, fences and clears it; storm: sections are aborted all the time;
# forced: every operation takes the lock.
MODES: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "plain": (("migrate", "signal", "barrier"), {}),
    "storm": (("storm", "migrate", "signal"), {}),
    "mixed": (("mixed", *_ALL), {}),
    "mixed_storm": (("mixed", "storm", *_ALL), {}),
    "fenced": (("mixed", *_ALL), {"OPV_KEEP_SLOW": "0"}),
    "forced": (_ALL, {"OPV_FALLBACK": "always"}),
    "every9": (_ALL, {"OPV_FALLBACK": "9", "OPV_KEEP_SLOW": "0"}),
}
FUNCTIONS = {
    **{idiom: f"on_{idiom}" for idiom in IDIOMS},
    "cmpxchg": "on_exchange",
}


def main(words: list[str]) -> int:
    """Build, run, report."""
    parser = argparse.ArgumentParser(prog="python -m tests.emit.hammer", description=__doc__)
    parser.add_argument("--operations", type=int, default=1_000_000)
    parser.add_argument("--threads", type=int, default=6)
    parser.add_argument("--idiom", choices=IDIOMS, action="append")
    parser.add_argument("--strategy", choices=STRATEGIES, action="append")
    parser.add_argument("--mode", choices=tuple(MODES), action="append")
    parser.add_argument("--inject", metavar="1/N", help="abort every Nth entry by steptest")
    parser.add_argument("--compiler", default="gcc")
    chosen = parser.parse_args(words)
    if shutil.which(chosen.compiler) is None:
        print(f"{chosen.compiler} is not installed", file=sys.stderr)
        return 4
    lost = 0
    with tempfile.TemporaryDirectory(prefix="opvasm-hammer-") as name:
        for strategy in chosen.strategy or STRATEGIES:
            folder = Path(name) / strategy
            folder.mkdir()
            write_headers(folder, strategy)
            program = build_hammer(folder, [chosen.compiler])
            for idiom in chosen.idiom or IDIOMS:
                for mode in chosen.mode or MODES:
                    # Without a lock nothing works on another CPU's data, and nothing is forced.
                    if mode not in ("plain", "storm") and strategy not in ("elide", "lock"):
                        continue
                    if strategy == "rseq_then_opv" and idiom in NOT_BY_THE_CALL:
                        continue
                    command = [str(program), idiom, str(chosen.threads), str(chosen.operations)]
                    command += MODES[mode][0]
                    if chosen.inject:
                        front = [sys.executable, "-m", "opvasm.cli", "steptest"]
                        front += ["--inject-abort", chosen.inject]
                        command = [*front, "--section", FUNCTIONS[idiom], "--", *command]
                    lost += _run(strategy, mode, command)
    return 1 if lost else 0


def _run(strategy: str, mode: str, command: list[str]) -> bool:
    start = time.monotonic()
    variables = {**os.environ, **MODES[mode][1]}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - start
    print(f"{strategy:14} {mode:11} {done.stdout.strip()} in {seconds:.0f} s", flush=True)
    if done.stderr.strip():
        print(f"{'':26} {done.stderr.strip().splitlines()[-1]}", flush=True)
    return done.returncode != 0 or "right" not in done.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
