"""Options that several subcommands share, and what their values mean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...abi.layout import DATA_MODELS
from ...abi.revisions import (
    DEFAULT_DATA_MODEL,
    DEFAULT_PAGE_SIZE,
    DEFAULT_REVISION,
    PAGE_SIZES,
    QUIRKS,
    REVISIONS,
    Abi,
    get_abi,
)
from ...light_typing import TYPE_CHECKING, Protocol
from ..terminal.exits import UsageError
from .option_values import OptionValues

if TYPE_CHECKING:
    from argparse import ArgumentParser

_REVISION_NAMES = tuple(revision.name for revision in REVISIONS)
_MODEL_NAMES = tuple(model.name for model in DATA_MODELS)


def add_input(parser: ArgumentParser, what: str) -> None:
    """One input file; none, or ``-``, is standard input."""
    parser.add_argument(
        "file", metavar="FILE", nargs="?", default="-", help=f"{what} (- or none: standard input)"
    )


def add_output(parser: ArgumentParser) -> None:
    """``-o``."""
    parser.add_argument(
        "-o", "--output", metavar="OUT", help="write to this file, whole or not at all"
    )


class AbiOptions(OptionValues):
    """What ``add_abi`` adds, as it was typed; ``chosen_abi`` checks it."""

    abi: str | None
    model: str | None
    page_size: str | None


def add_abi(parser: ArgumentParser) -> None:
    """The revision, the data model and the page size."""
    parser.add_argument(
        "-a",
        "--abi",
        metavar="ABI",
        help=f"revision: {', '.join(_REVISION_NAMES)} (default: what the file says, else {DEFAULT_REVISION})",
    )
    parser.add_argument(
        "--model",
        metavar="MODEL",
        help=f"word size and byte order: {', '.join(_MODEL_NAMES)} (default: what the file says, else {DEFAULT_DATA_MODEL})",
    )
    parser.add_argument(
        "--page-size",
        metavar="BYTES",
        help=f"{', '.join(map(str, PAGE_SIZES))} (default: {DEFAULT_PAGE_SIZE})",
    )


class Named(Protocol):
    """A row of a registry of formats."""

    @property
    def name(self) -> str: ...
    @property
    def summary(self) -> str: ...


def listed(rows: Iterable[Named], default: str) -> str:
    """The help of an option whose values are the rows of a registry."""
    return f"{'; '.join(f'{row.name}: {row.summary}' for row in rows)} (default: {default})"


def chosen_abi(options: AbiOptions) -> tuple[str | None, str | None, int]:
    """The checked values of ``-a``, ``--model`` and ``--page-size``; None where not given."""
    _check(options.abi, _REVISION_NAMES, "-a", "revision")
    _check(options.model, _MODEL_NAMES, "--model", "data model")
    if options.page_size is None:
        return options.abi, options.model, DEFAULT_PAGE_SIZE
    size = whole_number(options.page_size, "--page-size")
    if size not in PAGE_SIZES:
        raise UsageError(f"--page-size {size} is not one of {', '.join(map(str, PAGE_SIZES))}")
    return options.abi, options.model, size


def abi_for_bytes(options: AbiOptions) -> Abi:
    """The Abi of input that does not name one itself."""
    revision, model, page_size = chosen_abi(options)
    return get_abi(revision or DEFAULT_REVISION, model or DEFAULT_DATA_MODEL, page_size)


def _check(value: str | None, known: tuple[str, ...], option: str, what: str) -> None:
    if value is not None and value not in known:
        raise UsageError(f"{option}: there is no {what} {value!r}", f"one of: {', '.join(known)}")


def whole_number(text: str, option: str) -> int:
    """A number in the spellings of the language: 10, 0x1f, 0b101, 0o17, 1_000, negative."""
    try:
        if len(text) > 400:  # no value of any field; int() refuses far longer ones in its own words
            raise ValueError
        return int(text, 10) if text.lstrip("+-").isdigit() else int(text, 0)
    except ValueError:
        raise UsageError(
            f"{option}: {text[:60]!r} is not a whole number", "write 10, 0x1f, 0b101, 0o17 or 1_000"
        ) from None


def named_values(pairs: Sequence[str], option: str) -> dict[str, str]:
    """``NAME=VALUE`` of a repeated option, by name, the values still as text."""
    values: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        name, value = name.strip(), value.strip()
        if not equals or not name or not value:
            raise UsageError(f"{option} takes NAME=VALUE, not {pair!r}")
        if name in values:
            raise UsageError(f"{option} gives {name} twice")
        values[name] = value
    return values


def chosen_quirks(text: str | None) -> tuple[str, ...] | None:
    """The checked value of ``--quirks``: names of historic bugs; None where it is not given."""
    if text is None:
        return None
    if text in ("none", "all"):
        return tuple(QUIRKS) if text == "all" else ()
    names = tuple(each.strip() for each in text.split(",") if each.strip())
    for name in names:
        _check(name, ("none", "all", *QUIRKS), "--quirks", "quirk")
    return names
