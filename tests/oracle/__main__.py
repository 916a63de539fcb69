"""``python -m tests.oracle --count N --seed S``: the explorer against the judge."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from .campaign import all_tried, covered, smallest
from .compare import MODES
from .generator import make


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 no disagreement, 1 some."""
    parser = argparse.ArgumentParser(prog="python -m tests.oracle", description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="how many scenarios")
    parser.add_argument("--seed", type=int, default=1, help="which scenarios")
    parser.add_argument("--first", type=int, default=0, help="the number of the first")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument(
        "--modes", default=",".join(MODES), help="reductions, with commas (default: %(default)s)"
    )
    parser.add_argument("--show", type=int, default=20, help="disagreements to shrink and print")
    parser.add_argument("--keep", type=Path, help="a folder for them, as .opv files")
    parser.add_argument("--table", action="store_true", help="only count what is generated")
    parser.add_argument("--text", action="store_true", help="only print the scenarios")
    chosen = parser.parse_args(arguments)
    numbers = range(chosen.first, chosen.first + chosen.count)
    if chosen.text:
        for number in numbers:
            print(f"// seed {chosen.seed}, number {number}\n{make(chosen.seed, number).text}")
        return 0
    if chosen.table:
        table = covered(chosen.seed, numbers)
        missing = table.missing()
        print(table.text())
        print(f"{chosen.count} scenarios; combinations that never came: {len(missing)}")
        for each in missing[: chosen.show]:
            print("  " + " × ".join(each))
        return 1 if missing else 0
    return _campaign(chosen, numbers)


def _campaign(chosen: argparse.Namespace, numbers: range) -> int:
    counts: Counter[str] = Counter()
    verdicts: Counter[str] = Counter()
    for result in all_tried(chosen.seed, numbers, tuple(chosen.modes.split(",")), chosen.jobs):
        counts["scenarios"] += 1
        counts["answers"] += result.agreed
        counts["large"] += result.large
        if result.disagreement is None:
            if not result.large:
                verdicts[" and ".join(sorted(result.found)) or "holds"] += 1
            continue
        counts["wrong"] += 1
        if counts["wrong"] > chosen.show:
            continue
        text, disagreement = smallest(chosen.seed, result.number, result.disagreement.mode)
        print(
            f"---- seed {chosen.seed}, number {result.number}\n{text}{disagreement.text()}",
            flush=True,
        )
        if chosen.keep is not None:
            chosen.keep.mkdir(parents=True, exist_ok=True)
            comment = "".join(f"// {line}\n" for line in disagreement.text().splitlines())
            (chosen.keep / f"{chosen.seed}-{result.number}.opv").write_text(comment + text)
    print(
        f"seed {chosen.seed}, {numbers.start}..{numbers.stop - 1}: {counts['scenarios']} scenarios, "
        f"{counts['large']} too large, {counts['answers']} equal answers, {counts['wrong']} disagreements"
    )
    print("; ".join(f"{count} {name}" for name, count in verdicts.most_common()))
    return 1 if counts["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
