"""Which pair of librseq primitive and cpu_opv helper a vector is (abi.md section 4.3)."""

from __future__ import annotations

from typing import NamedTuple

from ..abi.ops import WORD_LENGTHS
from .subject import Access, Subject


class Shape(NamedTuple):
    """A pair: ``primitive`` is the fast path (rseq_…), ``helper`` the vector (cpu_op_…).

    ``later`` is what librseq calls the fast path since its headers were rewritten (load_cbne_…).
    ``primitive`` is None for a helper that never had a fast path.
    """

    helper: str
    primitive: str | None
    later: str | None = None


_STORE = Shape("cpu_op_cmpeqv_storev", "rseq_cmpeqv_storev", "load_cbne_store")
_LOAD_OFFSET = Shape(
    "cpu_op_cmpnev_storeoffp_load",
    "rseq_cmpnev_storeoffp_load",
    "load_cbeq_store_add_load_store",
)
_ADD = Shape("cpu_op_addv", "rseq_addv", "load_add_store")
_ADD_RELEASE = Shape("cpu_op_add_release", None)
_COMPARE_TWICE = Shape(
    "cpu_op_cmpeqv_cmpeqv_storev", "rseq_cmpeqv_cmpeqv_storev", "load_cbne_load_cbne_store"
)
_CMPXCHG = Shape("cpu_op_cmpxchg", None)
_STORE_STORE = ("cpu_op_cmpeqv_storev", "rseq_cmpeqv_trystorev_storev", "load_cbne_store_store")
_MEMCPY_STORE = ("cpu_op_cmpeqv_memcpy", "rseq_cmpeqv_trymemcpy_storev", "load_cbne_memcpy_store")


def shape_of(subject: Subject) -> Shape | None:
    """The pair whose ops the vector has, in their order; None for a vector of its own kind."""
    instructions = subject.vector.instructions
    kinds = []
    for op, instruction in enumerate(instructions):
        if instruction.operation is None or not (subject.ops[op] or op in subject.barriers):
            return None
        kinds.append(instruction.operation.mnemonic)
    match kinds:
        case ["add"] if instructions[0].length in WORD_LENGTHS:
            return _ADD
        case ["add.release"]:
            return _ADD_RELEASE
        case ["cmpeq", "memcpy"]:
            return _compare_and_store(subject)
        case ["cmpeq", "cmpeq", "memcpy"] if _same(subject, 0, 2):
            return _COMPARE_TWICE
        case ["memcpy", "cmpeq", "memcpy"] if _is_cmpxchg(subject):
            return _CMPXCHG
        case ["cmpeq", "memcpy", "memcpy"] if _same(subject, 0, 2):
            return _with_data(subject, "storev")
        case ["cmpeq", "memcpy", "mb", "memcpy"] if _same(subject, 0, 3):
            return _with_data(subject, "mb_storev")
        case ["cmpeq", "memcpy", "memcpy.release"] if _same(subject, 0, 2):
            return _with_data(subject, "storev_release")
        case _:
            return None


def _compared(subject: Subject, op: int) -> Access:
    return subject.ops[op][0]


def _same(subject: Subject, compare: int, store: int) -> bool:
    """Whether a compare and a store are of the same word."""
    return _compared(subject, compare).same_bytes(subject.ops[store][0])


def _compare_and_store(subject: Subject) -> Shape | None:
    if not _same(subject, 0, 1):
        return None
    source = subject.ops[1][1]
    if source.is_private:
        return _STORE
    return _LOAD_OFFSET if source.flag else None


def _is_cmpxchg(subject: Subject) -> bool:
    """The old value out, the compare, the new value in: all of one word."""
    return _same(subject, 1, 2) and subject.ops[0][1].same_bytes(_compared(subject, 1))


def _with_data(subject: Subject, ending: str) -> Shape | None:
    """A compare, data, then the commit: the data is one word of a value, or a copy.

    A commit that follows a pointer, with the pointer itself saved before, is a pop.
    """
    data, commit = subject.ops[1], subject.ops[-1]
    word = data[0].length in WORD_LENGTHS and data[1].is_private
    if not commit[1].is_private:
        return _LOAD_OFFSET if word and commit[1].flag and ending == "storev" else None
    helper, primitive, later = _STORE_STORE if word else _MEMCPY_STORE
    release = "" if ending == "storev" else "_release"
    return Shape(f"{helper}_{ending}", primitive + release, later + release)
