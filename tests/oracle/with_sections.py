"""``python -m tests.oracle.with_sections --count N --seed S``: sections that load, against the judge."""

from __future__ import annotations

import argparse
import sys

from .compare import MODES, STATES, Disagreement, compared
from .judge import TooLarge
from .section_generator import make_with_sections


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 no disagreement, 1 some."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.oracle.with_sections", description=__doc__
    )
    parser.add_argument("--count", type=int, default=200, help="how many scenarios")
    parser.add_argument("--seed", type=int, default=1, help="which scenarios")
    parser.add_argument("--first", type=int, default=0, help="the number of the first")
    parser.add_argument("--states", type=int, default=STATES, help="the most states of one")
    parser.add_argument("--modes", default=",".join(MODES), help="reductions, with commas")
    chosen = parser.parse_args(arguments)
    equal = large = wrong = 0
    for number in range(chosen.first, chosen.first + chosen.count):
        text, _ = make_with_sections(chosen.seed, number)
        try:
            for each in compared(text, tuple(chosen.modes.split(",")), chosen.states):
                if isinstance(each, Disagreement):
                    wrong += 1
                    print(f"---- number {number}\n{text}{each.text()}", flush=True)
                    break
                equal += 1
        except TooLarge:
            large += 1
        done = number - chosen.first + 1
        if sys.stderr.isatty() or done % 100 == 0:
            print(f"{done} of {chosen.count}", file=sys.stderr, flush=True)
    print(
        f"seed {chosen.seed}, {chosen.count} scenarios with sections: {large} too large, {equal} equal "
        f"answers, {wrong} disagreements"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
