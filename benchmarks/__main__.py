"""``python -m benchmarks``: every measurement, or those that are named."""

from __future__ import annotations

import sys
from collections.abc import Callable

from . import (
    agreement,
    assembling,
    cold_start,
    debugger,
    editor,
    emit,
    explore,
    interpreter,
    live,
    sweep,
    verifying,
)

MEASUREMENTS: dict[str, Callable[[], str]] = {
    "cold_start": cold_start.measure,
    "assembling": assembling.measure,
    "interpreter": interpreter.measure,
    "verifying": verifying.measure,
    "agreement": agreement.measure,
    "explore": explore.measure,
    "sweep": sweep.measure,
    "debugger": debugger.measure,
    "editor": editor.measure,
    "live": live.measure,
    "emit": emit.measure,
}


def main(names: list[str]) -> int:
    """Print the tables of the measurements that are named, of all without a name."""
    unknown = [name for name in names if name not in MEASUREMENTS]
    if unknown:
        print(f"no measurement is called {unknown[0]}: {', '.join(MEASUREMENTS)}", file=sys.stderr)
        return 2
    for name in names or MEASUREMENTS:
        print(MEASUREMENTS[name]())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
