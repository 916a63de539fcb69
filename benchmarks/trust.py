"""``python -m benchmarks.trust``: every figure of docs/trust.md, in the order of that page.

Each part begins with the command that prints it alone.  All of it took 13 minutes on two cores that did
other work as well, which ratios of whole runs (sweep) suffer from; parts can be named
(``python -m benchmarks.trust sweep``).  With ``--write`` the figures are put into the page as well, with
the version that they are of.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from opvasm import __version__

from . import assembling, cold_start, interpreter, live, sweep
from .trust_page import fill

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "trust.md"
# Of the table of coverage the page shows these lengths of these ops, and the last line.
SHOWN = (("cmpeq", "8"), ("cmpeq", "3..64"), ("cmpeq", "65..4096"), ("add", "8"))


def _output(words: list[str]) -> str:
    """What a command prints.  Raises RuntimeError where it fails."""
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: exit code {done.returncode}\n{done.stderr}")
    return done.stdout


def _cases() -> str:
    return _output([sys.executable, "-m", "opvasm", "test", "tests/conformance"])


def _mutants() -> str:
    return _output([sys.executable, "benchmarks/mutants.py"])


def _coverage() -> str:
    words = ["opvasm", "test", "samples", "tests/conformance", "--coverage"]
    lines = _output([sys.executable, "-m", *words]).splitlines()
    heads = [line for line in lines if line.startswith("op  ")]
    rows = [line for line in lines if tuple(line.split()[:2]) in SHOWN]
    ends = [line for line in lines if "combinations of op" in line]
    return "\n".join([*heads, *rows, *ends]) + "\n"


PARTS: dict[str, tuple[str, Callable[[], str]]] = {
    "cases": ("opvasm test tests/conformance", _cases),
    "mutants": ("python benchmarks/mutants.py", _mutants),
    "coverage": ("opvasm test samples tests/conformance --coverage", _coverage),
    "cold_start": ("python -m benchmarks cold_start", cold_start.measure),
    "interpreter": ("python -m benchmarks interpreter", interpreter.measure),
    "assembling": ("python -m benchmarks assembling", assembling.measure),
    "live": ("python -m benchmarks live", live.measure),
    "sweep": ("python -m benchmarks sweep", sweep.measure),
}


def _version() -> str:
    """What was measured, and where: version, commit, day, kernel, processor, Python."""
    commit = _output(["git", "log", "-1", "--format=%h of %cs"]).strip()
    linux = ".".join(platform.release().split(".")[:2])
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Linux {linux}"
    return f"opvasm {__version__} ({commit}) on {machine}, CPython {platform.python_version()}"


def main(words: list[str]) -> int:
    """Print the parts that are named, all without a name; ``--write``: into docs/trust.md, too."""
    write = "--write" in words
    names = [each for each in words if each != "--write"]
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        print(f"no part is called {unknown[0]}: {', '.join(PARTS)}", file=sys.stderr)
        return 2
    printed = {}
    for name in names or PARTS:
        command, measure = PARTS[name]
        print(f"== {command}")
        printed[name] = measure()
        print(printed[name], flush=True)
    if write:
        if not names:  # the line about the version speaks for the whole page
            printed["version"] = _version()
        PAGE.write_text(fill(PAGE.read_text(), printed))
        print(f"written into {PAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
