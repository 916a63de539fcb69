"""``python -m tests.explorer.native``: both engines on samples, or on generated scenarios."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path

from .agreement import MODES, ROOT, Compared, Work, done
from .builds import loaded, searching_with


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 they agree, 1 they do not."""
    parser = argparse.ArgumentParser(prog="python -m tests.explorer.native", description=__doc__)
    parser.add_argument("--count", type=int, help="so many generated scenarios, and no samples")
    parser.add_argument("--seed", type=int, default=1, help="which generated scenarios")
    parser.add_argument("--first", type=int, default=0, help="the number of the first")
    parser.add_argument("--states", type=int, default=2000, help="states after which both stop")
    parser.add_argument("--modes", default=",".join(MODES), help="with commas")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument(
        "--threads",
        help="the C engine on so many cores (with commas) beside itself on one, and no Python engine",
    )
    parser.add_argument(
        "--engine", type=Path, help="a build of the engine other than the usual one"
    )
    parser.add_argument("files", nargs="*", type=Path, help="files instead of all samples")
    chosen = parser.parse_args(arguments)
    if chosen.engine is not None:
        with searching_with(loaded(chosen.engine)):
            return _campaign(chosen)
    return _campaign(chosen)


def _campaign(chosen: argparse.Namespace) -> int:
    modes = tuple(chosen.modes.split(","))
    threads = tuple(int(each) for each in chosen.threads.split(",")) if chosen.threads else ()
    if chosen.count is not None:
        numbers = range(chosen.first, chosen.first + chosen.count)
        work: list[Work] = [
            (chosen.seed, number, None, modes, chosen.states, threads) for number in numbers
        ]
    else:
        files = [each.resolve() for each in chosen.files] or sorted(
            each
            for name in ("samples", "tests/explorer/cases")
            for each in (ROOT / name).rglob("*.opv")
        )
        work = [(0, 0, path, modes, chosen.states, threads) for path in files]
    counts: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for found in _each(work, chosen.jobs):
        for each in found:
            counts["searches"] += 1
            counts["states"] += each.states
            if each.refused is not None:
                refused[each.refused] += 1
            elif each.differs:
                counts["differ"] += 1
                print(f"{each.where}  {each.mode}: {'; '.join(each.differs)[:500]}", flush=True)
    print(
        f"{counts['searches']} searches, {counts['states']:,} states, {sum(refused.values())} refused, "
        f"{counts['differ']} differ"
    )
    for reason, count in refused.most_common():
        print(f"refused {count} times: {reason}")
    return 1 if counts["differ"] else 0


def _each(work: list[Work], jobs: int) -> Iterator[list[Compared]]:
    if jobs == 1:
        yield from map(done, work)
        return
    with get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap(done, work, chunksize=4)


if __name__ == "__main__":
    sys.exit(main())
