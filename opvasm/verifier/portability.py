"""What other revisions and data models make of a vector: run it, refuse it, or run another one.

Two questions: what the very same bytes do there, and what the vector does when it is assembled
again for that revision.  They differ since 2019-04 renumbered the ops.
"""

from __future__ import annotations

from typing import NamedTuple

from ..abi.layout import DATA_MODELS, DataModel
from ..abi.revisions import REVISIONS, Abi, Revision
from ..codes import advice as codes, kernel as kernel_codes
from ..errors import Diagnostic
from ..program import Instruction, Vector
from .kernel_rules import Violation, violations
from .places import field_place, vector_place
from .wording import count, listed, op_list

RUNS = "runs"


class RevisionRow(NamedTuple):
    """One revision: what it does with the same bytes, and with the vector assembled for it.

    Each is ``runs…``, ``refused: …`` or ``other: …``.  ``inferred``: no kernel source was found.
    """

    revision: str
    inferred: bool
    same_bytes: str
    assembled: str


class ModelRow(NamedTuple):
    """One data model of the vector's own revision: what is different there, in words."""

    model: str
    remarks: tuple[str, ...]


class Portability(NamedTuple):
    """The whole table for one vector."""

    vector: str
    revisions: tuple[RevisionRow, ...]
    models: tuple[ModelRow, ...]


def portability(vector: Vector, abi: Abi) -> Portability:
    """The table: every revision, every data model."""
    return Portability(
        vector.name,
        tuple(
            RevisionRow(
                revision.name,
                revision.inferred,
                _same_bytes(vector.instructions, abi, abi._replace(revision=revision)),
                _assembled(vector.instructions, abi._replace(revision=revision)),
            )
            for revision in REVISIONS
        ),
        tuple(ModelRow(model.name, tuple(_remarks(vector, abi, model))) for model in DATA_MODELS),
    )


def _same_bytes(instructions: tuple[Instruction, ...], own: Abi, there: Abi) -> str:
    """What a kernel of another revision does with the bytes as they are."""
    others = [
        (op, found.mnemonic)
        for op, instruction in enumerate(instructions)
        if (found := there.operation(instruction.opcode)) is not None
        and found != instruction.operation
    ]
    refused = _first_refusal(
        tuple(
            (
                each._replace(operation=there.operation(each.opcode))
                if op not in dict(others)
                else each
            )
            for op, each in enumerate(instructions)
        ),
        there,
    )
    if refused is not None:
        return f"refused: {refused}"
    if others:
        return "other: " + listed(f"op {op} is {mnemonic}" for op, mnemonic in others)
    if _expects_faults(instructions) and not there.revision.expect_fault:
        return f"{RUNS}, but expect_fault is ignored"
    return RUNS


def _assembled(instructions: tuple[Instruction, ...], there: Abi) -> str:
    """What happens to the vector when its text is assembled for another revision."""
    missing = dict.fromkeys(
        each.operation.mnemonic
        for each in instructions
        if each.operation is not None and there.opcode(each.operation) is None
    )
    if missing:
        return f"refused: no {listed(missing)}"
    if _expects_faults(instructions) and not there.revision.expect_fault:
        return "refused: no expect_fault"
    refused = _first_refusal(instructions, there)
    return RUNS if refused is None else f"refused: {refused}"


def _expects_faults(instructions: tuple[Instruction, ...]) -> bool:
    return any(any(each.expect_fault) for each in instructions)


def _first_refusal(instructions: tuple[Instruction, ...], abi: Abi) -> str | None:
    violation = next(violations(instructions, abi), None)
    return None if violation is None else _reason(violation)


def _reason(violation: Violation) -> str:
    """A static rule in a few words."""
    where = "" if violation.op is None else f"op {violation.op}, "
    match violation.code:
        case kernel_codes.UNKNOWN_OPERATION:
            return f"{where}no op {violation.value}"
        case kernel_codes.VECTOR_TOO_LONG:
            return f"{violation.value} of {violation.limit} ops"
        case kernel_codes.LENGTH_SUM:
            return f"{violation.value} of {violation.limit} bytes"
        case kernel_codes.DATA_LENGTH:
            return f"{where}{violation.value} of {violation.limit} bytes"
        case kernel_codes.WORD_LENGTH:
            return f"{where}a word of {count(violation.value, 'byte')}"
        case kernel_codes.SHIFT_BITS:
            return f"{where}{violation.value} bits"
        case _:
            return f"{where}{violation.field} wraps"


