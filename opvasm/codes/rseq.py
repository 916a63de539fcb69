"""Rules for restartable sections, and for vectors that are run as one (model.md section 2.4): R1 to R9."""

from __future__ import annotations

from ..errors import Level
from .code import Code

OTHER_CPU = "OPV401"
COMPARE_AFTER_STORE = "OPV402"
NO_COMMIT = "OPV403"
REPEATED_CHANGE = "OPV404"
READ_BACK = "OPV405"
EARLY_RELEASE = "OPV406"
EXPECTED_FAULT = "OPV407"
STALE_POINTER = "OPV408"
EARLY_COMMIT = "OPV409"
UNBOUNDED = "OPV410"
SECTION_SHAPE = "OPV420"
SECTION_VECTOR = "OPV421"

_DATA = "percpu counter: u64\npercpu total: u64\nshared sum: u64\n"

CODES: tuple[Code, ...] = (
    Code(
        OTHER_CPU,
        "rseq-other-cpu",
        "error",
        "a section writes what does not belong to its own CPU (R1)",
        "A restartable section is protected against the other threads of the CPU it runs on, by being "
        "restarted when one of them gets that CPU. It is not protected against other CPUs, so all "
        "it writes must belong to its own. cpu_opv moves the caller to the CPU it names and has no "
        "such limit for that CPU's data.",
        "percpu counter: u64\nvector v(n: i64) { add.u64 counter@1, n }",
    ),
    Code(
        COMPARE_AFTER_STORE,
        "rseq-compare-after-store",
        "error",
        "a compare stands after a store (R2)",
        "When a compare fails the section is left, and a store before it stays. cpu_opv has no "
        "rollback either, but there nobody of the same CPU comes between; a section may be cut off "
        "anywhere and begun again.",
        _DATA + "vector v(old: u64) {\n    memcpy.u64 total, counter\n    cmpeq.u64 counter, old\n"
        "    add.u64 counter, 1\n}",
    ),
    Code(
        NO_COMMIT,
        "rseq-no-commit",
        "error",
        "the last store is not a single instruction (R3)",
        "A section takes effect by its last store, the commit: one naturally aligned word, which "
        "happens or does not. A longer or unaligned last store can be cut off in its middle.",
        "percpu buffer: u8[64]\nshared text: u8[64]\nvector v() { memcpy buffer, text, 64 }",
    ),
    Code(
        REPEATED_CHANGE,
        "rseq-repeated-change",
        "error",
        "an op before the commit builds on the old value (R4)",
        "A store before the commit is a try: an abort after it makes it happen again. That does no "
        "harm when it stores the same value again, and does when it adds to what is there, or "
        "overwrites what another store of the section is made of.",
        _DATA + "vector v(n: i64) {\n    add.u64 total, n\n    add.u64 counter, n\n}",
    ),
    Code(
        READ_BACK,
        "rseq-read-back",
        "error",
        "an op reads what the vector has written (R5)",
        "The value read back is that of this attempt or, after an abort, of an earlier one. "
        "DynamoRIO, which runs a section twice, refuses this too (api/docs/rseq.dox).",
        _DATA + "vector v(n: u64) {\n    memcpy.u64 total, n\n    memcpy.u64 counter, total\n}",
    ),
    Code(
        EARLY_RELEASE,
        "rseq-early-release",
        "error",
        "a release store or barrier stands before the commit (R6)",
        "What makes the data visible to other CPUs is the commit, so the release belongs to it "
        "(librseq: the release variants order the final store only).",
        "abi 2019-04\npercpu total: u64\npercpu counter: u64\nvector v(n: u64) {\n"
        "    memcpy.release.u64 total, n\n    memcpy.u64 counter, n\n}",
    ),
    Code(
        EXPECTED_FAULT,
        "rseq-expected-fault",
        "error",
        "an operand that may fault (R7)",
        "expect_fault turns EFAULT into EAGAIN. In a section the same access is SIGSEGV.",
        "percpu head: ptr\nvector v(old: ptr) {\n    cmpeq.u64 head, old\n"
        "    memcpy.u64 head, [old]?\n}",
    ),
    Code(
        STALE_POINTER,
        "rseq-stale-pointer",
        "warning",
        "memory is read through a pointer that nothing proves (R8)",
        "A pointer that was loaded before the section began may be stale once it runs: the thread may "
        "have been preempted between. Load it inside, or compare its source with it at the head of "
        "the section (tcmalloc aa7f122b moved such a load).",
        "percpu counter: u64\nvector v(place: ptr) { memcpy.u64 counter, [place] }",
    ),
    Code(
        EARLY_COMMIT,
        "rseq-early-commit",
        "error",
        "a store before the commit is seen at once (R4)",
        "A store before the commit must go to bytes that nobody reads until the commit publishes "
        "them. One to bytes that the vector compares is seen at once: an abort after it leaves the "
        "new value without its data, and the next attempt fails its own compare. The helpers of "
        "2017-10 stored in this order; those of November 2017 store the compared word last. Where "
        "several stores go to what was compared, as in a pop that advances a version tag, no order "
        "avoids it and it may be harmless: then this is a warning, and `opvasm explore` decides.",
        "percpu index: u64\npercpu item: u64\nvector v(expect: u64, next: u64, value: u64) {\n"
        "    cmpeq.u64 index, expect\n    memcpy.u64 index, next\n    memcpy.u64 item, value\n}",
    ),
    Code(
        UNBOUNDED,
        "rseq-unbounded",
        "warning",
        "a section has a loop without a bound (R9)",
        "Every instruction is one more at which a section can be cut off, and then all of it is done again. A "
        "section that waits for another thread of its CPU never ends: that thread's turn cuts it off.",
        "percpu flag: u64\nsection s() {\n    loop {\n        x = load flag\n        break if x != 0\n    }\n"
        "    commit flag, 0\n}",
    ),
    Code(
        SECTION_SHAPE,
        "rseq-shape",
        "note",
        "whether a vector may also be a restartable section, and which librseq helper it is",
        "verify --rseq says it of every vector: that it keeps the rules R1 to R8, so that the fast "
        "path may do the same work with plain instructions, and the name of the pair of librseq "
        "primitive and cpu_opv helper whose ops it has.",
    ),
    Code(
        SECTION_VECTOR,
        "rseq-vector",
        "note",
        "whether a section that loads is exactly a vector",
        "verify --rseq says it of every section: it is one when it reads, compares and writes the same "
        "bytes in the same order as ops do, with addresses that an op can hold. Then cpu_opv can do the same work "
        "where the section is cut off too often.",
    ),
)

LEVELS: dict[str, Level] = {row.code: row.level for row in CODES}
