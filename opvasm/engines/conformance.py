"""Reference cases held against an engine: which of them it answers as the kernel did."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from ..conformance_case import Case, Expectation
from ..interpreter.errno import result_name
from ..light_enum import Enum
from .base import Answer, Engine

SHOWN_BYTES = 4


class Kernel(Enum):
    """Which kernel a case's answer is compared with."""

    INTENDED = "intended"
    HISTORIC = "historic"


class Verdict(NamedTuple):
    """One case held against one kernel; ``problem`` is None when it passes, else what differs."""

    case: Case
    kernel: Kernel
    answer: Answer
    problem: str | None


def check(
    cases: Iterable[Case], engine: Engine, quirks: Collection[str] | None = None
) -> Iterator[Verdict]:
    """Run every case.

    ``quirks`` None: all without historic bugs, and those that run into one a second time with it.
    Otherwise each case once, with these bugs.  Raises EngineError.
    """
    for case in cases:
        bug = case.historic_bug
        if quirks is None:
            yield judge(case, engine, Kernel.INTENDED, ())
            if bug is not None:
                yield judge(case, engine, Kernel.HISTORIC, (bug,))
        else:
            kernel = Kernel.HISTORIC if bug in quirks else Kernel.INTENDED
            yield judge(case, engine, kernel, quirks)


def judge(case: Case, engine: Engine, kernel: Kernel, quirks: Collection[str]) -> Verdict:
    """Run one case and compare result and memory, undefined bytes excepted.  Raises EngineError."""
    answer = engine.answer(case, quirks)
    expected = case.expectation(kernel is Kernel.HISTORIC)
    return Verdict(case, kernel, answer, difference(answer, expected))


def difference(answer: Answer, expected: Expectation) -> str | None:
    """What an answer has other than expected, in words; None when nothing."""
    problems = []
    if answer.result != expected.result:
        got, wanted = result_name(answer.result), result_name(expected.result)
        problems.append(f"returned {got}, expected {wanted}")
    undefined = {
        address + offset for address, length in expected.undefined for offset in range(length)
    }
    wanted_bytes = {
        address + offset: byte
        for address, data in expected.runs
        for offset, byte in enumerate(data)
    }
    wrong = sorted(
        address
        for address in wanted_bytes.keys() | answer.changed.keys()
        if address not in undefined and wanted_bytes.get(address) != answer.changed.get(address)
    )
    for address in wrong[:SHOWN_BYTES]:
        got_byte, wanted_byte = answer.changed.get(address), wanted_bytes.get(address)
        problems.append(f"byte {address:#x} is {_byte(got_byte)}, expected {_byte(wanted_byte)}")
    if len(wrong) > SHOWN_BYTES:
        problems.append(f"and {len(wrong) - SHOWN_BYTES} more bytes differ")
    return "; ".join(problems) or None


def _byte(value: int | None) -> str:
    return "unchanged" if value is None else f"{value:#04x}"
