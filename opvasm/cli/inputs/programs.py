"""Programs for the subcommands: assembled from a text, a vector chosen, its arguments given."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from ...abi.revisions import DEFAULT_PAGE_SIZE, QUIRKS
from ...light_typing import TYPE_CHECKING
from ..terminal.exits import UsageError
from .inputs import LARGEST_INPUT, display_name, read_bytes, read_source, source_of
from .option_values import OptionValues
from .options import AbiOptions, add_abi, chosen_abi, named_values, whole_number

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from ...assembler import Assembly
    from ...errors import ParseError
    from ...program import Layout, Program, Vector
    from ...source import SourceFile

# What ``--from`` calls the inputs that hold whole programs.
TEXT, JSON = "opv", "json"
_LAYOUT_FIELDS = ("percpu", "percpu_stride", "shared", "page", "pool", "slots")


class BindingOptions(OptionValues):
    """What ``add_binding`` adds."""

    cpu: str
    arg: tuple[str, ...]
    layout: tuple[str, ...]


class MachineOptions(AbiOptions, BindingOptions):
    """What ``add_machine`` adds."""

    source: str
    assignments: tuple[str, ...]
    cpus: str
    quirks: str | None


def add_binding(parser: ArgumentParser) -> None:
    """What binds a vector: the CPU, the arguments, the layout."""
    parser.add_argument(
        "--cpu", metavar="N", default="0", help="the CPU that the vector runs on (default: 0)"
    )
    parser.add_argument(
        "--arg",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="a parameter's value: 5, 0x1000, &nodes[0]; may be repeated",
    )
    parser.add_argument(
        "--layout",
        metavar="AREA=ADDRESS",
        action="append",
        default=[],
        help=f"where an area lies: {', '.join(_LAYOUT_FIELDS)}; may be repeated",
    )


def add_machine(parser: ArgumentParser) -> None:
    """What to run and on what: the kind of input, the Abi, the binding, memory, CPUs, quirks."""
    from ...formats import INPUTS

    parser.add_argument(
        "--from",
        dest="source",
        choices=(TEXT, JSON, *INPUTS),
        default=TEXT,
        help="what the file holds: opv: text (default); json: what asm -f json wrote; "
        f"{', '.join(INPUTS)}: one assembled vector",
    )
    add_abi(parser)
    add_binding(parser)
    parser.add_argument(
        "--set",
        dest="assignments",
        metavar="PLACE=VALUE",
        action="append",
        default=[],
        help="set memory before the call: head=&nodes[0], counter@1=7; may be repeated",
    )
    parser.add_argument(
        "--cpus", metavar="N", default="4", help="how many CPUs the machine has (default: 4)"
    )
    parser.add_argument(
        "--quirks",
        metavar="NAMES",
        help=f"mistakes of historic kernels: none (default), all, or some of: {', '.join(QUIRKS)}",
    )


def assembled(
    source: SourceFile,
    revision: str | None = None,
    model: str | None = None,
    page_size: int = DEFAULT_PAGE_SIZE,
    folder: str = "",
) -> Assembly:
    """A text with the files that it uses, whose names start from ``folder``.

    Raises ParseError, and UsageError for what is a dump of bytes.
    """
    from ...assembler import assemble
    from ...errors import ParseError

    def load(path: str) -> SourceFile:
        return _used_file(path, folder)

    try:
        return assemble(source, revision=revision, model=model, page_size=page_size, loader=load)
    except ParseError as error:
        _refuse_dump(error, source, revision, model)
        raise


def _refuse_dump(
    error: ParseError, source: SourceFile, revision: str | None, model: str | None
) -> None:
    """Raise UsageError where what can't be read as vectors, from its first word on, is a dump."""
    from ...abi.revisions import DEFAULT_DATA_MODEL, DEFAULT_REVISION, get_abi
    from ...formats.dumps import looks_like_dump, looks_like_words, without_comments
    from ...source import Span

    place = error.diagnostics[0].place
    if not isinstance(place, Span) or without_comments(source.text[: place.start]).strip():
        return
    layout = looks_like_dump(
        source.text, get_abi(revision or DEFAULT_REVISION, model or DEFAULT_DATA_MODEL)
    )
    if layout is not None:
        raise UsageError(
            f"{source.name} looks like {layout}", "disasm, verify and run read it with --from hex"
        )
    words = looks_like_words(source.text)
    if words is not None:
        raise UsageError(f"{source.name} looks like {words[0]}", words[1])


def assembled_input(path: str, options: AbiOptions, source: str = TEXT) -> Assembly:
    """The program of a file, TEXT or JSON, for the revision that the options say."""
    if source == JSON:
        return json_input(read_bytes(path), display_name(path), options)
    return assembled(read_source(path), *chosen_abi(options))


