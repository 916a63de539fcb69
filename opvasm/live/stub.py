"""The native code that the calling thread runs, and the slot of memory that it works on.

The code is stub.S; a test assembles that file and compares.  It is not a second definition of the
ops: the reference interpreter replays what was recorded and must come to the same (replay.py), and
every reference case runs through it (tests/live/test_stub.py).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

from ..abi.ops import Effect, Operation
from ..abi.revisions import Abi
from ..errors import Crash
from ..interpreter.access import access_for
from ..interpreter.prepared import Prepared
from ..machine import Memory

# fmt: off
CODE = bytes.fromhex(
    "eb1e66662e0f1f8400000000000f1f00e92e02000066662e0f1f840000000000fc488d1dd80f0000488da3000300"
    "0048c7431001000000488b4b584889dfe3104881c700100000f0800f0048ffc9ebee4531e44c8b6b184c8db38009"
    "00004d39ec73184b8b3ce640f6c7017407f0804fff00eb028a0749ffc4ebe3488db380010000e8d902000048c743"
    "10020000004531e44c8db3000700004c8b6b204d39ec0f8365010000418b06418b4e04498b7e08498b76104d8b46"
    "184d8b4e204901d84901d983f8020f82e3000000746e83f809721a740c48c703f2ffffffe92a0100000faef049ff"
    "c44983c628ebb04189c2e8940200004989004183fa04722274254183fa06722474274189cb89f14183fa08740548"
    "d3e0eb0348d3e84489d9eb124801f0eb0d4809f0eb084821f0eb034831f0498901e86a020000eba8e83502000075"
    "1de8410200004989014887f7e8360200004887f7498900e846020000eb844189ca4889f24889f84889fe4c89cff3"
    "a44889d64989c14585d20f8464ffffff448b5b504539da450f42da4489d94c89c7f3a44889f24c89c64c89cf4489"
    "d9f3a44989f94989f04889d64529daebc84189c2e8bf010000751be8cb0100004989004889c24889f7e8bd010000"
    "4989014839d0eb2389ca4989f34889fe4c89c7f3a489d14c89de4c89cff3a489d14c89c64c89cf39c0f3a60f95c0"
    "4438d00f84e1feffff498d44240148890348c7431003000000488db310020000e841010000488b8390020000482b"
    "8300020000480143c0488b8398020000482b8308020000480143c8488d1db60d0000488da30003000048c7431004"
    "0000004c8b630841f7c401000000741541f7c4020000007403cceb09488b43284889df0f0548c743100500000041"
    "f7c4080000007411b89000000031ff488b7330488d53380f0541f7c4100000007414b8cb00000031ff488b734048"
    "8d93000300000f0548c743100600000041f7c4200000007418b80e000000bf02000000488d734831d241ba080000"
    "000f054c8bbb800000004c8bb3880000004c8bab900000004c8ba398000000488baba00000004c8b9bb00000004c"
    "8b93b80000004c8b8bc00000004c8b83c8000000488b8bd8000000488b93e0000000488bb3e8000000488bbbf000"
    "0000ffb3100100009d488b05b40c0000488b25c50d0000488b1d4e0d0000ff25a00d0000f7430804000000740cb8"
    "62000000bf010000000f05c383f908740d83f904740883f902740383f901c383f904740f771083f90274040fb607"
    "c30fb707c38b07c3488b07c383f904740e770f83f90274038807c3668907c38907c3488907c3"
)
# fmt: on

CODE_SIZE = 0x1000
DATA_SIZE = 0x22000
SLOT_SIZE = CODE_SIZE + DATA_SIZE
# Offsets in the code.
ENTER, FINISH = 0, 16
# Offsets in the data; the names are those of stub.S.
RESULT, FLAGS, PHASE, TOUCH_COUNT, OP_COUNT = 0x00, 0x08, 0x10, 0x18, 0x20
REGISTERS, USAGE_BEFORE, USAGE_AFTER, MASK = 0x80, 0x180, 0x210, 0x300
OPS, OP_SIZE, TOUCHES, RECORD = 0x700, 40, 0x980, 0x1000
MASK_BYTES_MAX = OPS - MASK
TOUCHES_MAX = (RECORD - TOUCHES) // 8

FLAG_REPORT, FLAG_TRAP, FLAG_USAGE = 1, 2, 4
FLAG_POLICY, FLAG_AFFINITY, FLAG_SIGNALS = 8, 16, 32

# From the start of the slot: how often the thread was switched out while its ops ran, all calls
# taken together: to wait, and for another thread.
INTERRUPTIONS = struct.Struct("<QQ")
INTERRUPTIONS_OFFSET = CODE_SIZE - 64

PHASE_TOUCHING, PHASE_RUNNING, PHASE_DONE = 1, 2, 6

HEADER = struct.Struct("<qQQQQQQQQQQQ")
"""RESULT, FLAGS, PHASE, TOUCH_COUNT, OP_COUNT, REPORT_NUMBER, POLICY, PRIORITY, MASK_BYTES,
SIGNAL_MASK, CHUNK, RECORD_PAGES."""

FAULT = 10
# The numbers of stub.S.  A plain store of x86-64 is a release store already.
KINDS: dict[Effect, int] = {
    Effect.COMPARE_EQUAL: 0,
    Effect.COMPARE_DIFFERENT: 1,
    Effect.COPY: 2,
    Effect.ADD: 3,
    Effect.OR: 4,
    Effect.AND: 5,
    Effect.XOR: 6,
    Effect.SHIFT_LEFT: 7,
    Effect.SHIFT_RIGHT: 8,
    Effect.BARRIER: 9,
}
_OP = struct.Struct("<IIQQQQ")


class Recorded(NamedTuple):
    """Where the stub writes down what an op met: offsets in the slot's data.

    ``first`` holds the bytes of a or src, or the word before; ``second`` those of b, what the copy
    overwrote, or the word after.
    """

    first: int
    second: int


class NativeOps(NamedTuple):
    """A vector's ops as the stub reads them."""

    descriptors: bytes
    size: int
    recorded: tuple[Recorded, ...]
    record_end: int

    @property
    def record_pages(self) -> int:
        """The pages of the record that will be written."""
        return -(-(self.record_end - RECORD) // 0x1000)


def kind_of(operation: Operation) -> int:
    """The stub's number for an op; Crash names one that it has no code for."""
    kind = KINDS.get(operation.effect)
    if kind is None:
        raise Crash(f"stub.S has no code for {operation.mnemonic}")
    return kind


def native_ops(prepared: Prepared, fault_at: tuple[int, int] | None = None) -> NativeOps:
    """The ops of a vector that passed the static rules.

    ``fault_at`` (op, bytes) says that this op's store is known to fault after that many bytes, and
    so ends the vector (2017-10: a page that is not writable in place).
    """
    parts: list[bytes] = []
    recorded: list[Recorded] = []
    end = RECORD
    for index, (instruction, step) in enumerate(
        zip(prepared.instructions, prepared.steps, strict=True)
    ):
        operation = instruction.operation
        assert operation is not None
        kind, length = kind_of(operation), instruction.length
        if fault_at is not None and fault_at[0] == index:
            if fault_at[1]:
                parts.append(_descriptor(kind, fault_at[1], step.arguments[1:], end, end + 4096))
            parts.append(_OP.pack(FAULT, 0, 0, 0, 0, 0))
            recorded.append(Recorded(end, end + 4096))
            end += 8192
            break
        room = 0 if operation.effect is Effect.BARRIER else max(8, -(-length // 8) * 8)
        recorded.append(Recorded(end, end + room))
        parts.append(_descriptor(kind, length, step.arguments[1:], end, end + room))
        end += 2 * room
    return NativeOps(b"".join(parts), len(parts), tuple(recorded), end)


def compare_at(native: NativeOps, index: int) -> tuple[int, int, int, int]:
    """The kind of an op, its length, and its two addresses."""
    kind, length, a, b, _, _ = _OP.unpack_from(native.descriptors, index * OP_SIZE)
    return kind, length, a, b


def _descriptor(kind: int, length: int, arguments: Sequence[int], first: int, second: int) -> bytes:
    a, b = (*arguments, 0, 0)[:2]
    return _OP.pack(kind, length, a, b & 0xFFFF_FFFF_FFFF_FFFF, first, second)


def chunk_of(abi: Abi) -> int:
    """The most bytes that a copy of this revision moves at once."""
    return access_for(abi, Memory(abi.page_size)).chunk
