"""What the probe found, as ``opvasm-probe/1``; the schema is beside, in schemas/."""

from __future__ import annotations

import json

from .._version import __version__
from .answers import Counts, Probe, Registration
from .breakage import KNOWN as BREAKS, REMARKS, uname_says
from .judge import Verdict, fits
from .questions import CONTROL
from .run import answer

SCHEMA = "opvasm-probe/1"


def probe_json(probe: Probe, verdicts: list[Verdict]) -> str:
    """The document as text, two spaces a level, ending in a newline."""
    found = {
        "schema": SCHEMA,
        "version": __version__,
        "seconds": round(probe.seconds, 3),
        "profile": answer(probe, verdicts),
        "facts": {**probe.facts._asdict(), "tunables": list(probe.facts.tunables)},
        "registrations": [
            _registration(probe, each, verdict)
            for each, verdict in zip(probe.registrations, verdicts, strict=True)
        ],
    }
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def _registration(probe: Probe, each: Registration, verdict: Verdict) -> dict[str, object]:
    machine = probe.facts.machine
    name = None if verdict.profile is None else verdict.profile.name
    guess = uname_says(probe.facts.release, machine, each.size)
    return {
        "label": each.label,
        "size": each.size,
        "answers": [_answer(n, c, machine, each.size) for n, c in each.answers.items()],
        "verdict": {
            "state": verdict.state,
            "profile": name,
            "differences": [d._asdict() for d in verdict.differences],
            "why": verdict.why,
            "breaks": list(BREAKS.get(name or "", ())) if verdict.state == "known" else [],
            "notes": list(REMARKS.get(name or "", ())) if verdict.state == "known" else [],
            "uname": None if guess is None else guess.name,
        },
    }


def _answer(name: str, counts: Counts, machine: str, size: int) -> dict[str, object]:
    outcome = counts.outcome
    found = [] if outcome is None else fits(name, outcome, machine, size)
    return {
        "question": name,
        "asked": counts.asked,
        "why": counts.why,
        "seen": dict(counts.seen),
        "outcome": outcome,
        "fits": [] if name == CONTROL else list(dict.fromkeys(each.name for each in found)),
    }
