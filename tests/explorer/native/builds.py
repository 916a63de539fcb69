"""Builds of the C engine for tests, and the engine that a test wants in place of the usual one."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

from opvasm.explorer.native import built as found
from opvasm.explorer.native.build import build

needs_compiler = pytest.mark.skipif(
    shutil.which("cc") is None, reason="there is no C compiler (apt-get install gcc)"
)


# A build whose threads meet in small searches, too: batches of a few states, places for a few numbers.
SMALL_BATCHES = (
    *("-DLEAST_BATCH=2u", "-DMOST_BATCH=48u", "-DPIECE_OF_BATCH=2u", "-DSPARE=1u"),
    *("-DWAIT_FOR_HELPERS", "-DSPINS=20"),
)
# Builds that several files of tests use.  PLANTED is the plain engine as long as no error is chosen.
PLANTED = ("-Og", "-g", "-DPLANTS", *SMALL_BATCHES)
# Steps that were recalled are taken again, states renamed again; numbers take 2 bytes for a few states only.
RECHECKED = ("-Og", "-DRECHECK", "-DPLANTS", "-DNARROW_MOST=31")
# Numbers outgrow two bytes on the way, after some batches of small ones.
SANITIZED = (
    *("-O0", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"),
    *("-DNARROW_MOST=31", *SMALL_BATCHES),
)


def built(folder: Path, *flags: str) -> Path:
    """The engine, built into a folder with flags of a test's own."""
    return build(folder / "_engine.abi3.so", flags)


def built_once(factory: pytest.TempPathFactory, name: str, flags: tuple[str, ...]) -> Path:
    """The engine with these flags, built once for all processes of a run of the tests."""
    folder = factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        folder = folder.parent
    engine = folder / f"{name}.abi3.so"
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not engine.exists():
            build(engine, flags)
    return engine


def loaded(path: Path) -> ModuleType:
    """A built engine as a module."""
    spec = importlib.util.spec_from_file_location("_engine", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def searching_with(module: ModuleType) -> Iterator[None]:
    """Searches use this engine for a while."""
    usual = found.engine_type
    found.engine_type = lambda: module.Engine
    try:
        yield
    finally:
        found.engine_type = usual
