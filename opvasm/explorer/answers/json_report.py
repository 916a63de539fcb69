"""Reports for machines: ``opvasm-explore/1``, whose schema is in schemas/."""

from __future__ import annotations

import json
from collections.abc import Iterable

from ...source import SourceFile
from ..schedules.replay_file import replay_json
from .coverage import Line
from .text_report import expectation_text
from .verdict import Report, Run

SCHEMA = "opvasm-explore/1"


def report_json(
    sources: tuple[SourceFile, ...],
    reports: Iterable[Report],
    coverage: tuple[Line, ...] | None,
    version: str,
) -> str:
    """The whole document, with the schedules of runs that have a diagnosis."""
    document: dict[str, object] = {
        "schema": SCHEMA,
        "file": sources[0].name,
        "scenarios": [_scenario(report, sources, version) for report in reports],
    }
    if coverage is not None:
        document["coverage"] = [
            {
                "vector": line.vector,
                "op": line.op,
                "method": line.method,
                "events": list(line.events),
            }
            for line in coverage
        ]
    return json.dumps(document, indent=1) + "\n"


def _scenario(
    report: Report,
    sources: tuple[SourceFile, ...],
    version: str,
) -> dict[str, object]:
    scenario = report.scenario
    return {
        "name": scenario.name,
        "title": scenario.title,
        "as_expected": report.as_expected,
        "expectations": [
            {
                "expected": expectation_text(each.expectation),
                "met": each.met,
                "reason": each.reason,
            }
            for each in report.outcomes
        ],
        "runs": [_run(report, run, sources, version) for run in report.runs],
        "not_begun": len(report.not_begun),
        "undiagnosed": report.undiagnosed,
        "interrupted": report.interrupted,
    }


def _run(
    report: Report,
    run: Run,
    sources: tuple[SourceFile, ...],
    version: str,
) -> dict[str, object]:
    found, diagnosis = run.found, run.diagnosis
    columns = [column.text for column in found.plan.judge.columns]
    document: dict[str, object] = {
        **run.configuration.key(report.scenario),
        "verdict": run.verdict,
        "findings": list(run.verdicts),
        "stopped": run.stopped,
        "preemption_bound": report.limits.preemptions,
        "engine": found.engine,
        "states": found.states,
        "transitions": found.transitions,
        "seconds": round(run.seconds, 6),
        "outcomes": [
            {
                "values": dict(zip(columns, outcome, strict=True)),
                "states": count,
                "bad": outcome in found.bad_outcomes,
            }
            for outcome, count in sorted(found.outcomes.items())
        ],
        "failures": [
            {"kind": kind, "label": label}
            for kind, label in sorted({(f.kind, f.label) for f in found.failures})
        ],
        "progress": [
            {
                "thread": answer.claim.thread,
                "claimed": answer.claim.level,
                "level": answer.level,
            }
            for answer in run.answers
        ],
    }
    if diagnosis is not None:
        text = replay_json(diagnosis.replay, sources, diagnosis.verdict, diagnosis.label, version)
        document["replay"] = json.loads(text)
        document["preemptions"] = diagnosis.preemptions
    return document
