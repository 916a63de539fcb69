"""The slice extension on the kernel that runs the tests, and what is read of one that has it."""

from __future__ import annotations

import platform
import shutil
import subprocess
from pathlib import Path

import pytest

from .build import ARCHITECTURES, build
from .slices import FACTS, SOURCE, read, wrong

TRIES = 10
ENOSYS, EINVAL, ENOTSUPP = 38, 22, 524
# What the protocol of Linux 7.0 comes to, by its documentation (userspace-api/rseq.rst).
RIGHT = """
row not-enabled 32 kept=100 wiped=0
row not-enabled 64 kept=0 wiped=100
row request 64 granted=99 revoked=1 none=0
row yield 64 one=98 zero=1
row yield-after-call 64 one=0 zero=100 still_granted=0
"""


def test_this_kernel_has_slices_as_they_are_meant_or_none(tmp_path: Path) -> None:
    """Where there are none, prctl refuses and bytes 28 to 31 stay as user space wrote them."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    architecture = next(
        (each for each in ARCHITECTURES.values() if each.machine == platform.machine()), None
    )
    if architecture is None:
        pytest.skip(f"the number of rseq on {platform.machine()} is not known here")
    program = build(architecture._replace(compiler="gcc"), tmp_path, SOURCE)
    done = subprocess.run(
        [str(program), str(TRIES)], capture_output=True, text=True, check=True, timeout=100
    )
    said = read(done.stdout)
    if "refused" in said.facts:
        pytest.skip("rseq can't be registered here")
    if said.facts["flags"] == FACTS["flags"]:
        assert wrong(said, TRIES) == []
    else:
        assert said.facts["set"] in (-EINVAL, -ENOTSUPP)
        assert said.rows == {
            ("not-enabled", size): {"kept": TRIES, "wiped": 0} for size in (32, 64)
        }


def facts(**other: int) -> str:
    """The facts of a kernel with slices, some of them others."""
    return "".join(f"fact {name} {value}\n" for name, value in (FACTS | other).items())


def test_a_kernel_with_slices_is_right() -> None:
    """What the protocol says contradicts nothing."""
    assert wrong(read(facts() + RIGHT), 100) == []


@pytest.mark.parametrize(
    ("right", "planted"),
    [
        ("fact flags 16", "fact flags 0"),
        ("fact flags_set 48", "fact flags_set 16"),
        ("not-enabled 32 kept=100 wiped=0", "not-enabled 32 kept=90 wiped=10"),
        ("not-enabled 64 kept=0 wiped=100", "not-enabled 64 kept=100 wiped=0"),
        ("granted=99 revoked=1 none=0", "granted=99 revoked=0 none=1"),
        ("granted=99 revoked=1", "granted=10 revoked=90"),
        ("yield 64 one=98 zero=1", "yield 64 one=0 zero=99"),
        ("one=0 zero=100 still_granted=0", "one=1 zero=99 still_granted=0"),
        ("zero=100 still_granted=0", "zero=100 still_granted=1"),
    ],
)
def test_each_answer_refutes(right: str, planted: str) -> None:
    """With one answer changed, one thing is named."""
    text = facts() + RIGHT
    assert right in text
    assert len(wrong(read(text.replace(right, planted)), 100)) == 1
