"""``struct cpu_op`` of a revision as a C header, made from the op table.

It declares what a program needs in order to fill vectors: the opcodes, limits, flags, and the
struct with the header's names, for the data model that the C compiler targets.
"""

from __future__ import annotations

from ..abi.layout import FieldKind
from ..abi.ops import Operation
from ..abi.revisions import Abi, Revision

_C_TYPES = {
    (FieldKind.SIGNED, 4): "int32_t",
    (FieldKind.SIGNED, 8): "int64_t",
    (FieldKind.UNSIGNED, 4): "uint32_t",
    (FieldKind.UNSIGNED, 8): "uint64_t",
    (FieldKind.EXPECT_FAULT, 1): "uint8_t",
}


def c_header(abi: Abi) -> str:
    """The text of a header, ending in a newline; complete, with an include guard.

    It fits all four data models: the compiler's own macros choose.  The syscall's number is left
    out on purpose: no kernel of today has this call, and some have given its number to another.
    """
    revision = abi.revision
    guard = f"OPVASM_CPU_OPV_{revision.name.replace('-', '_')}_H"
    return "\n".join(
        [
            f"/* struct cpu_op of revision {revision.name}{_inferred(revision)}, by opvasm. */",
            f"#ifndef {guard}",
            f"#define {guard}",
            "",
            "#include <stdint.h>",
            "",
            *_pointer_macro(revision),
            *_limits(revision),
            *_opcodes(revision),
            *_flags(revision),
            *_struct(abi),
            "",
            f"#endif /* {guard} */\n",
        ]
    )


def _inferred(revision: Revision) -> str:
    return " (kernel source not found, layout from its header)" if revision.inferred else ""


def _pointer_macro(revision: Revision) -> list[str]:
    if revision.plain_pointers:
        return []
    return [
        "/* A pointer: 64 bits, or a 32-bit word and its padding in the machine's byte order. */",
        "#ifdef __LP64__",
        "# define CPU_OP_POINTER(field) uint64_t field",
        "#elif __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__",
        "# define CPU_OP_POINTER(field) uint32_t field##_padding, field",
        "#else",
        "# define CPU_OP_POINTER(field) uint32_t field, field##_padding",
        "#endif",
        "",
    ]


def _limits(revision: Revision) -> list[str]:
    length = "PAGE_SIZE" if revision.data_length_max is None else str(revision.data_length_max)
    rows = [
        ("CPU_OP_VEC_LEN_MAX", str(revision.vector_length_max), "ops in a vector"),
        ("CPU_OP_ARG_LEN_MAX", "24", "bytes of the union"),
        ("CPU_OP_DATA_LEN_MAX", length, "bytes of one compare or memcpy"),
    ]
    if revision.vector_data_length_max is not None:
        limit = str(revision.vector_data_length_max)
        rows.append(("CPU_OP_VEC_DATA_LEN_MAX", limit, "bytes of all ops of a vector"))
    return [*(f"#define {name:<24} {value:<9} /* {what} */" for name, value, what in rows), ""]


def _opcodes(revision: Revision) -> list[str]:
    rows = [
        f"    {each.c_name} = {opcode}, /* {each.summary} */"
        for opcode, each in enumerate(revision.operations)
    ]
    return ["enum cpu_op_type {", *rows, "};", ""]


def _flags(revision: Revision) -> list[str]:
    if not revision.queries:
        return []
    rows = [f"    {query.c_name} = {query.bit}," for query in revision.queries]
    return ["enum cpu_op_flags {", *rows, "};", ""]


def _struct(abi: Abi) -> list[str]:
    members: dict[str, Operation] = {}
    for operation in abi.revision.operations:
        if operation.member is not None:
            members.setdefault(operation.member, operation)
    lines = ["struct cpu_op {", "    int32_t op;", "    uint32_t len; /* bytes */", "    union {"]
    for member, operation in members.items():
        lines.append("        struct {")
        lines += [f"            {each};" for each in _member_fields(abi, operation)]
        lines.append(f"        }} {member};")
    return [*lines, "        char __padding[CPU_OP_ARG_LEN_MAX];", "    } u;", "};"]


def _member_fields(abi: Abi, operation: Operation) -> list[str]:
    declarations: list[str] = []
    for field in abi.fields(operation):
        if field.name in ("op", "len") or field.kind is FieldKind.PADDING:
            continue
        if field.kind is FieldKind.POINTER:
            plain = abi.revision.plain_pointers
            pointer = f"uint64_t {field.name}" if plain else f"CPU_OP_POINTER({field.name})"
            declarations.append(pointer)
        else:
            declarations.append(f"{_C_TYPES[field.kind, field.size]} {field.name}")
    return declarations
