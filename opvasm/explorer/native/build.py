"""Builds the C engine: `python opvasm/explorer/native/build.py [OUTPUT] [FLAG …]`.

It needs a C compiler and Python's headers, and nothing of this package: the package's own build
runs it (hatch_build.py), and tests build it with other flags.
"""

from __future__ import annotations

import os
import runpy
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

HERE = Path(__file__).parent
SOURCES = HERE / "source"
OUTPUT = HERE / "_engine.abi3.so"
# Plain C11, POSIX's clock and threads; nothing is seen from outside but what Python looks for.
FLAGS = ("-std=c11", "-D_DEFAULT_SOURCE", "-fPIC", "-shared", "-fvisibility=hidden", "-pthread")
# The sources are one text to the compiler: it sees through calls as -flto would, in two thirds of the time.
FAST = ("-O3", "-DNDEBUG")


class NotBuilt(Exception):
    """The engine could not be built; the text says why."""


def build(output: Path = OUTPUT, flags: tuple[str, ...] = FAST) -> Path:
    """Compile the engine into a file.  Raises NotBuilt with what the compiler says.

    The environment's CC and CFLAGS are heeded, as by any build: the latter come last.
    """
    compiler = shlex.split(os.environ.get("CC") or "cc")
    include = sysconfig.get_paths()["include"]
    sources = (f"-include{each}" for each in sorted(SOURCES.glob("*.c")))
    digest = runpy.run_path(str(HERE / "sources.py"))["digest"]()
    defined = (f"-I{include}", f"-DSOURCES={digest:#x}")
    flags = (*flags, *shlex.split(os.environ.get("CFLAGS") or ""))
    command = [*compiler, *FLAGS, *flags, *defined, "-o", str(output), *sources, "-xc", "/dev/null"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise NotBuilt(f"there is no C compiler: {error}") from None
    if done.returncode:
        raise NotBuilt(f"{compiler[0]} says:\n{done.stderr.strip()}")
    return output


def main(arguments: list[str]) -> int:
    """Exit codes: 0 built, 4 not."""
    output, flags = Path(arguments[0]) if arguments else OUTPUT, tuple(arguments[1:])
    try:
        sys.stdout.write(f"{build(output, flags or FAST)}\n")
    except NotBuilt as reason:
        sys.stderr.write(f"{reason}\n")
        return 4
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
