"""The order of the kernel's checks and its answers, typed from abi.md sections 1.3 and 2."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from opvasm.abi.pages import PageKind
from opvasm.abi.revisions import QUIRKS, REVISIONS, get_abi
from opvasm.interpreter.errno import EAGAIN, EFAULT, EINVAL
from opvasm.machine import Cpus

from .build import BASE, machine, op, run

ALL = [revision.name for revision in REVISIONS]
GONE = 0x90000

# Section 1.3: the answer to each flag bit.
QUERY_ANSWERS = {
    **{name: {} for name in ("2017-10", "2017-11", "2017-12")},
    **{name: {1: 10} for name in ("2018-03", "2018-04", "2018-10")},
    "2019-04": {1: 6, 2: 16},
}


@pytest.mark.parametrize("revision", ALL)
@pytest.mark.parametrize("flags", [1, 2, 3, 4, 1 << 30, -1])
def test_flags_are_asked_before_everything_else(revision: str, flags: int) -> None:
    """A known query is answered with garbage in every other argument; the rest is EINVAL."""
    expected = QUERY_ANSWERS[revision].get(flags, -EINVAL)
    assert machine(revision).cpu_opv(0, -7, -1, flags) == expected


@pytest.mark.parametrize("revision", ALL)
def test_an_earlier_check_wins_over_a_later_one(revision: str) -> None:
    """Section 2.1: each call breaks one rule less than the one before it."""
    everything = Cpus(4, online=(0, 1), allowed=(0,), current=0)
    target = machine(revision, cpus=everything)
    abi = target.abi
    faults = op(abi, "memcpy", 8, GONE, BASE)
    too_long = op(abi, "memcpy", 1 << 20, BASE, BASE)
    stops = op(abi, "cmpne", 8, BASE, BASE)
    before = target.memory.copy()
    assert target.cpu_opv(0, 17, -1) == -EINVAL  # cpu
    assert target.cpu_opv(0, 17, 1) == -EINVAL  # count
    assert target.cpu_opv(0, -1, 1) == -EINVAL  # count
    assert target.cpu_opv(GONE, 1, 1) == -EFAULT  # copy of the vector
    assert run(target, faults, too_long, cpu=1) == -EINVAL  # static rules before memory
    assert run(target, stops, faults, cpu=1) == -EFAULT  # memory before the CPU
    assert run(target, stops, cpu=1) == -EINVAL  # the CPU before the first op
    assert run(target, stops, cpu=0) == 1
    assert target.memory == before


@pytest.mark.parametrize("revision", ALL)
def test_an_empty_vector_never_reads_its_pointer_but_asks_for_its_cpu(revision: str) -> None:
    """Section 2.9, point 3; kernel addresses and NULL are fine."""
    target = machine(revision)
    assert target.cpu_opv(0, 0, 2) == 0
    assert target.cpus.current == 2
    assert target.cpu_opv(0xFFFF_8000_0000_0000, 0, 2) == 0
    assert target.cpu_opv(0, 0, 99) == -EINVAL


# docs/cases.md, "cpus", as mended: (allowed, online) -> answer, and the CPU the caller ends on.
MENDED = {
    (True, True): (0, 1),
    (False, True): (-EINVAL, 0),
    (True, False): (0, 0),
    (False, False): (-EINVAL, 0),
}
# 2017-10 has no offline path: the move fails.
WITHOUT_OFFLINE_PATH = MENDED | {(True, False): (-EINVAL, 0)}
# 2017-11 as it was.
HISTORIC = {
    (True, True): (0, 1),
    (False, True): (-EAGAIN, 0),
    (True, False): (-EAGAIN, 0),
    (False, False): (0, 0),
}


@pytest.mark.parametrize("allowed", [True, False])
@pytest.mark.parametrize("online", [True, False])
@pytest.mark.parametrize("revision", ALL)
def test_cpu_rules(revision: str, allowed: bool, online: bool) -> None:
    """Every combination of mask and online bit, with and without the historic bugs."""
    table = WITHOUT_OFFLINE_PATH if revision == "2017-10" else MENDED
    for quirks, expected in (((), table), (tuple(QUIRKS), None)):
        if expected is None:
            if revision != "2017-11":
                continue
            expected = HISTORIC
        cpus = Cpus(2, (0, 1) if online else (0,), (0, 1) if allowed else (0,), 0)
        target = machine(revision, cpus=cpus, quirks=quirks)
        result = run(target, op(target.abi, "add", 8, BASE, immediate=1), cpu=1)
        assert (result, target.cpus.current) == expected[allowed, online]
        assert target.memory.read(BASE, 1) == (b"\x01" if result == 0 else b"\x00")


def test_the_callers_own_cpu_is_never_checked_against_the_mask() -> None:
    """docs/cases.md: ``cpu`` equal to ``current``."""
    for revision in ALL:
        target = machine(revision, cpus=Cpus(4, allowed=(1,), current=3))
        assert run(target, op(target.abi, "add", 1, BASE, immediate=1), cpu=3) == 0


# Section 2.4 and docs/cases.md "perm": what each revision says of an operand in such a page, as
# (read, written).  K = fine, F = EFAULT while pinning, L = EFAULT when the op runs.
PAGE_TABLE = {
    PageKind.MAPPED: {"default": "KK"},
    PageKind.SWAPPED: {"default": "KK"},
    PageKind.UNMAPPED: {"default": "FF"},
    PageKind.READONLY: {"default": "KF", "2017-10": "KL"},
    PageKind.ZERO: {"default": "KK", "2017-10": "KL", "2017-11": "FK"},
    PageKind.ZERO_READONLY: {"default": "KF", "2017-10": "KL", "2017-11": "FF", "2017-12": "FF"},
    PageKind.COPY_ON_WRITE: {"default": "KK", "2017-10": "KL"},
    PageKind.SPECIAL: {"default": "FF", "2017-10": "KL"},
    PageKind.DEVICE: {"default": "FF", "2017-10": "KK"},
    PageKind.NONCACHED: {
        "default": "KK",
        **dict.fromkeys(("2018-04", "2018-10", "2019-04"), "FF"),
    },
}


@pytest.mark.parametrize("kind", list(PageKind))
@pytest.mark.parametrize("revision", ALL)
def test_page_rules(revision: str, kind: PageKind) -> None:
    """Every kind of page, read and written, in every revision; expect_fault where it counts."""
    answers = PAGE_TABLE[kind].get(revision, PAGE_TABLE[kind]["default"])
    for answer, writing in ((answers[0], False), (answers[1], True)):
        target = machine(revision, pages={GONE: kind}, data=b"\x01" * 16)
        addresses = (GONE, BASE) if writing else (BASE + 64, GONE)
        for flags in ((0, 0), (1, 0), (0, 1)):
            target = machine(revision, pages={GONE: kind}, data=b"\x01" * 16)
            abi = target.abi
            first = op(abi, "add", 1, BASE + 1, immediate=1)
            flagged = op(abi, "memcpy", 8, *addresses, expect_fault=flags)
            result = run(target, first, flagged)
            ours = flags[0] if writing else flags[1]
            started = target.memory.read(BASE + 1, 1) == b"\x02"
            if answer == "K":
                assert (result, started) == (0, True)
            elif answer == "F":
                expected = EAGAIN if ours and abi.revision.expect_fault else EFAULT
                assert (result, started) == (-expected, False)
            else:
                assert (result, started) == (-EFAULT, True)


def test_the_zero_page_is_fine_once_a_written_operand_prepared_it() -> None:
    """2017-11: docs/cases.md, row ``zero``."""
    target = machine(pages={GONE: PageKind.ZERO})
    abi = target.abi
    write, read = op(abi, "memcpy", 8, GONE, BASE), op(abi, "memcpy", 8, BASE, GONE)
    assert run(target, read, write) == -EFAULT
    assert run(machine(pages={GONE: PageKind.ZERO}), write, read) == 0


@pytest.mark.parametrize("revision", ALL)
def test_the_first_failing_operand_decides(revision: str) -> None:
    """Section 2.3: dst before src, a before b; only the failing operand's own flag counts."""
    target = machine(revision)
    abi = target.abi
    has = abi.revision.expect_fault
    for mnemonic in ("memcpy", "cmpeq"):
        for flags, expected in (
            ((0, 0), EFAULT),
            ((1, 0), EAGAIN if has else EFAULT),
            ((0, 1), EFAULT),
            ((0x80, 0), EAGAIN if has else EFAULT),
        ):
            both = op(abi, mnemonic, 8, GONE, GONE + 4096, expect_fault=flags)
            assert run(target, both) == -expected


