"""System calls in sections: the explorer against the judge, on generated scenarios with calls put in."""

from __future__ import annotations

import pytest

from opvasm.kernels.profiles import PROFILES

from .campaign import tried
from .section_generator import make_with_calls

SLICE = range(33)  # three of each kernel
LARGEST = 500


def answers(numbers: range) -> tuple[int, list[str]]:
    """How many answers are equal, and those that are not."""
    found = [tried(2, number, ("all", "none"), make_with_calls, LARGEST) for number in numbers]
    wrong = [each.disagreement.text() for each in found if each.disagreement is not None]
    return sum(each.agreed for each in found), wrong


def test_the_explorer_and_the_judge_say_the_same_of_system_calls() -> None:
    """On every kernel, with all reductions and with none."""
    equal, wrong = answers(SLICE)
    assert wrong == []
    assert equal > len(SLICE)


@pytest.mark.parametrize("rule", ["aborts", "continues"])
def test_a_wrong_rule_is_noticed(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what a call in which one is switched out comes to changed in all profiles.

    What comes after the first scenario that notices it says nothing more.
    """
    for name, profile in PROFILES.items():
        if profile.system_call_switches != "killed":
            monkeypatch.setitem(PROFILES, name, profile._replace(system_call_switches=rule))
    assert any(answers(range(each, each + 1))[1] for each in SLICE)
