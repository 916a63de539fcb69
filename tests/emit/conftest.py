"""Headers made from samples/emit, and programs built with them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import pytest

from opvasm.assembler import Assembly, assemble
from opvasm.emit import ARCHITECTURES, Naming, Request, header
from opvasm.emit.positions import find_position
from opvasm.emit.sections import with_sections
from opvasm.source import SourceFile
from opvasm.text.scenario_tree import BUILTIN_STRATEGIES, Strategy
from tests.command import run_here

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "samples" / "emit"
HERE = Path(__file__).parent
IDIOMS = ("counter", "list", "ring", "records", "pointers", "spinlock", "cmpxchg", "results")
# What cpu_opv can't do, since it gives nothing back but the number of a compare.
NOT_BY_THE_CALL = ("results",)
# The usual way to run vectors: a section twice, then the lock of the CPU.
ELIDE = Strategy("elide", "rseq", "lock", attempts=2, subscription="eager")
# Of each sample, the pointers that callers hand over as an element's number.
POSITIONS = {"ring": {"slot": "log.slot"}}
WARNINGS = ("-Wall", "-Wextra", "-Werror")


def need(*tools: str) -> None:
    """Skip where a tool is missing."""
    for tool in tools:
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")


def run(
    *command: str | Path,
    env: dict[str, str] | None = None,
    timeout: float = 120,
    cwd: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, with variables besides those of the environment."""
    return subprocess.run(
        [str(each) for each in command],
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=cwd,
        check=False,
    )


def audit(*words: str | Path) -> tuple[int, str]:
    """``opvasm audit`` in this process, which has read what decodes instructions once: exit code, what it says."""
    code, said, _ = run_here("audit", *words, together=True)
    return code, said


def assembled(text: str) -> Assembly:
    """A text without a file."""
    return assemble(SourceFile("text.opv", text))


def strategy_of(assembly: Assembly, name: str) -> Strategy:
    """A strategy of the text, or one that every text has."""
    return {**BUILTIN_STRATEGIES, **{each.name: each for each in assembly.strategies}}[name]


def header_of(text: str, strategy: Strategy = ELIDE, prefix: str = "t") -> str:
    """The header of a text's vectors."""
    program = assembled(text).program
    vectors = tuple(program.vectors.values())
    naming = Naming(prefix, {})
    return header(Request(program, vectors, strategy, naming, file_name=f"{prefix}.h"))


def write_headers(folder: Path, strategy: str) -> None:
    """The headers of all samples for one strategy, but for what it can't do."""
    for name, text in headers_of(strategy):
        (folder / name).write_text(text)


@cache
def headers_of(strategy: str) -> tuple[tuple[str, str], ...]:
    """The same as names and texts: many tests want them, each in a folder of its own."""
    found = []
    for file in sorted(SAMPLES.glob("*.opv")):
        if strategy in ("opv", "rseq_then_opv") and file.stem in NOT_BY_THE_CALL:
            continue
        assembly = assemble(SourceFile(file.name, file.read_text()))
        chosen = strategy_of(assembly, strategy)
        sections = with_sections(assembly.program, (), chosen, ARCHITECTURES)
        assert not sections.findings
        program = sections.program
        request = Request(
            program,
            (*program.vectors.values(), *sections.vectors),
            chosen,
            Naming(file.stem, {}),
            file_name=f"{file.stem}.h",
            positions={
                name: find_position(path, program.data)
                for name, path in POSITIONS.get(file.stem, {}).items()
            },
            loading=sections.loading,
        )
        found.append((f"{file.stem}.h", header(request)))
    return tuple(found)


Build = Callable[..., Path]


@pytest.fixture(scope="session")
def hammer(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Builds hammer.c for a strategy, each kind once: ``hammer("elide", "-DOPV_FALLBACK=1")``."""
    made: dict[tuple[str, ...], Path] = {}

    def build(strategy: str, *options: str, compiler: Sequence[str] = ("gcc",)) -> Path:
        key = (strategy, *options, *compiler)
        if key not in made:
            need(compiler[0])
            folder = tmp_path_factory.mktemp("hammer")
            write_headers(folder, strategy)
            made[key] = build_hammer(folder, compiler, *options)
        return made[key]

    return build


def build_hammer(folder: Path, compiler: Sequence[str], *options: str) -> Path:
    """hammer.c with the headers of a folder."""
    target = folder / "hammer"
    command = [*compiler, "-O2", *WARNINGS, *options, f"-I{folder}"]
    done = run(*command, HERE / "hammer.c", "-o", target, "-lpthread")
    assert done.returncode == 0, done.stderr
    return target
