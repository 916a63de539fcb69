"""The rows on the kernel that runs the tests, and wrong rules, which they refute."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from opvasm.kernels.profiles import LABELS, PROFILES, Profile
from opvasm.probe.breakage import uname_says

from .build import SOURCE, archive
from .native import run_here
from .rules import ALWAYS, FIELDS, NOTED, Row, contradictions, read_rows, wanted

TRIES = 15


@pytest.fixture(scope="module")
def here() -> tuple[Profile, list[Row]]:
    """This kernel's profile by its version, and its rows for 32 bytes."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    seen = run_here(TRIES, (32,))
    profile = uname_says(seen.release, seen.architecture, 32)
    if profile is None:
        pytest.skip(f"no profile is known for {seen.release}")
    return profile, seen.rows


def test_every_row_is_known() -> None:
    """A row of rows.c is compared with a field, is the same everywhere, or is only noted."""
    import re

    names = set(re.findall(r'(?:row|[A-Z]+_ROW)\([^"]*"([a-z0-9-]+)"', SOURCE.read_text()))
    assert names == {*FIELDS, *ALWAYS, *NOTED}


def test_this_kernel_is_as_its_profile_says(here: tuple[Profile, list[Row]]) -> None:
    """No row is contradicted, and each has tries that count."""
    profile, rows = here
    assert [each.name for each in rows if not each.seen] == []
    assert contradictions(rows, profile) == []


def test_every_rule_has_a_row() -> None:
    """A rule of the profiles is shown by a row of rows.c, so that no kernel can differ from it unseen."""
    assert {*FIELDS.values(), *LABELS, "registered"} == {*Profile._fields}


OTHER = {
    "rewritten": "kept",
    "kept": "rewritten",
    "kills": "kept",
    "aborts": "killed",
    "continues": "aborts",
    "killed": "ignored",
    "lands": "killed",
    "cleared": "killed",
    "ignored": "killed",
}


@pytest.mark.parametrize("name", FIELDS)
def test_each_row_refutes_a_wrong_rule(name: str, here: tuple[Profile, list[Row]]) -> None:
    """With its rule changed in the profile, the row is named as contradicted."""
    profile, rows = here
    field = FIELDS[name]
    value = profile._asdict()[field]
    other = not value if isinstance(value, bool) else OTHER[value]
    wrong = contradictions(rows, Profile(**(profile._asdict() | {field: other})))
    assert name in [each.row.name for each in wrong]


def test_each_outcome_that_is_the_same_everywhere_is_held() -> None:
    """A row that comes to something else than on every kernel is named, whatever the profile."""
    for name, outcome in ALWAYS.items():
        other = "aborts" if outcome == "commits" else "rewritten"
        for profile in PROFILES.values():
            found = contradictions([Row(name, 32, {other: 20})], profile)
            assert [(each.row.name, each.wanted) for each in found] == [(name, outcome)]
            assert contradictions([Row(name, 32, {outcome: 19, other: 1})], profile) == []


def test_tries_that_differ_contradict_a_rule() -> None:
    """Half aborted, half not: neither is the rule."""
    row = Row("section-preempted", 32, {"aborts": 10, "commits": 10})
    assert contradictions([row], PROFILES["legacy"])
    assert contradictions([row], PROFILES["v6_19_arm64"])


def test_rows_are_read() -> None:
    """Lines of other kinds, and what a kernel prints in between, are passed over."""
    text = (
        "\nkernel 6.1 x\nrow id-sleep 64 kept=3 rewritten=1\n[ 1.2] row of lights\nlost 32 0 of 1\n"
    )
    assert read_rows(text) == [Row("id-sleep", 64, {"kept": 3, "rewritten": 1})]
    assert wanted("id-sleep", PROFILES["v7_1_arm64_size33"]) == "kept"


def test_an_archive_is_read_by_the_tool_that_everybody_has(tmp_path: Path) -> None:
    """The root of a booted kernel is a cpio archive."""
    import subprocess

    if shutil.which("cpio") is None:
        pytest.skip("cpio is not installed")
    made = archive({"init": b"one", "a/b": b"two"}, {"a/b": 0o644})
    plain = subprocess.run(["gzip", "-d"], input=made, capture_output=True, check=True).stdout
    subprocess.run(["cpio", "-id", "--quiet"], input=plain, cwd=tmp_path, check=True)
    assert (tmp_path / "init").read_bytes() == b"one"
    assert (tmp_path / "a" / "b").read_bytes() == b"two"
