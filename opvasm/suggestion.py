"""``did you mean …?`` for every name that can be written wrong."""

from __future__ import annotations

from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """A line of help naming the known name that is nearest to a wrong one, or None."""
    from difflib import get_close_matches  # only where something went wrong: it imports re

    known = list(known)
    by_lower = {each.lower(): each for each in reversed(known)}
    near = get_close_matches(name, known, n=1, cutoff=0.6) or [
        by_lower[each] for each in get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    ]
    return f"did you mean {near[0]}?" if near else None
