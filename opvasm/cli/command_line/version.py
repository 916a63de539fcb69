"""What ``opvasm --version`` prints."""

from __future__ import annotations

from ..._version import __version__
from ...abi.revisions import DEFAULT_REVISION, REVISIONS, Revision


def version() -> str:
    """The version, and the revisions of the interface with what they rest on."""
    names = " ".join(f"{revision.name}{_mark(revision)}" for revision in REVISIONS)
    return f"opvasm {__version__}\ncpu_opv revisions: {names}\nexplorer: {_engine()}"


def _engine() -> str:
    """The engine that searches unless one is asked for."""
    from ...explorer.native.built import Refused, engine_type

    try:
        engine_type()
    except Refused as reason:
        return f"engine in Python (the one in C can't be used: {reason})"
    return "engine in C"


def _mark(revision: Revision) -> str:
    marks = [
        *(["default"] if revision.name == DEFAULT_REVISION else []),
        *(["inferred"] if revision.inferred else []),
    ]
    return f" ({', '.join(marks)})" if marks else ""
