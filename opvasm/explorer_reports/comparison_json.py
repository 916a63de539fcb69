"""Comparison tables for machines: ``opvasm-compare/1``, whose schema is in schemas/."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ..explorer.schedules.replay_file import replay_json
from ..source import SourceFile
from .comparison import Cell, Table
from .examples import Example, examples, numbers

SCHEMA = "opvasm-compare/1"


def comparison_json(sources: tuple[SourceFile, ...], tables: Sequence[Table], version: str) -> str:
    """The document ``opvasm-compare/1``; a counterexample is a replay file in it."""
    known = numbers(tables)
    document = {
        "schema": SCHEMA,
        "file": sources[0].name,
        "scenarios": [
            {
                "name": table.scenario.name,
                "title": table.scenario.title,
                "cpus": table.cpus,
                "complete": table.complete,
                "environments": {each.name: each.meaning for each in table.environments},
                "cells": [_cell(cell, known.get(id(cell.diagnosis))) for cell in table.cells],
            }
            for table in tables
        ],
        "counterexamples": {
            str(each.number): json.loads(saved(each, sources, version)) for each in examples(tables)
        },
    }
    return json.dumps(document, indent=1) + "\n"


def _cell(cell: Cell, number: int | None) -> dict[str, object]:
    return {
        "strategy": cell.strategy,
        "kernel": cell.kernel,
        "environment": cell.environment,
        "verdict": cell.verdict,
        "rule": cell.rule,
        "states": cell.states,
        "preemptions": cell.preemptions,
        "stopped": cell.stopped,
        "same_as": cell.same_as,
        "counterexample": None if number is None else str(number),
    }


def saved(example: Example, sources: tuple[SourceFile, ...], version: str) -> str:
    """A counterexample as a replay file."""
    found = example.cell.diagnosis
    assert found is not None
    return replay_json(found.replay, sources, found.verdict, found.label, version)
