"""The kernel's static rules once more, typed from the tables of abi.md and sharing nothing with opvasm.

It looks at raw bytes alone: sections 1.2 (opcodes), 1.4 (limits), 1.5 (layout), 2.2 (checks).
"""

from __future__ import annotations

import struct

# What kind each opcode is, in the order of the numbers (section 1.2): c compare or memcpy,
# a arithmetic or bitwise, s shift, m barrier.
OPCODES = {
    "2017-10": "cccaaaass",
    "2017-11": "cccaaaassm",
    "2017-12": "cccaaaassm",
    "2018-03": "cccaaaassm",
    "2018-04": "cccaaaassm",
    "2018-10": "cccaaaassm",
    "2019-04": "ccccaa",
}
# Per-op limit (section 1.4); None is the page size.
LONGEST = {
    "2017-10": None,
    "2017-11": None,
    "2017-12": 4096,
    "2018-03": 4096,
    "2018-04": 4096,
    "2018-10": 4096,
    "2019-04": 4096,
}
# Limit of the sum (section 1.4, and decision 1 of section 8 for the two without a source).
SUM = {
    "2017-10": None,
    "2017-11": 4216,
    "2017-12": 4216,
    "2018-03": 4216,
    "2018-04": 4216,
    "2018-10": 4216,
    "2019-04": 4216,
}
WRAPPING_IS_INVALID = {"2017-12", "2018-03", "2018-04", "2018-10", "2019-04"}  # section 2.2
LARGEST_SHIFT = {1: 7, 2: 15, 4: 31, 8: 63}


def answers_einval(data: bytes, revision: str, model: str, page_size: int) -> bool:
    """Whether the kernel answers EINVAL to an array of ops because of what the array holds."""
    order = "<" if model.endswith("le") else ">"
    word = int(model[:2]) // 8
    if len(data) // 32 > 16:
        return True
    total = 0
    for start in range(0, len(data), 32):
        opcode, length = struct.unpack_from(order + "iI", data, start)
        kinds = OPCODES[revision]
        if not 0 <= opcode < len(kinds):
            return True
        kind = kinds[opcode]
        if kind == "m":
            continue
        total += length
        if kind == "c":
            if length > (LONGEST[revision] or page_size):
                return True
        elif length not in (1, 2, 4, 8):
            return True
        if kind == "s":
            (bits,) = struct.unpack_from(order + "I", data, start + 16)
            if bits > LARGEST_SHIFT[length]:
                return True
        if revision in WRAPPING_IS_INVALID and length:
            pointers = (8, 16) if kind == "c" else (8,)
            for offset in pointers:
                if _pointer(data, start + offset, word, order) + length - 1 >= 1 << (8 * word):
                    return True
    limit = SUM[revision]
    return limit is not None and total > limit


def _pointer(data: bytes, offset: int, word: int, order: str) -> int:
    """A pointer field: eight bytes, or the four of a 32-bit machine (section 1.5)."""
    if word == 8:
        value: int = struct.unpack_from(order + "Q", data, offset)[0]
        return value
    at = offset if order == "<" else offset + 4
    short: int = struct.unpack_from(order + "I", data, at)[0]
    return short
