"""``opvasm fmt``: texts are brought into their one layout."""

from __future__ import annotations

from ...light_typing import TYPE_CHECKING
from ..inputs.inputs import STDIN, display_name, read_source
from ..inputs.option_values import OptionValues
from ..terminal.exits import DONE, NEGATIVE, USAGE
from ..terminal.outputs import replace_file, write_text

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from ..terminal.terminal import Terminal

DESCRIPTION = """\
Bring texts into the one layout: indentation, blanks, operands and comments below each other.
Comments and line breaks stay, and the text assembles to the same bytes. Files are rewritten in
place; standard input goes to standard output."""
EXAMPLES = """
opvasm fmt list.opv
opvasm fmt --check --diff samples/idioms/*.opv
opvasm disasm vector.bin | opvasm fmt
"""
EXITS = {DONE: "laid out", NEGATIVE: "--check or --diff: a file would change"}


class Options(OptionValues):
    """The options, as they were typed."""

    files: tuple[str, ...]
    check: bool
    diff: bool


def add_arguments(parser: ArgumentParser) -> None:
    """The options."""
    parser.add_argument(
        "files", metavar="FILE", nargs="*", help="texts (- or none: standard input)"
    )
    parser.add_argument(
        "--check", action="store_true", help="change nothing; name the files that would change"
    )
    parser.add_argument(
        "--diff", action="store_true", help="change nothing; print what would change as a diff"
    )


def execute(options: Options, terminal: Terminal) -> int:
    """Lay out every file; those with mistakes are reported and left alone."""
    from ...edits import diff
    from ...errors import ParseError
    from ...text.formatter import formatted

    code = DONE
    only_looks = options.check or options.diff
    for path in options.files or [STDIN]:
        source = read_source(path)
        try:
            text = formatted(source)
        except ParseError as error:
            terminal.report(error.diagnostics)
            code = USAGE
            continue
        if only_looks:
            if text != source.text:
                code = max(code, NEGATIVE)
                if options.diff:
                    write_text(diff(source.name, source.text, text), None)
                if options.check:
                    terminal.remark(f"{display_name(path)} would change")
        elif path == STDIN:
            write_text(text, None)
        elif text != source.text:
            replace_file(path, text.encode("utf-8"))
    return code
