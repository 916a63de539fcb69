"""The last answer of a function, kept for the next question where that is about the same objects."""

from __future__ import annotations

from collections.abc import Callable

TYPE_CHECKING = False  # without the cost of importing typing
if TYPE_CHECKING:
    from typing import TypeVar, TypeVarTuple

    Asked = TypeVarTuple("Asked")
    Answer = TypeVar("Answer")


def latest(work: Callable[[*Asked], Answer]) -> Callable[[*Asked], Answer]:
    """Keep the last answer of a function, for as long as its arguments are the very same objects.

    For arguments that can't be hashed.  One answer is enough where what belongs to one file is asked one
    after the other; of two threads with different questions each gets its own answer.
    """
    kept: list[tuple[tuple[object, ...], Answer]] = []

    def ask(*arguments: *Asked) -> Answer:
        asked: tuple[object, ...] = arguments
        for known, answer in kept[:1]:
            if all(a is b for a, b in zip(known, asked, strict=True)):
                return answer
        answer = work(*arguments)
        kept[:] = [(asked, answer)]
        return answer

    return ask
