"""The generator reaches every word of the language."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import get_args

from opvasm.abi.pages import PageKind
from opvasm.abi.revisions import REVISIONS
from opvasm.assembler import Assembly
from opvasm.explorer.plan.validate import check_scenarios
from opvasm.expression import PRECEDENCE, Expression
from opvasm.kernels.disturbances import DISTURBANCES
from opvasm.kernels.profiles import PROFILES
from opvasm.source import Span
from opvasm.text.scenario_tree import (
    FENCES,
    LEVELS,
    METHODS,
    RESULTS,
    SUBSCRIPTIONS,
    VERDICTS,
    Expectation,
    Handler,
    InitStatement,
    Own,
    Partition,
    Progress,
    Statement,
)

from .campaign import covered
from .compare import read
from .generator import make
from .words import SIZES


def test_every_combination_is_generated() -> None:
    """In 10,000 scenarios no statement × strategy × environment × kernel, no op × strategy is missing."""
    assert covered(1, range(10_000), 3).missing() == []


@cache
def trees() -> tuple[Assembly, ...]:
    """Some of the generated texts, of each size, assembled."""
    return tuple(read(make(1, n, n % len(SIZES)).text) for n in range(0, 10_000, 37))


def test_what_is_generated_is_valid() -> None:
    """Each text assembles, and nothing is wrong with its scenario, in each size."""
    for number, assembly in enumerate(trees()):
        found = check_scenarios(assembly.program, assembly.scenarios, assembly.strategies)
        assert [each for each in found if each.level == "error"] == [], number


def words_of(tree: object) -> Iterator[str]:
    """The kinds of a tree's parts, and the words in them."""
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, tuple) and not isinstance(tree, Span):
        if type(tree) is not tuple:
            yield type(tree).__name__
        for each in tree:
            yield from words_of(each)


def spoken(one: Assembly) -> Iterator[str]:
    """The words of a file: of its scenarios, ops, pages and revision."""
    yield from words_of((one.scenarios, one.strategies))
    for vector in one.program.vectors.values():
        yield from (op.operation.mnemonic for op in vector.instructions if op.operation)
    yield from (each.page_kind.value for each in one.program.data.symbols.values())
    yield one.program.abi.revision.name


def test_the_language_is_generated() -> None:
    """Whatever the tables of the language list comes in some scenario, but for what is named here."""
    made = {word for each in trees() for word in spoken(each)}
    kinds = [*get_args(Statement), *get_args(InitStatement), *get_args(Expression)]
    language = {each.__name__ for each in (*kinds, Partition, Expectation, Own, Handler, Progress)}
    language |= {*METHODS, *SUBSCRIPTIONS, *FENCES, *RESULTS, *VERDICTS, *LEVELS, *DISTURBANCES}
    language |= {*PROFILES, *PRECEDENCE, *(each.value for each in PageKind)}
    language |= {each.name for each in REVISIONS}
    language |= {op.mnemonic for each in REVISIONS for op in each.operations}
    for number in range(3, 3_000):  # what is rare: only texts that may hold it
        text = make(1, number, number % len(SIZES)).text
        if any(f" {word}" in text for word in language - made):
            made |= set(spoken(read(text)))
    # One more kernel would renumber every scenario; the slice has one of its own for this.
    assert language - made == {"debug_size32"}
