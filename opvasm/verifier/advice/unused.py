"""Advice about bytes of the struct that no kernel reads (abi.md section 1.5)."""

from __future__ import annotations

from collections.abc import Iterator

from ...abi.layout import FieldKind
from ...codes import advice as codes
from ...errors import Diagnostic, Edit, Note
from ...source import Span
from ..places import offset_place
from ..subject import Subject
from ..wording import byte_list, count, revisions_where
from .faults import misplaced_flags


def unused_bytes(subject: Subject) -> Iterator[Diagnostic]:
    """Bytes that are not zero and that no kernel reads: there is no must-be-zero rule."""
    for op in subject.padded:
        instruction = subject.instruction(op)
        assert instruction.operation is not None
        padding = _padding(subject, op)
        misplaced = misplaced_flags(subject, op) if subject.abi.revision.expect_fault else []
        offsets = [
            offset
            for offset, byte in instruction.extra
            if byte and offset not in padding and offset not in misplaced
        ]
        if not offsets:
            continue
        plural = len(offsets) > 1
        notes = [Note("no revision refuses it: there is no rule that they must be zero")]
        flags = {operand.expect_fault_offset for operand in instruction.operation.operands} & set(
            offsets
        )
        if flags and not subject.abi.revision.expect_fault:
            later = revisions_where(lambda each: each.expect_fault)
            notes.append(Note(f"{byte_list(sorted(flags))} would be expect_fault flags in {later}"))
        alone = len(offsets) == len(instruction.extra)
        yield Diagnostic(
            "note",
            codes.UNUSED_BYTES,
            f"{byte_list(offsets)} of {instruction.operation.mnemonic} {'are' if plural else 'is'} "
            "not zero, and no kernel reads "
            f"{'them' if plural else 'it'}",
            offset_place(instruction, op, offsets[0], offsets[-1], subject.abi, subject.name),
            tuple(notes),
            (
                "leave them out"
                if instruction.parts
                else "clear the whole struct before filling it in"
            ),
            _braces_edit(subject, op) if alone else (),
        )


def _braces_edit(subject: Subject, op: int) -> tuple[Edit, ...]:
    """Leaving out the braces with the bytes, and the spaces before them."""
    for part, place in subject.instruction(op).parts:
        if part == "extra" and isinstance(place, Span):
            text = place.file.text
            start = place.start
            while start and text[start - 1] in " \t":
                start -= 1
            return (Edit(Span(place.file, start, place.end), ""),)
    return ()


def _padding(subject: Subject, op: int) -> dict[int, str]:
    """Offset to name of the padding words of an op."""
    if subject.abi.model.word == 8:
        return {}
    fields = subject.abi.fields(subject.instruction(op).operation)
    return {
        offset: field.name
        for field in fields
        if field.kind is FieldKind.PADDING
        for offset in range(field.offset, field.end)
    }


def padding_word(subject: Subject) -> Iterator[Diagnostic]:
    """A padding word beside a 32-bit pointer that is not zero."""
    if subject.abi.model.word == 8:
        return
    for op in subject.padded:
        instruction = subject.instruction(op)
        padding = _padding(subject, op)
        names = dict.fromkeys(
            padding[offset] for offset, byte in instruction.extra if byte and offset in padding
        )
        for name in names:
            offsets = [offset for offset, field in padding.items() if field == name]
            yield Diagnostic(
                "warning",
                codes.PADDING_WORD,
                f"{name} is not zero",
                offset_place(instruction, op, offsets[0], offsets[-1], subject.abi, subject.name),
                (
                    Note(
                        "a 32-bit kernel ignores it; a 64-bit kernel that runs this program takes it "
                        "for the upper half of the address"
                    ),
                ),
                "clear the whole struct before filling it in (the header's ONSTACK macro does)",
            )


def ignored_length(subject: Subject) -> Iterator[Diagnostic]:
    """A length where none is read."""
    for op in subject.barriers:
        instruction = subject.instruction(op)
        if instruction.length and instruction.operation is not None:
            yield Diagnostic(
                "note",
                codes.IGNORED_LENGTH,
                f"the length of {count(instruction.length, 'byte')} means nothing: "
                f"{instruction.operation.mnemonic} has no operand",
                subject.place(op, "len"),
                (Note("it is neither checked nor counted in the sum of the lengths"),),
                "write 0",
            )
