"""The probe's machine code is what its sources assemble to."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from opvasm.probe.code import MACHINES

SOURCES = Path(__file__).parents[2] / "opvasm" / "probe" / "native"
TOOLS = {
    "x86_64": (("as", "--64"), "objcopy"),
    "aarch64": (("aarch64-linux-gnu-as",), "aarch64-linux-gnu-objcopy"),
}


@pytest.mark.parametrize("machine", MACHINES)
def test_the_code_is_that_of_its_source(machine: str, tmp_path: Path) -> None:
    """native/*.S assembles to the bytes in code.py."""
    assembler, objcopy = TOOLS[machine]
    for tool in (assembler[0], objcopy):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    made, plain = tmp_path / "native.o", tmp_path / "native.bin"
    source = SOURCES / f"{machine}.S"
    subprocess.run([*assembler, "-o", str(made), str(source)], check=True)
    subprocess.run([objcopy, "-O", "binary", str(made), str(plain)], check=True)
    assert plain.read_bytes() == MACHINES[machine].code


@pytest.mark.parametrize("machine", MACHINES)
def test_a_signature_stands_before_each_abort_address(machine: str) -> None:
    """... but not before the one that is there to be refused."""
    row = MACHINES[machine]
    offsets = row.offsets()
    signature = row.signature.to_bytes(4, "little")
    for label in ("wait_abort", "call_abort"):
        assert row.code[offsets[label] - 4 : offsets[label]] == signature
    unsigned = offsets["wait_unsigned"]
    assert row.code[unsigned - 4 : unsigned] != signature
