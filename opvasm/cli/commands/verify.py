"""``opvasm verify``."""

from __future__ import annotations

from ...formats import INPUTS
from ...light_typing import TYPE_CHECKING
from ..inputs.elf_inputs import add_elf
from ..inputs.inputs import STDIN
from ..inputs.options import add_abi, whole_number
from ..inputs.programs import JSON, TEXT
from ..inputs.verify_inputs import read_input
from ..terminal.exits import DONE, NEGATIVE, USAGE, UsageError
from ..terminal.outputs import replace_file, write_text

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence

    from ...errors import Diagnostic
    from ..inputs.verify_inputs import Checked, Input
    from ..terminal.terminal import Terminal

DESCRIPTION = """\
Ask what the kernel of a revision would refuse, and what deserves a second look. Findings go to
standard output, all of them in one run, in the order of the text. Texts, raw ops and ELF files
(objects and programs) are read."""
EXAMPLES = """
opvasm verify samples/idioms/list.opv
opvasm verify -a 2018-04 --deny misaligned *.opv
opvasm verify --budget --portability samples/idioms/list.opv
opvasm verify --rseq samples/idioms/librseq.opv
opvasm verify --diagnostics sarif *.opv > findings.sarif
opvasm verify --fix list.opv
opvasm asm list.opv --vector push --no-verify | opvasm verify --from raw
opvasm verify prog.o --symbol push_ops
"""
EXITS = {DONE: "nothing is refused", NEGATIVE: "a vector would be refused, or breaks a denied rule"}
DIAGNOSTICS = ("human", "json", "sarif", "github")


def add_arguments(parser: ArgumentParser) -> None:
    """The options."""
    parser.add_argument(
        "files", metavar="FILE", nargs="*", default=["-"], help="inputs (- or none: standard input)"
    )
    parser.add_argument(
        "--from",
        dest="source",
        choices=(TEXT, JSON, *INPUTS),
        default=TEXT,
        help="what the files hold: opv: text (default); json: what asm -f json wrote; "
        + "; ".join(f"{each.name}: {each.summary}" for each in INPUTS.values())
        + "; ELF files are recognised",
    )
    add_abi(parser)
    add_elf(parser)
    parser.add_argument(
        "--diagnostics",
        metavar="FORMAT",
        choices=DIAGNOSTICS,
        default="human",
        help="human (default); json: opvasm-diagnostics/1; sarif: SARIF 2.1.0; github: workflow "
        "commands",
    )
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
    parser.add_argument(
        "--rseq",
        action="store_true",
        help="say of each vector whether it may also be a restartable sequence, and of each "
        "section whether it is a vector",
    )
    parser.add_argument(
        "--portability",
        action="store_true",
        help="say what every other revision and data model makes of each vector",
    )
    parser.add_argument(
        "--budget", action="store_true", help="list what each vector costs, against every limit"
    )
    parser.add_argument(
        "--fix",
        action="store_true",
        help="make the changes that mend a finding and change nothing else; prints them as a diff",
    )
    parser.add_argument(
        "--diff", action="store_true", help="print what --fix would change, and change nothing"
    )


def execute(arguments: Namespace, terminal: Terminal) -> int:
    """Check every file, report everything."""
    from ...errors import OpvasmError
    from ...report.human import tally
    from ...verifier.report import denied

    limit = whole_number(arguments.max_errors, "--max-errors")
    if limit < 1:
        raise UsageError(f"--max-errors {limit} shows nothing", "0 findings are no report")
    _check_options(arguments)
    deny = _denied_names(arguments.deny)
    found: list[Diagnostic] = []
    checked: list[Checked] = []
    unreadable = False
    sections = 0
    for path in arguments.files or [STDIN]:
        try:
            given = read_input(path, arguments)
            diagnostics = _findings(given, arguments)
            if arguments.fix or arguments.diff:
                given, diagnostics = _mend(path, given, diagnostics, arguments)
        except OpvasmError as error:
            unreadable = True
            found += error.diagnostics
            continue
        checked += given.vectors
        sections += 0 if given.program is None else len(given.program.sections)
        found += denied(diagnostics, deny)
    if not arguments.diff:
        _write(found[:limit], checked, arguments, terminal)
    if len(found) > limit:
        terminal.remark(f"{len(found) - limit} more findings; --max-errors shows them")
    count = f"{len(checked)} vector{'' if len(checked) == 1 else 's'}"
    if sections:
        count += f", {sections} section{'' if sections == 1 else 's'}"
    terminal.remark(f"{count}: {tally(found) or 'nothing to report'}")
    if unreadable:
        return USAGE
    return NEGATIVE if any(each.level == "error" for each in found) else DONE


