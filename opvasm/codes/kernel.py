"""The kernel's static rules (abi.md sections 1.4, 2.1, 2.2): every one answers EINVAL."""

from __future__ import annotations

from .code import Code

VECTOR_TOO_LONG = "OPV200"
UNKNOWN_OPERATION = "OPV201"
DATA_LENGTH = "OPV202"
WORD_LENGTH = "OPV203"
SHIFT_BITS = "OPV204"
RANGE_WRAPS = "OPV205"
LENGTH_SUM = "OPV206"
MISALIGNED = "OPV220"

CODES: tuple[Code, ...] = (
    Code(
        VECTOR_TOO_LONG,
        "vector-too-long",
        "error",
        "the vector has more than 16 ops",
        "The kernel copies the whole vector before it looks at an op, and refuses more than 16 with "
        "EINVAL (CPU_OP_VEC_LEN_MAX). Split the work into several vectors; between two calls "
        "another thread of the CPU may run, so the second must compare again.",
        "unverified vector long() {\n    mb\n    mb\n    mb\n    mb\n    mb\n    mb\n    mb\n    mb\n"
        "    mb\n    mb\n    mb\n    mb\n    mb\n    mb\n    mb\n    mb\n    mb\n}",
    ),
    Code(
        UNKNOWN_OPERATION,
        "unknown-operation",
        "error",
        "the revision has no op of this number",
        "The number in the op field stands for nothing in this revision: it is negative, too large, "
        "or the op came with a later revision (mb is not in 2017-10, the release stores are only in "
        "2019-04). The kernel answers EINVAL.",
        'unverified vector unknown() {\n    .raw "ffffffff 00000000 00000000 00000000 00000000 00000000 '
        '00000000 00000000"\n}',
    ),
    Code(
        DATA_LENGTH,
        "data-length",
        "error",
        "a compare or memcpy is longer than one op may be",
        "One compare or memcpy moves at most 4096 bytes, or one page in 2017-10 and 2017-11 "
        "(CPU_OP_DATA_LEN_MAX). The length is compared as an unsigned number. The kernel answers "
        "EINVAL.",
        "shared a: u8[8192]\nshared b: u8[8192]\nunverified vector v() {\n    memcpy a, b, 8192\n}",
    ),
    Code(
        WORD_LENGTH,
        "word-length",
        "error",
        "arithmetic on a length other than 1, 2, 4 or 8",
        "add, or, and, xor and the shifts work on one word of 1, 2, 4 or 8 bytes; any other length "
        "is answered with EINVAL.",
        "shared a: u8[4]\nunverified vector v() {\n    add a, 1, 3\n}",
    ),
    Code(
        SHIFT_BITS,
        "shift-bits",
        "error",
        "a shift by as many bits as the word has, or more",
        "A shift of n bytes takes 0 to 8n-1 bits (7, 15, 31 or 63); more is answered with EINVAL, "
        "since C leaves such a shift undefined.",
        "shared a: u32\nunverified vector v() {\n    lshift.u32 a, 32\n}",
    ),
    Code(
        RANGE_WRAPS,
        "range-wraps",
        "error",
        "an operand runs past the end of the address space",
        "From 2017-12 the kernel counts the pages of each operand together with the static checks, "
        "and a range whose last byte wraps to the start of the address space spans more than two: "
        "EINVAL. Earlier revisions answer EFAULT when they come to check the address.",
        "abi 2018-04\nunverified vector v() {\n    memcpy.u64 @0xfffffffffffffffc, @0x1000\n}",
    ),
    Code(
        LENGTH_SUM,
        "length-sum",
        "error",
        "the lengths of all ops add up to more than the vector may have",
        "To bound the time with preemption off, the lengths of all ops but mb may add up to at most "
        "4216 bytes: one copy of 4096 and fifteen words of 8 (CPU_OP_VEC_DATA_LEN_MAX). A memcpy of "
        "n bytes counts n once. 2017-10 has no such limit. The kernel answers EINVAL after it has "
        "looked at every op.",
        "shared a: u8[4096]\nshared b: u8[4096]\nunverified vector v() {\n    memcpy a, b, 4096\n"
        "    memcpy a, b, 4096\n}",
    ),
    Code(
        MISALIGNED,
        "misaligned",
        "warning",
        "a word-sized operand is not aligned to its length",
        "No revision refuses a misaligned operand. 2017-10 to 2017-12 make one unaligned access, "
        "whose atomicity is the machine's; from 2018-03 a misaligned compare or memcpy is silently "
        "done byte by byte, so that other CPUs may see half of it, and arithmetic is done unaligned "
        "without a check.",
        "shared a: u8[16]\nshared b: u64\nvector v() {\n    memcpy.u64 [&a[1]], b\n}",
    ),
)
