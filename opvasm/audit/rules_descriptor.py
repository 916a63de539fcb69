"""Rules about the descriptor alone; they hold for every architecture."""

from __future__ import annotations

from collections.abc import Iterator

from ..codes import audit as codes
from ..elf.descriptors import executable
from ..elf.problems import ElfError
from .finding import Finding
from .outcomes import Fault
from .subject import Subject


def descriptor_rules(subject: Subject) -> Iterator[Finding]:
    """Everything that a descriptor says by itself."""
    each = subject.descriptor
    if each.unresolved:
        yield Finding(
            codes.UNRESOLVED,
            "note",
            each.address,
            f"the descriptor names {each.unresolved}, which another file defines",
            "audit the linked program",
        )
        return
    if each.version or each.flags:
        yield Finding(
            *(codes.DESCRIPTOR, "error", each.address),
            f"version {each.version} and flags {each.flags:#x}; both must be 0",
            "write zeros; the flags that once kept events from aborting are gone since Linux 6.1",
            Fault.VERSION,
        )
    yield from _range(subject)
    if subject.inside(each.abort):
        yield Finding(
            codes.ABORT_INSIDE,
            "error",
            each.abort,
            f"the abort address {_place(subject, each.abort)} is inside of the section "
            f"({_place(subject, each.start)} to {_place(subject, each.end)})",
            "move the abort handler out of the section, or end the section earlier",
            Fault.ABORT_INSIDE,
        )
    yield from _signature(subject)
    yield from _pointer(subject)


def _range(subject: Subject) -> Iterator[Finding]:
    each = subject.descriptor
    file = subject.context.file
    if each.end <= each.start:
        what, fault = "is empty", Fault.RANGE
        if each.length:
            what, fault = "wraps around the end of the address space", Fault.WRAPS
        words = f"start {each.start:#x} + length {each.length:#x}: it {what}"
        yield _bad_range(subject, words, fault)
        return
    if not executable(file, each.start) or not executable(file, each.end - 1):
        yield _bad_range(
            subject, f"{_place(subject, each.start)} to {_place(subject, each.end)} is not all code"
        )
    elif file.segment_at(each.start) is not file.segment_at(each.end - 1):
        yield _bad_range(
            subject,
            f"{_place(subject, each.start)} to {_place(subject, each.end)} is in two segments",
        )
    elif not file.relocatable:
        try:
            first = subject.extent
            last = subject.context.frames.around(each.end - 1)
        except ElfError:
            return
        if first is not None and last is not None and first != last:
            yield Finding(
                *(codes.FUNCTION, "error", each.start),
                f"the section begins in the function at {first.start:#x} and ends in the one at "
                f"{last.start:#x}",
                "a section is part of one function: check start and length",
                Fault.ALWAYS,
            )


def _bad_range(subject: Subject, what: str, fault: Fault = Fault.RANGE) -> Finding:
    return Finding(
        codes.RANGE,
        "error",
        subject.descriptor.address,
        f"the range can't be that of a section: {what}",
        "check start_ip and post_commit_offset: the second is a length in bytes, not an address",
        fault,
    )


def _signature(subject: Subject) -> Iterator[Finding]:
    each = subject.descriptor
    if not executable(subject.context.file, each.abort):
        yield Finding(
            codes.ABORT_NOT_CODE,
            "error",
            each.address,
            f"the abort address {_place(subject, each.abort)} is not code",
            "check abort_ip",
            Fault.SIGNATURE,
        )
        return
    wanted = subject.context.signature
    if wanted is None or each.signature == wanted:
        return
    there = "nothing" if each.signature is None else f"{each.signature:#010x}"
    yield Finding(
        *(codes.SIGNATURE, "error", each.abort - 4),
        f"{there} stands before the abort handler {_place(subject, each.abort)}; "
        f"{wanted:#010x} must",
        "put the signature that is registered into the four bytes before the abort handler",
        Fault.SIGNATURE,
    )


def _pointer(subject: Subject) -> Iterator[Finding]:
    pointers = subject.context.found.pointers
    each = subject.descriptor
    if pointers is None or each.address in pointers or subject.context.file.relocatable:
        return
    yield Finding(
        codes.NOT_LISTED,
        "note",
        each.address,
        "the descriptor is not in __rseq_cs_ptr_array: debuggers and DynamoRIO do not see the section",
        'list it, and keep the array from --gc-sections: .pushsection __rseq_cs_ptr_array, "awR"',
    )


def _place(subject: Subject, address: int) -> str:
    return subject.context.file.place(address)
