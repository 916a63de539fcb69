"""From a text to a Program: names, layout, operands, literal pool, relocations.

``assemble`` is the door.  The steps lie in files of their own: files.py follows ``use``, scope.py
knows what every name stands for, data.py lays the variables out, ops.py makes instructions of
statements (places.py, operands.py, literals.py and pool.py their operands), sections.py makes the
steps of sections (section_terms.py their values), checks.py looks through the tests and runs.py
through what scenarios run.
"""

from __future__ import annotations

import gc
from functools import partial

from ..abi.layout import DATA_MODELS
from ..abi.revisions import (
    DEFAULT_DATA_MODEL,
    DEFAULT_PAGE_SIZE,
    DEFAULT_REVISION,
    REVISIONS,
    Abi,
    get_abi,
)
from ..errors import Diagnostic, Note, ParseError
from ..light_typing import TYPE_CHECKING, NamedTuple
from ..program import Program
from ..source import SourceFile, Span
from ..text.parser import parse_file
from ..text.tree import AbiChoice, ProgramDeclaration, Test
from .data import lay_out
from .declarations import Declarations
from .files import Loaded, Loader, Reader, load, read_file
from .ops import vector_of
from .pool import Pool
from .problems import Problems
from .scope import Scope

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..light_typing import Any
    from ..program.section import Section
    from ..text.scenario_tree import Scenario, Strategy
    from ..text.tree import Declaration
    from .memory import Checked, Memory

    Make = Callable[[Checked, Callable[[], Any]], Any]

__all__ = ["Assembly", "Loader", "Reader", "Resolved", "assemble", "read_file", "resolve"]


class Assembly(NamedTuple):
    """What a text holds.

    ``program`` has the data and vectors of the file and of those it uses; ``tests`` and
    ``scenarios`` are the file's own, ``strategies`` those of all.  ``sources`` are all files that
    were read, the file itself first.
    """

    program: Program
    tests: tuple[Test, ...]
    sources: tuple[SourceFile, ...]
    scenarios: tuple[Scenario, ...] = ()
    strategies: tuple[Strategy, ...] = ()


class Resolved(NamedTuple):
    """What a text holds, as far as it could be made out, and everything that is wrong with it.

    What could not be understood is left out of the assembly: ops of a vector, whole declarations.
    Places in the text may be in any of the texts that the reader gave.
    """

    assembly: Assembly
    problems: tuple[Diagnostic, ...]


def assemble(
    source: SourceFile,
    *,
    revision: str | None = None,
    model: str | None = None,
    page_size: int = DEFAULT_PAGE_SIZE,
    loader: Loader = read_file,
) -> Assembly:
    """Read a text and resolve all that it says.

    ``revision`` and ``model`` (``2017-11``, ``64le``) win over what the file says; None leaves it
    to the file, then to the default.  ``page_size`` is in bytes.  ``loader(path)`` reads a file
    that is named by ``use``; the path is relative to the using file's.

    Raises ParseError with everything that is wrong with the text, and ValueError for a revision,
    data model or page size given here that does not exist.
    """
    collecting = gc.isenabled()
    gc.disable()  # trees have no cycles; looking for some takes a third of the time of a large file
    try:
        resolved = resolve(
            source, revision=revision, model=model, page_size=page_size, loader=loader
        )
    finally:
        if collecting:
            gc.enable()
    if resolved.problems:
        raise ParseError(resolved.problems)
    return resolved.assembly


def resolve(
    source: SourceFile,
    *,
    revision: str | None = None,
    model: str | None = None,
    page_size: int = DEFAULT_PAGE_SIZE,
    loader: Loader = read_file,
    reader: Reader = parse_file,
    memory: Memory | None = None,
) -> Resolved:
    """As ``assemble``, for who goes on where something is wrong: an editor while one types.

    ``reader(source)`` gives the tree of a text, also of those that are used.  ``memory`` keeps what
    was made for the next version of the text.  Raises ValueError for a revision, data model or page
    size given here that does not exist.
    """
    problems = Problems()
    loaded = load(source, loader, problems, reader)
    abi = _abi(loaded.declarations, revision, model, page_size, problems)
    declared = Declarations(problems)
    for declaration in loaded.declarations:
        declared.declare(declaration)
    scope = Scope(declared, abi, problems)
    pool = Pool(abi)
    if memory is None:
        scope.settle()
        lay_out(scope)
        made: Make = _made
    else:
        memory.settle(scope, loaded.declarations)
        made = memory.maker(scope, pool)
    vectors = {
        each.name: made(each, partial(vector_of, each, scope, pool))
        for each in declared.vectors.values()
    }
    sections = _sections(scope, made)
    tests = tuple(each for each in loaded.own if isinstance(each, Test))
    if tests:
        _check_tests(tests, scope, made)
    scenarios, strategies = _scenarios(loaded, sections, problems, made)
    program = Program(abi, scope.data(pool.items()), vectors, sections)
    assembly = Assembly(program, tests, loaded.sources, scenarios, strategies)
    return Resolved(assembly, tuple(problems.without_cascades()))