def json_input(data: bytes, name: str, options: AbiOptions) -> Assembly:
    """The program of an ``opvasm-asm/1`` document, which names its own revision and data model.

    Raises DecodeError with all that is wrong with it, UsageError where the options ask for another
    revision, data model or page size than the document's.
    """
    from ...assembler import Assembly
    from ...formats.json_reader import read_program

    program = read_program(data, name)
    abi = program.abi
    revision, model, size = chosen_abi(options)
    for option, wanted, held in (
        ("-a", revision, abi.revision.name),
        ("--model", model, abi.model.name),
        ("--page-size", options.page_size and size, abi.page_size),
    ):
        if wanted not in (None, held):
            raise UsageError(
                f"{option} {wanted}: {name} was assembled for {held}", "assemble the text again"
            )
    return Assembly(program, (), ())


def _used_file(path: str, folder: str) -> SourceFile:
    """A file that ``use`` names; errors as ``assemble`` expects them of a loader."""
    from ...assembler.files import open_regular

    with open_regular(os.path.join(folder, path)) as file:
        data = file.read(LARGEST_INPUT + 1)
    if len(data) > LARGEST_INPUT:
        raise ValueError(f"it is larger than {LARGEST_INPUT >> 20} MiB, the limit for one input")
    try:
        return source_of(data, path)
    except UsageError as error:
        raise ValueError(error.message) from None


def chosen_vector(program: Program, name: str | None, option: str) -> Vector:
    """The vector of that name; without a name, the only one.  ``option`` is how one is named."""
    vectors = program.vectors
    if name is None:
        if len(vectors) == 1:
            return next(iter(vectors.values()))
        if not vectors:
            raise UsageError("the input has no vector")
        from ...suggestion import listing

        raise UsageError(
            f"the input has {len(vectors)} vectors: say which", f"{option}: {listing(vectors)}"
        )
    if name not in vectors:
        from ...suggestion import did_you_mean, listing

        there_are = f"there are: {listing(vectors)}" if vectors else "the input has none"
        raise UsageError(f"there is no vector {name!r}", did_you_mean(name, vectors) or there_are)
    return vectors[name]


def chosen_layout(options: BindingOptions, program: Program) -> Layout:
    """The default layout with the areas that ``--layout`` moves."""
    from ...program import default_layout

    layout = default_layout(program.abi, program.data)
    limit = program.abi.model.addresses
    page = program.abi.page_size
    for area, text in named_values(options.layout, "--layout").items():
        if area not in _LAYOUT_FIELDS:
            from ...suggestion import did_you_mean

            raise UsageError(
                f"--layout: there is no area {area!r}",
                did_you_mean(area, _LAYOUT_FIELDS) or f"one of: {', '.join(_LAYOUT_FIELDS)}",
            )
        address = whole_number(text, f"--layout {area}")
        if not 0 <= address < limit:
            raise UsageError(f"--layout: {area}={text} is not an address: 0 to {limit - 1:#x}")
        if address % page:
            raise UsageError(
                f"--layout: {area}={text} is not a multiple of the page size, {page} bytes"
            )
        layout = layout._replace(**{area: address})
    _check_stride(layout, program)
    return layout


def _check_stride(layout: Layout, program: Program) -> None:
    from ...program import Area

    size = program.data.area_size(Area.PERCPU)
    if layout.percpu_stride < size:
        raise UsageError(
            f"--layout: percpu_stride={layout.percpu_stride:#x} is less than the {size} bytes of "
            "one CPU's data"
        )


def cpu_number(options: BindingOptions) -> int:
    """The value of ``--cpu``: a signed 32-bit number, as the system call takes it."""
    cpu = whole_number(options.cpu, "--cpu")
    if not -(1 << 31) <= cpu < 1 << 31:
        raise UsageError(f"--cpu {cpu} is not a 32-bit number")
    return cpu


def argument_values(
    pairs: Sequence[str], program: Program, layout: Layout, cpu: int
) -> Mapping[str, int]:
    """The values of ``--arg``: numbers, or expressions of the program's names and addresses.

    Raises ParseError for a value that is not an expression.
    """
    return {
        name: _value(name, text, program, layout, cpu)
        for name, text in named_values(pairs, "--arg").items()
    }


def _value(name: str, text: str, program: Program, layout: Layout, cpu: int) -> int:
    try:
        return whole_number(text, "--arg")
    except UsageError:
        pass
    from ...expression import Unevaluable
    from ...scenario.arguments import argument_value

    try:
        return argument_value(name, text, program, layout, cpu)
    except Unevaluable as problem:
        raise UsageError(
            f"--arg {name}={text}: {problem.reason}",
            "a value is a number, a constant, or an address such as &nodes[0]",
        ) from None
