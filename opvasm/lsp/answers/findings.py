"""Everything that is wrong with a document, or deserves a second look, at its places."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from ...assembler.memory import changes, same_objects
from ...errors import Diagnostic, Level, in_order
from ...explorer.plan.validate import check_scenario, declared_twice, strategy_table
from ...light_typing import NamedTuple
from ...program import Program, Vector
from ...program.section import Section
from ...source import Span
from ...text.scenario_tree import Scenario, Strategy
from ...verifier.report import verify
from ...verifier.section_report import section_report
from ..document import Document, Extent
from ..pieces import Piece, span_of

Holds = Callable[[str], bool]
Check = Callable[[], None]
"""Called now and then; raises an exception of its own where the answer is not wanted any more."""


class Related(NamedTuple):
    """A remark that belongs to a finding; ``place`` None where it speaks of no place."""

    message: str
    place: Extent | None


class Change(NamedTuple):
    """The characters ``start`` up to ``end`` of the document replaced by a text."""

    start: int
    end: int
    text: str


class Finding(NamedTuple):
    """A finding at the characters ``start`` up to ``end``; ``fixes`` mend it, all together."""

    level: Level
    code: str
    message: str
    start: int
    end: int
    related: tuple[Related, ...]
    help: str | None
    fixes: tuple[Change, ...]


class Findings(NamedTuple):
    """The findings of a document, and what the next version of it need not work out again.

    ``complete`` says that the scenarios were checked: nothing keeps them from being explored or
    not; ``waiting`` is the number of those whose findings are still those of an earlier version.
    ``scenarios`` are the findings of each, with what they follow from, ``vectors`` those of each
    vector and section of a program.
    """

    found: tuple[Finding, ...]
    scenarios: tuple[Checked, ...]
    complete: bool
    waiting: int
    vectors: Verified


class Checked(NamedTuple):
    """The findings of a scenario of a piece, and the program and strategies that it was checked with."""

    piece: Piece
    name: str
    found: tuple[Diagnostic, ...]
    program: Program
    strategies: tuple[Strategy, ...]


class Verified(NamedTuple):
    """The findings of vectors and sections by their identity, in a program."""

    program: Program | None
    found: Mapping[int, tuple[Diagnostic, ...]]


def nothing() -> None:
    """For who wants the answer in any case."""


def findings(
    document: Document,
    before: Findings | None = None,
    check: Check = nothing,
    with_scenarios: bool = True,
) -> Findings:
    """What ``opvasm verify`` says, and what ``opvasm explore`` says before it explores.

    Vectors and sections are verified where their own text has no mistake.  Scenarios are checked
    where the whole program has none; else, and without ``with_scenarios``, those findings stand that
    were made before, of scenarios whose text is the same.
    """
    problems = document.resolved.problems
    check()
    vectors = _verified(document, problems, before.vectors if before is not None else NONE, check)
    found = [*problems, *(each for one in vectors.found.values() for each in one)]
    known = before.scenarios if before is not None else ()
    complete = not any(each.level == "error" for each in found)
    checked: tuple[Checked, ...] = ()
    waiting = 0
    if complete:
        held, missing = _held(document, known)
        assembly = document.assembly
        found += declared_twice(assembly.scenarios, assembly.strategies)
        if with_scenarios:
            checked = tuple(_checked(document, held, check))
        else:
            checked, waiting = tuple(held.values()), missing
    if not complete or waiting:
        taken = {(id(each.piece), each.name) for each in checked}
        checked += tuple(
            each
            for each in known
            if document.start_of(each.piece) is not None
            and (id(each.piece), each.name) not in taken
        )
    found += [each for one in checked for each in one.found]
    return Findings(tuple(placed(document, found)), checked, complete, waiting, vectors)


NONE = Verified(None, {})


def _verified(
    document: Document, problems: Iterable[Diagnostic], before: Verified, check: Check
) -> Verified:
    """What the verifier says of each vector and section of the document itself."""
    wrong = [each.place for each in problems if isinstance(each.place, Span)]
    program = document.assembly.program
    known = before.found if _same_data(before.program, program) else {}
    found: dict[int, tuple[Diagnostic, ...]] = {}
    code: Iterable[Vector | Section] = (*program.vectors.values(), *program.sections.values())
    for each in code:
        place = each.place
        if not isinstance(place, Span) or not _is_sound(document, place, wrong):
            continue
        said = known.get(id(each))
        if said is None:
            said = (
                verify(each, program.abi, data=program.data, name=document.name)
                if isinstance(each, Vector)
                else section_report(each, program.data)
            )
            check()
        found[id(each)] = said
    return Verified(program, found)


def _same_data(before: Program | None, now: Program) -> bool:
    """Whether variables lie where they lay, and hold what they held.

    The assembler takes over what it laid out, with the ABI, as long as nothing of it changes.
    """
    return (
        before is not None
        and before.data.symbols is now.data.symbols
        and before.data.pool == now.data.pool
    )


def _is_sound(document: Document, name: Span, wrong: list[Span]) -> bool:
    """Whether a vector is this document's, and all of its text was understood."""
    if document.start_of(name.file) is None or not isinstance(name.file, Piece):
        return False
    whole = next(
        (
            span
            for span in map(span_of, name.file.parsed.file.declarations)
            if span.start <= name.start < span.end
        ),
        name,
    )
    return not any(
        each.file is whole.file and each.start <= whole.end and whole.start <= each.end
        for each in wrong
    )


