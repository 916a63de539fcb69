"""Many generated scenarios, explorer against judge, and what they have covered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import product
from multiprocessing import get_context
from typing import NamedTuple

from .compare import MODES, STATES, Disagreement, compared
from .generator import Made, make
from .judge import TooLarge
from .shrink import shrink
from .words import ENVIRONMENTS, KERNELS, OPS, SIZES, STATEMENTS, STRATEGIES


class Result(NamedTuple):
    """What became of one scenario: its text, how many answers agree, the first that does not.

    ``size`` is the largest at which the judge could look at all states; None where none was.
    """

    number: int
    made: Made
    size: int | None
    agreed: int
    found: frozenset[str]
    disagreement: Disagreement | None


Maker = Callable[[int, int, int], Made]


def tried(
    seed: int,
    number: int,
    modes: tuple[str, ...] = tuple(MODES),
    maker: Maker = make,
    most: int = STATES,
) -> Result:
    """One generated scenario: as large as the judge can look at."""
    for size in range(len(SIZES)):
        agreed, found = 0, frozenset[str]()
        made = maker(seed, number, size)
        try:
            for each in compared(made.text, modes, most):
                if isinstance(each, Disagreement):
                    return Result(number, made, size, agreed, found, each)
                agreed, found = agreed + 1, each
        except TooLarge:
            continue
        return Result(number, made, size, agreed, found, None)
    return Result(number, made, None, 0, frozenset(), None)


def all_tried(
    seed: int, numbers: Iterable[int], modes: tuple[str, ...], jobs: int, maker: Maker = make
) -> Iterator[Result]:
    """Many of them, in processes of their own."""
    if jobs == 1:
        yield from (tried(seed, number, modes, maker) for number in numbers)
        return
    with get_context("spawn").Pool(jobs) as pool:
        work = ((seed, number, modes, maker) for number in numbers)
        yield from pool.imap(_tried, work, chunksize=8)


def _tried(work: tuple[int, int, tuple[str, ...], Maker]) -> Result:
    return tried(*work)


def smallest(text: str, mode: str) -> tuple[str, Disagreement]:
    """The smallest scenario that still shows a disagreement, and both answers."""

    def wrong(text: str) -> Disagreement | None:
        try:
            return next(
                (each for each in compared(text, (mode,)) if isinstance(each, Disagreement)), None
            )
        except Exception:  # a part too much was left out: it is no scenario any more
            return None

    first = wrong(text)
    assert first is not None
    crashes = isinstance(first.explorer, str)

    def same(text: str) -> bool:
        found = wrong(text)
        return found is not None and isinstance(found.explorer, str) == crashes

    text = shrink(text, same)
    last = wrong(text)
    assert last is not None
    return text, last


class Table:
    """Which combinations of words were generated, and how often."""

    def __init__(self) -> None:
        self.count = 0
        self.four: Counter[tuple[str, str, str, str]] = Counter()
        self.ops: Counter[tuple[str, str]] = Counter()

    def add(self, made: Made) -> None:
        self.count += 1
        self.four.update(
            product(made.statements, made.strategies, made.environment, (made.kernel,))
        )
        self.ops.update(product(made.ops, made.strategies))

    def missing(self) -> list[tuple[str, ...]]:
        """Combinations that never came: statement × strategy × environment × kernel; op × strategy."""
        four = product(STATEMENTS, STRATEGIES, ENVIRONMENTS, KERNELS)
        return [
            *(each for each in four if not self.four[each] and not _impossible(each)),
            *(each for each in product(OPS, STRATEGIES) if not self.ops[each]),
        ]

    def text(self) -> str:
        """Statement × environment, with the rarest strategy × kernel of each: how often, how rare."""
        wide = max(map(len, STATEMENTS))
        lines = [" " * wide + "".join(f"{each:>18}" for each in ENVIRONMENTS)]
        for statement in STATEMENTS:
            cells = []
            for environment in ENVIRONMENTS:
                counts = [
                    self.four[statement, strategy, environment, kernel]
                    for strategy, kernel in product(STRATEGIES, KERNELS)
                ]
                cells.append(f"{sum(counts)} ({min(counts)})".rjust(18))
            lines.append(f"{statement:<{wide}}" + "".join(cells))
        return "\n".join(lines)


def _impossible(combination: tuple[str, ...]) -> bool:
    """A handler without signals."""
    return combination[0] == "handler" and combination[2] == "none"


def covered(seed: int, numbers: Iterable[int], size: int = 0) -> Table:
    """The table of generated scenarios, without asking anybody about them."""
    table = Table()
    for number in numbers:
        table.add(make(seed, number, size))
    return table
