"""Advice: what no kernel refuses and a person still wants to know before the vector runs.

Compares whose outcome is known come first, since ops after one that always ends the vector never
run.  Each other rule is a function over a Subject (the Vector, its Abi, its Data, and its accesses) that yields
diagnostics.  ``RULES`` is the one list of them; ``SUPERSEDES`` says which finding makes another one
needless at the same op, so that one mistake is said once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ...codes import advice as codes, kernel as kernel_codes
from ...errors import Diagnostic
from ..known_values import Settled, settled_compares
from ..subject import Subject, without_dead_ops
from . import access, arithmetic, copies, faults, order, parameters, sharing, unused
from .comparisons import settled_findings

Rule = Callable[[Subject], Iterator[Diagnostic]]

RULES: tuple[Rule, ...] = (
    access.misaligned,
    access.torn_access,
    access.split_word,
    access.page_crossing,
    access.outside_user_space,
    access.zero_length,
    order.store_before_compare,
    order.publish_before_data,
    order.missing_barrier,
    order.redundant_barrier,
    order.reads_own_store,
    copies.overlapping_copy,
    copies.copy_onto_itself,
    arithmetic.value_truncated,
    arithmetic.no_effect,
    sharing.other_cpu,
    sharing.shared_update,
    sharing.shared_stores,
    faults.needless_expect_fault,
    faults.missing_expect_fault,
    faults.expect_fault_place,
    faults.expect_fault_value,
    unused.unused_bytes,
    unused.padding_word,
    unused.ignored_length,
    parameters.unused_parameter,
)

# The finding on the left says all that those on the right would say of the same op.
SUPERSEDES: dict[str, tuple[str, ...]] = {
    kernel_codes.MISALIGNED: (codes.PAGE_CROSSING,),
    codes.OUTSIDE_USER_SPACE: (codes.PAGE_CROSSING,),
    codes.MISSING_BARRIER: (codes.SHARED_STORES,),
    codes.PUBLISH_BEFORE_DATA: (codes.SHARED_STORES, codes.MISSING_BARRIER),
    codes.SHARED_UPDATE: (codes.SHARED_STORES,),
    codes.OVERLAPPING_COPY: (codes.TORN_ACCESS,),
}


def advice(subject: Subject) -> list[Diagnostic]:
    """What every rule says of a vector, less what follows from something else that is said."""
    found: list[Diagnostic] = []
    if subject.compares:
        settled = settled_compares(subject)
        if settled:
            found += settled_findings(settled, subject)
            subject = _without_settled(subject, settled)
    for rule in RULES:
        found += rule(subject)
    if len(found) < 2:
        return found
    superseded = {
        (code, _op_of(each, subject)) for each in found for code in SUPERSEDES.get(each.code, ())
    }
    return [each for each in found if (each.code, _op_of(each, subject)) not in superseded]


def _without_settled(subject: Subject, settled: list[Settled]) -> Subject:
    """The subject without compares that decide nothing and ops that never run."""
    if not settled[-1].passes:
        subject = without_dead_ops(subject, settled[-1].op)
    decided = {each.op for each in settled}
    return subject._replace(compares=tuple(op for op in subject.compares if op not in decided))


def _op_of(diagnostic: Diagnostic, subject: Subject) -> int | None:
    """The index of the op that a finding is about."""
    place = diagnostic.place
    if place is None:
        return None
    _, start, end = place.sort_key()
    for op in range(len(subject.vector.instructions)):
        _, first, last = subject.op_place(op).sort_key()
        if first <= start and end <= last:
            return op
    return None
