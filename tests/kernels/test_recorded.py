"""What booted kernels said agrees with the profiles, and stands in docs/kernels.md as it was seen."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

import pytest

from .recorded import (
    FILE,
    Recorded,
    by_rule_set,
    kept,
    matrix,
    merged,
    profile_of,
    read_recorded,
)
from .rules import ALWAYS, FIELDS, NOTED, contradictions

DOCUMENT = Path(__file__).parents[2] / "docs" / "kernels.md"
TABLE = re.compile(r"(<!-- booted -->\n)(.*?)(<!-- end -->\n)", re.DOTALL)
RECORDED = read_recorded(FILE.read_text())


def test_every_rule_set_was_booted() -> None:
    """No profile rests on documents alone."""
    assert [name for name, group in by_rule_set(RECORDED).items() if not group] == []


@pytest.mark.parametrize("kernel", RECORDED, ids=lambda k: f"{k.version}-{k.architecture}")
def test_a_booted_kernel_is_as_its_profiles_say(kernel: Recorded) -> None:
    """No row of either size contradicts the profile of that version, architecture and size."""
    for size in (32, 64):
        profile = profile_of(kernel, size)
        assert profile is not None
        rows = [row for row in kernel.rows if row.size == size]
        assert len(rows) == len({row.name for row in rows}) == len({*FIELDS, *ALWAYS, *NOTED})
        assert contradictions(rows, profile) == []


@pytest.mark.parametrize("kernel", RECORDED, ids=lambda k: f"{k.version}-{k.architecture}")
def test_what_a_kernel_says_of_itself(kernel: Recorded) -> None:
    """From 7.0 on the auxiliary vector has more, and prctl knows slices, which none was built with."""
    new = int(kernel.version.partition(".")[0]) >= 7
    said = {name: int(kernel.facts[name]) for name in ("feature_size", "align", "slice_errno")}
    ENOTSUPP = 524  # the kernel's own; no header of user space has it
    wanted = (33, 64, ENOTSUPP) if new else (28, 32, errno.EINVAL)
    assert tuple(said.values()) == wanted
    assert int(kernel.facts["yield_errno"]) == errno.ENOSYS
    # 64 bytes have to be aligned to 64 from then on.
    assert int(kernel.facts["align32_errno"]) == (errno.EINVAL if new else 0)


def test_the_document_shows_what_was_seen() -> None:
    """``BLESS=1`` writes the table anew."""
    text = DOCUMENT.read_text()
    found = TABLE.search(text)
    assert found is not None
    if os.environ.get("BLESS"):
        DOCUMENT.write_text(text[: found.start(2)] + matrix(RECORDED) + text[found.end(2) :])
    else:
        assert found[2] == matrix(RECORDED)


def test_a_number_in_the_text_is_the_one_in_the_table() -> None:
    """How often the tick aborted on the kernels of the profile legacy."""
    said = re.search(r"`section-tick`: (\d+) of (\d+)", DOCUMENT.read_text())
    assert said is not None
    assert f"| section-tick | aborts {said[1]}/{said[2]}" in matrix(RECORDED)


def test_only_lines_of_results_are_kept() -> None:
    """A kernel's own messages and carriage returns are not part of a record."""
    log = "SeaBIOS\r\n\r\nkernel 7.0.9+deb13-amd64 x86_64 align=64\r\nrow id-sleep 32 kept=3\r\nend\r\n"
    log += "kernel            7.0.9+deb13-amd64 on x86-64, as opvasm probe writes it\r\n"
    assert kept(log) == "kernel 7.0.9+deb13-amd64 x86_64 align=64\nrow id-sleep 32 kept=3\n"
    (kernel,) = read_recorded(kept(log))
    assert (kernel.version, kernel.architecture, len(kernel.rows)) == ("7.0.9", "x86-64", 1)


@pytest.mark.parametrize("kernel", RECORDED, ids=lambda k: f"{k.version}-{k.architecture}")
def test_the_probe_named_every_kernel(kernel: Recorded) -> None:
    """In three boots or more of each it said the profile of that version and size, and nothing else."""
    for size in (32, 64):
        profile = profile_of(kernel, size)
        assert profile is not None
        said = [name for at, name in kernel.probes if at == size]
        assert set(said) <= {profile.name}
        # Before 7.0 the feature size is less than 32 bytes: there is nothing larger to ask about.
        asked = size == 32 or int(kernel.facts["feature_size"]) > 32
        assert len(said) >= 3 if asked else not said


def test_a_kernel_that_is_booted_again_replaces_what_was_kept_of_it() -> None:
    """The others stay, in the order of architecture and version."""
    one = "kernel 7.1.3+deb13-amd64 x86_64\nrow a 32 kept=1\n"
    two = "kernel 7.0.10+deb13-amd64 x86_64\nrow a 32 kept=2\n"
    arm = "kernel 6.19.6+deb13-arm64 aarch64\nrow a 32 kept=3\n"
    again = one.replace("kept=1", "kept=9")
    assert merged(arm + one, two) == two + one + arm
    assert merged(two + one + arm, again) == two + again + arm
