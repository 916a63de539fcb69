"""The whole probe: facts, then every question about each registration that a program could get."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from ..kernels.profiles import NO_RSEQ, Profile
from . import facts as reading
from .answers import Counts, Facts, Probe, Registration
from .judge import KNOWN, Verdict, judge
from .measure import PAUSE, Asked, ask
from .native import Code, this_machine
from .questions import MEMBARRIER, QUESTIONS, TWO_CPUS, Question

TRIES = 20
SLICE = 0.25  # seconds for a question in the first round
FAILURES = 5  # children of one question that may fail, each time with more time between signals
SECONDS = 20.0


class Undecided(Exception):
    """No profile can be named; the message says why."""


def probe_host(seconds: float = SECONDS, tries: int = TRIES) -> Probe:
    """Ask this kernel everything, until it is decided, at most ``seconds`` for each registration.

    ``tries`` is the number for each question in a round.  Forks children, some of which the kernel
    may kill; changes the affinity of the calling thread meanwhile.  Raises NotHere where this host
    does not allow it.
    """
    began = time.monotonic()
    code = Code(this_machine())
    try:
        facts = reading.read_facts(code)
        wanted = _registrations(facts)
        found = tuple(
            Registration(label, size, _answers(code, facts, size, own, seconds, tries))
            for label, size, own in wanted
        )
    finally:
        code.close()
    return Probe(facts, found, time.monotonic() - began)


def verdicts(probe: Probe) -> list[Verdict]:
    """A verdict for each registration, in their order."""
    return [judge(each.answers, probe.facts.machine, each.size) for each in probe.registrations]


def answer(probe: Probe, found: Sequence[Verdict]) -> str | None:
    """The name of the rules for the registration that a program gets here: the first one's.

    "no_rseq" where it gets none; None where that is too busy to tell or no known profile.
    """
    if not probe.facts.owner:
        return NO_RSEQ.name
    first = found[0]
    return first.profile.name if first.state == KNOWN and first.profile is not None else None


def host_profile(seconds: float = SECONDS) -> Profile:
    """The profile of the registration that a program gets on this host.

    Raises Undecided when the machine is too busy to tell or no profile fits, and NotHere where the
    host does not allow to ask.
    """
    probe = probe_host(seconds)
    if not probe.facts.owner:
        return NO_RSEQ
    verdict = verdicts(probe)[0]
    if verdict.state == KNOWN and verdict.profile is not None:
        return verdict.profile
    why = verdict.why
    if verdict.profile is not None:
        wrong = ", ".join(each.question for each in verdict.differences)
        why = f"no known profile fits; {verdict.profile.name} is nearest, but for {wrong}"
    raise Undecided(why)


def _registrations(facts: Facts) -> list[tuple[str, int, bool]]:
    """What is asked about: a label, the size in bytes, whether it is the thread's own."""
    if not facts.kernel_has_rseq:
        return []
    found = []
    if facts.owner and facts.own_size:
        found.append((f"{facts.owner}'s own", facts.own_size, True))
    for label, size in (("original size", reading.LEAST), ("feature size", facts.feature_size)):
        # 32 bytes and fewer features are one class, and more than 32 are another.
        if size >= reading.LEAST and (size > reading.LEAST) not in (
            known > reading.LEAST for _, known, _ in found
        ):
            found.append((label, size, False))
    return found


def _answers(
    code: Code, facts: Facts, size: int, own: bool, seconds: float, tries: int
) -> dict[str, Counts]:
    cpus = sorted(os.sched_getaffinity(0))
    cpu, other = cpus[0], cpus[-1] if len(cpus) > 1 else None
    sizes = reading.possible_sizes(facts.feature_size, facts.alignment)
    answers: dict[str, Counts] = {}
    failures: dict[str, int] = {}
    piece, ends = SLICE, time.monotonic() + seconds
    while True:
        for question in QUESTIONS:
            known = answers.get(question.name)
            if known is not None and (not known.asked or known.outcome is not None):
                continue
            refusal = _refusal(question, facts, other)
            if refusal:
                answers[question.name] = Counts({}, asked=False, why=refusal)
                continue
            left = ends - time.monotonic()
            if left <= 0 and known is not None:
                continue
            asked = Asked(
                *(
                    question,
                    0 if own else size,
                    sizes,
                    cpu,
                    other,
                    tries,
                    max(min(piece, left), 0.02),
                    2 * PAUSE * 4 ** failures.get(question.name, 0),
                )
            )
            found = ask(code, asked)
            failures[question.name] = failures.get(question.name, 0) + found.failed
            answers[question.name] = _sum(known, found, failures[question.name])
        if _all_decided(answers) or time.monotonic() >= ends:
            return answers
        piece *= 2  # where starting a child takes longer than that, nothing else would help


def _refusal(question: Question, facts: Facts, other: int | None) -> str:
    """Why a question can't be asked here, "" where it can."""
    if question.name in TWO_CPUS and other is None:
        return "needs two CPUs"
    if question.event == MEMBARRIER and not facts.membarrier:
        return "this kernel has no membarrier for rseq"
    return ""


def _all_decided(answers: dict[str, Counts]) -> bool:
    return all(not each.asked or each.outcome is not None for each in answers.values())


def _sum(known: Counts | None, more: Counts, failures: int) -> Counts:
    """All tries of a question together; given up where its children fail again and again."""
    if not more.asked:
        return more
    before = known.seen if known is not None else {}
    seen = {name: before.get(name, 0) + more.seen.get(name, 0) for name in {**before, **more.seen}}
    if failures >= FAILURES:
        return Counts(
            seen, asked=False, why=f"the child that runs the sections failed {failures} times"
        )
    return Counts(seen)
