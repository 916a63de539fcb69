"""``opvasm test`` in pieces that several workers can share, and that come together in order."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator

from ...abi.revisions import DEFAULT_PAGE_SIZE
from ...engines import Engine, EngineError, get_engine
from ...errors import Diagnostic, OpvasmError, ParseError
from ...light_typing import TYPE_CHECKING, NamedTuple
from ...source import SourceFile
from ...suite.outcome import Outcome
from ...suite.selection import Selection, selection
from ..inputs.inputs import read_source
from ..terminal.exits import UsageError

if TYPE_CHECKING:
    from ...suite.coverage import Collector, Counts

# Reference cases of a file that are one piece where several workers share the work.
CASES_TOGETHER = 200


# The revision and the data model that texts are read for (None: as they say), bytes of a page.
Asked = tuple[str | None, str | None, int]
AS_WRITTEN: Asked = (None, None, DEFAULT_PAGE_SIZE)


class Setup(NamedTuple):
    """What all pieces have in common: the selection, what answers cases, whether to collect, the ABI."""

    expression: str
    engine: str
    plugin: str | None
    quirks: tuple[str, ...] | None
    coverage: bool
    folder: str = ""
    abi: Asked = AS_WRITTEN

    @property
    def options(self) -> str:
        """The options of the command line that ask for ``abi``, each after a space."""
        revision, model, page_size = self.abi
        words = "" if revision is None else f" -a {revision}"
        words += "" if model is None else f" --model {model}"
        return words + ("" if page_size == DEFAULT_PAGE_SIZE else f" --page-size {page_size}")


class Piece(NamedTuple):
    """A file, or some lines of one.

    ``expected`` is the text of the neighbour that says what is wrong with it, ``unreadable`` the
    message and help of a file that can't be read.
    """

    file: str
    text: str
    expected: str | None = None
    unreadable: tuple[str, str | None] | None = None


class Ran(NamedTuple):
    """What became of a piece: outcomes, then what ended it early, if anything did.

    ``findings`` are those of a text that can't be read, ``unreadable`` the message and help of a
    file, ``engine`` the message of an engine that failed.
    """

    outcomes: tuple[Outcome, ...]
    findings: tuple[Diagnostic, ...] = ()
    unreadable: tuple[str, str | None] | None = None
    engine: str | None = None
    counts: Counts | None = None

    @property
    def ended_early(self) -> bool:
        """Whether the rest of the file is not to be looked at."""
        return bool(self.findings) or self.unreadable is not None


def pieces(files: list[str], shared: bool) -> Iterator[Piece]:
    """The files in their order; those with many cases in several pieces where work is ``shared``."""
    from ...suite.neighbours import neighbour

    for file in files:
        expected = None
        try:
            text = read_source(file).text
            beside = None if file.endswith(".jsonl") else neighbour(file)
            if beside is not None:
                expected = read_source(beside).text
        except UsageError as error:
            yield Piece(file, "", None, (error.message, error.help))
            continue
        if not shared or not file.endswith(".jsonl"):
            yield Piece(file, text, expected)
            continue
        lines = text.split("\n")
        for first in range(0, len(lines), CASES_TOGETHER):
            # Empty lines keep the numbers of those that follow, for messages.
            part = "\n".join(lines[first : first + CASES_TOGETHER])
            yield Piece(file, "\n" * first + part)


def chosen(expression: str) -> Selection:
    """The choice that ``-k`` makes; everything without it.  Raises SelectionError."""
    return selection(expression) if expression.strip() else _all


def _all(name: str) -> bool:
    return True


def run_shared(piece: Piece, setup: Setup) -> Ran:
    """What a worker does: a piece with an engine of its own."""
    coverage = collector(setup)
    try:
        engine = started_engine(setup, coverage)
    except EngineError as error:
        return Ran((), engine=str(error))
    try:
        ran = run_piece(piece, setup, engine, coverage, lambda outcome: None)
    finally:
        engine.close()
    return ran if coverage is None else ran._replace(counts=coverage.counted())


def collector(setup: Setup) -> Collector | None:
    """What counts coverage, where that is wanted."""
    if not setup.coverage:
        return None
    from ...suite.coverage import Collector

    return Collector()


def started_engine(setup: Setup, coverage: Collector | None) -> Engine:
    """What answers reference cases.  Raises EngineError."""
    if setup.plugin is None:
        return get_engine(setup.engine, coverage)
    from ...engines.plugin import PluginEngine

    return PluginEngine(setup.plugin)


def run_piece(
    piece: Piece,
    setup: Setup,
    engine: Engine,
    coverage: Collector | None,
    tell: Callable[[Outcome], None],
) -> Ran:
    """Run a piece; ``tell`` is told of each outcome at once."""
    outcomes: list[Outcome] = []
    if piece.unreadable is not None:
        return Ran((), unreadable=piece.unreadable)
    try:
        for outcome in _run(piece, engine, setup, coverage):
            outcomes.append(outcome)
            tell(outcome)
    except OpvasmError as error:
        return Ran(tuple(outcomes), findings=error.diagnostics)
    except UsageError as error:
        return Ran(tuple(outcomes), unreadable=(error.message, error.help))
    except EngineError as error:
        return Ran(tuple(outcomes), engine=str(error))
    return Ran(tuple(outcomes))


def _run(
    piece: Piece, engine: Engine, setup: Setup, coverage: Collector | None
) -> Iterator[Outcome]:
    source = SourceFile(piece.file, piece.text)
    wanted = chosen(setup.expression)
    quirks: Collection[str] | None = setup.quirks
    if piece.file.endswith(".jsonl"):
        from ...suite.cases import run_cases

        yield from run_cases(source, engine, quirks, wanted, coverage)
        return
    from ...suite.blocks import run_blocks
    from ...suite.neighbours import run_neighbour
    from ..inputs.programs import assembled

    file, expected = piece.file, piece.expected
    try:
        assembly = assembled(source, *setup.abi, folder=setup.folder)
    except ParseError as problem:
        if expected is None:
            raise
        if wanted(file):
            yield run_neighbour(problem, file, expected)
        return
    if expected is not None and wanted(file):
        yield run_neighbour(assembly, file, expected)
    yield from run_blocks(assembly, file, quirks or (), wanted, coverage)
    if assembly.scenarios:
        from ...suite.scenarios import run_scenarios

        yield from run_scenarios(assembly, file, wanted)


def here() -> str:
    """The folder that relative names start from, for workers that are elsewhere."""
    return os.getcwd()
