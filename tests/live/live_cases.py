"""Makes the calls of reference cases for real: the system call, real pages, this machine's CPUs.

Run as a program under ``opvasm exec``:

    python -m tests.live.live_cases CASES REVISION NUMBER STEP

All cases of the revision, and every STEPth of the others, with their ops as the revision numbers
them, are called by a system call number.  What must come back is the
case's own answer where it was made with that revision, else the reference interpreter's.  Cases that
need pages or CPUs that can't be had here are passed over, and counted.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from opvasm.abi.pages import PageKind
from opvasm.abi.revisions import Abi, get_abi
from opvasm.binary import decode, encode
from opvasm.conformance_case import Case, Expectation, Region, read_cases
from opvasm.engines.reference import ReferenceEngine
from opvasm.source import SourceFile

from .native_cases import map_at

_LEAST_ADDRESS = 0x10000
_FIXED = 0x10_0000_0000  # programs linked for a fixed address, and their heaps, are below
_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = (
    *(ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int),
    *(ctypes.c_int, ctypes.c_int, ctypes.c_long),
)
_libc.mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
_libc.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
_PRIVATE_FIXED_NO_REPLACE = 0x100002
_POSSIBLE = {PageKind.MAPPED, PageKind.READONLY, PageKind.ZERO, PageKind.ZERO_READONLY}


class Elsewhere(Exception):
    """The case needs what this machine has not."""


def for_revision(case: Case, abi: Abi) -> Case:
    """The case with its ops as another revision numbers them, where it has all of them."""
    old = get_abi(case.revision)
    changed = []
    for each in decode(case.vector, old, None):
        opcode = None if each.operation is None else abi.opcode(each.operation)
        if opcode is None:
            return case._replace(revision=abi.revision.name)
        changed.append(each._replace(opcode=opcode))
    with suppress(Exception):
        return case._replace(revision=abi.revision.name, vector=encode(changed, abi))
    return case._replace(revision=abi.revision.name)


def expected(case: Case, original: Case) -> Expectation:
    """What must come back."""
    if case.revision == original.revision:
        return original.expectation(historic=False)
    answer = ReferenceEngine().answer(case, ())
    runs = tuple((address, bytes([byte])) for address, byte in sorted(answer.changed.items()))
    return Expectation(answer.result, runs, original.expect.undefined)


def own_memory() -> list[range]:
    """Where this process has its own image and heap, if Python was linked for a fixed address.

    The cases count on nothing being mapped there; what is elsewhere is at addresses too random to be
    met.
    """
    found = []
    for line in Path("/proc/self/maps").read_text().splitlines():
        first, last = (int(each, 16) for each in line.split()[0].split("-"))
        if first < _FIXED:
            found.append(range(first - mmap.PAGESIZE, last + mmap.PAGESIZE))
    return found


@cache
def is_low() -> bool:
    """Whether Python was linked for a fixed address: else no heap of its own is ever there."""
    return bool(own_memory())


def meets_own_memory(case: Case) -> bool:
    """Whether a word of the vector may be an address in this process's image or heap."""
    if not is_low():
        return False
    words = [
        int.from_bytes(case.vector[at : at + 8], "little") for at in range(0, len(case.vector), 8)
    ]
    return any(word in each for each in own_memory() for word in words)


def target_cpu(case: Case, usable: list[int]) -> tuple[int, set[int]]:
    """The CPU to ask for and the mask to have, on CPUs that play the case's parts."""
    here, other = usable[0], usable[1] if len(usable) > 1 else -1
    if case.current not in case.allowed:
        raise Elsewhere
    if case.cpu == case.current:
        return here, {here}
    if case.cpu < 0 or case.cpu >= case.possible:
        if 0 <= case.cpu < os.sysconf("SC_NPROCESSORS_CONF"):
            raise Elsewhere
        return case.cpu, {here}
    if case.cpu not in case.online or other < 0:
        raise Elsewhere
    return other, {here, other} if case.cpu in case.allowed else {here}


def _map(region: Region, case: Case) -> None:
    if region.address < _LEAST_ADDRESS:
        raise Elsewhere
    if region.kind is PageKind.COPY_ON_WRITE and get_abi(case.revision).revision.pins_for_write:
        _map_file(region)
        return
    if region.kind not in _POSSIBLE or map_at(region.address, region.size) != region.address:
        raise Elsewhere


def _fill(region: Region, case: Case) -> None:
    """The region's bytes, and the part of the vector that lies there."""
    address, size, kind, fill, runs = region
    if not kind.is_zero_page:
        ctypes.memset(address, fill, size)
        for start, data in runs:
            ctypes.memmove(start, data, len(data))
        if case.vector_address is not None:
            for index, byte in enumerate(case.vector):
                if address <= case.vector_address + index < address + size:
                    ctypes.memset(case.vector_address + index, byte, 1)
    if not kind.writable:
        _libc.mprotect(address, size, mmap.PROT_READ)


