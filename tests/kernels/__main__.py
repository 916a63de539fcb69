"""``python -m tests.kernels``: the model's rules against the running kernel, or booted ones.

    python -m tests.kernels [--tries 500]            the running kernel
    python -m tests.kernels --boot [--only 7.0] ...  Debian's kernels in qemu-system (make kernels)

Exits with 0 when every row is as the profile says, 1 when a rule is contradicted, 4 when something
that is needed is missing.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from opvasm.kernels.profiles import Profile
from opvasm.probe.breakage import uname_says

from .boot import KERNELS, CannotBoot, Wish, boot_all, end_with_me
from .build import ARCHITECTURES, CannotBuild
from .native import run_here
from .recorded import Recorded, matrix, merged, read_recorded
from .rules import Row, contradictions, debug_profile

DONE, CONTRADICTED, MISSING = 0, 1, 4


def main(words: list[str]) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.kernels", description=__doc__)
    parser.add_argument("--tries", type=int, default=500, help="tries a row (default: 500)")
    parser.add_argument("--boot", action="store_true", help="boot Debian's kernels in qemu-system")
    parser.add_argument("--only", default="", help="--boot: only versions that begin so")
    parser.add_argument("--arch", choices=ARCHITECTURES, help="--boot: only this architecture")
    parser.add_argument("--keep", type=Path, help="--boot: keep downloads and logs in this folder")
    parser.add_argument("--record", type=Path, help="--boot: keep what kernels say in this file")
    parser.add_argument("--probe", action="store_true", help="--boot: run opvasm probe inside, too")
    parser.add_argument(
        "--probes", type=int, default=1, help="--probe: boots a kernel (default: 1)"
    )
    parser.add_argument("--debug", action="store_true", help="--boot: with rseq_debug=1")
    parser.add_argument(
        "--missing", action="store_true", help="--record: boot only kernels that it does not have"
    )
    chosen = parser.parse_args(words)
    try:
        if chosen.boot:
            end_with_me()
            return _boot(chosen)
        here = run_here(chosen.tries)
        status = _judge(here.release, here.architecture, here.rows)
        print("two busy threads of one CPU:", *here.counts, sep="\n  ")
        return status
    except (CannotBuild, CannotBoot) as problem:
        print(problem, file=sys.stderr)
        return MISSING


def _judge(release: str, machine: str, rows: Sequence[Row], debug: bool = False) -> int:
    """Print the rows of a kernel beside what its profiles say; the exit code."""
    wrong = 0
    for size in sorted({row.size for row in rows}):
        of_size = [row for row in rows if row.size == size]
        profile = _profile(release, machine, size, debug)
        if profile is None:
            print(f"{release}: no profile is known for this version")
            return CONTRADICTED
        wrong += report(release, size, of_size, profile)
    return CONTRADICTED if wrong else DONE


def _profile(release: str, machine: str, size: int, debug: bool) -> Profile | None:
    """The profile of a version, as it is or with rseq_debug=1."""
    profile = uname_says(release, machine, size)
    return debug_profile(profile) if debug and profile is not None else profile


def report(release: str, size: int, rows: list[Row], profile: Profile) -> int:
    """One registration's rows, and how many of them contradict the profile."""
    found = {each.row.name: each.wanted for each in contradictions(rows, profile)}
    print(f"{release}, {size} bytes: {profile.name}: {len(rows)} rows, {len(found)} contradicted")
    for row in rows:
        seen = " ".join(f"{name}={count}" for name, count in row.seen.items()) or "no try counts"
        mark = f"   CONTRADICTS {profile.name}: {found[row.name]}" if row.name in found else ""
        print(f"  {row.name:<29}{seen}{mark}")
    return len(found)


def _boot(chosen: argparse.Namespace) -> int:
    """Boot and judge each kernel; print the matrix of those and, with --missing, of the record's."""
    status, record = DONE, _before(chosen) if chosen.missing else ""
    known = {(each.version, each.architecture) for each in read_recorded(record)}
    for each in read_recorded(record):
        status = max(status, _judge(each.release, each.architecture, each.rows))
        status = max(status, _judge_probes(each))
    with tempfile.TemporaryDirectory(prefix="kernels-") as made:
        folder = chosen.keep or Path(made)
        kernels = [
            each
            for each in KERNELS
            if each.version.startswith(chosen.only)
            and chosen.arch in (None, each.architecture)
            and (each.version, each.architecture) not in known
        ]
        wish = Wish(chosen.tries, chosen.probes if chosen.probe else 0, chosen.debug)
        for booted in boot_all(kernels, folder, wish):
            name = f"{booted.kernel.version} {booted.kernel.architecture}"
            if booted.skipped:
                print(f"{name}: skipped: {booted.skipped}", flush=True)
                continue
            record += booted.lines
            (kernel,) = read_recorded(booted.lines)
            status = max(
                status, _judge(kernel.release, kernel.architecture, kernel.rows, chosen.debug)
            )
            status = max(status, _judge_probes(kernel, chosen.debug))
            sys.stdout.flush()
            if chosen.record:
                chosen.record.write_text(merged(_before(chosen), booted.lines))
    if not chosen.debug:  # whose rules stand in no column
        print(matrix(read_recorded(record)), end="")
    return status


def _before(chosen: argparse.Namespace) -> str:
    """What the file of --record already has."""
    exists = chosen.record is not None and chosen.record.exists()
    return chosen.record.read_text() if exists else ""


def _judge_probes(kernel: Recorded, debug: bool = False) -> int:
    """Print what the probe said in a kernel; the exit code."""
    status = DONE
    for size, said in kernel.probes:
        profile = _profile(kernel.release, kernel.architecture, size, debug)
        must = "?" if profile is None else profile.name
        right = said == must
        verdict = "as it must be" if right else f"WRONG: must be {must}"
        print(f"  opvasm probe, {size} bytes: {said}: {verdict}")
        status = status if right else CONTRADICTED
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
