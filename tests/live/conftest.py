"""Programs in C that call cpu_opv, built once a session, and opvasm run on them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from opvasm.live.host import HostCannot, probe

PROGRAMS = Path(__file__).parent / "programs"
FILTERED = 1335  # a number that seccomp filters see
NUMBERS = (335, FILTERED)
Build = Callable[[str, int], str]
Opvasm = Callable[..., "subprocess.CompletedProcess[str]"]


def require(number: int) -> None:
    """Skip, with the reason, where this host can't answer a call of this number."""
    try:
        probe(number)
    except HostCannot as reason:
        pytest.skip(f"live programs can't be run here: {reason}")


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Compile a test program for a number; skips without gcc."""
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("gcc is needed to build the C programs of tests/live")
    folder = tmp_path_factory.mktemp("programs")
    built: dict[tuple[str, int], str] = {}

    def make(name: str, number: int = 335) -> str:
        path = built.get((name, number))
        if path is None:
            require(number)
            path = built[name, number] = str(folder / f"{name}-{number}")
            words = f"-O2 -Wall -Wextra -Werror -pthread -D__NR_cpu_opv={number} -o".split()
            subprocess.run([compiler, *words, path, str(PROGRAMS / f"{name}.c")], check=True)
        return path

    return make


@pytest.fixture(scope="session")
def opvasm() -> Opvasm:
    """Run the command; ``before`` are words in front of it, such as a command that drops rights."""

    def run(
        *words: str,
        before: tuple[str, ...] = (),
        timeout: float = 60,
        cwd: Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*before, sys.executable, "-m", "opvasm", *words],
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=cwd,
            env=os.environ | {"NO_COLOR": "1"},
        )

    return run


def number_options(number: int) -> tuple[str, ...]:
    """The option for a number, where it is not the default."""
    return () if number == 335 else ("--syscall-nr", str(number))
