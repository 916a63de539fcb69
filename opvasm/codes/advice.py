"""Advice of the verifier: what no kernel refuses and is seldom meant: OPV300-399."""

from __future__ import annotations

from .code import Code

TORN_ACCESS = "OPV300"
SPLIT_WORD = "OPV301"
PAGE_CROSSING = "OPV302"
OUTSIDE_USER_SPACE = "OPV303"
ZERO_LENGTH = "OPV304"
STORE_BEFORE_COMPARE = "OPV310"
PUBLISH_BEFORE_DATA = "OPV311"
MISSING_BARRIER = "OPV312"
REDUNDANT_BARRIER = "OPV313"
READS_OWN_STORE = "OPV314"
COMPARE_CANNOT_FAIL = "OPV320"
COMPARE_CANNOT_PASS = "OPV321"
OVERLAPPING_COPY = "OPV330"
COPY_ONTO_ITSELF = "OPV331"
VALUE_TRUNCATED = "OPV332"
NO_EFFECT = "OPV333"
OTHER_CPU = "OPV340"
SHARED_UPDATE = "OPV341"
SHARED_STORES = "OPV342"
NEEDLESS_EXPECT_FAULT = "OPV350"
MISSING_EXPECT_FAULT = "OPV351"
EXPECT_FAULT_PLACE = "OPV352"
EXPECT_FAULT_VALUE = "OPV353"
UNUSED_BYTES = "OPV360"
PADDING_WORD = "OPV361"
IGNORED_LENGTH = "OPV362"
NOT_PORTABLE = "OPV370"
OTHER_OPERATION = "OPV371"
UNUSED_PARAMETER = "OPV380"

