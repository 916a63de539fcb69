"""Searches by the C engine, taken down so that they can be run again without this package.

``python recorded.py FILE ENGINE`` runs them again; it imports nothing but the engine, so that little
else runs under valgrind.
"""

from __future__ import annotations

import importlib.util
import marshal
import sys
from pathlib import Path
from typing import Any

# What a recorded search is: step code, the arguments of run() before its callbacks, the answers of
# each callback by what it was asked, and what was found.
Recorded = tuple[bytes, tuple[Any, ...], tuple[dict[Any, Any], ...], dict[str, Any]]
CALLBACKS = 3  # bind, place, judge; report answers nothing


class Recorder:
    """Makes engines of a type, and takes down what is asked of them."""

    def __init__(self, kind: Any) -> None:
        self.kind = kind
        self.searches: list[Recorded] = []

    def __call__(self, data: bytes) -> _Engine:
        """An engine whose search is taken down."""
        return _Engine(self, data)


class _Engine:
    """One engine, which does what the real one does."""

    def __init__(self, recorder: Recorder, data: bytes) -> None:
        self.recorder, self.data = recorder, data
        self.real = recorder.kind(data)

    def run(self, *arguments: Any) -> tuple[int, KeyboardInterrupt | None]:
        """Search, with answers noted."""
        given, asked = arguments[: -CALLBACKS - 1], arguments[-CALLBACKS - 1 : -1]
        answers: tuple[dict[Any, Any], ...] = tuple({} for _ in asked)

        def noting(number: int) -> Any:
            def ask(*question: Any) -> Any:
                answers[number][question] = found = asked[number](*question)
                return int(found) if isinstance(found, bool) else found

            return ask

        stopped: tuple[int, KeyboardInterrupt | None] = self.real.run(
            *given, *(noting(i) for i in range(len(asked))), None
        )
        self.recorder.searches.append((self.data, given, answers, self.real.found()))
        return stopped

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


def run_again(engine: Any, searches: list[Recorded]) -> int:
    """How many searches find something else than they did."""
    differ = 0
    for data, given, answers, expected in searches:
        one = engine.Engine(data)
        one.run(*given, *((lambda *q, known=known: known[q]) for known in answers), None)
        found = one.found()
        differ += {**found, "room": 0} != {**expected, "room": 0}
        for number in range(0, found["states"], 1 + found["states"] // 20):
            one.state(number)
            one.came(number)
        one.edges()
        one.sharing()
    return differ


def main(arguments: list[str]) -> int:
    """Exit codes: 0 all found the same again, 1 not."""
    recorded, built = arguments
    spec = importlib.util.spec_from_file_location("_engine", built)
    if spec is None or spec.loader is None:
        return 1
    engine = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(engine)
    searches = marshal.loads(Path(recorded).read_bytes())
    differ = run_again(engine, searches)
    sys.stdout.write(f"{len(searches)} searches, {differ} differ\n")
    return int(differ > 0 or not searches)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
