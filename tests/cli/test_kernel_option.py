"""``--kernel`` and the like with a version of Linux in place of a profile."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from opvasm.cli.main import main
from opvasm.kernels.profiles import PROFILES, profiles_of_version
from tests.kernels.recorded import FILE, profile_of, read_recorded

COUNTER = str(Path(__file__).parents[2] / "samples" / "races" / "counter.opv")


@pytest.mark.parametrize(
    ("version", "profiles"),
    [
        ("4.17.3", "no_rseq"),  # rseq is there from 4.18 on
        ("4.18", "legacy"),
        ("6.1", "legacy"),
        ("v6.18.44-amd64", "legacy"),
        ("6.19", "v6_19_x86 v6_19_arm64 debug"),
        ("7.0.9", "v6_19_x86 v6_19_arm64 debug"),
        (
            "7.0.13",
            "v7_x86_size32 v7_x86_size33 v7_0_arm64_size32 v7_0_arm64_size33 debug debug_size32",
        ),
        (
            "7.1",
            "v7_x86_size32 v7_x86_size33 v7_1_arm64_size32 v7_1_arm64_size33 debug debug_size32",
        ),
        ("7.0", " ".join(name for name in PROFILES if name not in ("legacy", "no_rseq"))),
        ("6", ""),
        ("2019-04", ""),
        ("legacy", ""),
    ],
)
def test_a_version_is_ruled_by_these_profiles(version: str, profiles: str) -> None:
    """As docs/kernels.md has them: by its numbers, and by all of a series whose last number is left out."""
    assert [each.name for each in profiles_of_version(version)] == profiles.split()


def test_kernels_that_were_booted_are_ruled_by_what_they_did() -> None:
    """The name that uname printed leads to the profile that its rows were held to."""
    booted = read_recorded(FILE.read_text())
    assert len(booted) > 10
    for kernel in booted:
        for size in (32, 64):
            profile = profile_of(kernel, size)
            assert profile is None or profile in profiles_of_version(kernel.release)


@pytest.mark.parametrize(
    "command",
    [
        ["explore", COUNTER, "--kernel"],
        ["export", COUNTER, "preempted", "--promela", "--kernel"],
        ["audit", "/bin/true", "--kernel"],
        ["explain"],
        ["probe", "--require"],
    ],
)
def test_a_version_in_place_of_a_profile_is_told_its_profiles(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Each of them, with the registrations that it is for; for what is no version there is the list."""
    assert main([*command, "6.1"]) == 2
    assert "Linux 6.1 is ruled by legacy (x86-64 and aarch64)" in capsys.readouterr().err
    assert main([*command, "7.2.12"]) == 2
    said = capsys.readouterr().err
    for name in ("v7_x86_size32 (x86-64, registered with 32 bytes)", "v7_1_arm64_size33 (aarch64"):
        assert name in said
    assert "with rseq_debug=1 on x86-64 by debug or debug_size32" in said
    assert main([*command, "4.14"]) == 2
    assert "Linux 4.14 has no rseq: profile no_rseq" in capsys.readouterr().err
    assert main([*command, "qqq"]) == 2
    assert re.search("there are: |lists everything", capsys.readouterr().err)
