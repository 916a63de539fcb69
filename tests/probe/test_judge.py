"""From a table of answers to a profile."""

from __future__ import annotations

import pytest

from opvasm.kernels.profiles import RULE_SETS
from opvasm.probe.answers import Counts
from opvasm.probe.breakage import uname_says
from opvasm.probe.judge import KNOWN, OPEN, UNKNOWN, judge
from opvasm.probe.questions import QUESTIONS

from .helpers import NAMES, SEEN, answers


def test_every_rule_set_has_a_row_here() -> None:
    """The hand-written table has the nine rule sets and every question but the control."""
    assert set(SEEN) == {each.name for each in RULE_SETS}
    assert {"control", *NAMES} == {each.name for each in QUESTIONS}


@pytest.mark.parametrize("name", SEEN)
def test_each_rule_set_is_named(name: str) -> None:
    """Answers as they were seen on booted kernels lead to their profile."""
    architecture, size, _ = SEEN[name]
    verdict = judge(answers(name), architecture, size)
    assert (verdict.state, verdict.profile and verdict.profile.name) == (KNOWN, name)


@pytest.mark.parametrize("name", SEEN)
def test_the_old_rules_on_arm64_and_with_a_larger_area_are_legacy(name: str) -> None:
    """To 6.18 the rules are the same on both architectures and for all sizes."""
    for architecture in ("x86-64", "aarch64"):
        for size in (32, 33, 64):
            verdict = judge(answers("legacy"), architecture, size)
            assert verdict.profile is not None
            assert verdict.profile.name == "legacy"


@pytest.mark.parametrize("question", NAMES)
@pytest.mark.parametrize("name", SEEN)
def test_one_wrong_answer_is_never_the_same_profile(name: str, question: str) -> None:
    """A kernel that differs in one row is another profile or none, and the row is named."""
    architecture, size, row = SEEN[name]
    said = row[NAMES.index(question)]
    kind = next(each for each in QUESTIONS if each.name == question)
    for other in kind.outcomes:
        if other == said:
            continue
        verdict = judge(answers(name, {question: other}), architecture, size)
        if verdict.state == UNKNOWN and verdict.profile is not None:
            if verdict.profile.name == name:
                assert [each.question for each in verdict.differences] == [question]
                assert (verdict.differences[0].seen, verdict.differences[0].wanted) == (other, said)
        else:
            assert verdict.profile is None or verdict.profile.name != name


def test_a_debug_kernel_is_named() -> None:
    """rseq_debug=1: a system call inside of a section kills, whether it switches or not."""
    found = answers(
        "v7_x86_size33",
        {
            "sleep_inside": "killed",
            "call_inside": "killed",
            "id_preemption": "kills",
            "id_membarrier": "kills",
            "bad_version": "killed",
        },
    )
    for size in (32, 64):
        verdict = judge(found, "x86-64", size)
        assert verdict.profile is not None
        assert verdict.profile.name == "debug"


def test_a_debug_kernel_is_named_for_small_registrations_too() -> None:
    """From 7.0.10 on a written id of a registration of 32 bytes is looked at after signals and sleeps
    as well (7.1.3, booted with rseq_debug=1); of a larger one that is no known kernel."""
    killed = ("id_preemption", "id_membarrier", "id_signal", "id_sleep", "id_migration")
    found = answers(
        "v7_x86_size32",
        {"sleep_inside": "killed", "call_inside": "killed", "bad_version": "killed"}
        | dict.fromkeys(killed, "kills"),
    )
    verdict = judge(found, "x86-64", 32)
    assert (verdict.state, verdict.profile and verdict.profile.name) == (KNOWN, "debug_size32")
    assert judge(found, "x86-64", 64).state == UNKNOWN


def test_a_mixture_is_inconclusive() -> None:
    """Half of the tries aborted, half did not: nobody can say what the rule is."""
    found = answers("legacy") | {"preemption": Counts({"aborts": 30, "commits": 30})}
    verdict = judge(found, "x86-64", 32)
    assert verdict.state == OPEN
    assert "preemption" in verdict.why


def test_too_few_tries_are_inconclusive() -> None:
    """Nine tries that agree are not enough; what is missing is named."""
    found = answers("legacy") | {"signal": Counts({"aborts": 9})}
    verdict = judge(found, "x86-64", 32)
    assert verdict.state == OPEN
    assert "signal" in verdict.why
    assert judge(answers("legacy", tries=0), "x86-64", 32).state == OPEN


def test_a_few_strays_do_not_matter() -> None:
    """One try in twenty that differs (a tick, another process) does not change an answer."""
    found = answers("v6_19_arm64") | {"preemption": Counts({"commits": 19, "aborts": 1})}
    verdict = judge(found, "aarch64", 32)
    assert verdict.profile is not None
    assert verdict.profile.name == "v6_19_arm64"


def test_sections_that_abort_for_no_reason_make_it_inconclusive() -> None:
    """The control aborts: what aborts then says nothing."""
    found = answers("legacy") | {"control": Counts({"aborts": 10, "commits": 10})}
    assert judge(found, "x86-64", 32).state == OPEN


def test_one_cpu_is_enough_where_the_other_answers_tell() -> None:
    """Questions that need two CPUs may be missing."""
    missing = Counts({}, asked=False, why="needs two CPUs")
    found = answers("legacy") | dict.fromkeys(("migration", "membarrier", "id_migration"), missing)
    verdict = judge(found, "x86-64", 32)
    assert verdict.profile is not None
    assert verdict.profile.name == "legacy"


def test_one_cpu_is_not_enough_where_only_migration_tells() -> None:
    """6.19 and 7.0.10 differ for large areas on arm64 in a migration only."""
    missing = Counts({}, asked=False, why="needs two CPUs")
    found = answers("v7_0_arm64_size33") | {"id_migration": missing}
    verdict = judge(found, "aarch64", 33)
    assert verdict.state == OPEN
    assert "v6_19_arm64" in verdict.why


@pytest.mark.parametrize(
    ("release", "architecture", "size", "name"),
    [
        ("5.10.0-23-amd64", "x86-64", 32, "legacy"),
        ("6.18.44-fc", "x86-64", 32, "legacy"),
        ("6.18.44", "aarch64", 32, "legacy"),
        ("6.19.6+deb13-amd64", "x86-64", 32, "v6_19_x86"),
        ("7.0.9", "x86-64", 33, "v6_19_x86"),
        ("7.0.10", "x86-64", 32, "v7_x86_size32"),
        ("7.3.4", "x86-64", 64, "v7_x86_size33"),
        ("7.0.9", "aarch64", 33, "v6_19_arm64"),
        ("7.0.13", "aarch64", 32, "v7_0_arm64_size32"),
        ("7.0.14", "aarch64", 33, "v7_1_arm64_size33"),
        ("7.1-rc1", "aarch64", 32, "v7_1_arm64_size32"),
        ("4.9.0", "x86-64", 32, None),
        ("unknown", "x86-64", 32, None),
    ],
)
def test_what_the_version_number_would_have_said(
    release: str, architecture: str, size: int, name: str | None
) -> None:
    """Version strings lead to the rule set that the mainline kernel of that number has."""
    found = uname_says(release, architecture, size)
    assert (found and found.name) == name
