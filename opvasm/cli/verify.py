"""``opvasm verify``."""

from __future__ import annotations

from ..formats import INPUTS, read_ops
from ..light_typing import TYPE_CHECKING
from .exits import DONE, NEGATIVE, USAGE, UsageError
from .inputs import display_name, read_bytes, read_source
from .options import abi_for_bytes, add_abi, chosen_abi, whole_number
from .outputs import write_text
from .programs import assembled

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..errors import Diagnostic
    from .terminal import Terminal

DESCRIPTION = """\
Ask what the kernel of a revision would refuse, and what deserves a second look. Findings go to
standard output, all of them in one run, in the order of the text."""
EXAMPLES = """
opvasm verify samples/idioms/list.opv
opvasm verify -a 2018-04 --deny misaligned *.opv
opvasm asm list.opv --vector push --no-verify | opvasm verify --from raw
opvasm verify vector.bin --from raw --max-errors 5
"""
EXITS = {DONE: "nothing is refused", NEGATIVE: "a vector would be refused, or breaks a denied rule"}
TEXT = "opv"


def add_arguments(parser: ArgumentParser) -> None:
    """The options."""
    parser.add_argument(
        "files", metavar="FILE", nargs="*", default=["-"], help="texts (- or none: standard input)"
    )
    parser.add_argument(
        "--from",
        dest="source",
        choices=(TEXT, *INPUTS),
        default=TEXT,
        help="what the files hold: opv: text (default); "
        + "; ".join(f"{each.name}: {each.summary}" for each in INPUTS.values()),
    )
    add_abi(parser)
    parser.add_argument(
        "--deny",
        metavar="CODE",
        action="append",
        default=[],
        help="make this finding (OPV220, misaligned, or all of: warning, note) an error; "
        "may be repeated",
    )
    parser.add_argument(
        "--max-errors", metavar="N", default="100", help="show at most N findings (default: 100)"
    )


def execute(arguments: Namespace, terminal: Terminal) -> int:
    """Check every file, report everything."""
    from ..errors import OpvasmError
    from ..report.human import render_all, tally
    from ..verifier.report import denied

    limit = whole_number(arguments.max_errors, "--max-errors")
    if limit < 1:
        raise UsageError(f"--max-errors {limit} shows nothing", "0 findings are no report")
    deny = _denied_names(arguments.deny)
    found: list[Diagnostic] = []
    vectors = 0
    unreadable = False
    for file in arguments.files or ["-"]:
        try:
            count, diagnostics = _check(file, arguments)
        except OpvasmError as error:
            unreadable = True
            found += error.diagnostics
            continue
        vectors += count
        found += denied(diagnostics, deny)
    write_text(render_all(found[:limit], terminal.out), None)
    if len(found) > limit:
        terminal.remark(f"{len(found) - limit} more findings; --max-errors shows them")
    checked = f"{vectors} vector{'' if vectors == 1 else 's'}"
    terminal.remark(f"{checked}: {tally(found) or 'nothing to report'}")
    if unreadable:
        return USAGE
    return NEGATIVE if any(each.level == "error" for each in found) else DONE


def _denied_names(names: list[str]) -> list[str]:
    if not names:
        return []
    from ..codes import all_codes

    known = {"warning", "note"}
    for code in all_codes().values():
        known |= {code.code, code.name}
    for name in names:
        if name not in known:
            from ..suggestion import did_you_mean

            raise UsageError(
                f"--deny: there is no finding {name!r}",
                did_you_mean(name, sorted(known)) or "'opvasm explain' lists them",
            )
    return names


def _check(file: str, arguments: Namespace) -> tuple[int, tuple[Diagnostic, ...]]:
    """The number of vectors of a file, and what there is to say of them.  Raises OpvasmError."""
    from ..errors import in_order
    from ..verifier.report import verify

    name = display_name(file)
    if arguments.source != TEXT:
        from ..binary import decode

        abi = abi_for_bytes(arguments)
        data = read_ops(arguments.source, read_bytes(file), name, abi)
        return 1, verify(decode(data, abi, name), abi, name=name)
    program = assembled(read_source(file), *chosen_abi(arguments)).program
    return len(program.vectors), in_order(
        finding
        for vector in program.vectors.values()
        for finding in verify(vector, program.abi, data=program.data)
    )
