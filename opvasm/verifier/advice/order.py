"""Advice about the order of stores, compares and barriers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from ...abi.ops import Effect
from ...codes import advice as codes
from ...errors import Diagnostic, Edit, Note
from ...program import Area
from ...source import Span
from ..subject import Access, Subject
from ..wording import count, listed, op_list


def store_before_compare(subject: Subject) -> Iterator[Diagnostic]:
    """Stores that stay when a later compare stops the vector: no rollback (section 2.7)."""
    compares = [op for op in subject.compares if subject.ops[op]]
    if not compares:
        return
    early = [each for each in subject.stores if each.op < compares[-1] and not each.is_private]
    if not early:
        return
    compared = [access for op in compares for access in subject.ops[op]]
    serious = any(
        subject.area(write) is Area.PERCPU or any(write.meets(each) for each in compared)
        for write in early
    )
    first = early[0]
    if len(early) == 1:
        what = f"the {count(first.length, 'byte')} stored at {subject.text(first)} stay changed"
    else:
        what = f"the stores of {op_list(sorted({each.op for each in early}))} stay"
    later = [op for op in compares if op > first.op]
    notes = []
    for op in later[:4]:
        stored = [subject.text(each) for each in early if each.op < op]
        left = (
            f": {listed(stored)} {'is' if len(stored) == 1 else 'are'} stored" if early[1:] else ""
        )
        notes.append(Note(f"here it may end with {op + 1}{left}", subject.op_place(op)))
    notes.append(Note("no revision rolls back what earlier ops stored"))
    move = f"store after op {later[-1]}"
    private = f"harmless where only the caller reads it, as in cmpxchg; else {move}"
    yield Diagnostic(
        "warning" if serious else "note",
        codes.STORE_BEFORE_COMPARE,
        f"{what} when {op_list(later)} {'stops' if len(later) == 1 else 'stop'} the vector",
        subject.access_place(first),
        tuple(notes),
        move if serious else private,
    )


def publish_before_data(subject: Subject) -> Iterator[Diagnostic]:
    """The store that publishes is not the last one, as in the helpers of 2017-10 (section 4.3)."""
    if not subject.commits:
        return
    commit = subject.commits[-1]
    later = [each for each in subject.stores if each.op > commit.op and not each.is_private]
    if not later:
        return
    notes = [
        Note(f"{subject.text(each)} is stored only here", subject.access_place(each))
        for each in later[:3]
    ]
    notes.append(
        Note(
            "another CPU may see the new value with the old data; a restartable sequence can't be "
            "made of it"
        )
    )
    yield Diagnostic(
        "warning",
        codes.PUBLISH_BEFORE_DATA,
        f"{subject.text(commit)} is published before {'its' if len(later) == 1 else 'all of its'} "
        "data",
        subject.access_place(commit),
        tuple(notes),
        f"make op {commit.op} the last store, after op {later[-1].op}",
    )


def _barrier_spelling(subject: Subject) -> str | None:
    """What orders a store in this revision: ``release``, ``mb``, or nothing."""
    operations = subject.abi.revision.operations
    if any(operation.release for operation in operations):
        return "release"
    if any(operation.effect is Effect.BARRIER for operation in operations):
        return "mb"
    return None


def missing_barrier(subject: Subject) -> Iterator[Diagnostic]:
    """Data and the store that publishes it to other CPUs, with nothing that orders them."""
    if not subject.commits or not _seen_elsewhere(subject.commits[-1], subject):
        return
    commit = subject.commits[-1]
    operation = subject.instruction(commit.op).operation
    if operation is None or operation.release:
        return
    data = [
        each
        for each in subject.stores
        if each.op < commit.op and not each.is_private and not each.meets(commit)
    ]
    if not data or any(data[-1].op < op < commit.op for op in subject.barriers):
        return
    spelling = _barrier_spelling(subject)
    notes = [
        Note(f"{subject.text(each)} is stored here", subject.access_place(each))
        for each in data[-2:]
    ]
    notes.append(Note("ops are not ordered for other CPUs, except by mb and release stores"))
    if spelling is None:
        advice = f"{subject.abi.revision.name} has no barrier: a later revision has mb"
    elif spelling == "mb":
        advice = f"put mb before op {commit.op}"
    else:
        advice = f"write {operation.mnemonic}.release"
    yield Diagnostic(
        "warning",
        codes.MISSING_BARRIER,
        f"another CPU may see {subject.text(commit)} before the data stored ahead of it",
        subject.access_place(commit),
        tuple(notes),
        advice,
        _barrier_edits(subject, commit.op, spelling),
    )


def _seen_elsewhere(access: Access, subject: Subject) -> bool:
    """Whether other CPUs are known to read it: shared data, or a CPU named on purpose."""
    return subject.area(access) is Area.SHARED or access.base.cpu is not None


def _barrier_edits(subject: Subject, op: int, spelling: str | None) -> tuple[Edit, ...]:
    """The change that orders the store: it makes nothing else different."""
    instruction = subject.instruction(op)
    place = instruction.place
    if not isinstance(place, Span) or spelling is None:
        return ()
    if spelling == "release":
        mnemonic = subject.place(op, "op")
        if not isinstance(mnemonic, Span) or mnemonic == place:
            return ()
        return (Edit(Span(mnemonic.file, mnemonic.end, mnemonic.end), ".release"),)
    if len(subject.vector.instructions) >= subject.abi.revision.vector_length_max:
        return ()
    line = place.file.line_text(place.line)
    indent = line[: place.column - 1]
    if indent.strip():
        return (Edit(Span(place.file, place.start, place.start), "mb; "),)
    return (Edit(Span(place.file, place.start, place.start), f"mb\n{indent}"),)


def redundant_barrier(subject: Subject) -> Iterator[Diagnostic]:
    """Barriers with no access since the one before them; those in a row are said once."""
    runs: list[list[int]] = []
    for last, op in pairwise(subject.barriers):
        if any(last < access.op < op for access in subject.accesses):
            continue
        if any(subject.instruction(each).operation is None for each in range(last, op)):
            continue
        if runs and runs[-1][-1] == last:
            runs[-1].append(op)
        else:
            runs.append([last, op])
    ops = enumerate(subject.vector.instructions)
    compares = (at for at, each in ops if each.operation is not None and each.operation.is_compare)
    last_compare = max(compares, default=-1)
    for first, *rest in runs:
        also = "" if len(rest) == 1 else f", nor at {op_list(rest[1:])}"
        yield Diagnostic(
            "note",
            codes.REDUNDANT_BARRIER,
            f"nothing is loaded or stored since the barrier of op {first}{also}",
            subject.op_place(rest[0]),
            (Note("the barrier before it", subject.op_place(first)),),
            "leave it out" if len(rest) == 1 else "leave them out",
            tuple(edit for op in rest for edit in _deletion(subject, op, last_compare)),
        )


def _deletion(subject: Subject, op: int, last_compare: int) -> tuple[Edit, ...]:
    """Leaving an op out; no edit where that would change the results of later compares."""
    place = subject.instruction(op).place
    if not isinstance(place, Span) or op < last_compare:
        return ()
    if place.file.text[place.end : place.end + 1].strip():
        return ()  # more stands in the line, which may be long
    start = place.file.line_start(place.line)
    text = place.file.line_text(place.line)
    if text.strip() != place.text:
        return ()
    end = min(start + len(text) + 1, len(place.file.text))
    return (Edit(Span(place.file, start, end), ""),)


def reads_own_store(subject: Subject) -> Iterator[Diagnostic]:
    """Ops that load bytes which earlier ops of the vector stored; said once, at the first."""
    if not subject.stores:
        return
    first = subject.stores[0].op
    found: dict[int, tuple[Access, Access]] = {}
    for access in subject.loads:
        if access.op <= first or access.op in found or access.op in subject.compares:
            continue
        # The same as store.meets(access), written out: this is the one rule that compares every
        # load with every store.
        op, base, start, end = access.op, access.base, access.offset, access.end
        for store in reversed(subject.stores):
            offset = store.offset
            if (
                offset < end
                and start < offset + store.length
                and store.op < op
                and store.base == base
            ):
                found[op] = (access, store)
                break
    if not found:
        return
    op, *others = found
    access, store = found[op]
    also = (
        f"; {op_list(others)} too load{'s' if len(others) == 1 else ''} such bytes"
        if others
        else ""
    )
    yield Diagnostic(
        "note",
        codes.READS_OWN_STORE,
        f"{subject.text(access)} is loaded with what op {store.op} stored{also}",
        subject.access_place(access),
        (
            Note("stored here", subject.access_place(store)),
            Note("a restartable sequence must not depend on a store of its own"),
        ),
    )
