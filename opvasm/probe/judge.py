"""From a table of answers to a profile: a pure function, tested for every rule set and mixtures."""

from __future__ import annotations

from ..kernels.profiles import NO_RSEQ, PROFILES, Profile
from ..light_typing import NamedTuple
from .answers import Answers
from .questions import BY_NAME, CONTROL, ESSENTIAL, expected

KNOWN, UNKNOWN, OPEN = "known", "unknown", "inconclusive"
CONTROL_SHARE = 0.1  # of tries in which nothing happened and that aborted all the same


class Difference(NamedTuple):
    """A question that a profile answers otherwise than the kernel did."""

    question: str
    seen: str
    wanted: str


class Verdict(NamedTuple):
    """What the answers come to.

    ``state`` is "known" (``profile`` is it), "unknown" (no profile fits; ``profile`` is the nearest
    and ``differences`` say where it differs) or "inconclusive" (``why`` says what is missing).
    """

    state: str
    profile: Profile | None
    differences: tuple[Difference, ...] = ()
    why: str = ""


def judge(answers: Answers, architecture: str, size: int) -> Verdict:
    """The profile of a registration of ``size`` bytes (above 32 is one class) with these answers."""
    control = answers.get(CONTROL)
    if control is not None and control.seen.get("aborts", 0) > CONTROL_SHARE * max(
        control.tries, 1
    ):
        return Verdict(
            OPEN, None, why="sections abort though nothing happens to them: too busy to tell"
        )
    decided = {
        name: counts.outcome
        for name, counts in answers.items()
        if name != CONTROL and counts.outcome is not None
    }
    mixed = [name for name, counts in answers.items() if name != CONTROL and counts.mixed]
    if mixed:
        return Verdict(OPEN, None, why=f"tries differ for {', '.join(mixed)}")
    missing = [each for each in ESSENTIAL if each not in decided]
    if missing:
        return Verdict(OPEN, None, why=f"too few tries for {', '.join(missing)}")
    found = candidates(architecture, size)
    against = [(differences(decided, each), each) for each in found]
    fitting = [profile for wrong, profile in against if not wrong]
    if len(fitting) == 1:
        return Verdict(KNOWN, fitting[0])
    if fitting:
        names = ", ".join(dict.fromkeys(each.name for each in fitting))
        return Verdict(OPEN, None, why=f"the answers fit {names}")
    wrong, nearest = min(against, key=lambda pair: len(pair[0]))
    return Verdict(UNKNOWN, nearest, tuple(wrong))


def candidates(architecture: str, size: int) -> list[Profile]:
    """The profiles that a registration of this size can meet on this architecture."""
    kind = "32" if size <= 32 else "33"
    return [
        each
        for each in PROFILES.values()
        if each is not NO_RSEQ and architecture in each.architectures and each.size in ("any", kind)
    ]


def differences(decided: dict[str, str], profile: Profile) -> list[Difference]:
    """The decided questions that a profile answers otherwise."""
    found = []
    for name, seen in decided.items():
        wanted = expected(BY_NAME[name], profile)
        if seen != wanted:
            found.append(Difference(name, seen, wanted))
    return found


def fits(name: str, outcome: str, architecture: str, size: int) -> list[Profile]:
    """The profiles that give this answer to a question."""
    found = candidates(architecture, size)
    if name == CONTROL:
        return found
    return [each for each in found if expected(BY_NAME[name], each) == outcome]