CODES: tuple[Code, ...] = (
    Code(
        TORN_ACCESS,
        "torn-access",
        "note",
        "a store that others may see half done, because its length is not a word",
        "Only 1, 2, 4 or (on a 64-bit kernel) 8 aligned bytes are loaded or stored at once. Any "
        "other length is moved in pieces: through a buffer of 64 bytes in 2017-10 to 2017-12, by "
        "the kernel's memcpy from 2018-03 on. The threads of the vector's own CPU never see that, "
        "but other CPUs do. Said of stores of 3, 5, 6 and 7 bytes, and of longer ones to bytes that "
        "an earlier op compared.",
        "percpu key: u8[6]\nvector set(p: ptr) {\n    memcpy key, [p], 6\n}",
    ),
    Code(
        SPLIT_WORD,
        "split-word",
        "note",
        "8 bytes on a 32-bit kernel are two accesses",
        "A kernel with words of 4 bytes loads and stores 8 bytes as two words, the one at the lower "
        "address first. The value is right on both byte orders; another CPU may see one half of it.",
        "abi 2017-11 32le\npercpu count: u64\nvector bump(n: i64) {\n    add.u64 count, n\n}",
    ),
    Code(
        PAGE_CROSSING,
        "page-crossing",
        "note",
        "an operand lies in two pages",
        "The kernel pins every page that an operand touches before anything runs, and checks each by "
        "itself: one of them may be unmapped, read-only or in swap. At most 2 pages an operand, 4 an "
        "op. Crossing has no other effect. Said where the position is known.",
        "shared buffer: u8[8192]\nshared out: u8[64]\nvector v() {\n    memcpy out, [&buffer + 4090], 64\n}",
    ),
    Code(
        OUTSIDE_USER_SPACE,
        "outside-user-space",
        "warning",
        "an operand that no process may use",
        "Before it pins a page the kernel asks whether the range lies in user space (access_ok). If "
        "it does not, the call ends with EFAULT, or EAGAIN with expect_fault, and no op has run. "
        "That holds for 0 bytes too. A range past the last address is EINVAL from 2017-12 on.",
        "vector v(p: ptr) {\n    memcpy.u64 [p], @0xffff800000000000\n}",
    ),
    Code(
        ZERO_LENGTH,
        "zero-length",
        "warning",
        "a compare or memcpy of no bytes",
        "0 is an accepted length. Two ranges of no bytes count as equal: cmpeq passes, cmpne stops "
        "the vector, memcpy does nothing. Nothing is pinned, so even an unmapped address is fine, "
        "unless it lies outside user space.",
        "percpu a: u64\nvector v(p: ptr) {\n    memcpy [&a], [p], 0\n}",
    ),
    Code(
        STORE_BEFORE_COMPARE,
        "store-before-compare",
        "warning",
        "a store that stays when a later compare fails",
        "There is no rollback: when a compare stops the vector, what earlier ops stored stays. It is "
        "a note where the bytes may be private to the caller, as in cmpxchg, which hands the old "
        "value out before it compares; a warning where they are percpu data or are compared too. "
        "The argument's own bytes are private for certain, so nothing is said of them.",
        "percpu head: u64\npercpu count: u64\nvector v(expect: u64, next: u64) {\n    add.u64 count, 1\n"
        "    cmpeq.u64 head, expect\n    memcpy.u64 head, next\n}",
    ),
    Code(
        PUBLISH_BEFORE_DATA,
        "publish-before-data",
        "warning",
        "the store that publishes is not the last",
        "A vector that compares a word and then stores to it publishes its work with that store. "
        "Data that is stored after it is not there yet when a reader on another CPU follows the "
        "new value. The helpers of 2017-10 (cpu_op_cmpstorememcpy, cpu_op_1cmp2store) had this "
        "order; those of November 2017 store the data first.",
        "percpu index: u64\npercpu buffer: u64[8]\nvector push(expect: u64, value: u64, next: u64) {\n"
        "    cmpeq.u64 index, expect\n    memcpy.u64 index, next\n    memcpy.u64 buffer[0], value\n}",
    ),
    Code(
        MISSING_BARRIER,
        "missing-barrier",
        "warning",
        "data and the store that publishes it are not ordered for other CPUs",
        "The kernel puts compiler barriers at most between ops: on a machine with a weak memory "
        "order another CPU may see the last store before the earlier ones. mb orders them; in "
        "2019-04, which has no mb, memcpy.release does. Said where the published word is shared or "
        "is another CPU's, and an earlier op compared it; the threads of the vector's own CPU need "
        "no barrier.",
        "shared index: u64\nshared buffer: u64[8]\nvector push(expect: u64, value: u64, next: u64) {\n"
        "    cmpeq.u64 index, expect\n    memcpy.u64 buffer[0], value\n    memcpy.u64 index, next\n}",
    ),
    Code(
        REDUNDANT_BARRIER,
        "redundant-barrier",
        "note",
        "a barrier with nothing to order",
        "Two barriers with no load or store between them order nothing more than one. A barrier at "
        "the start or the end of a vector is not redundant: it orders against the caller's own "
        "accesses.",
        "percpu a: u64\nvector v(x: u64) {\n    memcpy.u64 a, x\n    mb\n    mb\n}",
    ),
    Code(
        READS_OWN_STORE,
        "reads-own-store",
        "note",
        "an op loads what an earlier op of the vector stored",
        "Ops run one after the other, so this is well defined here. A restartable sequence can't do "
        "it (nor can a tool that runs the section twice): the store may belong to an attempt that "
        "was aborted.",
        "percpu a: u64\npercpu b: u64\nvector v(x: u64) {\n    memcpy.u64 a, x\n    memcpy.u64 b, a\n}",
    ),
    Code(
        COMPARE_CANNOT_FAIL,
        "compare-cannot-fail",
        "warning",
        "a compare that never stops the vector",
        "Its operands are the same bytes, or an earlier op of the vector stored or compared them so "
        "that the outcome is known. Most often one operand should be another one. Data that other "
        "CPUs write (shared) is not taken to be known.",
        "percpu head: u64\nvector v(next: u64) {\n    cmpeq.u64 head, head\n"
        "    memcpy.u64 head, next\n}",
    ),
    Code(
        COMPARE_CANNOT_PASS,
        "compare-cannot-pass",
        "warning",
        "a compare that always stops the vector",
        "Its operands are known to differ (for cmpne: to be equal), so every op after it is dead.",
        "percpu head: u64\nvector v(expect: u64, next: u64) {\n    cmpeq.u64 head, expect\n"
        "    cmpne.u64 head, expect\n    memcpy.u64 head, next\n}",
    ),
    Code(
        OVERLAPPING_COPY,
        "overlapping-copy",
        "warning",
        "source and destination of a copy share some of their bytes",
        "2017-10 to 2017-12 copy a word (1, 2, 4, 8 bytes) whole, anything else upwards in pieces of "
        "64 bytes, each loaded before it is stored: right where the destination lies below the "
        "source or nothing is longer than a piece, else the copy repeats itself in units of 64. From "
        "2018-03 on the kernel's memcpy does it, whose direction is not defined.",
        "shared text: u8[256]\nvector shift() {\n    memcpy [&text + 8], text, 128\n}",
    ),
    Code(
        COPY_ONTO_ITSELF,
        "copy-onto-itself",
        "warning",
        "source and destination of a copy are the same bytes",
        "The copy stores what is there already. Most often one operand should be another one.",
        "percpu head: u64\nvector v() {\n    memcpy.u64 head, head\n}",
    ),
    Code(
        VALUE_TRUNCATED,
        "value-truncated",
        "warning",
        "a count or mask that the length cuts off",
        "count and mask are 64-bit fields, of which an op uses as many bytes as its length says. "
        "Upper bits that are set are lost silently. A negative count that fits, and the complement "
        "of a small mask for and, are fine.",
        "percpu a: u8\nvector v() {\n    add.u8 a, 300\n}",
    ),
    Code(
        NO_EFFECT,
        "no-effect",
        "note",
        "an op that stores what it loaded",
        "Adding 0, or-ing or xor-ing 0, and-ing all ones and shifting by 0 bits change nothing. The "
        "op still needs a writable page.",
        "percpu a: u64\nvector v() {\n    add.u64 a, 0\n}",
    ),
    Code(
        OTHER_CPU,
        "other-cpu",
        "warning",
        "an operand is the percpu data of a CPU that is named",
        "A vector runs with preemption off on its own CPU, so it excludes the threads (and the "
        "restartable sequences) of that CPU only. The owner of the other CPU's data may run between "
        "any two ops. A load is a note, a store a warning.",
        "percpu head: u64\nvector steal(x: u64) {\n    memcpy.u64 head@2, x\n}",
    ),
    Code(
        SHARED_UPDATE,
        "shared-update",
        "warning",
        "shared data is updated without excluding other CPUs",
        "add, or, and, xor and the shifts are a plain load and a plain store, not an atomic "
        "instruction; a compare and a later store are two ops. Both are atomic against the threads "
        "of the vector's CPU, not against other CPUs, whose update in between is lost.",
        "shared total: u64\nvector bump(n: i64) {\n    add.u64 total, n\n}",
    ),
    Code(
        SHARED_STORES,
        "shared-stores",
        "note",
        "several stores to shared data",
        "A vector is atomic for the threads of its own CPU. Other CPUs see its stores one by one, "
        "and without mb or a release store in any order.",
        "shared low: u64\nshared high: u64\nvector set(x: u64, y: u64) {\n    memcpy.u64 low, x\n"
        "    memcpy.u64 high, y\n}",
    ),
    Code(
        NEEDLESS_EXPECT_FAULT,
        "needless-expect-fault",
        "warning",
        "expect_fault on an operand that can't fault",
        "The flag turns EFAULT into EAGAIN. An argument's own bytes, a constant, or a variable of "
        "the program are always mapped. 2017-11 and 2017-12 answer EFAULT to a load from a page that "
        "was never touched, so there a variable that is only loaded may carry the flag.",
        "percpu head: u64\nvector v(x: u64) {\n    memcpy.u64 head, x?\n}",
    ),
    Code(
        MISSING_EXPECT_FAULT,
        "missing-expect-fault",
        "warning",
        "a pointer that was read from memory is followed without expect_fault",
        "The vector compares a word of memory with an argument and follows the same argument: the "
        "caller read it before the call, and another thread may have freed what it points to since. "
        "Operands are pinned before the compare runs, so a stale pointer ends in EFAULT. With "
        "expect_fault the answer is EAGAIN, and the caller reads the pointer again "
        "(cpu_op_cmpnev_storeoffp_load does so).",
        "struct node { next: ptr, value: u64 }\npercpu head: ptr\nvector pop(expect: ptr<node>) {\n"
        "    cmpeq.u64 head, expect\n    memcpy.u64 head, expect->next\n}",
    ),
    Code(
        EXPECT_FAULT_PLACE,
        "expect-fault-place",
        "warning",
        "a byte is set where other ops have their expect_fault flag, but not this one",
        "The flags of compare and memcpy are bytes 24 and 25; add, or, and, xor have one at 24; the "
        "shifts have theirs at 20, after the 32-bit number of bits. A flag in the wrong byte is "
        "never read.",
        "percpu a: u64\nvector v() {\n    lshift.u64 a, 1 { 24: 0x01 }\n}",
    ),
    Code(
        EXPECT_FAULT_VALUE,
        "expect-fault-value",
        "note",
        "an expect_fault byte other than 0 and 1",
        "The kernel takes any value but 0 for true. Another value than 1 is most often a byte that "
        "was never cleared.",
        "percpu a: u64\nvector v(p: ptr) {\n    memcpy.u64 a, [p] { 25: 0xcc }\n}",
    ),
    Code(
        UNUSED_BYTES,
        "unused-bytes",
        "note",
        "bytes that no kernel reads are not zero",
        "No revision demands that the unused bytes of struct cpu_op are zero, and none reads them. "
        "They are kept by every tool here. A byte that is unused in one revision may be a flag in "
        "another: 24 and 25 were unused in 2017-10.",
        "percpu a: u64\nvector v(x: u64) {\n    memcpy.u64 a, x { 26: 0x0a, 27: 0xff }\n}",
    ),
    Code(
        PADDING_WORD,
        "padding-word",
        "warning",
        "the padding word of a 32-bit pointer is not zero",
        "On 32-bit data models a pointer has four bytes and four of padding. A 32-bit kernel reads "
        "the pointer only; a 64-bit kernel that runs a 32-bit program reads all eight, so other bytes "
        "than 0 change the address.",
        "abi 2017-11 32le\npercpu a: u32\nvector v(x: u32) {\n    memcpy.u32 a, x { 12: 0x01 }\n}",
    ),
    Code(
        IGNORED_LENGTH,
        "ignored-length",
        "note",
        "a length that nothing reads",
        "mb has no operand; its len is neither checked nor counted.",
        "vector v() {\n    mb 8\n}",
    ),
    Code(
        NOT_PORTABLE,
        "not-portable",
        "note",
        "another revision refuses the vector",
        "Said when verify is asked for --portability: which revisions have no such op, a lower limit, "
        "or a static rule that the vector breaks. The table lists every revision and data model.",
    ),
    Code(
        OTHER_OPERATION,
        "other-operation",
        "note",
        "another revision runs the same bytes as another op",
        "Said when verify is asked for --portability. 2019-04 renumbered the ops: 3 is "
        "memcpy.release instead of add, 4 is add instead of or, 5 is add.release instead of and, "
        "while the number of the system call stayed. Only the query for the number of ops (10 or 6) "
        "tells the two apart at run time.",
    ),
    Code(
        UNUSED_PARAMETER,
        "unused-parameter",
        "warning",
        "a parameter that no op uses",
        "Callers must give a value for it that changes nothing. Often another name was written where "
        "this one was meant.",
        "percpu a: u64\nvector v(x: u64, y: u64) {\n    memcpy.u64 a, x\n}",
    ),
)
