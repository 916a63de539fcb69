"""Whether Spin and the explorer find the same: verdict, and the set of outcomes."""

from __future__ import annotations

from ..explorer.plan.plan import Plan
from ..explorer.search.explore import explore
from ..explorer.search.search import Found
from ..explorer.setting.options import Limits, Reductions
from ..light_typing import NamedTuple
from .spin import SpinResult

_VERDICTS = {"condition": "fails", "invariant": "fails", "fail": "fails", "deadlock": "deadlock"}


class Agreement(NamedTuple):
    """What the two have found, in words; and the outcomes that only one of them has."""

    agree: bool
    explorer: str
    spin: str
    only_explorer: tuple[str, ...]
    only_spin: tuple[str, ...]


def compare(
    plan: Plan, spin: SpinResult, reductions: Reductions | None = None, limits: Limits | None = None
) -> Agreement:
    """Explore a configuration, and hold what Spin has found of its model against it.

    Verdicts are those that a model without progress can give: fails, deadlock.  A search that a
    limit ends agrees with nobody.
    """
    found = explore(plan, reductions, (limits or Limits())._replace(goes_on=False))
    verdicts = explored_verdicts(found)
    columns = [column.text for column in plan.judge.columns]

    def row(outcome: tuple[str, ...]) -> str:
        return "  ".join(f"{name}={text}" for name, text in zip(columns, outcome, strict=True))

    ours, theirs = set(found.outcomes), set(spin.decoded)
    agree = (
        found.stopped is None
        and verdicts == spin.verdicts
        and ours == theirs
        and len(spin.outcomes) == len(ours)
    )
    return Agreement(
        agree=agree,
        explorer=_words(verdicts, len(ours), found.states, found.stopped),
        spin=_words(spin.verdicts, len(spin.outcomes), spin.states, None),
        only_explorer=tuple(sorted(row(each) for each in ours - theirs)),
        only_spin=tuple(sorted(row(each) for each in theirs - ours)),
    )


def explored_verdicts(found: Found) -> tuple[str, ...]:
    """``fails`` and ``deadlock``, as far as the explorer has found them."""
    verdicts = {_VERDICTS[failure.kind] for failure in found.failures}
    if found.missing and found.stopped is None:
        verdicts.add("fails")
    return tuple(each for each in ("fails", "deadlock") if each in verdicts)


def _words(verdicts: tuple[str, ...], outcomes: int, states: int, stopped: str | None) -> str:
    verdict = " and ".join(verdicts) or ("holds" if stopped is None else "inconclusive")
    ending = "" if outcomes == 1 else "s"
    return f"{verdict}; {outcomes} outcome{ending}; {states:,} states"
