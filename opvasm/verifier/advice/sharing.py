"""Advice about data that other CPUs use: a vector is atomic on its own CPU only (section 3.8)."""

from __future__ import annotations

from collections.abc import Iterator

from ...codes import advice as codes
from ...errors import Diagnostic, Note
from ...program import Area
from ..bases import ADDRESS
from ..subject import Subject


def other_cpu(subject: Subject) -> Iterator[Diagnostic]:
    """An operand that names another CPU's instance of a percpu variable."""
    for access in subject.accesses:
        cpu = None if access.base is ADDRESS else access.base.cpu
        if cpu is None:
            continue
        what = subject.text(access)
        done = "stored" if access.writes else "loaded"
        yield Diagnostic(
            "warning" if access.writes else "note",
            codes.OTHER_CPU,
            f"{what} is {done} without excluding the threads of CPU {cpu}, unless the vector runs "
            "there",
            subject.access_place(access),
            (Note("preemption is off on the CPU that the vector runs on, not on any other"),),
            f"run the vector on CPU {cpu} and name the variable without @{cpu}",
        )


def shared_update(subject: Subject) -> Iterator[Diagnostic]:
    """Shared data that is loaded and then stored, by one op or by a compare and a store."""
    if not any(each.area is Area.SHARED for each in subject.data.symbols.values()):
        return
    for access in subject.stores:
        if subject.area(access) is not Area.SHARED:
            continue
        operation = subject.instruction(access.op).operation
        compare = next(
            (
                each.op
                for each in subject.loads
                if each.op < access.op and each.op in subject.compares and each.meets(access)
            ),
            None,
        )
        if operation is None or not (access.reads or compare is not None):
            continue
        if access.reads or compare is None:
            how = f"{operation.mnemonic} loads and stores it in two steps"
            notes: tuple[Note, ...] = ()
        else:
            how = f"it may change between op {compare} and this store"
            notes = (Note("compared here", subject.op_place(compare)),)
        yield Diagnostic(
            "warning",
            codes.SHARED_UPDATE,
            f"{subject.text(access)} is shared, so an update by another CPU can be lost: {how}",
            subject.access_place(access),
            (
                *notes,
                Note(
                    "no op is an atomic instruction; a vector is protected against the other threads of its own CPU only"
                ),
            ),
            "declare it percpu, or update it with an atomic instruction of the caller",
        )


def shared_stores(subject: Subject) -> Iterator[Diagnostic]:
    """Several stores to shared data: other CPUs see them one by one."""
    stores = [each for each in subject.stores if subject.area(each) is Area.SHARED]
    ops = sorted({each.op for each in stores})
    if len(ops) < 2:
        return
    last = stores[-1]
    yield Diagnostic(
        "note",
        codes.SHARED_STORES,
        f"other CPUs see the {len(ops)} stores to shared data one by one, in any order",
        subject.access_place(last),
        (Note("the first of them", subject.access_place(stores[0])),),
        "harmless where no other CPU reads meanwhile",
    )
