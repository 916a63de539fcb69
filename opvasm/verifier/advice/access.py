"""Advice about single accesses: alignment, atomicity, pages, the end of user space."""

from __future__ import annotations

from collections.abc import Iterator

from ...abi.ops import WORD_LENGTHS, Effect, LengthRule
from ...abi.revisions import Abi
from ...codes import advice as codes
from ...codes.kernel import MISALIGNED
from ...errors import Diagnostic, Note
from ..bases import ADDRESS
from ..subject import Access, Position, Subject, position_of
from ..wording import count, op_list, operand_text, revisions_where


def misaligned(subject: Subject) -> Iterator[Diagnostic]:
    """A word that does not begin at a multiple of its length (abi.md section 3.3)."""
    for accesses in subject.ops:
        if not accesses or (length := accesses[0].length) not in (2, 4, 8):
            continue
        off = []
        for access in accesses:
            if access.base is ADDRESS and not access.offset % length:
                continue
            position = position_of(access, subject)
            if position is not None and position.alignment >= length and position.offset % length:
                off.append((access, position))
        if off:
            yield _misaligned(off, subject)


def _misaligned(off: list[tuple[Access, Position]], subject: Subject) -> Diagnostic:
    access, position = off[0]
    length = access.length
    instruction = subject.instruction(access.op)
    operation = instruction.operation
    assert operation is not None
    notes = [Note(_misaligned_effect(subject.abi, operation.length_rule is LengthRule.WORD))]
    for other, other_position in off[1:]:
        what = subject.text(other)
        where = _beyond(other_position, length)
        notes.insert(0, Note(f"{what} {where}, too", subject.access_place(other)))
    pages = _pages(access, position, subject.abi.page_size)
    if pages > 1:
        notes.append(Note("it also crosses a page boundary, so its two pages are checked apart"))
    below = position.offset % length
    return Diagnostic(
        "warning",
        MISALIGNED,
        f"{subject.text(access)} "
        f"{_beyond(position, length)}, but {operation.mnemonic} takes {length} bytes at once",
        subject.access_place(access),
        tuple(notes),
        f"use the word {count(below, 'byte')} before it or {length - below} after it, or move the data",
    )


def _beyond(position: Position, length: int) -> str:
    """``is 3 bytes after a multiple of 8, if `node` is 8-byte aligned``."""
    text = f"is {count(position.offset % length, 'byte')} after a multiple of {length}"
    if position.assumed is not None:
        text += f" if `{position.assumed}` is {position.alignment}-byte aligned"
    return text


def _misaligned_effect(abi: Abi, arithmetic: bool) -> str:
    revision = abi.revision
    if not revision.maps_operands:
        first = (
            f"{revision.name} makes one unaligned access: x86 carries it out, a strict machine "
            "traps and mends it or faults"
        )
        later = revisions_where(lambda each: each.maps_operands)
        then = "changed in place, unchecked" if arithmetic else "moved byte by byte"
        return f"{first}; in {later} it is {then}"
    inferred = ", as far as is known" if revision.inferred else ""
    if arithmetic:
        return (
            f"{revision.name} loads and stores it unaligned, without a check{inferred}: it works on "
            "x86, a strict machine traps"
        )
    return (
        f"{revision.name} silently moves both operands byte by byte{inferred}: another CPU may see "
        "half of the word"
    )


def torn_access(subject: Subject) -> Iterator[Diagnostic]:
    """A store that commits with a length that no machine stores at once (section 3.2)."""
    for access in subject.stores:
        if access.length in WORD_LENGTHS or access.is_private:
            continue
        if access.length < 8 or access in subject.commits:
            what = subject.text(access)
            yield Diagnostic(
                "note",
                codes.TORN_ACCESS,
                f"{what} is stored in pieces: {access.length} bytes are not a word",
                subject.place(access.op, "len"),
                (Note("only 1, 2, 4 or 8 aligned bytes are stored at once"),),
                "store a word of 1, 2, 4 or 8 bytes where another CPU may be reading",
            )


