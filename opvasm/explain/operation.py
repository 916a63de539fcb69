"""Explains an op: what it does, its number in each revision, its 32 bytes, its limits."""

from __future__ import annotations

from ..abi.layout import DATA_MODELS, FieldKind
from ..abi.ops import WORD_LENGTHS, Access, LengthRule, Operation
from ..abi.revisions import REVISIONS, Revision, get_abi, op_fields
from .layout import paragraph, rows

_ACCESS = {Access.READ: "read", Access.WRITE: "written", Access.READ_WRITE: "read and written"}
_KINDS = {
    FieldKind.SIGNED: "signed number",
    FieldKind.UNSIGNED: "unsigned number",
    FieldKind.POINTER: "address",
    FieldKind.EXPECT_FAULT: "not 0: a refused operand answers EAGAIN, not EFAULT",
    FieldKind.PADDING: "padding, not read",
}


def explain(operation: Operation) -> str:
    """All that the table says of an op."""
    head = paragraph(f"{operation.mnemonic} ({operation.c_name}): {operation.summary}")
    having = [each for each in REVISIONS if operation in each.operations]
    numbers = [
        (
            each.name,
            f"op {each.operations.index(operation)}{' (inferred)' if each.inferred else ''}",
        )
        for each in having
    ]
    parts = [
        head,
        f"written: {spelling(operation)}\n",
        f"operands, in the order of the kernel's checks:\n{_operands(operation)}",
        f"length: {length_rule(operation)}\n",
        f"result: {_result(operation)}\n",
        f"revisions that have it:\n{rows(numbers)}",
        f"struct cpu_op (offsets in bytes):\n{_fields(operation, having[-1])}",
    ]
    return "\n".join(part for part in parts if part)


def spelling(operation: Operation) -> str:
    """How the op is written, with all that it takes."""
    names = [each.name for each in operation.operands]
    if operation.immediate is not None:
        names.append(operation.immediate.name)
    match operation.length_rule:
        case LengthRule.DATA:
            return f"{operation.mnemonic} {', '.join(names)}, LENGTH"
        case LengthRule.WORD:
            return f"{operation.mnemonic}.u64 {', '.join(names)}    (or .u8, .u16, .u32)"
        case LengthRule.IGNORED:
            return operation.mnemonic


def length_rule(operation: Operation) -> str:
    """Which lengths the kernel takes, in bytes."""
    match operation.length_rule:
        case LengthRule.DATA:
            limits = {get_abi(each.name).data_length_max for each in REVISIONS}
            paged = [each.name for each in REVISIONS if each.data_length_max is None]
            return (
                f"0 to {', '.join(map(str, sorted(limits)))} bytes; in {' and '.join(paged)} up to "
                "the size of a page; anything else is EINVAL"
            )
        case LengthRule.WORD:
            return f"{', '.join(map(str, WORD_LENGTHS))} bytes; anything else is EINVAL"
        case LengthRule.IGNORED:
            return "ignored: neither checked nor counted"


def _operands(operation: Operation) -> str:
    listed = [(each.name, f"memory that is {_ACCESS[each.access]}") for each in operation.operands]
    immediate = operation.immediate
    if immediate is not None:
        limit = "; at most the bits of the word less one, else EINVAL" if operation.shifts else ""
        kind = "signed" if immediate.kind is FieldKind.SIGNED else "unsigned"
        listed.append((immediate.name, f"{kind} number of {8 * immediate.size} bits{limit}"))
    return rows(listed) if listed else "  none\n"


def _result(operation: Operation) -> str:
    if operation.is_compare:
        return (
            "where it stops the vector, the call returns the op's index + 1; earlier ops stay done"
        )
    return "never stops the vector"


def _fields(operation: Operation, revision: Revision) -> str:
    model = DATA_MODELS[0]
    listed = [
        (f"{each.offset}..{each.end - 1}", f"{each.name}: {_KINDS[each.kind]}")
        for each in op_fields(model, revision.expect_fault, operation)
    ]
    text = rows(listed)
    if operation.operands:
        text += "  On 32-bit machines an address is a 4-byte word beside 4 bytes of padding.\n"
    return text
