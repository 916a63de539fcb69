"""The line at the end of a run that says how to get what was missing."""

from __future__ import annotations

import pytest

from .conftest import lacking


@pytest.mark.parametrize(
    ("reason", "packages"),
    [
        ("Skipped: gcc is not installed", ["gcc libc6-dev"]),
        (
            "Skipped: spin, gcc not installed (Debian packages spin and gcc)",
            ["spin", "gcc libc6-dev"],
        ),
        ("Skipped: gcc is needed to build the C programs of tests/live", ["gcc libc6-dev"]),
        ("Skipped: only gcc compiles for the other byte order without its C library", []),
        ("Skipped: this kernel says nothing of rseq (Linux 6.3 does)", []),
    ],
)
def test_a_reason_names_the_packages(reason: str, packages: list[str]) -> None:
    """A tool that is missing is a Debian package; other reasons ask for nothing."""
    assert list(dict.fromkeys(lacking(reason))) == packages