@pytest.mark.parametrize("revision", ALL)
def test_the_end_of_user_space(revision: str) -> None:
    """access_ok: up to the end is fine, past it EFAULT, also without bytes; wrapping by revision."""
    for model in ("64le", "32be"):
        abi = get_abi(revision, model)
        end = abi.model.task_size
        last = 2**32 if model == "32be" else 2**64
        target = machine(revision, model, pages={end - 4096: PageKind.MAPPED})
        assert run(target, op(abi, "memcpy", 8, end - 8, BASE)) == 0
        assert run(target, op(abi, "memcpy", 8, end - 7, BASE)) == -EFAULT
        assert run(target, op(abi, "memcpy", 0, end, BASE)) == 0
        assert run(target, op(abi, "memcpy", 0, end + 1, BASE)) == -EFAULT
        wrapped = run(target, op(abi, "memcpy", 8, last - 4, BASE))
        assert wrapped == (-EFAULT if revision < "2017-12" else -EINVAL)
        assert run(target, op(abi, "memcpy", 8, last - 8, BASE)) == -EFAULT


@pytest.mark.parametrize("revision", ALL)
def test_length_limits(revision: str) -> None:
    """Section 1.4 at 4 KiB pages: 4096 an op, 4216 in all except 2017-10, 16 ops."""
    target = machine(revision)
    abi = target.abi
    whole = op(abi, "cmpeq", 4096, BASE, BASE)
    word = op(abi, "add", 8, BASE, immediate=0)
    assert run(target, whole) == 0
    assert run(target, op(abi, "cmpeq", 4097, BASE, BASE)) == -EINVAL
    assert run(target, whole, *[word] * 15) == 0
    over = run(target, whole, *[word] * 14, op(abi, "cmpeq", 9, BASE, BASE))
    assert over == (0 if revision == "2017-10" else -EINVAL)


