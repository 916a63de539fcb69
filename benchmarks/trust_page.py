"""The figures of docs/trust.md: where each stands in the page, and in what the parts of ``benchmarks.trust`` print.

``fill`` puts new ones in their places; a figure that is not found, on either side, is an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple


class Figure(NamedTuple):
    """The groups of ``printed`` (in a part's output) take the places of those of ``written`` (in the page)."""

    part: str
    printed: str
    written: str


_MUTANTS = r"^all +(\d+) +(\d+) +(\d+) +(\d+) +(\d+)$"
_NUMBER = r"([\d.,]+)"
FIGURES = (
    Figure("cases", r"^all +\d+ +\d+ +\d+ +(\d+)$", rf"public.jsonl` holds {_NUMBER} complete"),
    Figure(
        "cases",
        r"as the historic kernel(?s:.*?)^all\b.* (\d+)$",
        rf"the {_NUMBER} that run into a mistake",
    ),
    Figure(
        "mutants",
        _MUTANTS,
        rf"of {_NUMBER} mutants {_NUMBER} are caught by the reference cases, {_NUMBER} by the\n"
        rf"  samples, {_NUMBER} by the tests. No call shows a difference for the {_NUMBER} that live",
    ),
    Figure("coverage", r"((?s:.*) %)", r"```\n(op  (?s:.*?) %)"),
    Figure("cold_start", r"opvasm disasm +([\d.]+)", rf"`opvasm disasm` \| {_NUMBER}"),
    Figure(
        "cold_start",
        r"  opvasm run, assembled +([\d.]+)",
        rf"`opvasm run` of an assembled vector \| {_NUMBER}",
    ),
    Figure("cold_start", r"opvasm asm, 10 lines +([\d.]+)", rf"of ten lines \| {_NUMBER}"),
    Figure("cold_start", r"import argparse' +([\d.]+)", rf'import argparse"`, for .* \| {_NUMBER}'),
    Figure("cold_start", r"import lark' +([\d.]+)", rf'import lark"` \| {_NUMBER}'),
    *(
        Figure("interpreter", rf"^  {shape} +[\d,]+ +[\d,]+ +(\d+) ", written)
        for shape, written in (
            ("1 op", rf"\n\| {_NUMBER} \| \d+ \| \d+ \| \d+ \|"),
            ("3 ops", rf"\n\| \d+ \| {_NUMBER} \| \d+ \| \d+ \|"),
            ("16 ops", rf"\n\| \d+ \| \d+ \| {_NUMBER} \| \d+ \|"),
            (r"4096-byte memcpy \+ 15", rf"\n\| \d+ \| \d+ \| \d+ \| {_NUMBER} \|"),
        )
    ),
    Figure(
        "assembling",
        r"^  100,000 +([\d.]+) +[\d,]+ +(\d+)",
        rf"100,000 of them took {_NUMBER} seconds and {_NUMBER} MB",
    ),
    Figure(
        "live",
        r"SIGILL$(?s:.*?)^  3 ops +[\d.]+ +[\d.]+ +([\d.]+)$(?s:.*?)"
        r"seccomp$(?s:.*?)^  3 ops +[\d.]+ +[\d.]+ +([\d.]+)$",
        rf"took {_NUMBER} times as long as the query of a flag where the call is seen by\n"
        rf"SIGILL, and {_NUMBER} times where a filter",
    ),
    Figure(
        "live",
        r"calls a second: (\d+) with one(?s:.*?)calls a second: (\d+) with one",
        rf"one caller made {_NUMBER} and {_NUMBER} calls a second",
    ),
    Figure("sweep", r"^  units +([\d,]+)", rf"under every kernel \({_NUMBER} units of work\)"),
    Figure("sweep", r"^  ratio +([\d.]+)", rf"took {_NUMBER} times\nas long on two cores"),
    Figure("version", r"(.*)", r"The figures are those of (.*)\."),
)


def fill(page: str, printed: Mapping[str, str]) -> str:
    """The page with the figures of the parts that were measured.  Raises ValueError naming what is not found."""
    for figure in FIGURES:
        if figure.part not in printed:
            continue
        new = re.search(figure.printed, printed[figure.part], re.MULTILINE)
        old = re.search(figure.written, page, re.MULTILINE)
        if new is None or old is None:
            where = "docs/trust.md" if old is None else f"what {figure.part} prints"
            raise ValueError(
                f"{figure.written if old is None else figure.printed!r} is not in {where}"
            )
        for group in range(len(old.groups()), 0, -1):
            page = page[: old.start(group)] + _shown(new[group]) + page[old.end(group) :]
    return page


def _shown(figure: str) -> str:
    return f"{int(figure):,}" if re.fullmatch(r"\d{4,}", figure) else figure