def _map_file(region: Region) -> None:
    """Writable private memory that still shows a file."""
    file = os.memfd_create("case")
    try:
        os.ftruncate(file, region.size)
        os.pwrite(file, bytes([region.fill]) * region.size, 0)
        for start, data in region.runs:
            os.pwrite(file, data, start - region.address)
        protection = mmap.PROT_READ | mmap.PROT_WRITE
        flags = _PRIVATE_FIXED_NO_REPLACE
        if _libc.mmap(region.address, region.size, protection, flags, file, 0) != region.address:
            raise Elsewhere
    finally:
        os.close(file)


@contextmanager
def memory_of(case: Case) -> Iterator[None]:
    """The case's memory at its own addresses."""
    mapped: list[Region] = []
    try:
        for region in case.memory:
            _map(region, case)
            mapped.append(region)
            if region.kind is not PageKind.COPY_ON_WRITE:
                _fill(region, case)
        yield
    finally:
        for region in mapped:
            _libc.munmap(region.address, region.size)


def before_of(case: Case) -> dict[int, bytes]:
    """The bytes of the case's memory, without touching it."""
    found = {}
    for region in case.memory:
        data = bytearray([region.fill]) * region.size
        runs = region.runs
        if case.vector_address is not None and not region.kind.is_zero_page:
            runs = (*runs, (case.vector_address, case.vector))
        for start, run in runs:
            for index, byte in enumerate(run):
                if region.address <= start + index < region.address + region.size:
                    data[start + index - region.address] = byte
        found[region.address] = bytes(data)
    return found


def check(original: Case, abi: Abi, number: int, usable: list[int]) -> str | None:
    """What differs, empty when nothing does, None when the case can't be had here."""
    case = for_revision(original, abi)
    if meets_own_memory(case):
        return None
    if case.vector_address is not None and case.vector != original.vector:
        return None
    try:
        cpu, allowed = target_cpu(case, usable)
        want = expected(case, original)
        with memory_of(case):
            own = ctypes.create_string_buffer(case.vector, max(1, len(case.vector)))
            at = case.vector_address
            at = ctypes.addressof(own) if at is None else at
            os.sched_setaffinity(0, allowed)
            result = _libc.syscall(
                *(ctypes.c_long(number), ctypes.c_void_p(at), ctypes.c_long(case.cpuopcnt)),
                *(ctypes.c_long(cpu), ctypes.c_long(case.flags)),
            )
            result = -ctypes.get_errno() if result < 0 else result
            kept = os.sched_getaffinity(0) == allowed
            after = {
                each.address: ctypes.string_at(each.address, each.size) for each in case.memory
            }
    except Elsewhere:
        return None
    if not kept:
        return f"{case.identifier}: the affinity mask is another one"
    if result != want.result:
        return f"{case.identifier}: {result}, not {want.result}"
    return compare(case, want, after)


def compare(case: Case, want: Expectation, after: dict[int, bytes]) -> str:
    """Whether exactly the bytes changed that should have; undefined ones may be anything."""
    changed = {}
    for start, old in before_of(case).items():
        if old != after[start]:
            pairs = enumerate(zip(old, after[start], strict=True))
            changed.update({start + index: new for index, (was, new) in pairs if was != new})
    wanted = {start + index: byte for start, data in want.runs for index, byte in enumerate(data)}
    for start, length in want.undefined:
        for byte in range(start, start + length):
            changed.pop(byte, None)
            wanted.pop(byte, None)
    if changed == wanted:
        return ""
    differs = sorted(set(changed.items()) ^ set(wanted.items()))[0][0]
    return f"{case.identifier}: other bytes changed, the first at {differs:#x}"


def chosen(cases: Iterable[Case], revision: str, step: int, of_others: int) -> Iterator[Case]:
    """Every so many of the cases, those of a category counted by themselves: each keeps some."""
    seen: Counter[tuple[str, str]] = Counter()
    for case in cases:
        key = (case.category, case.revision)
        if seen[key] % (step if case.revision == revision else of_others) == 0:
            yield case
        seen[key] += 1


def main() -> int:
    """Run the cases of a file; print how many ran, and what was wrong."""
    path, revision = sys.argv[1:3]
    number, step, of_others = map(int, sys.argv[3:])
    abi, usable = get_abi(revision), sorted(os.sched_getaffinity(0))
    ran, passed_over, wrong = 0, 0, []
    cases = read_cases(SourceFile(path, Path(path).read_text()))
    for case in chosen(cases, revision, step, of_others):
        answer = check(case, abi, number, usable)
        if answer is None:
            passed_over += 1
        else:
            ran += 1
            if answer:
                wrong.append(answer)
    print(f"{ran} ran, {passed_over} passed over, {len(wrong)} wrong")
    print("\n".join(wrong[:40]))
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
