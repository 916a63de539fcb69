"""What can't be emitted as C, and why."""

from __future__ import annotations

from .code import Code

MODEL = "OPV750"
PAGE = "OPV751"
STRATEGY = "OPV752"
OPERAND = "OPV753"
NAME = "OPV754"
UNPROVEN = "OPV755"
SECTION = "OPV756"

CODES: tuple[Code, ...] = (
    Code(
        MODEL,
        "emit-model",
        "error",
        "C can be emitted for 64-bit little-endian programs only",
        "The header's sections are written for x86-64 and aarch64, and its structs are laid out as "
        "their compilers do. Assemble the text for the data model 64le.",
    ),
    Code(
        PAGE,
        "emit-page",
        "error",
        "a vector that is emitted uses a `page`",
        "Pages that are unmapped, read-only or swapped exist in tests. A program has its own memory: "
        "declare the variable as percpu or shared, or hand the address in as a parameter.",
        "page gone: unmapped\npercpu head: ptr\nvector v() { cmpeq.ptr head, gone }",
    ),
    Code(
        STRATEGY,
        "emit-strategy",
        "error",
        "a strategy that loses updates is not emitted",
        "A section must look at the slow flag before anything else, and whoever holds the lock must "
        "fence after setting it; with less, an update is lost when the two meet, whatever the "
        "vector is (`opvasm explore samples/races/locks.opv`; `opvasm samples samples` writes the file). Write { subscribe eager, fence "
        "membarrier }. A vector that is called beside a lock must look at the flag as well, and then "
        "the holder's fence is { fence vector }.",
        "percpu c: u64\nvector v() { add c, 1 }\n"
        "strategy lazy = rseq then lock after 2 { subscribe lazy }",
    ),
    Code(
        OPERAND,
        "emit-operand",
        "error",
        "an op can't be written as C",
        "The op has no known meaning (.raw), writes to a constant or to an argument's own bytes, which "
        "nobody reads afterwards, or holds an address inside a constant that is not one word.",
        "percpu c: u64\nvector v(n: u64) { memcpy n, c }",
    ),
    Code(
        NAME,
        "emit-name",
        "error",
        "two things of the header would have one name",
        "Each vector becomes functions whose names begin with the prefix and the vector's name, beside "
        "PREFIX_create, _attach, _destroy, _counters, _percpu and _shared. Names that begin with "
        "opv_ belong to the header. Rename the vector, struct or parameter, or choose another --prefix.",
        "percpu c: u64\nvector create() { add c, 1 }",
    ),
    Code(
        UNPROVEN,
        "emit-unproven",
        "error",
        "a scenario that uses the strategy does not hold",
        "A header is written when every scenario of the file that uses its strategy comes out as the "
        "file expects, and when no configuration in which all threads use it loses something. "
        "`opvasm explore` shows the schedule that goes wrong; --no-explore writes the header all the "
        "same, and says so in its head.",
    ),
    Code(
        SECTION,
        "emit-section",
        "error",
        "a section that loads can't be written as C",
        "One instruction ends a section, so it has one commit. cmpxchg, xchg, fetch_add and their like, "
        "copies and system calls have no code; nor have node_id and mm_cid, which not every registration "
        "has, data of a CPU that a value names, u128, and more values at once than there are registers. "
        "A strategy with `opv` takes sections that are exactly a vector: cpu_opv gives nothing back but "
        "which compare differed. The header is written when the others are named by --vector. Write the "
        "section with one commit or fewer locals, choose `rseq then lock`, or write it by hand: `opvasm "
        "audit` lifts what was compiled, and the lifted text can be explored.",
        "percpu n: u64\nsection s() -> x {\n    x = load n\n    if x == 1 { commit n, 2 } else { commit n, 3 }\n}",
    ),
)
