"""The machine code of the probe's sections, for each architecture, and where its parts are.

The sources are native/*.S; a test assembles them and compares.  There is no compiler at run time.
"""

from __future__ import annotations

import struct

from ..kernels.profiles import AARCH64, X86_64
from ..light_typing import NamedTuple

DATA = 0x10000
"""Where the page of shared words stands, from the beginning of the code."""

LABELS = (
    *("wait", "wait_start", "wait_end", "wait_abort"),
    *("call", "call_start", "call_end", "call_abort"),
    *("handler", "thread_pointer", "wait_unsigned"),
)


class Machine(NamedTuple):
    """An architecture: its code, the signature before abort addresses, system call numbers."""

    name: str
    code: bytes
    signature: int
    rseq: int
    membarrier: int
    nanosleep: int
    getppid: int

    def offsets(self) -> dict[str, int]:
        """The offset of each label in the code."""
        numbers = struct.unpack_from(f"<{len(LABELS)}I", self.code)
        return dict(zip(LABELS, numbers, strict=True))


# fmt: off
_X86_64 = bytes.fromhex(
    "2c0000003b000000520000006f000000850000009400000097000000a1000000a7000000af0000007e0000004c8d"
    "0dcdff0000458b410448897708458b410441c7010100000045394104750548ffca75f59031c941c7010000000031"
    "c0453941040f95c08d0441c30fb93d53300553b901000000ebde9090909090909090b901000000ebcf4889770848"
    "89d04889cf4c89c631d20f059031c0c30fb93d53300553b801000000c3f0ff0556ff0000c364488b042500000000"
    "c3"
)
_AARCH64 = bytes.fromhex(
    "2c000000380000005c0000007c00000094000000a8000000b0000000bc000000c4000000e00000008c000000a9fe"
    "0710280540b9010400f9280540b92a0080522a0100b92a0540b95f01086b61000054420400f181ffff541f2003d5"
    "0b0080523f0100b92a0540b95f01086be0079f1a6005000bc0035fd600bc28d42b008052f8ffff171f2003d51f20"
    "03d52b008052f4ffff17010400f9e80302aae00303aae10304aa020080d2010000d41f2003d500008052c0035fd6"
    "00bc28d420008052c0035fd6e9f90710291100912a7d5f884a0500112a7d0b88abffff35c0035fd640d03bd5c003"
    "5fd6"
)
# fmt: on

MACHINES: dict[str, Machine] = {
    "x86_64": Machine(X86_64, _X86_64, 0x53053053, 334, 324, 35, 110),
    "aarch64": Machine(AARCH64, _AARCH64, 0xD428BC00, 293, 283, 101, 173),
}
"""By what uname calls the machine."""