def split_word(subject: Subject) -> Iterator[Diagnostic]:
    """Eight bytes on a 32-bit kernel: two accesses, the lower address first (section 3.2)."""
    if subject.abi.model.word == 8:
        return
    split = [op for op, accesses in enumerate(subject.ops) if accesses and accesses[0].length == 8]
    if split:
        others = f" (and in {op_list(split[1:])})" if len(split) > 1 else ""
        yield Diagnostic(
            "note",
            codes.SPLIT_WORD,
            f"8 bytes are two accesses on a 32-bit kernel, the lower address first{others}",
            subject.place(split[0], "len"),
            (Note(f"{subject.abi.model.name} has words of {subject.abi.model.word} bytes"),),
            "another CPU may see one half: use 4 bytes for what it reads without a lock",
        )


def _pages(access: Access, position: Position, page_size: int) -> int:
    """The pages that an access touches, as far as its position is known."""
    if position.assumed is not None or position.alignment < page_size:
        return 1
    first, last = position.offset, position.offset + access.length - 1
    return last // page_size - first // page_size + 1


def page_crossing(subject: Subject) -> Iterator[Diagnostic]:
    """An operand of known position that lies in two pages (section 3.6)."""
    page_size = subject.abi.page_size
    for access in subject.accesses:
        base, offset = access.base, access.offset
        if base is ADDRESS and offset % page_size + access.length <= page_size:
            continue
        if base.kind == "pointer":
            continue
        position = position_of(access, subject)
        if position is None:
            continue
        pages = _pages(access, position, page_size)
        if pages > 1:
            what = subject.text(access)
            before = page_size - position.offset % page_size
            yield Diagnostic(
                "note",
                codes.PAGE_CROSSING,
                f"the {access.length} bytes at {what} lie in {pages} pages",
                subject.access_place(access),
                (
                    Note(
                        f"{before} bytes lie before the boundary; the kernel pins {pages} pages "
                        "and checks each by itself"
                    ),
                ),
            )


def outside_user_space(subject: Subject) -> Iterator[Diagnostic]:
    """An address that no process may use: access_ok() fails before anything runs (section 2.3)."""
    abi = subject.abi
    limit, addresses = abi.model.task_size, abi.model.addresses
    for op, instruction in enumerate(subject.vector.instructions):
        highest = limit - instruction.length
        outside = [
            each for each in instruction.addresses if isinstance(each, int) and each > highest
        ]
        if not outside or op in subject.refused or instruction.operation is None:
            continue
        for operand, value, flag in instruction.operands():
            if not isinstance(value, int) or value <= highest:
                continue
            wraps = value + instruction.length > addresses
            answer = "EAGAIN" if flag and abi.revision.expect_fault else "EFAULT"
            end = "the address space" if wraps else "user space"
            notes = [Note(f"user space of {abi.model.name} ends before {limit:#x}")]
            if answer == "EAGAIN":
                notes.append(Note("expect_fault turns EFAULT into EAGAIN: a retry never ends"))
            yield Diagnostic(
                "warning",
                codes.OUTSIDE_USER_SPACE,
                f"{operand_text(instruction, operand.name, value)} runs past the end of {end}: "
                f"always {answer}",
                subject.place(op, operand.name),
                tuple(notes),
                "no op of the vector runs; pass an address of the process",
            )


def zero_length(subject: Subject) -> Iterator[Diagnostic]:
    """A compare or memcpy of no bytes (sections 2.3 and 3.1)."""
    for op in subject.empty:
        operation = subject.instruction(op).operation
        assert operation is not None
        effect = "copies nothing" if operation.effect is Effect.COPY else "changes nothing"
        notes = [Note("its operands are not even pinned")]
        if operation.is_compare:
            stops = operation.stops_when_equal
            effect = f"always stops the vector with {op + 1}" if stops else "always passes"
            notes = [Note("ranges of no bytes count as equal")]
            rest = len(subject.vector.instructions) - op - 1
            if stops and rest:
                notes.append(
                    Note(f"{count(rest, 'op')} after it never run", subject.op_place(op + 1))
                )
        yield Diagnostic(
            "warning",
            codes.ZERO_LENGTH,
            f"{operation.mnemonic} of 0 bytes {effect}",
            subject.place(op, "len"),
            tuple(notes),
            "give it a length, or leave the op out",
        )
