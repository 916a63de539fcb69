"""The abort code of x86-64 sections has unwind information when it is asked for."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from .conftest import HERE, need, run, write_headers


@pytest.mark.skipif(platform.machine() != "x86_64", reason="aarch64's abort code is inline")
def test_callers_are_found_from_the_abort_code(tmp_path: Path) -> None:
    """6 signals that abort a section: backtrace() passes the abort code with OPV_UNWIND=1, not without."""
    need("gcc")
    write_headers(tmp_path, "elide")
    for setting, want in (("0", "6 0\n"), ("1", "6 6\n")):
        target = tmp_path / f"unwind{setting}"
        options = ("-O2", f"-I{tmp_path}", f"-DOPV_UNWIND={setting}")
        assert run("gcc", *options, HERE / "unwind.c", "-o", target).returncode == 0
        assert run(target).stdout == want