def _made(_: Checked, make: Callable[[], Any]) -> Any:
    """What a declaration becomes, where nothing is known of an earlier version."""
    return make()


# What few files have is imported for those that have it: tests, scenarios, sections.


def _check_tests(tests: tuple[Test, ...], scope: Scope, made: Make) -> None:
    """Report what is wrong with tests before they run, and names that were given twice."""
    from .checks import check_test

    first: dict[str, Span] = {}
    for test in tests:
        word = test.span._replace(end=test.span.start + len("test"))
        if test.name in first:
            scope.declared.defined_twice(f'test "{test.name}"', word, first[test.name])
        first.setdefault(test.name, word)
        made(test, partial(check_test, test, scope))


def _scenarios(
    loaded: Loaded, sections: dict[str, Section], problems: Problems, made: Make
) -> tuple[tuple[Scenario, ...], tuple[Strategy, ...]]:
    """The file's own scenarios, looked through, and the strategies of all files."""
    if all(isinstance(each, ProgramDeclaration) for each in loaded.declarations):
        return (), ()
    from ..text.scenario_tree import Scenario, Strategy
    from .runs import check_runs

    named = tuple(sections)
    calling = tuple(name for name, each in sections.items() if _makes_system_calls(each))
    own = [each for each in loaded.own if isinstance(each, Scenario)]
    for scenario in own:
        made(scenario, partial(check_runs, scenario, sections, problems))
    return (
        tuple(each._replace(sections=named, calling=calling) for each in own),
        tuple(each for each in loaded.declarations if isinstance(each, Strategy)),
    )


def _makes_system_calls(section: Section) -> bool:
    from ..program.section import SystemCall, walk

    return any(isinstance(each, SystemCall) for each in walk(section.body))


def _sections(scope: Scope, made: Make) -> dict[str, Section]:
    """The sections of the program."""
    if not scope.declared.sections:
        return {}
    from .sections import section_of

    return {
        each.name: made(each, partial(section_of, each, scope))
        for each in scope.declared.sections.values()
    }


def _abi(
    declarations: tuple[Declaration, ...],
    revision: str | None,
    model: str | None,
    page_size: int,
    problems: Problems,
) -> Abi:
    """The revision and data model: what the caller wants, else what the files say, else defaults."""
    revisions = [each.name for each in REVISIONS]
    models = [each.name for each in DATA_MODELS]
    if revision is not None and revision not in revisions:
        raise ValueError(f"there is no revision {revision}; there are {', '.join(revisions)}")
    if model is not None and model not in models:
        raise ValueError(f"there is no data model {model}; there are {', '.join(models)}")
    said: dict[str, tuple[str, Span]] = {}
    for choice in declarations:
        if not isinstance(choice, AbiChoice):
            continue
        parts = [("revision", choice.revision, choice.revision_span, revisions)]
        if choice.model is not None and choice.model_span is not None:
            parts.append(("data model", choice.model, choice.model_span, models))
        for what, name, span, known in parts:
            if name not in known:
                problems.error(
                    "OPV024",
                    f"there is no {what} {name}",
                    span,
                    help=f"there are {', '.join(known)}",
                )
                continue
            first, place = said.setdefault(what, (name, span))
            given = revision if what == "revision" else model
            if first != name and given is None:
                problems.error(
                    "OPV025",
                    f"the {what} {name} contradicts {first}",
                    span,
                    notes=(Note(f"{first} is chosen here", place),),
                    help="a file and those it uses are of one revision and data model",
                )
    return get_abi(
        revision or said.get("revision", (DEFAULT_REVISION,))[0],
        model or said.get("data model", (DEFAULT_DATA_MODEL,))[0],
        page_size,
    )
