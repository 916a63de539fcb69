"""The stub's bytes are those of its source, and it answers every reference case as the kernel did."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from opvasm.abi.ops import BY_MNEMONIC
from opvasm.live import stub

from .conftest import require

SOURCE = Path(stub.__file__).with_name("stub.S")
CASES = Path(__file__).parents[1] / "conformance" / "public.jsonl"


def test_the_bytes_are_the_sources(tmp_path: Path) -> None:
    """Assembling stub.S gives the bytes that stub.py holds."""
    if not (shutil.which("as") and shutil.which("objcopy")):
        pytest.skip("as and objcopy are needed to assemble the stub")
    program, code = tmp_path / "stub.o", tmp_path / "stub.bin"
    subprocess.run(["as", "--64", "-o", str(program), str(SOURCE)], check=True)
    subprocess.run(["objcopy", "-O", "binary", str(program), str(code)], check=True)
    assert code.read_bytes() == stub.CODE


def test_offsets_are_the_sources() -> None:
    """The offsets that stub.py names are those of stub.S."""
    named = {}
    for line in SOURCE.read_text().splitlines():
        if line.startswith(".set"):
            name, value = line.removeprefix(".set").split("#")[0].split(",")
            named[name.strip()] = int(value, 0)
    for name in ("RESULT", "FLAGS", "PHASE", "TOUCH_COUNT", "OP_COUNT", "REGISTERS", "MASK"):
        assert named[name] == getattr(stub, name), name
    for name in ("USAGE_BEFORE", "USAGE_AFTER", "OPS", "TOUCHES"):
        assert named[name] == getattr(stub, name), name
    for name in ("REPORT", "TRAP", "USAGE", "POLICY", "AFFINITY", "SIGNALS"):
        assert named[f"FLAG_{name}"] == getattr(stub, f"FLAG_{name}"), name
    assert named["CODE"] == stub.CODE_SIZE
    assert stub.CODE_SIZE + named["WAITED"] == stub.INTERRUPTIONS_OFFSET


def test_reference_cases_on_real_memory() -> None:
    """Every case that runs ops, at its own addresses on real pages: result and memory agree.

    Every effect that the stub has code for is among them.
    """
    require(335)
    done = subprocess.run(
        [sys.executable, "-m", "tests.live.native_cases", str(CASES)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        timeout=120,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    ran = int(done.stdout.split()[0])
    assert ran > 1000, done.stdout
    (ops,) = [line for line in done.stdout.splitlines() if line.startswith("ops: ")]
    assert {BY_MNEMONIC[each].effect for each in ops.split()[1:]} == set(stub.KINDS)
