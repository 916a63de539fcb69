"""Everything that is wrong with a document, or deserves a second look, at its places."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ...errors import Diagnostic, Level, in_order
from ...explorer.plan.validate import check_scenario, declared_twice, strategy_table
from ...light_typing import NamedTuple
from ...source import Span
from ...text.scenario_tree import Scenario
from ...verifier.report import verify
from ...verifier.section_report import section_report
from ..document import Document, Extent
from ..pieces import Piece, span_of

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
    not.  ``scenarios`` are the findings of each, with the pieces that they follow from.
    """

    found: tuple[Finding, ...]
    scenarios: tuple[Checked, ...]
    complete: bool


class Checked(NamedTuple):
    """The findings of a scenario of a piece; they hold as long as the pieces are the same."""

    piece: Piece
    basis: tuple[Piece, ...]
    name: str
    found: tuple[Diagnostic, ...]


def nothing() -> None:
    """For who wants the answer in any case."""


def findings(
    document: Document, before: Findings | None = None, check: Check = nothing
) -> Findings:
    """What ``opvasm verify`` says, and what ``opvasm explore`` says before it explores.

    Vectors and sections are verified where their own text has no mistake.  Scenarios are checked
    where the whole program has none; else those findings stand that were made before, of scenarios
    whose text is the same.
    """
    problems = document.resolved.problems
    check()
    found = [*problems]
    for verified in _verified(document, problems):
        found += verified
        check()
    known = before.scenarios if before is not None else ()
    complete = not any(each.level == "error" for each in found)
    if complete:
        checked = tuple(_checked(document, known, check))
        assembly = document.assembly
        found += declared_twice(assembly.scenarios, assembly.strategies)
    else:
        checked = tuple(each for each in known if document.start_of(each.piece) is not None)
    found += [each for one in checked for each in one.found]
    return Findings(tuple(placed(document, found)), checked, complete)


def _verified(
    document: Document, problems: Iterable[Diagnostic]
) -> Iterator[tuple[Diagnostic, ...]]:
    """What the verifier says of each vector and section of the document itself."""
    wrong = [each.place for each in problems if isinstance(each.place, Span)]
    program = document.assembly.program
    for vector in program.vectors.values():
        place = vector.place
        if isinstance(place, Span) and _is_sound(document, place, wrong):
            yield verify(vector, program.abi, data=program.data, name=document.name)
    for section in program.sections.values():
        place = section.place
        if isinstance(place, Span) and _is_sound(document, place, wrong):
            yield section_report(section, program.data)


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


def _checked(document: Document, known: tuple[Checked, ...], check: Check) -> Iterator[Checked]:
    assembly, basis = document.assembly, document.basis
    table = strategy_table(assembly.strategies)
    held = {(id(each.piece), each.name): each for each in known if _same(each.basis, basis)}
    for scenario in assembly.scenarios:
        check()
        piece = scenario.span.file
        if not isinstance(piece, Piece):
            continue
        found = held.get((id(piece), scenario.name))
        if found is None:
            said = in_order(check_scenario(assembly.program, scenario, table))
            found = Checked(piece, basis, scenario.name, said)
        yield found


def _same(before: tuple[Piece, ...], now: tuple[Piece, ...]) -> bool:
    return len(before) == len(now) and all(old is new for old, new in zip(before, now, strict=True))


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
