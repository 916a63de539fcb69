"""What keeps a search from coming to an end: a register or a place that takes ever new values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ..plan.plan import Plan
from ..steps.state import State

# States that are looked at, evenly spread over those that were seen.
SAMPLE = 2000
# Fewer values than these are not growth.
LEAST_VALUES = 8
# Memory beyond so many bytes is not looked through.
MEMORY_MAX = 1 << 16
# Bytes that are looked at together, to find those that change.
PART = 1 << 10


def growing(plan: Plan, states: Sequence[State]) -> str | None:
    """A sentence about what took ever new values, in the order in which states were found.

    None where nothing did: then there are just many states.
    """
    sample = states[:: max(1, len(states) // SAMPLE)]
    best: tuple[int, str] | None = None
    for name, values in _series(plan, sample):
        new = _new_values(values)
        if new and (best is None or new > best[0]):
            low, high = min(values), max(values)
            text = (
                f"{name} takes ever new values ({_short(low)} to {_short(high)} so far): bound it, or count modulo "
                "something"
            )
            best = (new, text)
    return None if best is None else best[1]


def _series(plan: Plan, sample: Sequence[State]) -> list[tuple[str, list[int]]]:
    """The values of each local and of each word of memory that changes, in order."""
    found: list[tuple[str, list[int]]] = []
    for thread, code in enumerate(plan.codes):
        for name, register in code.registers.items():
            if "$" not in name:
                values = [state.threads[thread][register] for state in sample]
                found.append((f"{plan.names[thread]}.{name}", values))
    size, word = len(plan.memory), plan.image.word
    if size <= MEMORY_MAX:
        number: Callable[[bytes], int] = lambda data: int.from_bytes(  # noqa: E731
            data, plan.image.byteorder
        )
        for start in _changing(plan.memory, sample, word):
            end = start + word
            if any(state.memory[start:end] != plan.memory[start:end] for state in sample):
                place = plan.image.describe(start, word, plan.names)
                found.append((place, [number(state.memory[start:end]) for state in sample]))
    return found


def _changing(memory: bytes, sample: Sequence[State], word: int) -> Iterator[int]:
    """Where the words begin of the parts of memory in which anything changes at all."""
    for first in range(0, len(memory), PART):
        part = memory[first : first + PART]
        if any(state.memory[first : first + PART] != part for state in sample):
            yield from range(first, min(first + PART, len(memory) - word + 1), word)


def _new_values(values: list[int]) -> int:
    """How many values of the later half go beyond all of the earlier one; 0: it does not grow."""
    middle = len(values) // 2
    early, late = set(values[:middle]), set(values[middle:])
    if not early or len(early | late) < LEAST_VALUES:
        return 0
    low, high = min(early), max(early)
    return sum(not low <= value <= high for value in late)


def _short(value: int) -> str:
    """A number, or about how large it is."""
    if abs(value) < 1 << 64:
        return str(value)
    return f"{'-' if value < 0 else ''}2^{abs(value).bit_length() - 1}"
