"""Explains a kind of page: what each revision does with an operand that lies in one."""

from __future__ import annotations

from ..abi.pages import PageKind
from ..abi.revisions import REVISIONS, Revision, ZeroPageRead
from .layout import rows


def explain(kind: PageKind) -> str:
    """The answers of every revision to reading and to writing such a page."""
    listed = [
        (each.name, f"read: {_read(each, kind)}; write: {_write(each, kind)}") for each in REVISIONS
    ]
    return f"{kind.value}: {kind.summary}\n\nas an operand:\n{rows(listed)}"


def _refused(revision: Revision, kind: PageKind) -> bool:
    return kind is PageKind.UNMAPPED or kind in revision.refused_pages


def _read(revision: Revision, kind: PageKind) -> str:
    if _refused(revision, kind):
        return "EFAULT"
    if kind.is_zero_page:
        match revision.zero_page_read:
            case ZeroPageRead.ALLOWED:
                return "zeros"
            case ZeroPageRead.REFUSED:
                return "EFAULT"
            case ZeroPageRead.WRITE_FAULTED:
                return "zeros" if kind.writable else "EFAULT"
    return "yes"


def _write(revision: Revision, kind: PageKind) -> str:
    if _refused(revision, kind) or not kind.writable:
        early = revision.pins_for_write or _refused(revision, kind)
        return "EFAULT" if early else "EFAULT when its op runs"
    if kind.shared_until_written and not revision.pins_for_write:
        return "EFAULT when its op runs"
    return "yes"