def test_page_size_is_the_limit_of_the_first_two_revisions() -> None:
    """Section 1.4, PAGE_SIZE effect: 64 KiB pages raise the limit of 2017-10 and 2017-11 only."""
    from opvasm.interpreter import Machine
    from opvasm.machine import Memory

    for revision in ALL:
        abi = get_abi(revision, page_size=65536)
        memory = Memory(65536)
        memory.map(0, 65536)
        for length, accepted in (
            (65536, revision == "2017-10"),
            (4216, revision in ("2017-10", "2017-11")),
            (4096, True),
        ):
            result = run(Machine(abi, memory), op(abi, "cmpeq", length, 0, 0))
            assert result == (0 if accepted else -EINVAL), (revision, length)


def test_reading_then_writing_a_shared_page_is_the_first_touch_bug() -> None:
    """Section 2.9, point 8: only with the quirk, only in that order, EAGAIN by the first operand."""
    quirk = ("first-touch-retry",)
    for revision in ("2018-03", "2018-04"):
        for kind in (PageKind.ZERO, PageKind.COPY_ON_WRITE):
            pages = {GONE: kind}
            abi = get_abi(revision)
            read = op(abi, "memcpy", 8, BASE, GONE, expect_fault=(1, 0))
            write = op(abi, "memcpy", 8, GONE, BASE)
            assert run(machine(revision, pages=pages), read, write) == 0
            assert run(machine(revision, pages=pages, quirks=quirk), read, write) == -EAGAIN
            assert run(machine(revision, pages=pages, quirks=quirk), write, read) == 0
            read = op(abi, "memcpy", 8, BASE, GONE)
            assert run(machine(revision, pages=pages, quirks=quirk), read, write) == -EFAULT


@given(
    st.sampled_from(ALL),
    st.sampled_from(("64le", "64be", "32le", "32be")),
    st.lists(st.binary(min_size=28, max_size=28), max_size=16),
    st.data(),
)
def test_whatever_the_bytes_the_call_returns(
    revision: str, model: str, rests: list[bytes], data: st.DataObject
) -> None:
    """No input crashes the interpreter; what it accepts it runs (Crash would surface here)."""
    abi = get_abi(revision, model)
    order = abi.model.byteorder
    vector = b""
    for rest in rests:
        opcode = data.draw(st.integers(-1, 10))
        if data.draw(st.booleans()):  # near a legal op: small length, addresses in memory
            size = data.draw(st.sampled_from((0, 1, 2, 4, 8, 9, 64, 4096)))
            word = abi.model.word
            address = (BASE + data.draw(st.integers(0, 0x5000))).to_bytes(word, order)
            rest = size.to_bytes(4, order) + address.ljust(8, b"\0") + address + rest[20:]
            rest = rest.ljust(28, b"\0")[:28]
        vector += opcode.to_bytes(4, order, signed=True) + rest
    target = machine(revision, model)
    cpu = data.draw(st.integers(-2, 5))
    result = target.cpu_opv(vector, len(rests), cpu, data.draw(st.integers(-1, 4)))
    assert -EINVAL <= result <= 16
