"""Findings in restartable sections of compiled programs: OPV700-749."""

from __future__ import annotations

from .code import Code

DESCRIPTOR = "OPV700"
SIGNATURE = "OPV701"
ABORT_INSIDE = "OPV702"
ABORT_NOT_CODE = "OPV703"
RANGE = "OPV704"
FUNCTION = "OPV705"
DECODE = "OPV706"
CALL = "OPV707"
SYSTEM_CALL = "OPV708"
COMMIT = "OPV709"
EXIT_AFTER_STORE = "OPV710"
REPEATED_CHANGE = "OPV711"
ENTERED = "OPV712"
AREA_WRITE = "OPV713"
ID_OVERLAP = "OPV714"
LEFT_BEHIND = "OPV715"
EARLY_STORE = "OPV720"
LOOP = "OPV721"
EXCHANGE_COMMIT = "OPV722"
READ_BACK = "OPV723"
EXIT_NOT_LISTED = "OPV724"
NOT_LISTED = "OPV725"
STEPS_FOREVER = "OPV726"
NO_CPU = "OPV727"
CPU_WRONG_WAY = "OPV728"
CPU_UNUSED = "OPV729"
UNRESOLVED = "OPV730"
NOT_LIFTED = "OPV731"
NOT_DECODED = "OPV732"

DYNAMORIO = (CALL, SYSTEM_CALL, ENTERED, READ_BACK, NOT_LISTED)
"""What DynamoRIO demands of a section (its api/docs/bt.dox, sec_rseq), beside its one descriptor."""

_EXAMPLE = "opvasm audit ./program"

