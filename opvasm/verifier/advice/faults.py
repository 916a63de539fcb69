"""Advice about expect_fault (abi.md sections 1.5 and 2.3)."""

from __future__ import annotations

from collections.abc import Iterator

from ...abi.ops import Effect
from ...abi.pages import PageKind
from ...abi.revisions import ZeroPageRead
from ...codes import advice as codes
from ...errors import Diagnostic, Edit, Note
from ...program import SlotAddress
from ...source import Span
from ..places import offset_place
from ..subject import Access, Subject
from ..wording import byte_list, operand_text

# Where the flag bytes of most ops stand; the shift ops have theirs after the number of bits.
_USUAL_OFFSETS = (24, 25)


def needless_expect_fault(subject: Subject) -> Iterator[Diagnostic]:
    """A flag on an operand that can't fault."""
    if not subject.abi.revision.expect_fault:
        return
    for access in subject.accesses:
        if not access.flag:
            continue
        why = _cannot_fault(access, subject)
        if why is None:
            continue
        place = subject.place(access.op, access.operand.expect_fault_name)
        marked = isinstance(place, Span) and place.text == "?"
        yield Diagnostic(
            "warning",
            codes.NEEDLESS_EXPECT_FAULT,
            f"{subject.text(access)} can't fault: {why}",
            place,
            (Note("a flag that is never needed hides what the vector expects"),),
            "leave out the ?",
            (Edit(place, ""),) if marked and isinstance(place, Span) else (),
        )


def _cannot_fault(access: Access, subject: Subject) -> str | None:
    """Why an operand can't fault; None when it can."""
    if access.base.kind == "slot":
        return "it is the argument's own bytes, which the caller has just written"
    if access.base.kind == "pool":
        return None if access.writes else "it is a constant of the program"
    symbol = subject.data.symbols.get(access.base.name)
    if symbol is None or symbol.page_kind is not PageKind.MAPPED:
        return None
    untouched = subject.abi.revision.zero_page_read is not ZeroPageRead.ALLOWED
    if untouched and not access.writes:
        return None  # a page never touched answers EFAULT to a load
    return "it is a variable of the program"


def missing_expect_fault(subject: Subject) -> Iterator[Diagnostic]:
    """A pointer that was read from memory before the call: what it points to may be gone (R8)."""
    if not subject.abi.revision.expect_fault:
        return
    if not subject.compares or not subject.vector.parameters:
        return
    loaded: dict[str, tuple[int, Access]] = {}
    for op, accesses in enumerate(subject.ops):
        operation = subject.instruction(op).operation
        if operation is None:
            continue
        if operation.effect is Effect.COMPARE_EQUAL:
            for access, other in (accesses, accesses[::-1]) if accesses else ():
                if isinstance(access.value, SlotAddress) and not other.is_private:
                    loaded.setdefault(access.value.parameter, (op, other))
        for access in accesses:
            if access.base.kind != "pointer" or access.flag or access.base.name not in loaded:
                continue
            compare, origin = loaded[access.base.name]
            what = subject.text(access)
            source = operand_text(subject.instruction(compare), origin.operand.name, origin.value)
            yield Diagnostic(
                "warning",
                codes.MISSING_EXPECT_FAULT,
                f"{what} may be gone: `{access.base.name}` was read from {source} before the call",
                subject.access_place(access),
                (
                    Note("compared with the memory it came from", subject.op_place(compare)),
                    Note(
                        "operands are pinned before the compare runs, so a stale pointer is EFAULT"
                    ),
                ),
                (
                    f"write {what}? to get EAGAIN, and read `{access.base.name}` again"
                    if subject.instruction(op).parts
                    else f"set {access.operand.expect_fault_name}, and retry on EAGAIN"
                ),
            )


def expect_fault_place(subject: Subject) -> Iterator[Diagnostic]:
    """Byte 24 or 25 set in an op that has its flag elsewhere or has one flag only."""
    if not subject.abi.revision.expect_fault:
        return
    for op in subject.padded:
        instruction = subject.instruction(op)
        misplaced = misplaced_flags(subject, op)
        if not misplaced:
            continue
        operation = instruction.operation
        assert operation is not None
        operand = operation.operands[0]
        yield Diagnostic(
            "warning",
            codes.EXPECT_FAULT_PLACE,
            f"{byte_list(misplaced)} of {operation.mnemonic} is not an expect_fault flag: its flag is "
            f"byte {operand.expect_fault_offset}",
            offset_place(instruction, op, misplaced[0], misplaced[-1], subject.abi, subject.name),
            (Note("no kernel reads it, so a fault of this op is EFAULT"),),
            f"set {operand.expect_fault_name} instead: write the operand with ?",
        )


def misplaced_flags(subject: Subject, op: int) -> list[int]:
    """The bytes that look like a flag of another op (also for ``unused_bytes``)."""
    instruction = subject.instruction(op)
    operation = instruction.operation
    if not instruction.extra or operation is None or len(operation.operands) != 1:
        return []
    own = operation.operands[0].expect_fault_offset
    return [
        offset
        for offset, byte in instruction.extra
        if offset in _USUAL_OFFSETS and offset != own and byte
    ]


def expect_fault_value(subject: Subject) -> Iterator[Diagnostic]:
    """A flag byte that is neither 0 nor 1."""
    for access in subject.accesses:
        if access.flag > 1:
            place = subject.place(access.op, access.operand.expect_fault_name)
            yield Diagnostic(
                "note",
                codes.EXPECT_FAULT_VALUE,
                f"{access.operand.expect_fault_name} is {access.flag:#04x}: any value but 0 is true",
                place,
                (),
                "1 is what every program writes",
            )
