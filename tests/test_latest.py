"""The last answer of a function is kept for as long as the question is about the same objects."""

from __future__ import annotations

from opvasm.latest import latest


def test_the_same_objects_are_asked_about_once() -> None:
    """Equal objects that are not the same are another question, and only the last answer is kept."""
    asked: list[tuple[list[int], int]] = []

    @latest
    def total(numbers: list[int], more: int) -> int:
        asked.append((numbers, more))
        return sum(numbers) + more

    first, second = [1, 2], [1, 2]
    assert [total(first, 3), total(first, 3), total(second, 3), total(second, 4)] == [6, 6, 6, 7]
    assert asked == [([1, 2], 3), ([1, 2], 3), ([1, 2], 4)]
    assert asked[0][0] is first
    assert asked[1][0] is second
    first.append(10)
    assert total(first, 4) == 17
    assert len(asked) == 4