CODES: tuple[Code, ...] = (
    Code(
        DESCRIPTOR,
        "audit-descriptor",
        "error",
        "a descriptor whose version or flags are not 0",
        "struct rseq_cs begins with version and flags, both 0. Kernels up to 6.18 kill a thread that has "
        "another version in rseq_cs at its next switch, wherever it is, and one that is interrupted "
        "inside of a section with flags. Since 6.19 neither is looked at without rseq_debug.",
        _EXAMPLE,
    ),
    Code(
        SIGNATURE,
        "audit-signature",
        "error",
        "the bytes before an abort handler are not the signature",
        "The four bytes before abort_ip must be the number that the thread gave when it registered. "
        "Kernels up to 6.18 kill the thread at its next switch; since 6.19 only one that is interrupted "
        "inside of the section.",
        _EXAMPLE,
    ),
    Code(
        ABORT_INSIDE,
        "audit-abort-inside",
        "error",
        "an abort address inside of its section",
        "An abort that lands in the section leaves it half done and goes on without protection. Kernels "
        "up to 6.18 kill the thread; since 6.19 it lands there.",
        _EXAMPLE,
    ),
    Code(
        ABORT_NOT_CODE,
        "audit-abort-not-code",
        "error",
        "an abort address that is not code",
        "abort_ip must be in a segment that can be executed, and four bytes must stand before it.",
        _EXAMPLE,
    ),
    Code(
        RANGE,
        "audit-range",
        "error",
        "a range that is not that of a section",
        "start_ip and post_commit_offset (a length) must describe code in one segment. A range that is "
        "empty or elsewhere protects nothing: no thread is ever found inside. One that wraps around the "
        "end of the address space kills up to Linux 6.18; from 6.19 on the kernel takes a thread to be "
        "inside wherever it is after start, and sends it to the abort address from there.",
        _EXAMPLE,
    ),
    Code(
        FUNCTION,
        "audit-function",
        "error",
        "a section that reaches into another function",
        "The unwind tables say where functions begin and end. A section that spans two of them has a "
        "wrong start or length.",
        _EXAMPLE,
    ),
    Code(
        DECODE,
        "audit-decode",
        "error",
        "a section that does not end after an instruction",
        "From its start the section must decode to exactly its end; else start or length are wrong, or "
        "data stands in it.",
        _EXAMPLE,
    ),
    Code(
        CALL,
        "audit-call",
        "error",
        "a call, return, indirect jump, push or pop inside of a section",
        "While a called function runs, the thread is outside of the range: an event there clears rseq_cs "
        "and the section goes on unprotected. An abort does not restore the stack pointer either.",
        _EXAMPLE,
    ),
    Code(
        SYSTEM_CALL,
        "audit-system-call",
        "error",
        "a system call inside of a section",
        "Kernels up to 6.18 abort a section whose system call switches the thread out; later ones let it "
        "commit, and debug kernels kill.",
        _EXAMPLE,
    ),
    Code(
        COMMIT,
        "audit-commit",
        "error",
        "the last instruction of a section is not its one store",
        "A section takes effect by its last instruction. Where another follows the store, an abort between "
        "them starts the section again after it has taken effect.",
        _EXAMPLE,
    ),
    Code(
        EXIT_AFTER_STORE,
        "audit-exit-after-store",
        "error",
        "a section can be left after a store",
        "What was stored stays when a compare that follows fails, and the caller believes that nothing "
        "has happened.",
        _EXAMPLE,
    ),
    Code(
        REPEATED_CHANGE,
        "audit-repeated-change",
        "error",
        "memory is changed before the commit by what it held",
        "A store before the commit happens again after an abort. One that adds to what is there then adds "
        "twice. One that replaces what the section has read, and builds another store on, is read then instead: a "
        "push that counts after it has published its node makes the node its own successor.",
        _EXAMPLE,
    ),
    Code(
        ENTERED,
        "audit-entered",
        "error",
        "a branch into the middle of a section",
        "A section is entered at its start, after rseq_cs was set. Code that jumps in elsewhere has not "
        "read what the section relies on.",
        _EXAMPLE,
    ),
    Code(
        AREA_WRITE,
        "audit-area-write",
        "error",
        "struct rseq is written, and not at rseq_cs",
        "The ids belong to the kernel. Kernels with id checks kill a thread that wrote them; others "
        "leave the wrong number there until the thread moves.",
        _EXAMPLE,
    ),
    Code(
        ID_OVERLAP,
        "audit-id-overlap",
        "error",
        "eight bytes over cpu_id_start are used as memory of one's own",
        "tcmalloc keeps a cached pointer in the eight bytes that end with cpu_id_start, and learns of a "
        "switch by the kernel writing the id over it. Kernels 6.19 to 7.0.9 no longer write it at every "
        "switch, so that two threads use one CPU's memory; from 7.0.10 on a registration of more than 32 "
        "bytes kills the thread. This is why databases refuse to start there.",
        _EXAMPLE,
    ),
    Code(
        LEFT_BEHIND,
        "audit-left-behind",
        "error",
        "a section that a rewriter of programs has left behind",
        "llvm-bolt moves functions and keeps the old code. In a program that can lie anywhere the "
        "descriptors go on to name the old code (16.0.6), while the moved code stores their addresses in "
        "rseq_cs and runs outside of the range: nothing aborts it, and what it stores is lost now and then.",
        _EXAMPLE,
    ),
    Code(
        EARLY_STORE,
        "audit-early-store",
        "note",
        "a store before the commit",
        "It is seen at once and happens again after an abort. It must go to memory that nobody reads "
        "until the commit publishes it.",
        _EXAMPLE,
    ),
    Code(
        LOOP,
        "audit-loop",
        "note",
        "a section has a loop",
        "A long section is aborted more often, and one that is as long as a time slice never ends.",
        _EXAMPLE,
    ),
    Code(
        EXCHANGE_COMMIT,
        "audit-exchange-commit",
        "note",
        "a section commits by a compare and exchange",
        "The section is over after it, whether it exchanged or not; the flag or register says which.",
        _EXAMPLE,
    ),
    Code(
        READ_BACK,
        "audit-read-back",
        "warning",
        "a section reads what it has stored",
        "DynamoRIO runs a section once without its stores, to instrument it, and then again; it can't "
        "run one that reads its own stores.",
        _EXAMPLE,
    ),
    Code(
        EXIT_NOT_LISTED,
        "audit-exit-not-listed",
        "note",
        "an exit is missing from __rseq_exit_point_array",
        "gdb steps over a section by putting breakpoints on its end and on the exits that are listed.",
        _EXAMPLE,
    ),
    Code(
        NOT_LISTED,
        "audit-not-listed",
        "note",
        "a descriptor is missing from __rseq_cs_ptr_array",
        "Debuggers and DynamoRIO find sections by that array. GNU ld, gold and lld drop it with "
        "--gc-sections unless its section is marked to be kept.",
        _EXAMPLE,
    ),
    Code(
        STEPS_FOREVER,
        "audit-steps-forever",
        "note",
        "an abort always leads back to the section",
        "A debugger that steps a section makes the kernel abort it at each step. Without a way out after "
        "some aborts that never ends.",
        _EXAMPLE,
    ),
    Code(
        NO_CPU,
        "audit-no-cpu",
        "warning",
        "a section does not read which CPU it runs on",
        "A thread that reads its CPU and is moved before the section begins is not aborted: it changes the data "
        "of the CPU that it came from. A compare of cpu_id inside of the section, or addresses that are made "
        "inside of it from an id, prevent that. Threads that are bound to one CPU do not need it.",
        _EXAMPLE,
    ),
    Code(
        CPU_WRONG_WAY,
        "audit-cpu-wrong-way",
        "error",
        "a section commits where the CPU is not the one that is meant",
        "The compare of cpu_id (cpu_id_start, mm_cid) leads to the commit where the numbers differ, and out of the "
        "section where they are equal: je and jne have changed places. On the CPU that is meant the section "
        "never commits; on every other it changes the data of the CPU that is meant, beside a thread that is there.",
        _EXAMPLE,
    ),
    Code(
        CPU_UNUSED,
        "audit-cpu-unused",
        "error",
        "a compare with the CPU has no effect",
        "The section compares cpu_id (cpu_id_start, mm_cid), and no branch asks for the result, or both ways of "
        "the branch do the same. It commits on every CPU, as one without a compare does (OPV727).",
        _EXAMPLE,
    ),
    Code(
        UNRESOLVED,
        "audit-unresolved",
        "note",
        "a descriptor names a symbol of another file",
        "An object file knows only its own addresses. The section was found, and its rules are not "
        "decided until it is linked.",
        _EXAMPLE,
    ),
    Code(
        NOT_LIFTED,
        "audit-not-lifted",
        "note",
        "a section was not turned into a text",
        "The lifter names the first thing that it does not know. It never guesses.",
        "opvasm audit --lift out.opv ./program",
    ),
    Code(
        NOT_DECODED,
        "audit-not-decoded",
        "note",
        "the instructions of a section were not read",
        "Rules about instructions need a decoder: capstone (pip install 'opvasm[audit]') for x86-64 and "
        "aarch64. For the other architectures the rules about descriptors are checked.",
        _EXAMPLE,
    ),
)
