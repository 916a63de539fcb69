"""The kernel's answer EINVAL in words: which rule, where, by how much, and what to write instead."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..abi.ops import WORD_LENGTHS, LengthRule
from ..abi.revisions import REVISIONS, Abi
from ..codes import kernel as codes
from ..errors import Diagnostic, Note
from ..program import Instruction
from .kernel_rules import Violation
from .places import field_place, op_place, ops_place
from .wording import count, data_length_of, listed, number, of_abi, operand_text, revisions_where

_FIRST_ANSWER = "the kernel answers EINVAL here and looks no further"


def kernel_diagnostics(
    found: Iterable[Violation], instructions: Sequence[Instruction], abi: Abi, name: str
) -> list[Diagnostic]:
    """A finding for each violation, but for a sum that is too large only because an op is.

    Where there are several, the first of the kernel's order carries a note that says so.
    """
    kept = [each for each in found if not _follows(each, instructions, abi)]
    diagnostics = [_diagnostic(each, instructions, abi, name) for each in kept]
    if len(diagnostics) > 1:
        first = diagnostics[0]
        diagnostics[0] = first._replace(notes=(*first.notes, Note(_FIRST_ANSWER)))
    return diagnostics


def _follows(violation: Violation, instructions: Sequence[Instruction], abi: Abi) -> bool:
    """Whether a sum is too large only through ops that are refused for themselves."""
    if violation.code != codes.LENGTH_SUM:
        return False
    assert violation.limit is not None
    return sum(length for _, length in _counted(instructions, abi)) <= violation.limit


def _counted(instructions: Sequence[Instruction], abi: Abi) -> list[tuple[int, int]]:
    """(op index, length) of the ops that count in the sum and are not refused for themselves."""
    counted: list[tuple[int, int]] = []
    for index, instruction in enumerate(instructions[: abi.revision.vector_length_max]):
        operation, length = instruction.operation, instruction.length
        if operation is None or operation.length_rule is LengthRule.IGNORED:
            continue
        word = operation.length_rule is LengthRule.WORD
        if length in WORD_LENGTHS if word else length <= abi.data_length_max:
            counted.append((index, length))
    return counted


def _diagnostic(
    violation: Violation, instructions: Sequence[Instruction], abi: Abi, name: str
) -> Diagnostic:
    if violation.code == codes.VECTOR_TOO_LONG:
        return _vector_too_long(instructions, abi, name)
    if violation.code == codes.LENGTH_SUM:
        return _length_sum(instructions, abi, name)
    assert violation.op is not None
    instruction = instructions[violation.op]
    place = field_place(instruction, violation.op, violation.field, abi, name)
    match violation.code:
        case codes.UNKNOWN_OPERATION:
            message, notes, advice = _unknown_operation(instruction, abi)
        case codes.DATA_LENGTH:
            message, notes, advice = _data_length(instruction, abi)
        case codes.WORD_LENGTH:
            message, notes, advice = _word_length(instruction)
        case codes.SHIFT_BITS:
            message, notes, advice = _shift_bits(instruction)
        case _:
            message, notes, advice = _range_wraps(instruction, violation)
    return Diagnostic("error", violation.code, message, place, notes, advice)


_Words = tuple[str, tuple[Note, ...], str | None]


def _vector_too_long(instructions: Sequence[Instruction], abi: Abi, name: str) -> Diagnostic:
    limit = abi.revision.vector_length_max
    return Diagnostic(
        "error",
        codes.VECTOR_TOO_LONG,
        f"the vector has {len(instructions)} ops; the most is {limit}",
        ops_place(instructions, limit, name),
        (Note("the limit is the same in every revision"),),
        f"split it after op {limit - 1} at the latest; the second vector must compare again, since "
        "another thread of the CPU may run between the two calls",
    )


def _length_sum(instructions: Sequence[Instruction], abi: Abi, name: str) -> Diagnostic:
    """The place is the op whose length passes the limit."""
    limit = abi.revision.vector_data_length_max
    assert limit is not None
    total, passes = 0, 0
    counted = _counted(instructions, abi)
    for index, length in counted:
        if total <= limit < total + length:
            passes = index
        total += length
    long = [index for index, length in counted if length > 8 and index != passes]
    notes = [
        Note(
            f"op {index} has {count(instructions[index].length, 'byte')} of them",
            op_place(instructions[index], index, name),
        )
        for index in long[:3]
    ]
    free = revisions_where(lambda revision: revision.vector_data_length_max is None)
    notes.append(Note(f"{free} has no such limit; a copy of n bytes counts n, mb counts nothing"))
    return Diagnostic(
        "error",
        codes.LENGTH_SUM,
        f"the lengths of the ops add up to {total}, {total - limit} over the limit of {limit} bytes",
        field_place(instructions[passes], passes, "len", abi, name),
        tuple(notes),
        "copy less, or move a copy into a vector of its own before this one",
    )


def _unknown_operation(instruction: Instruction, abi: Abi) -> _Words:
    opcode, operations = instruction.opcode, abi.revision.operations
    known: dict[str, list[str]] = {}
    for revision in REVISIONS:
        if 0 <= opcode < len(revision.operations):
            known.setdefault(revision.operations[opcode].mnemonic, []).append(revision.name)
    notes = tuple(
        Note(f"{opcode} is {mnemonic} in {_from_to(names)}") for mnemonic, names in known.items()
    )
    return (
        f"opcode {opcode} is not an op of {abi.revision.name}, which has 0 to {len(operations) - 1}",
        notes,
        None if notes else f"the ops are {listed(each.mnemonic for each in operations)}",
    )


def _from_to(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"


def _data_length(instruction: Instruction, abi: Abi) -> _Words:
    assert instruction.operation is not None
    limit, total = abi.data_length_max, abi.revision.vector_data_length_max
    by_page = revisions_where(lambda revision: revision.data_length_max is None)
    fixed = next(each for each in REVISIONS if each.data_length_max is not None)
    by_number = revisions_where(lambda revision: revision.data_length_max is not None)
    advice = f"at most {limit} bytes go into one op"
    if total is not None:
        advice += f", and {total} into all ops of a vector: copy the rest with another vector"
    else:
        advice += ": split it into several"
    return (
        f"{instruction.operation.mnemonic} of {instruction.length} bytes: the most is {limit} "
        f"{of_abi(abi)}",
        (Note(f"the limit is one page in {by_page}, {data_length_of(fixed)} in {by_number}"),),
        advice,
    )


def _word_length(instruction: Instruction) -> _Words:
    operation, length = instruction.operation, instruction.length
    assert operation is not None
    below = [each for each in WORD_LENGTHS if each < length]
    above = [each for each in WORD_LENGTHS if each > length]
    near = [f".u{8 * each}" for each in (*below[-1:], *above[:1])]
    return (
        f"{operation.mnemonic} on {count(length, 'byte')}: a word has 1, 2, 4 or 8",
        (),
        f"write {operation.mnemonic}{f' or {operation.mnemonic}'.join(near)}",
    )


def _shift_bits(instruction: Instruction) -> _Words:
    operation, length = instruction.operation, instruction.length
    assert operation is not None
    bits = instruction.immediate
    assert isinstance(bits, int)
    wider = next((each for each in WORD_LENGTHS if 8 * each > bits), None)
    advice = f"to clear the word write and.u{8 * length} with the mask 0"
    if wider is not None:
        advice = f"a shift by {bits} bits needs {operation.mnemonic}.u{8 * wider}; {advice}"
    return (
        f"{operation.mnemonic} of {count(length, 'byte')} by {number(bits)} bits: "
        f"the most is {8 * length - 1}",
        (),
        advice,
    )


def _range_wraps(instruction: Instruction, violation: Violation) -> _Words:
    assert violation.field is not None
    what = operand_text(instruction, violation.field, violation.value)
    invalid = revisions_where(lambda revision: revision.wrapped_range_is_invalid)
    fault = revisions_where(lambda revision: not revision.wrapped_range_is_invalid)
    return (
        f"{count(instruction.length, 'byte')} at {what} run past the end of the address space",
        (Note(f"{invalid} answer EINVAL before any op runs, {fault} EFAULT"),),
        "an address this high is most often a negative offset from a null pointer",
    )