def _held(
    document: Document, known: tuple[Checked, ...]
) -> tuple[dict[tuple[int, str], Checked], int]:
    """Findings of scenarios that still hold, and the number of scenarios that have none.

    They hold where variables, strategies and all that the scenario names are what they were.  What
    is said of a mistake depends on all names, so a scenario with one is checked again.
    """
    assembly = document.assembly
    program, strategies = assembly.program, assembly.strategies
    unchanged: dict[int, Holds] = {}
    held: dict[tuple[int, str], Checked] = {}
    for each in known:
        if id(each.program) not in unchanged:
            unchanged[id(each.program)] = _unchanged(each.program, program)
        if (
            not same_objects(each.strategies, strategies)
            or document.start_of(each.piece) is None
            or any(one.level == "error" for one in each.found)
            or not unchanged[id(each.program)](each.piece.text)
        ):
            continue
        again = each._replace(program=program, strategies=strategies)
        held[id(each.piece), each.name] = again
    wanted = {(id(each.span.file), each.name) for each in assembly.scenarios}
    return held, len(wanted - held.keys())


def _unchanged(before: Program, now: Program) -> Holds:
    """Says of a text whether all that it names is what it was in an earlier program."""
    if before is now:
        return lambda text: True
    if before.data.symbols is not now.data.symbols:
        return lambda text: False
    old = {**before.vectors, **before.sections}
    names_change = changes(old, {**now.vectors, **now.sections})
    return lambda text: not names_change(text)


def _checked(
    document: Document, held: Mapping[tuple[int, str], Checked], check: Check
) -> Iterator[Checked]:
    assembly = document.assembly
    program, strategies = assembly.program, assembly.strategies
    table = strategy_table(strategies)
    for scenario in assembly.scenarios:
        piece = scenario.span.file
        if not isinstance(piece, Piece):
            continue
        found = held.get((id(piece), scenario.name))
        if found is None:
            check()
            said = in_order(check_scenario(program, scenario, table))
            found = Checked(piece, scenario.name, said, program, strategies)
        yield found


def scenario_of(document: Document, name: str) -> Scenario | None:
    """A scenario of the document by its name."""
    return next((each for each in document.assembly.scenarios if each.name == name), None)


def placed(document: Document, found: Iterable[Diagnostic]) -> list[Finding]:
    """The findings in the order of the text; those of used files at the ``use`` that leads there."""
    own: dict[tuple[int, int, str, str], Finding] = {}
    others: list[tuple[Diagnostic, Extent]] = []
    for each in found:
        where = document.locate(each.place) if isinstance(each.place, Span) else None
        if where is None:
            where = Extent(document, 0, 0)
        if where.document is not document:
            others.append((each, where))
            continue
        finding = _finding(document, each, where)
        own.setdefault((finding.start, finding.end, each.code, each.message), finding)
    return sorted([*own.values(), *_of_used(document, others)], key=lambda each: each[3:5])


def _finding(document: Document, each: Diagnostic, where: Extent) -> Finding:
    related = tuple(
        Related(note.message, document.locate(note.place) if isinstance(note.place, Span) else None)
        for note in each.notes
    )
    changes = [
        Change(*own, edit.replacement)
        for edit in each.edits
        if (own := document.own(edit.span)) is not None
    ]
    fixes = tuple(changes) if len(changes) == len(each.edits) else ()
    return Finding(
        *(each.level, each.code, each.message, where.start, where.end),
        *(related, each.help, fixes),
    )


def _of_used(document: Document, others: list[tuple[Diagnostic, Extent]]) -> Iterator[Finding]:
    """Errors in files that are used: one finding at the first ``use``, which names them all."""
    errors = [(each, where) for each, where in others if each.level == "error"]
    if not errors:
        return
    start, end = next(
        (
            (placed.start + each.start, placed.start + each.end)
            for placed, each in document.names()
            if each.kind == "file"
        ),
        (0, 0),
    )
    count = len(errors)
    related = tuple(Related(f"[{each.code}] {each.message}", where) for each, where in errors[:20])
    first = errors[0][0]
    message = f"the files that are used have {count} error{'' if count == 1 else 's'}"
    yield Finding("error", first.code, message, start, end, related, None, ())
