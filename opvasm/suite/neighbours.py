"""Files that are wrong on purpose: the neighbour ``NAME.expected`` holds what must be found in them.

The text is that of the findings as a person reads them, with the file's name alone in place of its
path.  Advice is not part of it: what can't be read, or what the kernel refuses.
"""

from __future__ import annotations

import os
from difflib import unified_diff
from time import perf_counter

from ..assembler import Assembly
from ..errors import Diagnostic, ParseError, in_order
from ..report.human import render_all
from ..verifier.report import verify
from .outcome import TESTS, Outcome

SUFFIX = ".expected"


def neighbour(file: str) -> str | None:
    """The path of a file's neighbour, where there is one."""
    path = os.path.splitext(file)[0] + SUFFIX
    return path if os.path.exists(path) else None


def findings_text(problem: Assembly | ParseError, file: str) -> str:
    """What must be found in a file, as its neighbour holds it."""
    found = problem.diagnostics if isinstance(problem, ParseError) else _refused(problem)
    folder = os.path.dirname(file)
    text = render_all(found)
    return text.replace(os.path.join(folder, ""), "") if folder else text


def _refused(assembly: Assembly) -> tuple[Diagnostic, ...]:
    """What the kernel would refuse, of vectors that do not say so themselves."""
    program = assembly.program
    return in_order(
        finding
        for vector in program.vectors.values()
        if vector.verified
        for finding in verify(vector, program.abi, data=program.data, advice=False)
        if finding.level == "error"
    )


def run_neighbour(problem: Assembly | ParseError, file: str, expected: str) -> Outcome:
    """Whether exactly what the neighbour holds is found in a file."""
    started = perf_counter()
    found = findings_text(problem, file)
    differences = "\n".join(
        unified_diff(
            expected.splitlines(),
            found.splitlines(),
            fromfile="as expected",
            tofile="as found",
            lineterm="",
        )
    )
    revision = "" if isinstance(problem, ParseError) else problem.program.abi.revision.name
    return Outcome(
        kind=TESTS,
        file=file,
        name=f"the findings of {os.path.basename(os.path.splitext(file)[0])}{SUFFIX}",
        revision=revision,
        category=file,
        problem=differences or None,
        seconds=perf_counter() - started,
    )
