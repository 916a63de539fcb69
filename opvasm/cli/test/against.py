"""``opvasm test --against A B``: two engines on the same cases, event by event."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from ...engines import EngineError, traced_engine
from ...suite.against import Difference, first_difference, side_by_side
from ...suite.cases import chosen_cases
from ..inputs.inputs import read_source
from ..terminal.exits import DONE, NEGATIVE, UsageError
from ..terminal.outputs import write_text
from .arguments import Options

if TYPE_CHECKING:
    from ...suite.selection import Selection


def run_against(
    options: Options, files: list[str], chosen: Selection, quirks: Collection[str] | None
) -> int:
    """Compare until something differs; what is said is where, or how much was compared."""
    for option, given in (
        ("--coverage", options.coverage),
        ("--require", options.require),
        ("--junit", options.junit),
        ("--jobs", options.jobs),
        ("--cluster", options.cluster),
    ):
        if given:
            raise UsageError(f"{option} and --against exclude each other")
    sources = [read_source(file) for file in files if file.endswith(".jsonl")]
    if not sources:
        raise UsageError("--against compares reference cases: name a .jsonl file")
    assert options.against is not None
    names = options.against
    count = 0
    try:
        left = traced_engine(names[0])
        try:
            right = traced_engine(names[1])
            try:
                for source in sources:
                    cases = chosen_cases(source, chosen)
                    for each in first_difference(cases, left, right, quirks or ()):
                        if isinstance(each, Difference):
                            write_text("\n".join(side_by_side(each, *names)) + "\n", None)
                            return NEGATIVE
                        count += 1
            finally:
                right.close()
        finally:
            left.close()
    except EngineError as error:
        raise UsageError(str(error)) from None
    if not count:
        raise UsageError("no reference case is chosen")
    write_text(f"{count} cases: both engines agree\n", None)
    return DONE
