"""``did you mean …?`` for every name that can be written wrong."""

from __future__ import annotations

from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """A line of help naming the known name that is nearest to a wrong one, or None."""
    known = list(known)
    near = _nearest(name, known)
    if near is None:
        by_lower = {each.lower(): each for each in reversed(known)}
        lower = _nearest(name.lower(), list(by_lower))
        near = None if lower is None else by_lower[lower]
    return f"did you mean {near}?" if near is not None else None


def listing(names: Iterable[str], most: int = 12) -> str:
    """Names for a line of help, with a count of those that are left out."""
    names = list(names)
    left_out = len(names) - most
    shown = ", ".join(names[:most] if left_out > 0 else names)
    return f"{shown}, … ({left_out} more)" if left_out > 0 else shown


def _nearest(name: str, known: list[str]) -> str | None:
    """The name with most in common; of equally near ones the one that begins more alike."""
    from difflib import SequenceMatcher, get_close_matches  # only after a mistake: it imports re
    from os.path import commonprefix

    return max(
        get_close_matches(name, known, n=3, cutoff=0.6),
        key=lambda each: (
            SequenceMatcher(None, name, each).ratio(),
            len(commonprefix((name, each))),  # noqa: RUF071 - of letters, as meant
        ),
        default=None,
    )
