"""What an observer is told, in full: every value worked out by hand."""

from __future__ import annotations

import pytest

from opvasm.abi.ops import Access
from opvasm.abi.pages import PageKind
from opvasm.abi.revisions import get_abi
from opvasm.codes import kernel as codes
from opvasm.interpreter.errno import EAGAIN, EFAULT, EINVAL
from opvasm.interpreter.events import (
    Called,
    CopiedIn,
    CpuRefused,
    Event,
    Faulted,
    Fenced,
    Finished,
    Loaded,
    Moved,
    PageChange,
    Pinned,
    PinRefused,
    Returned,
    Started,
    Stored,
)
from opvasm.interpreter.reason import Reason
from opvasm.machine import Cpus, Fault
from opvasm.verifier.kernel_rules import Violation, violations

from .build import BASE, machine, op, run

GONE = 0x90000


def test_a_call_tells_every_movement_in_order() -> None:
    """A copy across a page border into a swapped page, after a barrier, on another CPU."""
    target = machine(pages={GONE: PageKind.SWAPPED}, data=bytes(4092) + b"\x01\x02\x03\x04\x05")
    events: list[Event] = []
    target.observe = events.append
    mb = op(target.abi, "mb", 3)
    copy = op(target.abi, "memcpy", 5, GONE, BASE + 4092)
    assert run(target, mb, copy, cpu=2) == 0
    data = b"\x01\x02\x03\x04\x05"
    assert events == [
        Called(2, 2, 0, 0),
        CopiedIn((mb, copy)),
        Pinned(
            *(1, "dst", GONE, 5, Access.WRITE, 1),
            (PageChange(GONE, PageKind.SWAPPED, PageKind.MAPPED),),
        ),
        Pinned(1, "src", BASE + 4092, 5, Access.READ, 2, ()),
        Moved(0, 2),
        Started(0, mb),
        Fenced(0),
        Finished(0, False),
        Started(1, copy),
        Loaded(1, BASE + 4092, data),
        Stored(1, GONE, bytes(5), data),
        Finished(1, False),
        Returned(0),
    ]


@pytest.mark.parametrize("expected", [False, True])
def test_a_refused_operand_names_the_page_that_refused(expected: bool) -> None:
    """The second of two pages is missing: its address, not the operand's."""
    end = BASE + 4 * 4096
    target = machine()
    events: list[Event] = []
    target.observe = events.append
    cross = op(target.abi, "cmpeq", 16, BASE, end - 8, expect_fault=(0, int(expected)))
    errno = EAGAIN if expected else EFAULT
    assert run(target, cross) == -errno
    refusal = PinRefused(
        *(0, "b", end - 8, 16, Access.READ, end, PageKind.UNMAPPED),
        *("the page is not mapped", expected, errno),
    )
    assert events[-2:] == [refusal, Returned(-errno)]


def test_a_fault_while_running_tells_what_was_written_before_it() -> None:
    """2017-10: a copy into a read-only page stops at the border (section 2.9, point 9)."""
    end = BASE + 4 * 4096
    target = machine("2017-10", pages={end: PageKind.READONLY}, data=b"\x07" * 16)
    events: list[Event] = []
    target.observe = events.append
    assert run(target, op(target.abi, "memcpy", 16, end - 6, BASE)) == -EFAULT
    assert events[-3:] == [
        Stored(0, end - 6, bytes(6) + bytes(10), b"\x07" * 6 + bytes(10)),
        Faulted(0, end, 10, True, end, PageKind.READONLY, EFAULT),
        Returned(-EFAULT),
    ]


def test_a_fault_of_a_source_is_told_as_a_read() -> None:
    """2017-10 took a refused pin for success (section 2.8), so that the op itself meets the page."""
    target = machine("2017-10", quirks=("missed-pin-error",))
    events: list[Event] = []
    target.observe = events.append
    assert run(target, op(target.abi, "memcpy", 8, BASE, GONE)) == -EFAULT
    assert events[-2:] == [
        Faulted(0, GONE, 8, False, GONE, PageKind.UNMAPPED, EFAULT),
        Returned(-EFAULT),
    ]


