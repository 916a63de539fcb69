"""A sweep for machines: ``opvasm-sweep/1``, whose schema is in schemas/."""

from __future__ import annotations

import json

from .._version import __version__
from ..explorer.answers.text_report import expectation_text
from ..light_typing import Any
from .merge import Found, Merged, Report

SCHEMA = "opvasm-sweep/1"


def report_json(report: Report) -> str:
    """The document: no times, no hosts, nothing that differs from one run to the next."""
    sweep = report.sweep
    files: dict[str, list[dict[str, Any]]] = {name: [] for name in sweep.texts()}
    for merged in report.scenarios:
        files[merged.block.text.name].append(_scenario(merged))
    document = {
        "schema": SCHEMA,
        "tool": f"opvasm {__version__}",
        "complete": report.complete,
        "options": sweep.options(),
        "units": len(sweep.units),
        "counts": report.counts(),
        "files": [
            {"file": name, "sha256": sweep.texts()[name].sha256, "scenarios": scenarios}
            for name, scenarios in files.items()
        ],
    }
    return json.dumps(document, indent=1) + "\n"


def _scenario(merged: Merged) -> dict[str, Any]:
    judged = merged.judgement
    return {
        "name": merged.block.scenario.name,
        "title": merged.block.scenario.title,
        "as_expected": judged.as_expected,
        "not_judged": judged.why_not,
        "expectations": [
            {
                "expected": expectation_text(each.expectation),
                "met": each.met,
                "reason": each.reason,
                "preemption_bound": judged.bound,
            }
            for each in judged.outcomes
        ],
        "cells": [_cell(merged, each) for each in merged.cells],
        "counterexamples": {
            str(example.number): example.result.replay for example in merged.examples
        },
    }


def _cell(merged: Merged, found: Found) -> dict[str, Any]:
    cell, result = found.cell, found.result
    document: dict[str, Any] = {
        "strategy": cell.label,
        **cell.configuration.key(merged.block.scenario),
        "preemption_bound": cell.bound,
        "own": cell.own,
        "same_as": found.same_as,
        "verdict": None,
    }
    if result is None:
        return document
    walked = result.walked
    return {
        **document,
        "verdict": result.verdict,
        "findings": list(result.verdicts),
        "rule": result.rule,
        "label": result.label,
        "states": result.states,
        "preemptions": result.preemptions,
        "stopped": result.stopped,
        "walks": None if walked is None else walked._asdict(),
        "counterexample": None if found.example is None else str(found.example),
    }