def _check_options(arguments: Namespace) -> None:
    machine = arguments.diagnostics in ("sarif", "github")
    if machine and arguments.budget:
        raise UsageError(
            f"--diagnostics {arguments.diagnostics} has no place for a budget",
            "--diagnostics human and json have one",
        )
    if arguments.fix or arguments.diff:
        if arguments.diagnostics != "human":
            raise UsageError("--fix and --diff print a diff, which only people and patch read")
        if arguments.fix and STDIN in (arguments.files or [STDIN]):
            raise UsageError("--fix can't change standard input", "name a file, or use --diff")


def _denied_names(names: list[str]) -> list[str]:
    if not names:
        return []
    from ...codes import all_codes

    known = {"warning", "note"}
    for code in all_codes().values():
        known |= {code.code, code.name}
    for name in names:
        if name not in known:
            from ...suggestion import did_you_mean

            raise UsageError(
                f"--deny: there is no finding {name!r}",
                did_you_mean(name, sorted(known)) or "'opvasm explain' lists them",
            )
    return names


def _findings(given: Input, arguments: Namespace) -> tuple[Diagnostic, ...]:
    """Everything there is to say of a file's vectors, in order."""
    from ...errors import in_order
    from ...verifier.report import verify

    found: list[Diagnostic] = []
    for vector, abi, data, name in given.vectors:
        found += verify(vector, abi, data=data, name=name)
        if arguments.rseq:
            from ...verifier.rseq_report import rseq_report

            found += rseq_report(vector, abi, data, name)
        if arguments.portability:
            from ...verifier.portability import portability_findings

            found += portability_findings(vector, abi, name)
    if given.program is not None and given.program.sections:
        from ...verifier.section_report import section_report, vector_report

        program = given.program
        for section in program.sections.values():
            found += section_report(section, program.data)
            if arguments.rseq:
                found.append(vector_report(section, program.data, program.abi))
    return in_order(found)


def _mend(
    path: str, given: Input, diagnostics: tuple[Diagnostic, ...], arguments: Namespace
) -> tuple[Input, tuple[Diagnostic, ...]]:
    """Print the changes of a text; with ``--fix`` make them, and look again."""
    from ...edits import diff, edited

    if given.source is None:
        return given, diagnostics
    changed = False
    for file, text in edited(diagnostics):
        if file is not given.source:
            continue  # a file that is used is mended when it is named itself
        write_text(diff(file.name, file.text, text), None)
        if arguments.fix:
            replace_file(path, text.encode("utf-8"))
            changed = True
    if not changed:
        return given, diagnostics
    given = read_input(path, arguments)
    return given, _findings(given, arguments)


def _write(
    found: Sequence[Diagnostic],
    checked: Sequence[Checked],
    arguments: Namespace,
    terminal: Terminal,
) -> None:
    """The findings in their format, then what else was asked for."""
    if arguments.diagnostics == "json":
        from ...report.json_report import render_all

        write_text(render_all(found, _reports(checked, arguments)), None)
        return
    from ...report.diagnostics import render

    text = render(arguments.diagnostics, found, terminal.out)
    if arguments.diagnostics == "human":
        for vector, abi, data, name in checked:
            if arguments.budget:
                from ...verifier.budget import budget, budget_text

                text += budget_text(budget(vector, abi, data, name))
            if arguments.portability:
                from ...verifier.portability import portability, portability_text

                text += portability_text(portability(vector, abi))
    write_text(text, None)


def _reports(
    checked: Sequence[Checked], arguments: Namespace
) -> dict[str, list[dict[str, object]]]:
    """What was asked for beside the findings, for the JSON document."""
    from ...verifier.budget import budget, budget_json
    from ...verifier.portability import portability, portability_json

    reports: dict[str, list[dict[str, object]]] = {}
    if arguments.budget:
        reports["budget"] = [
            budget_json(budget(vector, abi, data, name)) for vector, abi, data, name in checked
        ]
    if arguments.portability:
        reports["portability"] = [
            portability_json(portability(vector, abi)) for vector, abi, _, _ in checked
        ]
    return reports
