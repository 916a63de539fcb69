"""Codes of reading a text: characters, structure, names, types, values: OPV001-099.

Each example is a whole file that gives exactly this one error (a test runs it).
"""

from __future__ import annotations

from .code import Code

CODES: tuple[Code, ...] = (
    Code(
        "OPV001",
        "syntax",
        "error",
        "something else must stand here",
        "The text leaves the grammar at this place. The message names what may stand there "
        "instead. The statement or declaration around it is given up and reading goes on after "
        "it, so that one run finds the mistakes of the whole file.",
        "percpu head ptr",
    ),
    Code(
        "OPV002",
        "character",
        "error",
        "a character that means nothing here",
        "The character begins no number, name, string or sign of the language. A comment begins "
        "with // or stands between /* and */.",
        "percpu head: ptr  # the head of the list",
    ),
    Code(
        "OPV003",
        "unclosed",
        "error",
        "a string or comment has no end",
        "A string or character in quotes ends on the line where it begins; a comment between /* "
        "and */ may run over many lines, but must end.",
        'use "list.opv',
    ),
    Code(
        "OPV004",
        "number",
        "error",
        "a number is malformed",
        "Numbers are written 10, 0x1f, 0b101, 0o17, 1_000 or 'c'. A decimal number does not begin "
        "with 0, because some languages read 010 as eight.",
        "const MASK = 0x1g",
    ),
    Code(
        "OPV005",
        "escape",
        "error",
        "a character or escape is malformed",
        "In quotes, \\n \\t \\r \\0 \\\\ \\\" \\' and \\x with two hexadecimal digits stand for single "
        "bytes. A number in single quotes is one ASCII character.",
        "const NEWLINE = '\\q'",
    ),
    Code(
        "OPV006",
        "too-deep",
        "error",
        "something is nested too deeply",
        "Expressions, blocks, types, structs in structs and definitions that wait for others may "
        "be nested far deeper than anyone writes by hand, but not without end.",
        "percpu cube: u8[1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1]",
    ),
    Code(
        "OPV008",
        "missing-brace",
        "error",
        "a block is not closed",
        "A declaration begins, or the file ends, while a { is still open. The note shows which.",
        "percpu counter: u64\nvector bump() {\n    add.u64 counter, 1",
    ),
    Code(
        "OPV009",
        "run-clause",
        "error",
        "a run statement lacks something or says it twice",
        "A run calls a vector, or with `at` whatever ops lie at an address. Each of on, count, "
        "flags and at may stand once.",
        'vector nothing() { mb }\ntest "twice" { run nothing() on 0 on 1 -> 0 }',
    ),
    Code(
        "OPV010",
        "unknown-name",
        "error",
        "a name that nobody declared",
        "Variables, pages, constants and vectors are declared once, in this file or in one that it "
        "names with use. Parameters are known in their own vector only, the name index only in "
        "the value of a fill.",
        "percpu head: u64\nvector clear() { memcpy.u64 haed, =0 }",
    ),
    Code(
        "OPV011",
        "defined-twice",
        "error",
        "a name is defined twice",
        "Variables, pages and constants share their names; structs and vectors have names of their "
        "own. What a used file declares counts too. Only a parameter may have the name of a "
        "variable, which it hides inside its vector.",
        "percpu head: ptr\nshared head: u64",
    ),
    Code(
        "OPV012",
        "unknown-op",
        "error",
        "an op or a size that does not exist",
        "Mnemonics are the names of the kernel's header in lower case, with the size after a dot: "
        "cmpeq.u64. `opvasm explain` lists them.",
        "shared a: u64\nshared b: u64\nvector copy() { memcopy.u64 a, b }",
    ),
    Code(
        "OPV013",
        "not-in-revision",
        "error",
        "the revision has no such op or mark",
        "The revisions of cpu_opv differ in their ops, and the first has no expect_fault byte, so "
        "that ? can't be said in it. Choose another revision with `abi` or --abi, or other ops.",
        "abi 2017-10\nvector fence() { mb }",
    ),
    Code(
        "OPV014",
        "operand-count",
        "error",
        "an op has too few or too many operands",
        "Compares and memcpy take two operands, the others one and a number, mb none. One more is "
        "the length in bytes.",
        "shared counter: u64\nvector bump() { add.u64 counter }",
    ),
    Code(
        "OPV015",
        "operand-kind",
        "error",
        "an operand of another kind must stand here",
        "The operands of an op are memory: a variable, what a parameter points to, a parameter's "
        "own bytes, an address. A constant becomes memory with = in front, in the literal pool. "
        "A count, mask or number of bits is a number in the op itself. No op can follow a pointer "
        "that lies in memory.",
        "shared head: u64\nvector clear() { memcpy.u64 head, 0 }",
    ),
    Code(
        "OPV016",
        "unknown-type",
        "error",
        "a type that does not exist or can't stand here",
        "Types are u8 to u64, i8 to i64, ptr, ptr<T>, arrays T[n] and structs. A parameter is a "
        "number or a pointer.",
        "percpu head: u63",
    ),
    Code(
        "OPV017",
        "no-such-part",
        "error",
        "the type has no such part",
        "A field needs a struct that has it, an index an array, -> a pointer to a struct. "
        "[address] has no type of its own.",
        "struct node { next: ptr, value: u64 }\nshared first: node\n"
        "vector clear() { memcpy.u64 first.valeu, =0 }",
    ),
    Code(
        "OPV018",
        "index-range",
        "error",
        "an array has no such element",
        "Elements count from 0; the last one of T[n] is n - 1.",
        "shared table: u64[4]\nvector clear() { memcpy.u64 table[4], =0 }",
    ),
    Code(
        "OPV019",
        "written-value-range",
        "error",
        "a value does not fit its place",
        "A number must be one of the type or field that it is given to; nothing is cut off and "
        "nothing wraps around. Only a mask may be negative: ~7 means all bits but the last three.",
        "shared level: u8 = 256",
    ),
    Code(
        "OPV020",
        "unknown-length",
        "error",
        "nothing says how many bytes the op touches",
        "The length comes from the mnemonic (.u8 .u16 .u32 .u64 .ptr), from one more operand, or "
        "from the types of the operands. [address] and @number have no type.",
        "vector copy(to: ptr, from: ptr) { memcpy [to], [from] }",
    ),
    Code(
        "OPV021",
        "length-conflict",
        "error",
        "two things say different lengths",
        "What is written and what the operands' types say must agree. Of arrays and structs a part "
        "may be touched; never more than there is.",
        "shared wide: u64\nshared narrow: u32\nvector copy() { memcpy wide, narrow }",
    ),
    Code(
        "OPV022",
        "not-constant",
        "error",
        "a constant must stand here",
        "Sizes, indexes, lengths and offsets are known when the text is assembled. An op takes one "
        "argument plus or minus a constant; the literal pool holds constants and addresses of "
        "variables.",
        "shared size: u64\nshared table: u64[size]",
    ),
    Code(
        "OPV023",
        "constant-without-value",
        "error",
        "a constant expression has no value",
        "Nothing can be divided by zero, shifted by a negative number of bits, or grow without end.",
        "const HALF = 1 / 0",
    ),
    Code(
        "OPV024",
        "unknown-revision",
        "error",
        "a revision or data model that does not exist",
        "`opvasm explain` lists the revisions; the data models are 64le, 64be, 32le and 32be.",
        "abi 2017-13",
    ),
    Code(
        "OPV025",
        "abi-conflict",
        "error",
        "two files are of different revisions",
        "A program is of one revision and one data model. A file and those it uses may each say "
        "which, but not differently; --abi on the command line wins over all of them.",
        "abi 2017-11\nabi 2018-04",
    ),
    Code(
        "OPV026",
        "unreadable-file",
        "error",
        "a used file can't be read",
        "The path after use is relative to the file in which it stands. A text is UTF-8.",
        'use "no-such-file.opv"',
    ),
    Code(
        "OPV027",
        "use-cycle",
        "error",
        "a file uses itself",
        "A file may be used by many others, but not, over however many, by itself.",
    ),
    Code(
        "OPV028",
        "raw-op",
        "error",
        "a .raw line does not hold one op",
        "An op is 32 bytes: 64 hexadecimal digits in quotes, in the order of memory, with spaces "
        "where they help the eye.",
        'unverified vector odd() { .raw "0a00 0000" }',
    ),
    Code(
        "OPV029",
        "extra-byte",
        "error",
        "a byte in braces can't be set there",
        "Braces after the operands give values to bytes of struct cpu_op that are not a field of this "
        "op, and to expect_fault bytes. A field has its value from the operands.",
        "shared a: u64\nvector odd() { add.u64 a, 1 { 8: 1 } }",
    ),
    Code(
        "OPV030",
        "no-declaration",
        "error",
        "a line that begins no declaration",
        "A file holds declarations: abi, use, const, struct, percpu, shared, page, vector, "
        "unverified vector, test, strategy and scenario. Ops stand in a vector.",
        "add.u64 counter, 1",
    ),
    Code(
        "OPV031",
        "argument-count",
        "error",
        "a vector or function is given too few or too many arguments",
        "A run gives each parameter of the vector one argument, in their order.",
        'vector keep(value: u64) { mb }\ntest "none" { run keep() -> 0 }',
    ),
    Code(
        "OPV032",
        "initial-shape",
        "error",
        "a value is not written as its type is",
        "A number or pointer has one value; an array or struct has its parts in braces, not more "
        'than it has, those of a struct in order or as .name = value; u8[n] may be "text".',
        "shared pair: u64[2] = { 1, 2, 3 }",
    ),
    Code(
        "OPV033",
        "size-range",
        "error",
        "something has no size or too large a one",
        "An array has at least one element, a struct at least one member. Percpu data may have 16 "
        "MiB for each CPU, shared data and pages 128 MiB each, so that a program fits into every "
        "address space.",
        "shared nothing: u8[0]",
    ),
    Code(
        "OPV034",
        "circular",
        "error",
        "a definition needs itself",
        "A constant can't be computed from itself, nor a struct hold itself. A struct may hold a "
        "pointer to itself: ptr<node>.",
        "struct node { next: node }",
    ),
    Code(
        "OPV035",
        "unknown-page",
        "error",
        "a kind of page that does not exist",
        "`opvasm explain` lists the kinds of page.",
        "page gone: unmaped",
    ),
)
