"""Codes of binding a vector to addresses, and of the files that hold ops: OPV100-199."""

from __future__ import annotations

from .code import Code

CODES: tuple[Code, ...] = (
    Code(
        "OPV100",
        "missing-argument",
        "error",
        "a parameter has no value",
        "A vector with parameters becomes bytes only when each of them has a value. Give it with "
        "--arg NAME=VALUE, or in the parentheses of a run in a test.",
        "opvasm asm list.opv --vector push --arg node=0x1000    # expect is missing",
    ),
    Code(
        "OPV101",
        "unknown-argument",
        "error",
        "a value for a parameter that the vector does not have",
        "The name is not one of the vector's parameters. A value that nothing uses is most often a "
        "slip of the pen, so it is refused.",
        "opvasm asm list.opv --vector push --arg nod=0x1000",
    ),
    Code(
        "OPV102",
        "argument-range",
        "error",
        "an argument does not fit its parameter's type",
        "A parameter's type says how many bytes its argument has and whether it may be negative; "
        "a pointer has the word size of the data model. Nothing is cut off to fit.",
        "opvasm asm counter.opv --vector bump --arg n=0x10000000000000000",
    ),
    Code(
        "OPV103",
        "value-range",
        "error",
        "a value does not fit its field",
        "Each field of struct cpu_op has a size: an address the word of the data model, count is "
        "a signed and mask an unsigned 64-bit number, bits has 32 bits, len has 32 bits. An "
        "address that an addend moves below zero or past the last address does not wrap.",
        "memcpy.u64 [node - 8], [out]    // with node = 0",
    ),
    Code(
        "OPV104",
        "unbound-value",
        "error",
        "an op that still holds a name can't become bytes",
        "The encoder takes numbers only. Bind the vector to a layout, a CPU and arguments first "
        "(opvasm.binding.bind), or choose a format that keeps names: json, c or gas.",
    ),
    Code(
        "OPV105",
        "operation-mismatch",
        "error",
        "an op is not what its opcode says in this revision",
        "The opcode and the op table of the revision disagree, as when ops made for one revision "
        "are encoded for another: opcodes 3, 4 and 5 changed their meaning in 2019-04.",
    ),
    Code(
        "OPV106",
        "no-expect-fault",
        "error",
        "the revision has no expect_fault bytes",
        "2017-10 came before expect_fault: an operand can't be marked with ? there.",
        "abi 2017-10\nvector f(p: ptr) { memcpy.u64 [p]?, [p] }",
    ),
    Code(
        "OPV107",
        "byte-in-use",
        "error",
        "a byte of the struct that is set by its offset belongs to a field",
        "Only bytes that no kernel reads can be set by their offset. The others have names.",
    ),
    Code(
        "OPV108",
        "cpu-range",
        "error",
        "a CPU number is negative",
        "CPUs count from 0. A percpu variable has one instance for each.",
        "opvasm asm counter.opv --vector bump --cpu -1 --arg n=1",
    ),
    Code(
        "OPV109",
        "undefined-reference",
        "error",
        "a relocation names something that the program does not have",
        "An op refers to a symbol or a parameter that is not declared. The assembler never makes "
        "such an op; a program built or edited by hand can hold one.",
    ),
    Code(
        "OPV120",
        "trailing-bytes",
        "error",
        "raw input ends within an op",
        "An array of struct cpu_op is a whole number of ops of 32 bytes each, in every revision "
        "and data model. What is left over makes no op; it may be a cut-off file, or no vector.",
        "head -c 40 /dev/urandom | opvasm disasm",
    ),
    Code(
        "OPV121",
        "hex-character",
        "error",
        "a character in hexadecimal input is not a hexadecimal digit",
        "Hexadecimal input holds the digits 0-9, a-f and A-F, spaces wherever they help, and "
        "comments from // or # to the end of the line.",
        'echo "00000000 0800000g" | opvasm disasm --from hex',
    ),
    Code(
        "OPV122",
        "hex-op-length",
        "error",
        "a line of hexadecimal input is not a whole number of ops",
        "A line holds whole ops: 64 hexadecimal digits for each, two for every byte.",
        'echo "0000" | opvasm disasm --from hex',
    ),
    Code(
        "OPV123",
        "json-syntax",
        "error",
        "a file that should be JSON is not",
        "The text breaks JSON's own grammar at the place that is named.",
    ),
    Code(
        "OPV124",
        "json-shape",
        "error",
        "a JSON document is not of the schema it is read as",
        "The document must follow the JSON Schema that is shipped in the package "
        "(opvasm/formats/schemas). Every member that does not is named by its path.",
        '{"schema": "opvasm-asm/1", "abi": {}}',
    ),
    Code(
        "OPV125",
        "json-value",
        "error",
        "a JSON document of the right shape says something that can't be",
        "Such as a revision that does not exist, an op that its revision does not have, a symbol "
        "that is used and not declared, or a number that does not fit its field.",
    ),
    Code(
        "OPV126",
        "format-limit",
        "error",
        "an output format can't say this",
        "A format that leaves values open (gas) can only say what its reader is able to add up. A "
        "relocation of a 32-bit machine has no carry into the upper half of a 64-bit number.",
        "opvasm asm -f gas counter.opv    # abi 2017-11 32le; add.u64 counter, n + 1",
    ),
    Code(
        "OPV127",
        "elf-input",
        "error",
        "an ELF file in which no array of ops can be read",
        "verify and disasm read arrays of struct cpu_op out of objects and programs, by the name of a "
        "symbol or of a section. The array must have its bytes in the file, a whole number of ops, "
        "and relocations that set whole words.",
        "opvasm verify prog.o --symbol push_ops",
    ),
    Code(
        "OPV130",
        "reserved-bytes",
        "error",
        "bytes that an op does not use are not zero",
        "No kernel that was read looks at the bytes of the union that an op does not use, nor at "
        "the padding beside a 32-bit pointer. Nothing is reserved by contract, but a later kernel "
        "could give them a meaning. Only disasm --strict asks for zeros there.",
        "opvasm disasm --strict vector.bin    # a byte after expect_fault_b is not zero",
    ),
)
