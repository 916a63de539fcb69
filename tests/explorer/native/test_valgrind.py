"""Valgrind finds nothing in the C engine: no byte is used before it has a value, nothing outside is touched."""

from __future__ import annotations

import marshal
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from opvasm.explorer.native.build import SOURCES
from opvasm.explorer.search.native_search import NativeSearch
from opvasm.explorer.setting.options import Limits

from ..helpers import plans, sample
from .agreement import MODES
from .builds import loaded, needs_compiler, searching_with
from .recorded import Recorder

pytestmark = [
    needs_compiler,
    pytest.mark.skipif(
        shutil.which("valgrind") is None, reason="there is no valgrind (apt-get install valgrind)"
    ),
]
# Scenarios that between them have sections, vectors, locks, handlers, every disturbance and own memory.
SCENARIOS = (
    *(("list", "own_nodes"), ("locks", "handler"), ("locks", "elided"), ("membarrier", "fenced")),
    *(("tcmalloc", "two_resizes"), ("ids", "migrated"), ("offline", "both_push")),
    *(("cmpxchg", "own_memory"), ("loads", "pops"), ("checkpoint", "restored_inside")),
)
STATES = 80


def recorded(engine: Path) -> bytes:
    """Searches of samples in every mode, as recorded.py runs them again."""
    recorder = Recorder(loaded(engine).Engine)
    with searching_with(SimpleNamespace(Engine=recorder)):  # type: ignore[arg-type]
        for file, name in SCENARIOS:
            for plan in plans(sample(file), name)[:2]:
                for mode in MODES.values():
                    limits = Limits(STATES, preemptions=mode.preemptions, goes_on=False)
                    NativeSearch(plan, mode.reductions, limits, keep_edges=True).run()
    return marshal.dumps(recorder.searches)


def test_valgrind_finds_nothing(planted: Path, tmp_path: Path) -> None:
    """Recorded searches find the same again under valgrind, which reports no error in the engine."""
    searches, log = tmp_path / "searches", tmp_path / "valgrind"
    searches.write_bytes(recorded(planted))
    script = Path(__file__).with_name("recorded.py")
    python = os.path.realpath(sys.executable)
    done = subprocess.run(
        [
            *("valgrind", "--quiet", "--error-exitcode=0", f"--log-file={log}", "--num-callers=12"),
            *(python, "-I", "-S", str(script), str(searches), str(planted)),
        ],
        env={**os.environ, "PYTHONMALLOC": "malloc"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith(", 0 differ\n")
    # What Python does by itself is not judged here.
    sources = [planted.name, *(f"({each.name}:" for each in SOURCES.glob("*.c"))]
    errors = log.read_text().split("== \n")
    assert [each for each in errors if any(source in each for source in sources)] == []
