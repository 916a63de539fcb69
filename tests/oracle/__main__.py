"""``python -m tests.oracle --count N --seed S``: the explorer against the judge."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path
from time import monotonic

from .campaign import Maker, Table, all_tried, covered, smallest
from .compare import IN_PYTHON, MODES
from .generator import make
from .metamorphic import broken
from .section_generator import make_all_kinds


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 no disagreement, 1 some."""
    parser = argparse.ArgumentParser(prog="python -m tests.oracle", description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="how many that the judge can judge")
    parser.add_argument("--seed", type=int, default=1, help="which scenarios")
    parser.add_argument("--first", type=int, default=0, help="the number of the first")
    parser.add_argument("--minutes", type=float, help="no more of them after so long")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--sections", action="store_true", help="scenarios of sections that load")
    parser.add_argument(
        "--metamorphic",
        action="store_true",
        help="no judge: the explorer before and after changes that change no answer",
    )
    parser.add_argument(
        "--modes", default=",".join(MODES), help="reductions, with commas (default: %(default)s)"
    )
    parser.add_argument("--python", action="store_true", help="all by the Python engine")
    parser.add_argument("--show", type=int, default=20, help="disagreements to shrink and print")
    parser.add_argument("--keep", type=Path, help="a folder for them, as .opv files")
    parser.add_argument("--table", action="store_true", help="only count what is generated")
    parser.add_argument("--text", action="store_true", help="only print the scenarios")
    chosen = parser.parse_args(arguments)
    maker = make_all_kinds if chosen.sections else make
    numbers = range(chosen.first, chosen.first + chosen.count)
    if chosen.text:
        for number in numbers:
            print(f"// seed {chosen.seed}, number {number}\n{maker(chosen.seed, number, 0).text}")
        return 0
    if chosen.table:
        return 1 if _show(covered(chosen.seed, numbers), chosen.show) else 0
    if chosen.metamorphic:
        return _metamorphic(chosen, maker, numbers)
    return _campaign(chosen, maker)


def _metamorphic(chosen: argparse.Namespace, maker: Maker, numbers: range) -> int:
    """Changes that change no answer, or only in one direction."""
    until = None if chosen.minutes is None else monotonic() + 60 * chosen.minutes
    looked_at = wrong = done = 0
    for number in numbers:
        if until is not None and monotonic() > until:
            break
        count, found = broken(maker(chosen.seed, number, 0).text)
        done, looked_at, wrong = done + 1, looked_at + count, wrong + len(found)
        for each in found:
            print(f"---- seed {chosen.seed}, number {number}: {each.change}\n{each.text}")
            print(f"{each.before.main}----\n{each.after.main}", flush=True)
    last = chosen.first + done - 1
    print(
        f"seed {chosen.seed}, {chosen.first}..{last}: {looked_at} changes, {wrong} broken promises"
    )
    return 1 if wrong else 0


def _show(table: Table, most: int) -> int:
    """The table, and what is missing in it: how much."""
    missing = table.missing()
    print(table.text())
    print(f"{table.count} scenarios; combinations that never came: {len(missing)}")
    for each in missing[:most]:
        print("  " + " × ".join(each))
    return len(missing)


def _campaign(chosen: argparse.Namespace, maker: Maker) -> int:
    counts: Counter[str] = Counter()
    verdicts: Counter[str] = Counter()
    ending = IN_PYTHON if chosen.python else ""
    modes = tuple(mode + ending for mode in chosen.modes.split(","))
    first = following = chosen.first
    until = None if chosen.minutes is None else monotonic() + 60 * chosen.minutes
    while counts["judged"] < chosen.count and (until is None or monotonic() < until):
        numbers = range(following, following + chosen.count - counts["judged"])
        for result in all_tried(chosen.seed, numbers, modes, chosen.jobs, maker):
            following = result.number + 1
            counts["answers"] += result.agreed
            if result.size is None:
                counts["large"] += 1
                continue
            counts["judged"] += 1
            counts[f"size {result.size}"] += 1
            if result.disagreement is None:
                verdicts[" and ".join(sorted(result.found)) or "holds"] += 1
            else:
                counts["wrong"] += 1
                if counts["wrong"] <= chosen.show:
                    _report(chosen, result.number, result.made.text, result.disagreement.mode)
            if until is not None and monotonic() > until:
                break
    print(
        f"seed {chosen.seed}, {first}..{following - 1}: {counts['judged']} scenarios judged, "
        f"{counts['large']} too large, {counts['answers']} equal answers, {counts['wrong']} disagreements"
    )
    sizes = ", ".join(f"{counts[f'size {n}']} of size {n}" for n in range(4))
    print(f"{'; '.join(f'{n} {name}' for name, n in verdicts.most_common())} ({sizes})")
    return 1 if counts["wrong"] else 0


def _report(chosen: argparse.Namespace, number: int, text: str, mode: str) -> None:
    """A disagreement, as small as it gets."""
    title = f"seed {chosen.seed}, number {number}"
    text, disagreement = smallest(text, mode)
    print(f"---- {title}\n{text}{disagreement.text()}", flush=True)
    if chosen.keep is not None:
        chosen.keep.mkdir(parents=True, exist_ok=True)
        comment = "".join(f"// {line}\n" for line in disagreement.text().splitlines())
        (chosen.keep / f"{chosen.seed}-{number}.opv").write_text(comment + text)


if __name__ == "__main__":
    sys.exit(main())