def test_a_word_of_eight_bytes_is_two_stores_on_a_32_bit_machine() -> None:
    """Section 3.2: lower address first; the first half stays when the second faults."""
    end = BASE + 4 * 4096
    for model, written in (("32le", b"\x09" * 4), ("64le", bytes(4))):
        target = machine("2017-10", model, pages={end: PageKind.READONLY}, data=b"\x09" * 8)
        assert run(target, op(target.abi, "memcpy", 8, end - 4, BASE)) == -EFAULT
        assert target.memory.read(end - 4, 4) == written


def test_words_at_the_last_byte_of_a_page_are_read_and_written() -> None:
    """The borders of the short way through ordinary memory."""
    for revision in ("2017-11", "2018-04"):
        for at in (4088, 4089, 4095):
            target = machine(revision, data=bytes(at) + b"\xff" * 8)
            assert run(target, op(target.abi, "add", 8, BASE + at, immediate=1)) == 0
            assert target.memory.read(BASE + at, 9) == bytes(9)


def test_why_a_cpu_was_refused_says_which_exist() -> None:
    """CPUs count from 0: of four the last is 3, and 4 is one too many."""
    for cpu, reason in ((4, "only CPUs 0 to 3 exist"), (99, "only CPUs 0 to 3 exist")):
        target = machine()
        events: list[Event] = []
        target.observe = events.append
        assert run(target, cpu=cpu) == -EINVAL
        assert events[-2] == CpuRefused(cpu, reason, EINVAL)
    target = machine(cpus=Cpus(4, allowed=(0,)))
    why = Reason()
    target.observe = why
    assert run(target, cpu=1) == -EINVAL
    assert [text for text, _ in why.lines()] == [
        "CPU 1 can't be had: it is not in the thread's affinity mask"
    ]


def test_a_broken_rule_names_the_field_its_value_and_its_limit() -> None:
    """The numbers of section 2.2, for messages that say what would be legal."""
    abi = get_abi("2018-04")
    unknown = op(abi, "mb", 0)._replace(opcode=10, operation=None)
    vector = (
        op(abi, "cmpeq", 4097, 0, 0),
        op(abi, "add", 3, 0, immediate=0),
        op(abi, "lshift", 2, 0, immediate=16),
        unknown,
        op(abi, "memcpy", 8, 2**64 - 7, 0),
        op(abi, "memcpy", 8, 2**64 - 8, 0),
        op(abi, "memcpy", 120, 0, 0),
    )
    assert list(violations(vector, abi)) == [
        Violation(codes.DATA_LENGTH, 0, "len", 4097, 4096),
        Violation(codes.WORD_LENGTH, 1, "len", 3, None),
        Violation(codes.SHIFT_BITS, 2, "bits", 16, 15),
        Violation(codes.UNKNOWN_OPERATION, 3, "op", 10, 9),
        Violation(codes.RANGE_WRAPS, 4, "dst", 2**64 - 7, None),
        # 4097 + 3 + 2 + 8 + 8 + 120 bytes; the unknown op counts nothing any more.
        Violation(codes.LENGTH_SUM, None, "len", 4238, 4216),
    ]


def test_a_page_that_is_not_there_is_named_by_its_own_address() -> None:
    """Memory itself: the fault of an access over a border, and nothing written."""
    memory = machine().memory
    end = BASE + 4 * 4096
    with pytest.raises(Fault) as reading:
        memory.read(end - 1, 2)
    assert (reading.value.page, reading.value.writes) == (end, False)
    with pytest.raises(Fault) as writing:
        memory.write(end - 1, b"\x01\x02")
    assert (writing.value.page, writing.value.writes) == (end, True)
    assert memory.read(end - 1, 1) == b"\x00"
