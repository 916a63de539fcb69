"""The command line in the test's own process: what a process of its own would only take time for."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from pathlib import Path
from typing import NamedTuple

from opvasm.cli.main import main


class Ran(NamedTuple):
    """What a command came to: its exit code, and what it wrote."""

    code: int
    output: str
    errors: str


def run_here(
    *words: str | Path, cwd: Path | None = None, together: bool = False, **environment: str
) -> Ran:
    """Run a command line in a folder, the current one unless given.

    With ``together``, errors stand in the output, in their order.
    """
    written = (io.BytesIO(), io.BytesIO())
    output, alone = (io.TextIOWrapper(each, "utf-8", write_through=True) for each in written)
    errors = output if together else alone
    before = dict(os.environ)
    nothing = io.TextIOWrapper(io.BytesIO(), "utf-8")
    with contextlib.ExitStack() as streams:
        streams.enter_context(contextlib.chdir(cwd or Path.cwd()))
        streams.enter_context(contextlib.redirect_stdout(output))
        streams.enter_context(contextlib.redirect_stderr(errors))
        usual, sys.stdin = sys.stdin, nothing
        os.environ.update(environment)
        try:
            code = main([str(word) for word in words])
        finally:
            sys.stdin = usual
            os.environ.clear()
            os.environ.update(before)
    found = [stream.getvalue().decode() for stream in written]
    return Ran(code, found[0], "" if together else found[1])
