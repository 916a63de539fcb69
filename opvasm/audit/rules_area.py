"""Rules about the thread's area, struct rseq, and about who enters the section."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from ..codes import audit as codes
from ..lift.code import Code, Flow, Memory, Step
from ..lift.values import Values
from ..program import section as ir
from .finding import Finding
from .function_code import FunctionCode
from .outcomes import Fault
from .subject import Subject

_CS = (8, 16)  # rseq_cs, which user space writes
_BACK_BYTES = 128
_BACK = 256  # instructions that are followed from an abort handler
_RELATIVE = re.compile(rb"[\xe8\xe9]|\x0f[\x80-\x8f]", re.DOTALL)
_SHORT = re.compile(rb"[\x70-\x7f\xe0-\xe3\xeb]", re.DOTALL)

# Of aarch64's branches: mask, value, and where their distance in instructions stands, with its bits.
_ARM_BRANCHES = (
    (0x7C00_0000, 0x1400_0000, 0, 26),  # b, bl
    (0xFF00_0000, 0x5400_0000, 5, 19),  # b.cond, bc.cond
    (0x7E00_0000, 0x3400_0000, 5, 19),  # cbz, cbnz
    (0x7E00_0000, 0x3600_0000, 5, 14),  # tbz, tbnz
)

_WORD = struct.Struct("<I")
_LONG_NUMBER, _SHORT_NUMBER = struct.Struct("<i"), struct.Struct("<b")
_ENDS = (Flow.JUMP, Flow.RETURN, Flow.INDIRECT, Flow.TRAP)


def area_rules(subject: Subject) -> Iterator[Finding]:
    """What the section and the code right before it do to struct rseq."""
    lead = subject.lead
    if lead is None:
        return
    values = subject.known.copy()
    for index, each in enumerate((*lead.own, *subject.codes), lead.first):
        for place in each.loads:
            if _offset(values, place, lead.area) == -4 and place.size == 8:
                yield _overlap(each, place, "read")
        for place in each.stores:
            offset = _offset(values, place, lead.area)
            if offset is None or index == lead.store:
                continue
            if offset == -4 and place.size == 8:
                yield _overlap(each, place, "written")
            elif offset < ir.AREA_BYTES and offset + place.size > 0 and not _only_cs(offset, place):
                yield Finding(
                    codes.AREA_WRITE,
                    "error",
                    each.address,
                    f"{place.size} bytes are written at offset {offset} of struct rseq",
                    "only rseq_cs (offset 8) is user space's to write",
                    Fault.ID_WRITE,
                    each.text,
                )
        values.step(each, ())


def _offset(values: Values, place: Memory, area: object) -> int | None:
    address = values.address(place)
    base, start = area  # type: ignore[misc]
    return address.offset - start if address.base == base else None  # type: ignore[has-type]


def _only_cs(offset: int, place: Memory) -> bool:
    return _CS[0] <= offset and offset + place.size <= _CS[1]


def _overlap(code: Code, place: Memory, does: str) -> Finding:
    return Finding(
        codes.ID_OVERLAP,
        "error",
        code.address,
        f"8 bytes are {does} over cpu_id_start, at the area - 4 ({place})",
        "update tcmalloc to a version that keeps its cached pointer elsewhere, or register 32 bytes "
        "(GLIBC_TUNABLES=glibc.pthread.rseq=0 lets it register itself) on Linux 7.0.10 and later",
        Fault.ID_READ,
        code.text,
    )


def entry_rules(subject: Subject) -> Iterator[Finding]:
    """Branches of the section's function into its middle, found by bytes and confirmed by decoding."""
    code = subject.function_code if subject.decodes else None
    suspects = _suspects(subject, code) if code is not None else set()
    if code is None or not suspects:
        return
    for each in _function_steps(subject, code):
        if each.address in suspects and each.target is not None and subject.inside(each.target):
            yield entered(subject, each.address, each.target)


def entered(subject: Subject, address: int, target: int) -> Finding:
    """What to say of a branch from outside into the middle of a section."""
    known = any(each.address == target for each in subject.codes[1:])
    where = "" if known else ", between two instructions"
    return Finding(
        codes.ENTERED,
        "error",
        address,
        f"a branch from outside goes into the middle of the section, to "
        f"{subject.context.file.place(target)}{where}",
        "enter a section at its start only, after rseq_cs is set",
        Fault.LEAVES,
    )


def _suspects(subject: Subject, code: FunctionCode) -> set[int]:
    """Where bytes outside of the section look like a branch into its middle."""
    targets: Iterator[tuple[int, int]]
    if subject.context.machine == "x86-64":
        targets = _x86_branches(code.data, code.first)
    else:
        targets = _arm_branches(code.data, code.first)
    return {
        at
        for at, target in targets
        if subject.start < target < subject.end and not subject.inside(at)
    }


def _arm_branches(data: bytes, first: int) -> Iterator[tuple[int, int]]:
    """Every aarch64 branch and call to a fixed address, by the bits of its kind."""
    for number, (word,) in enumerate(_WORD.iter_unpack(data[: len(data) & ~3])):
        for mask, kind, low, bits in _ARM_BRANCHES:
            if word & mask == kind:
                distance = word >> low & (1 << bits) - 1
                at = first + 4 * number
                yield at, at + 4 * (distance - (distance >> bits - 1 << bits))


def _x86_branches(data: bytes, first: int) -> Iterator[tuple[int, int]]:
    for pattern, layout in ((_RELATIVE, _LONG_NUMBER), (_SHORT, _SHORT_NUMBER)):
        for found in pattern.finditer(data):
            at = found.end()
            if at + layout.size <= len(data):
                target = first + at + layout.size + layout.unpack_from(data, at)[0]
                yield first + found.start(), target


def _function_steps(subject: Subject, code: FunctionCode) -> Iterator[Step]:
    """The instructions of a function that can be reached from its first, without the section's."""
    seen: set[int] = set()
    waiting = [code.first]
    while waiting:
        at = waiting.pop()
        if at in seen or subject.inside(at) or not code.first <= at < code.end:
            continue
        for each in code.steps_from(at):
            if each.address in seen or subject.inside(each.address):
                break
            seen.add(each.address)
            yield each
            if each.target is not None:
                waiting.append(each.target)
            if each.flow in _ENDS:
                break
    # What only the section leads to, such as its exits and what comes after it, is not from outside.


def step_rules(subject: Subject) -> Iterator[Finding]:
    """Whether the abort handler can do nothing but come back: then a debugger's steps never end."""
    if not subject.decodes or subject.lead is None or subject.context.decoder is None:
        return
    goal = range(subject.lead.own[0].address, subject.end)
    seen: set[int] = set()
    waiting = [subject.descriptor.abort]
    while waiting:
        at = waiting.pop()
        if at in goal or at in seen:
            continue
        reached = len(seen)
        for each in subject.context.decoder.steps(subject.context.code(at, _BACK_BYTES), at):
            if each.address in seen or each.address in goal:
                break
            seen.add(each.address)
            if len(seen) > _BACK or each.flow not in (Flow.NEXT, Flow.JUMP, Flow.BRANCH):
                return
            if each.target is not None:
                waiting.append(each.target)
            if each.flow is Flow.JUMP:
                break
        else:
            return  # the code goes on after what was read
        if len(seen) == reached and at not in goal:
            return
    yield Finding(
        codes.STEPS_FOREVER,
        "note",
        subject.descriptor.abort,
        "every way from the abort handler leads back to the section: single steps never get through",
        "count the aborts, and fall back to another way after some",
        Fault.STEPPED,
    )
