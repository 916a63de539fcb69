"""What the model can't follow, refused by name: budgets that overlap, pages that change by a store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...abi.pages import PageKind
from ...abi.revisions import Revision, ZeroPageRead
from ...errors import Diagnostic, Note
from ...expression import Name
from ...latest import latest
from ...program import Area, Program, Symbol, SymbolAddress
from ...source import Span
from ...text.scenario_tree import RunVector, Scenario
from ..setting.statements import walk


def environment_problems(scenario: Scenario) -> Iterator[Diagnostic]:
    """Two disturbances of a kind: a limit counts for all of a kind together, so they have none."""
    environment = scenario.environment
    for number, each in enumerate(environment):
        alike = [other for other in environment if other.kind == each.kind]
        first = each.kind not in {other.kind for other in environment[:number]}
        targets = [(other.thread, other.place) for other in alike]
        limited = any(other.limit is not None for other in alike)
        if first or not (limited or len(set(targets)) < len(targets) or (None, None) in targets):
            continue
        message = f"`{each.kind}` is there twice, and one limit is counted for all of a kind"
        help = "write it once, or without limits for different threads or places"
        yield Diagnostic("error", "OPV505", message, each.span, help=help)


def page_problems(program: Program, scenario: Scenario) -> Iterator[Diagnostic]:
    """Pages whose first store changes what the kernel says of them (abi.md section 2.4)."""
    revision = program.abi.revision
    refused = _change_by_a_store(revision)
    if not refused:
        return
    symbols = program.data.symbols
    pages = [each for each in _pages(symbols) if each.page_kind in refused]
    if not pages:
        return
    bodies = [each.body for each in scenario.threads]
    bodies += [each.body for each in scenario.handlers]
    run = {s.vector for body in bodies for s in walk(body) if isinstance(s, RunVector)}
    code = [program.vectors.get(name) or program.sections.get(name) for name in run]
    named = _names((bodies, scenario.init, code, [each.initial for each in symbols.values()]))
    for page in pages:
        if page.name in named:
            kind = page.page_kind.value
            message = (
                f"{page.name} is a `{kind}` page: what {revision.name} answers of it depends on "
                "whether somebody has stored to it, and scenarios do not follow that"
            )
            place = page.place if isinstance(page.place, Span) else scenario.span
            notes = (Note(f"scenario {scenario.name} uses it", scenario.span),)
            help = "choose a page of another kind, or a later revision"
            yield Diagnostic("error", "OPV533", message, place, notes, help)


@latest
def _pages(symbols: Mapping[str, Symbol]) -> list[Symbol]:
    """The pages among variables: the same for all scenarios of a file."""
    return [each for each in symbols.values() if each.area is Area.PAGE]


def _change_by_a_store(revision: Revision) -> frozenset[PageKind]:
    """The kinds that a revision treats in one way before the first store and in another after it."""
    found = set()
    if not revision.pins_for_write:
        found |= {kind for kind in PageKind if kind.shared_until_written}
    if revision.zero_page_read is ZeroPageRead.REFUSED:
        found.add(PageKind.ZERO)
    return frozenset(found)


def _names(tree: object) -> set[str]:
    """The variables that a tree speaks of."""
    match tree:
        case Name(name=name) | SymbolAddress(symbol=name):
            return {name}
        case Span():
            return set()
        case tuple() | list():
            return {name for each in tree for name in _names(each)}
        case _:
            return set()