def _remarks(vector: Vector, abi: Abi, model: DataModel) -> list[str]:
    remarks = []
    if model.byteorder != abi.model.byteorder:
        remarks.append("other byte order: assemble it again")
    elif model.word != abi.model.word:
        remarks.append("the same bytes, with zero padding beside pointers")
    if model.word == 4:
        long = [
            op
            for op, each in enumerate(vector.instructions)
            if each.length == 8 and each.operation is not None and each.operation.operands
        ]
        if long:
            remarks.append(f"{op_list(long)}: 8 bytes are two accesses")
    limit = model.addresses
    far = [
        op
        for op, each in enumerate(vector.instructions)
        if any(isinstance(value, int) and value >= limit for value in each.addresses)
    ]
    if far:
        remarks.append(f"{op_list(far)}: an address does not fit {8 * model.word} bits")
    return remarks


def portability_findings(vector: Vector, abi: Abi, name: str = "<ops>") -> list[Diagnostic]:
    """The table's refusals and changed meanings as notes, at the ops that cause them."""
    found = []
    for op, instruction in enumerate(vector.instructions):
        operation = instruction.operation
        if operation is None:
            continue
        place = field_place(instruction, op, "op", abi, name)
        without = [each.name for each in REVISIONS if operation not in each.operations]
        if without:
            have = "has" if len(without) == 1 else "have"
            message = f"{listed(without)} {have} no {operation.mnemonic}"
            found.append(Diagnostic("note", codes.NOT_PORTABLE, message, place))
        meanings = _other_meanings(instruction, abi.revision)
        for mnemonic, revisions in meanings.items():
            found.append(
                Diagnostic(
                    "note",
                    codes.OTHER_OPERATION,
                    f"opcode {instruction.opcode} is {mnemonic} in {listed(revisions)}",
                    place,
                    help="ask the kernel for its number of ops (CPU_OP_NR_FLAG) before the first call",
                )
            )
    for revision in REVISIONS:
        there = abi._replace(revision=revision)
        if revision == abi.revision or next(violations(vector.instructions, abi), None) is not None:
            continue
        for violation in violations(vector.instructions, there):
            place = (
                vector_place(vector, name)
                if violation.op is None
                else field_place(
                    vector.instructions[violation.op], violation.op, violation.field, abi, name
                )
            )
            message = f"{revision.name} refuses the vector: {_reason(violation)}"
            found.append(Diagnostic("note", codes.NOT_PORTABLE, message, place))
    return found


def _other_meanings(instruction: Instruction, own: Revision) -> dict[str, list[str]]:
    """The other ops that the opcode stands for, with the revisions in which it does."""
    meanings: dict[str, list[str]] = {}
    for revision in REVISIONS:
        if 0 <= instruction.opcode < len(revision.operations):
            operation = revision.operations[instruction.opcode]
            if operation != instruction.operation:
                meanings.setdefault(operation.mnemonic, []).append(revision.name)
    return meanings


def portability_text(table: Portability) -> str:
    """The table for people, ending in a newline."""
    head = ("revision", "the same bytes", "assembled for it")
    rows = [
        (row.revision + "*" * row.inferred, row.same_bytes, row.assembled)
        for row in table.revisions
    ]
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(3)]
    lines = [f"{table.vector}:"]
    for row in [head, *rows]:
        line = "  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True))
        lines.append(f"  {line}".rstrip())
    lines.append("  * inferred: no kernel source of this revision was found")
    for model in table.models:
        lines.append(f"  {model.model}: {'; '.join(model.remarks) or 'nothing is different'}")
    return "\n".join(lines) + "\n"


def portability_json(table: Portability) -> dict[str, object]:
    """The table as a JSON value."""
    return {
        "vector": table.vector,
        "revisions": [
            {
                "revision": row.revision,
                "inferred": row.inferred,
                "same_bytes": row.same_bytes,
                "assembled": row.assembled,
            }
            for row in table.revisions
        ],
        "models": [{"model": row.model, "remarks": list(row.remarks)} for row in table.models],
    }
