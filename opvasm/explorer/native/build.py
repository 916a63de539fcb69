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

    The environment's CC and CFLAGS are heeded, as by any build: the latter come last.  The file is
    there whole or not at all, also while another build of the same folder runs.
    """
    begun = output.absolute().with_name(f".{output.name}.{os.getpid()}")
    words, text = command(begun, flags), "".join(f"#include <{each}>\n" for each in _names())
    try:
        done = subprocess.run(
            words, input=text, capture_output=True, text=True, errors="replace", check=False
        )
    except OSError as error:
        raise NotBuilt(f"there is no C compiler: {error}") from None
    try:
        if done.returncode:
            said = done.stderr.strip() or f"nothing, and ends with {done.returncode}"
            raise NotBuilt(f"{words[0]} says:\n{said}")
        begun.replace(output)
    except FileNotFoundError:
        raise NotBuilt(f"{words[0]} wrote no file") from None
    finally:
        begun.unlink(missing_ok=True)
    return output


def command(output: Path, flags: tuple[str, ...] = FAST) -> list[str]:
    """The compiler's command, which reads a text that includes the sources.  Raises NotBuilt.

    The text has their names alone: clang does not include by a path that has a quote in it.
    """
    include = sysconfig.get_paths()["include"]
    digest = runpy.run_path(str(HERE / "sources.py"))["digest"]()
    defined = (f"-I{include}", f"-DSOURCES={digest:#x}")
    flags = (*flags, *_words("CFLAGS"))
    compiler = _words("CC") or ["cc"]
    return [
        *(*compiler, *FLAGS, *flags, *defined),
        *("-idirafter", str(SOURCES), "-o", str(output), "-xc", "-"),
    ]


def _names() -> list[str]:
    """The sources, in the order in which they are one text."""
    return sorted(each.name for each in SOURCES.glob("*.c"))


def _words(variable: str) -> list[str]:
    """The words of a variable of the environment, as a shell has them."""
    text = os.environ.get(variable, "")
    try:
        return shlex.split(text)
    except ValueError as error:
        raise NotBuilt(f"{variable}={text}: {error}") from None


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
