"""Explanations are complete, and say what the interpreter does."""

from __future__ import annotations

import re
from typing import Any

import pytest

from opvasm.abi.ops import CMPEQ, MEMCPY, OPERATIONS
from opvasm.abi.pages import PageKind
from opvasm.abi.revisions import QUIRKS, REVISIONS, Revision, get_abi
from opvasm.codes import all_codes
from opvasm.explain import chapters, find, names, overview
from opvasm.explain.kernel import explain as explain_kernel
from opvasm.explain.page import _read, _write
from opvasm.explain.words import WORDS
from opvasm.interpreter import Machine
from opvasm.interpreter.errno import NAMES as ERRORS
from opvasm.kernels.disturbances import DISTURBANCES, INSTEAD, Disturbance
from opvasm.kernels.profiles import (
    ABORTS,
    ALIASES,
    KEPT,
    LABELS,
    LEGACY,
    PROFILES,
    RULE_SETS,
    Profile,
)
from opvasm.machine import Cpus, Memory
from opvasm.probe.questions import QUESTIONS
from opvasm.program import Instruction
from opvasm.program.terms import AREA_FIELDS
from opvasm.text.scenario_tree import (
    FENCES,
    LEVELS,
    METHODS,
    RESULTS,
    SUBSCRIPTIONS,
    VERDICTS,
)

PAGE, OTHER = 0x10000, 0x20000


def test_everything_can_be_explained() -> None:
    """Codes by number and by name, ops by mnemonic and by C name, revisions, pages, quirks."""
    wanted = {each.mnemonic for each in OPERATIONS} | {each.c_name for each in OPERATIONS}
    wanted |= {each.name for each in REVISIONS} | {kind.value for kind in PageKind} | set(QUIRKS)
    wanted |= set(PROFILES) | set(ALIASES) | {word.name for word in WORDS}
    for code in all_codes().values():
        wanted |= {code.code, code.name}
    assert wanted == set(names())
    for name in wanted:
        topic = find(name.upper())
        assert topic is not None
        text = topic.explain()
        assert text.endswith("\n")
        assert all(len(line) <= 100 for line in text.splitlines() if "http" not in line)


def test_no_name_means_two_things() -> None:
    """A name leads to one topic."""
    known = [name.lower() for name in names()]
    assert len(known) == len(set(known))


def test_the_overview_has_a_line_for_each_topic() -> None:
    """Nothing is left out of the list."""
    text = overview()
    for chapter in chapters():
        assert chapter.title in text
        for topic in chapter.topics:
            assert f"  {topic.name} " in text


def test_an_inferred_revision_says_so() -> None:
    """2018-10 and 2019-04: no kernel source was found."""
    for revision in REVISIONS:
        topic = find(revision.name)
        assert topic is not None
        assert ("inferred" in topic.explain()) == revision.inferred


def answer(revision: Revision, kind: PageKind, writes: bool) -> int:
    """What the interpreter answers to one op that touches a page of a kind."""
    abi = get_abi(revision.name)
    memory = Memory()
    memory.map(PAGE, 4096, kind)
    memory.map(OTHER, 4096, PageKind.MAPPED)
    operation = MEMCPY if writes else CMPEQ
    opcode = abi.opcode(operation)
    assert opcode is not None
    op = Instruction(opcode, operation, 8, (PAGE, OTHER), (0, 0))
    return Machine(abi, memory, Cpus(1)).cpu_opv([op], 1, 0)


@pytest.mark.parametrize("kind", PageKind)
@pytest.mark.parametrize("revision", REVISIONS, ids=lambda revision: revision.name)
def test_what_is_said_of_a_page_is_what_the_interpreter_does(
    revision: Revision, kind: PageKind
) -> None:
    """Reading and writing a page of every kind in every revision."""
    efault = -14
    assert (answer(revision, kind, writes=False) == efault) == (_read(revision, kind) == "EFAULT")
    refused = _write(revision, kind).startswith("EFAULT")
    assert (answer(revision, kind, writes=True) == efault) == refused


def test_every_word_that_a_report_prints_is_explained() -> None:
    """Rules, results, ways to run, environments, disturbances and what is none, answers of kernels,
    fields of the rseq area, verdicts, progress."""
    rules = set(re.findall(r"\((R\d)\)", " ".join(each.title for each in all_codes().values())))
    wanted = rules | set(ERRORS.values()) | {"aborted", "offline"} | set(METHODS)
    wanted |= (
        set(DISTURBANCES) | set(VERDICTS) | set(LEVELS) | {"blocked", "inconclusive", "refused"}
    )
    wanted |= {"quiet", "written"} | {each.name for each in RULE_SETS}
    wanted |= set(RESULTS) | ({*FENCES, *SUBSCRIPTIONS} - {"none"}) | set(AREA_FIELDS)
    wanted |= {each.value for each in Disturbance} | set(INSTEAD)
    wanted |= {name for each in QUESTIONS for name in each.outcomes}
    values = {value for each in PROFILES.values() for value in each._asdict().values()}
    labels = {each._asdict()[name] for each in PROFILES.values() for name in LABELS}
    wanted |= {each for each in values - labels if isinstance(each, str)}
    assert sorted(wanted - set(names())) == []


@pytest.mark.parametrize("rule", [each for each in Profile._fields if each not in LABELS])
def test_every_rule_of_a_kernel_is_explained(rule: str) -> None:
    """A kernel that differs in one rule has another text, so no rule is left out."""
    value = getattr(LEGACY, rule)
    if isinstance(value, bool):
        other: Any = not value
    else:
        other = KEPT if rule.startswith("id_") else ABORTS if value != ABORTS else "continues"
    changed = Profile(**{**LEGACY._asdict(), rule: other})
    assert explain_kernel(changed) != explain_kernel(LEGACY)
