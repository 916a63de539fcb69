"""Runs reference cases with the native stub: real pages at the cases' own addresses.

Run as a module with a file of cases, in a process of its own, since it maps over its own address
space.  Cases whose addresses or pages can't be had on a real machine are passed over, and counted.
"""

from __future__ import annotations

import ctypes
import mmap
import sys
from pathlib import Path

from opvasm.abi.pages import PageKind
from opvasm.abi.revisions import get_abi
from opvasm.binary import decode
from opvasm.conformance_case import Case, read_cases
from opvasm.interpreter.prepared import prepare
from opvasm.live import stub
from opvasm.program import Instruction
from opvasm.source import SourceFile

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = (
    *(ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int),
    *(ctypes.c_int, ctypes.c_int, ctypes.c_long),
)
_libc.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
_FIXED_NO_REPLACE = 0x100000
_LEAST_ADDRESS = 0x10000


def map_at(address: int, size: int, execute: bool = False) -> int | None:
    """Anonymous memory at an address (0: anywhere); None where there is something already."""
    protection = mmap.PROT_READ | mmap.PROT_WRITE | (mmap.PROT_EXEC if execute else 0)
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | (_FIXED_NO_REPLACE if address else 0)
    got = _libc.mmap(address or None, size, protection, flags, -1, 0)
    return None if got in (None, ctypes.c_void_p(-1).value) else int(got)


class Slot:
    """The stub in this process, entered like a function."""

    def __init__(self) -> None:
        address = map_at(0, stub.SLOT_SIZE + 0x1000, execute=True)
        assert address is not None
        self.data = address + stub.CODE_SIZE
        # The registers are put back from the slot, so a small function saves them there first:
        # it stores those that a callee must keep and the place to return to, and jumps in.
        enter = b"\x49\xba" + (self.data + stub.REGISTERS).to_bytes(8, "little")  # mov r10, …
        for offset, register in ((0, 15), (8, 14), (16, 13), (24, 12), (32, 5), (40, 3)):
            rex = 0x49 | (4 if register > 7 else 0)
            enter += bytes((rex, 0x89, 0x42 | (register & 7) << 3, offset))  # mov [r10 + …], reg
        enter += b"\x49\x89\xa2" + (152).to_bytes(4, "little")  # mov [r10 + 152], rsp
        enter += b"\x9c\x41\x8f\x82" + (144).to_bytes(4, "little")  # pushfq; pop [r10 + 144]
        enter += b"\x48\x8d\x05" + (12).to_bytes(4, "little")  # lea rax, [rip + 12]: the ret
        enter += b"\x49\x89\x82" + (128).to_bytes(4, "little")  # mov [r10 + 128], rax
        start = address + stub.SLOT_SIZE
        jump_end = start + len(enter) + 5
        enter += b"\xe9" + (address - jump_end).to_bytes(4, "little", signed=True)
        enter += b"\xc3"
        ctypes.memmove(address, stub.CODE, len(stub.CODE))
        ctypes.memmove(start, enter, len(enter))
        self._call = ctypes.CFUNCTYPE(ctypes.c_long)(start)

    def run(self, native: stub.NativeOps, chunk: int) -> int:
        """Run ops; the result."""
        header = stub.HEADER.pack(
            0, 0, 0, 0, native.size, 0, 0, 0, 0, 0, chunk, native.record_pages
        )
        ctypes.memmove(self.data, header, len(header))
        ctypes.memmove(self.data + stub.OPS, native.descriptors, len(native.descriptors))
        return int(self._call())


def runs_ops(case: Case) -> bool:
    """Whether the call gets as far as its ops, on ordinary pages, and they can't fault."""
    return (
        case.expect.result >= 0
        and case.flags == 0
        and case.historic_bug is None
        and case.vector_address is None
        and all(
            region.kind is PageKind.MAPPED and region.address >= _LEAST_ADDRESS
            for region in case.memory
        )
    )


def ops_of(case: Case) -> tuple[Instruction, ...]:
    """The ops of the case's call."""
    return decode(case.vector[: case.cpuopcnt * 32], get_abi(case.revision), None)


def check(case: Case, slot: Slot) -> str | None:
    """What differs from the case's answer, empty when nothing does, None when it can't be run."""
    abi = get_abi(case.revision)
    prepared = prepare(ops_of(case), abi)
    mapped: list[tuple[int, int]] = []
    try:
        for region in case.memory:
            if map_at(region.address, region.size) != region.address:
                return None
            mapped.append((region.address, region.size))
            ctypes.memset(region.address, region.fill, region.size)
            for address, data in region.runs:
                ctypes.memmove(address, data, len(data))
        before = {address: ctypes.string_at(address, size) for address, size in mapped}
        result = slot.run(stub.native_ops(prepared), stub.chunk_of(abi))
        if result != case.expect.result:
            return f"{case.identifier}: {result}, not {case.expect.result}"
        changed: dict[int, int] = {}
        for address, size in mapped:
            after = ctypes.string_at(address, size)
            if after != before[address]:  # most regions are as they were: not byte by byte
                pairs = enumerate(zip(before[address], after, strict=True))
                changed |= {address + offset: new for offset, (old, new) in pairs if old != new}
        undefined = {
            byte for start, length in case.expect.undefined for byte in range(start, start + length)
        }
        wanted = {
            address + offset: byte
            for address, data in case.expect.runs
            for offset, byte in enumerate(data)
        }
        for byte in undefined:
            changed.pop(byte, None)
        return "" if changed == wanted else f"{case.identifier}: other bytes changed"
    finally:
        for address, size in mapped:
            _libc.munmap(address, size)


def main() -> int:
    """Run the cases of a file; print how many ran, and what was wrong."""
    slot = Slot()
    ran, passed_over, wrong = 0, 0, []
    mnemonics: set[str] = set()
    for case in read_cases(SourceFile(sys.argv[1], Path(sys.argv[1]).read_text())):
        answer = check(case, slot) if runs_ops(case) else None
        if answer is None:
            passed_over += 1
        else:
            ran += 1
            operations = [each.operation for each in ops_of(case)]
            mnemonics |= {each.mnemonic for each in operations if each is not None}
            if answer:
                wrong.append(answer)
    print(f"{ran} ran, {passed_over} passed over, {len(wrong)} wrong")
    print("ops:", *sorted(mnemonics))
    print("\n".join(wrong[:20]))
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
