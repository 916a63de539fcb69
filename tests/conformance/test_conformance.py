"""The interpreter answers every reference case as the kernel did."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from opvasm.abi.revisions import QUIRKS, get_abi
from opvasm.conformance_case import Case, read_cases
from opvasm.engines.base import Answer
from opvasm.engines.conformance import Kernel, check, difference, judge
from opvasm.engines.reference import ReferenceEngine, build_machine, call
from opvasm.interpreter.events import Called, Event, Returned, Stored
from opvasm.source import SourceFile

FILES = sorted(Path(__file__).parent.glob("*.jsonl"))


def cases() -> list[Case]:
    """Every case of the folder."""
    return [case for path in FILES for case in read_cases(SourceFile(path.name, path.read_text()))]


@pytest.fixture(scope="module")
def all_cases() -> list[Case]:
    """The cases, read once."""
    return cases()


def test_public_file_holds_the_cases_it_should(all_cases: list[Case]) -> None:
    """The shipped file is the whole one: 2974 cases of three revisions."""
    assert len(all_cases) == 2974
    assert {case.revision for case in all_cases} == {"2017-10", "2017-11", "2018-04"}


def test_every_case_is_answered_as_the_mended_kernel_and_as_the_historic_one(
    all_cases: list[Case],
) -> None:
    """Intended answers with quirks off; what that kernel really did with its quirk on."""
    verdicts = list(check(all_cases, ReferenceEngine()))
    failed = [(v.case.identifier, v.kernel.value, v.problem) for v in verdicts if v.problem]
    assert not failed
    counts = Counter(verdict.kernel for verdict in verdicts)
    assert counts[Kernel.INTENDED] == 2974
    # docs/cases.md, historic_bug: 73 missed pins, 18 + 14 + 7 CPU cases, 17 first touches.
    assert counts[Kernel.HISTORIC] == 73 + 18 + 14 + 7 + 17


def test_with_all_quirks_on_the_other_cases_still_pass(all_cases: list[Case]) -> None:
    """A quirk changes the cases that run into its bug and no other."""
    verdicts = check(all_cases, ReferenceEngine(), tuple(QUIRKS))
    assert not [(v.case.identifier, v.problem) for v in verdicts if v.problem]


def test_observing_a_call_changes_nothing_and_tells_every_byte(all_cases: list[Case]) -> None:
    """With an observer the answer is the same, and the stores it heard of make the same memory."""
    for case in all_cases:
        plain, observed = build_machine(case, QUIRKS), build_machine(case, QUIRKS)
        replayed = observed.memory.copy()
        events: list[Event] = []
        observed.observe = events.append
        assert call(plain, case) == call(observed, case)
        assert plain.memory == observed.memory
        assert plain.cpus == observed.cpus
        assert isinstance(events[0], Called)
        assert isinstance(events[-1], Returned)
        for event in events:
            if isinstance(event, Stored):
                assert replayed.read(event.address, len(event.before)) == event.before
                replayed.write(event.address, event.after)
        for number, page in replayed.pages.items():
            assert page.data == observed.memory.pages[number].data


def test_a_wrong_answer_is_named(all_cases: list[Case]) -> None:
    """The comparison reports the result and the first bytes that differ, not merely 'failed'."""
    case = next(each for each in all_cases if each.expect.result == 0 and each.expect.runs)
    address, data = case.expect.runs[0]
    problem = difference(Answer(-14, {address: data[0] ^ 1}), case.expect)
    assert problem is not None
    assert "returned EFAULT, expected 0" in problem
    assert f"byte {address:#x} is {data[0] ^ 1:#04x}, expected {data[0]:#04x}" in problem


def test_undefined_bytes_may_hold_anything(all_cases: list[Case]) -> None:
    """Bytes that depend on how the machine's memcpy walks are not compared."""
    case = next(each for each in all_cases if each.expect.undefined)
    good = judge(case, ReferenceEngine(), Kernel.INTENDED, ())
    address, _ = case.expect.undefined[0]
    changed = dict(good.answer.changed)
    changed[address] = (changed.get(address, 0) + 1) % 256
    assert difference(Answer(good.answer.result, changed), case.expect) is None
    assert get_abi(case.revision).revision.maps_operands
