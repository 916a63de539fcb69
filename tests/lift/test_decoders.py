"""What is said of instructions by their text alone, held against what capstone knows of each."""

from __future__ import annotations

from pathlib import Path

import pytest

from opvasm.audit.audit import audit_file
from opvasm.elf.file import open_elf
from opvasm.lift.decoders import decoder
from tests.audit.sections import linked_bodies
from tests.lift.test_mnemonics import ARM, ARM_ALONE, X86, X86_ALONE, snippets_of


@pytest.mark.parametrize(
    ("machine", "text"), [("x86-64", X86 + X86_ALONE), ("aarch64", ARM + ARM_ALONE)]
)
def test_what_an_instruction_may_set(machine: str, text: str, tmp_path: Path) -> None:
    """No instruction sets a register that it may not set; most may set none but their own."""
    bodies = [each.replace(";", "\n") for each in snippets_of(text)]
    if machine == "aarch64":
        bodies = [".arch armv8.1-a\n" + each for each in bodies]
    engine = decoder(machine)
    assert engine is not None
    with open_elf(str(linked_bodies(tmp_path, machine, bodies))) as file:
        codes = [each for one in audit_file(file).sections for each in one.subject.codes]
    assert len(codes) > len(bodies)
    quiet = 0
    for each in codes:
        (step,) = engine.steps(each.data, each.address)
        for register in each.writes:
            assert engine.may_set(step, {register}) or register[0] == "v", each.text
        quiet += not engine.may_set(step, {"rsi", "x28"})
    assert quiet > len(codes) / 2
