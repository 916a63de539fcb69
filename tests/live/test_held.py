"""Which calls wait for others, and when one of them is answered: on memory of this process."""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from opvasm.live import held
from opvasm.live.call import Arguments
from opvasm.live.held import HeldCalls, waits
from opvasm.live.linux import RSP, Registers
from opvasm.live.stubrun import Refusal
from opvasm.live.task import Pending

SHARED = 1 << 19  # where shared words begin; below lie the stacks of up to seven threads
STACK = 1 << 16


class Memory:
    """Stacks, and words that all threads share."""

    def __init__(self) -> None:
        self.map = mmap.mmap(-1, 1 << 20)
        self.start = ctypes.addressof(ctypes.c_char.from_buffer(self.map))
        self.file = os.open("/proc/self/mem", os.O_RDONLY)

    def put(self, offset: int, value: int) -> int:
        """Write a word; its address."""
        self.map[offset : offset + 8] = value.to_bytes(8, "little")
        return self.start + offset

    def pending(self, thread: int) -> Pending:
        registers = Registers()
        registers[RSP] = self.start + thread * STACK
        task = SimpleNamespace(tid=thread, space=SimpleNamespace(memory=self.file))
        return Pending(task, registers, Arguments(0, 1, 0, 0), 0.0)  # type: ignore[arg-type]

    def refusal(self, thread: int, met: int, expected: int, word: int = 0) -> Refusal:
        """cmpeq of a shared word, which was ``met``, with a number on the thread's stack."""
        shared = self.start + SHARED + 8 * word
        own = self.put(thread * STACK, expected)
        return Refusal(8, shared, own, False, bytes_of(met), bytes_of(expected))


def bytes_of(value: int) -> bytes:
    return value.to_bytes(8, "little")


def answered(calls: HeldCalls, looks: int = 8) -> int | None:
    """The thread whose call is answered now."""
    pending = calls.ready(looks)
    return pending and pending.task.tid


@pytest.fixture
def memory() -> Iterator[Memory]:
    made = Memory()
    yield made
    os.close(made.file)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The time that held calls see, in seconds."""
    made = SimpleNamespace(now=0.0)
    monkeypatch.setattr(held, "perf_counter", lambda: made.now)
    return made


def test_a_lock_that_is_held_is_waited_for(memory: Memory) -> None:
    memory.put(SHARED, 1)
    refusal = memory.refusal(0, met=1, expected=0)
    assert waits(memory.pending(0), refusal)
    memory.put(SHARED, 7)  # another owner: still refused
    assert waits(memory.pending(0), refusal)
    memory.put(SHARED, 0)
    assert not waits(memory.pending(0), refusal)


def test_a_value_read_anew_and_stale_again_is_not_waited_for(memory: Memory) -> None:
    """Being refused is what such a thread needs: the word may never be again what it expects."""
    memory.put(SHARED, 9)
    refusal = memory.refusal(0, met=5, expected=4)
    memory.put(0, 8)
    assert not waits(memory.pending(0), refusal)


def test_two_shared_words_must_both_be_as_they_were(memory: Memory) -> None:
    a, b = memory.put(SHARED, 1), memory.put(SHARED + 8, 2)
    refusal = Refusal(8, a, b, False, bytes_of(1), bytes_of(2))
    assert waits(memory.pending(0), refusal)
    memory.put(SHARED, 3)
    assert not waits(memory.pending(0), refusal)


def test_a_compare_that_refuses_the_same(memory: Memory) -> None:
    """cmpne waits until the two differ."""
    memory.put(SHARED, 4)
    refusal = memory.refusal(0, met=4, expected=4)._replace(when_same=True)
    assert waits(memory.pending(0), refusal)
    memory.put(SHARED, 5)
    assert not waits(memory.pending(0), refusal)


def test_memory_that_is_gone_keeps_nobody_waiting(memory: Memory) -> None:
    refusal = Refusal(8, 1 << 46, memory.start, False, bytes(8), bytes(8))
    assert not waits(memory.pending(0), refusal)


def test_who_waits_longest_gets_the_lock(memory: Memory, clock: SimpleNamespace) -> None:
    memory.put(SHARED, 1)
    calls = HeldCalls()
    for thread in (3, 1, 2):
        calls.add(memory.pending(thread), memory.refusal(thread, met=1, expected=0))
    assert answered(calls) is None
    memory.put(SHARED, 0)
    assert answered(calls) == 3
    memory.put(SHARED, 1)  # it has taken the lock
    assert answered(calls) is None
    assert list(calls.threads()) == [1, 2]


def test_a_word_is_read_once_for_all_who_wait(
    memory: Memory, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory.put(SHARED, 1)
    calls = HeldCalls()
    for thread in range(7):
        calls.add(memory.pending(thread), memory.refusal(thread, met=1, expected=0))
    read, addresses = os.pread, []

    def counted(file: int, length: int, address: int) -> bytes:
        addresses.append(address)
        return read(file, length, address)

    monkeypatch.setattr(os, "pread", counted)
    assert answered(calls) is None
    assert addresses == [memory.start + SHARED]


def test_all_words_have_their_turn(memory: Memory, clock: SimpleNamespace) -> None:
    calls = HeldCalls()
    for thread in range(6):
        memory.put(SHARED + 8 * thread, 1)
        calls.add(memory.pending(thread), memory.refusal(thread, 1, 0, word=thread))
    assert answered(calls, 2) is None  # 0 and 1
    memory.put(SHARED + 8 * 5, 0)
    assert answered(calls, 2) is None  # 2 and 3
    assert answered(calls, 2) == 5


def test_nobody_waits_for_ever(memory: Memory, clock: SimpleNamespace) -> None:
    """After two milliseconds a call is answered anyway, one after the other, with pauses between
    that let others run."""
    memory.put(SHARED, 1)
    calls = HeldCalls()
    for thread in (1, 2):
        calls.add(memory.pending(thread), memory.refusal(thread, met=1, expected=0))
    clock.now = 0.0019
    assert answered(calls) is None
    clock.now = 0.0021
    assert answered(calls) == 1
    assert answered(calls) is None
    clock.now = 0.0022
    assert answered(calls) == 2
    assert not len(calls)


def test_the_calls_of_threads_that_are_gone(memory: Memory, clock: SimpleNamespace) -> None:
    """Also where their memory went first, as with exec."""
    memory.put(SHARED, 1)
    calls = HeldCalls()
    pending = [memory.pending(thread) for thread in range(3)]
    for each in pending:
        calls.add(each, memory.refusal(each.task.tid, met=1, expected=0))
    pending[0].task.space.memory = -1
    calls.remove({0, 2, 99})
    assert list(calls.threads()) == [1]
    memory.put(SHARED, 0)
    assert answered(calls) == 1
