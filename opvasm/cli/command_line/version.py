"""What ``opvasm --version`` prints."""

from __future__ import annotations

from ..._version import __version__
from ...abi.revisions import DEFAULT_REVISION, REVISIONS, Revision


def version() -> str:
    """The version, and the revisions of the interface with what they rest on."""
    names = " ".join(f"{revision.name}{_mark(revision)}" for revision in REVISIONS)
    return f"opvasm {__version__}\ncpu_opv revisions: {names}"


def _mark(revision: Revision) -> str:
    marks = [
        *(["default"] if revision.name == DEFAULT_REVISION else []),
        *(["inferred"] if revision.inferred else []),
    ]
    return f" ({', '.join(marks)})" if marks else ""
