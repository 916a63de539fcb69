"""What the probe found, for people."""

from __future__ import annotations

from ..kernels.profiles import Profile
from .answers import Counts, Facts, Probe, Registration
from .breakage import KNOWN as BREAKS, REMARKS, uname_says
from .judge import KNOWN, OPEN, Verdict, candidates, fits
from .questions import BY_NAME, CONTROL, QUESTIONS


def probe_text(probe: Probe, verdicts: list[Verdict]) -> str:
    """Facts, a table for each registration, and a verdict with what is known to break."""
    facts = probe.facts
    lines = _facts(facts)
    for registration, verdict in zip(probe.registrations, verdicts, strict=True):
        lines += ["", *_registration(facts, registration, verdict)]
    if facts.owner and len(verdicts) > 1:
        first = probe.registrations[0]
        lines += ["", f"the exit code is that of {first.label} ({first.size} bytes)"]
    if facts.absent:
        lines += ["", f"verdict: no_rseq: {facts.absent}"]
        lines += ["  every section of a program falls back; `opvasm explain no_rseq`"]
    return "\n".join(lines) + "\n"


def _facts(facts: Facts) -> list[str]:
    own = f"{facts.owner}, {facts.own_size} bytes" if facts.owner else "none"
    auxv = f"feature size {facts.feature_size}, alignment {facts.alignment}"
    rows = [
        ("kernel", f"{facts.release} on {facts.machine}, {_count(facts.cpus, 'CPU')} allowed"),
        ("registration", f"{own}; signature {facts.signature:#x}"),
        ("auxiliary vector", auxv if facts.feature_size else "says nothing of rseq"),
        ("tunables", "; ".join(facts.tunables) or "none for rseq"),
        ("slice extension", facts.slice_extension),
    ]
    return [f"{name:<18}{text}" for name, text in rows]


def _registration(facts: Facts, registration: Registration, verdict: Verdict) -> list[str]:
    lines = [f"registration: {registration.label} ({registration.size} bytes)"]
    rows = [("(what was done)", "(tries that count)", "(profiles that answer so)")]
    rows += [
        (BY_NAME[each.name].text, _seen(counts), _fitting(facts, registration, each.name, counts))
        for each in QUESTIONS
        if (counts := registration.answers.get(each.name)) is not None
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(2)]
    for text, seen, fit in rows:
        lines.append(f"  {text:<{widths[0]}}  {seen:<{widths[1]}}  {fit}".rstrip())
    return lines + _verdict(facts, registration, verdict)


def _seen(counts: Counts) -> str:
    if not counts.asked:
        return f"not asked: {counts.why}"
    if not counts.tries:
        return "no try counts"
    shares = sorted(counts.seen.items(), key=lambda pair: -pair[1])
    return ", ".join(f"{name} {count} of {counts.tries}" for name, count in shares if count)


def _fitting(facts: Facts, registration: Registration, name: str, counts: Counts) -> str:
    """The profiles that answer so."""
    if name == CONTROL or counts.outcome is None:
        return ""
    found = fits(name, counts.outcome, facts.machine, registration.size)
    if len(found) == len(candidates(facts.machine, registration.size)):
        return "all"
    return " ".join(dict.fromkeys(each.name for each in found)) or "none"


def _verdict(facts: Facts, registration: Registration, verdict: Verdict) -> list[str]:
    profile = verdict.profile
    if verdict.state == OPEN or profile is None:
        return [f"verdict: inconclusive: {verdict.why}"]
    if verdict.state != KNOWN:
        lines = [f"verdict: none of the known profiles; {profile.name} is nearest, but"]
        return lines + [
            f"  {BY_NAME[each.question].text}: {each.seen}, not {each.wanted}"
            for each in verdict.differences
        ]
    lines = [f"verdict: {profile.name}: {profile.summary}"]
    lines += [f"  breaks: {each}" for each in BREAKS.get(profile.name, ())]
    lines += [f"  note: {each}" for each in REMARKS.get(profile.name, ())]
    return [*lines, f"  {_uname(facts, registration, profile)}"]


def _uname(facts: Facts, registration: Registration, profile: Profile) -> str:
    guess = uname_says(facts.release, facts.machine, registration.size)
    if guess is None:
        return "uname: this version is in no table"
    agrees = "the same" if guess is profile else f"{guess.name}, which is wrong here"
    return f"uname would have said: {agrees}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
