"""``opvasm verify``: vectors and sections are held against the kernel's rules and advice."""

from __future__ import annotations

from ...formats import INPUTS
from ...light_typing import TYPE_CHECKING
from ..inputs.elf_inputs import add_elf
from ..inputs.inputs import STDIN
from ..inputs.options import add_abi, whole_number
from ..inputs.programs import JSON, TEXT
from ..inputs.verify_inputs import VerifyOptions, read_input
from ..terminal.exits import DONE, NEGATIVE, USAGE, UsageError
from ..terminal.outputs import replace_file, write_text

if TYPE_CHECKING:
    from argparse import ArgumentParser
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


class Options(VerifyOptions):
    """The options, as they were typed."""

    files: tuple[str, ...]
    diagnostics: str
    deny: tuple[str, ...]
    max_errors: str
    rseq: bool
    portability: bool
    budget: bool
    fix: bool
    diff: bool


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


def execute(options: Options, terminal: Terminal) -> int:
    """Check every file, report everything."""
    from ...errors import OpvasmError
    from ...report.human import tally
    from ...verifier.report import denied

    limit = whole_number(options.max_errors, "--max-errors")
    if limit < 1:
        raise UsageError(f"--max-errors {limit} shows nothing", "show at least one finding")
    _check_options(options)
    deny = _denied_names(options.deny)
    found: list[Diagnostic] = []
    checked: list[Checked] = []
    unreadable = False
    sections = 0
    for path in options.files or [STDIN]:
        try:
            given = read_input(path, options)
            diagnostics = _findings(given, options)
            if options.fix or options.diff:
                given, diagnostics = _mend(path, given, diagnostics, options)
        except OpvasmError as error:
            unreadable = True
            found += error.diagnostics
            continue
        checked += given.vectors
        sections += 0 if given.program is None else len(given.program.sections)
        found += denied(diagnostics, deny)
    if not options.diff:
        _write(found[:limit], checked, options, terminal)
    if len(found) > limit:
        terminal.remark(f"{len(found) - limit} more findings; --max-errors shows them")
    count = f"{len(checked)} vector{'' if len(checked) == 1 else 's'}"
    if sections:
        count += f", {sections} section{'' if sections == 1 else 's'}"
    terminal.remark(f"{count}: {tally(found) or 'nothing to report'}")
    if unreadable:
        return USAGE
    return NEGATIVE if any(each.level == "error" for each in found) else DONE


def _check_options(options: Options) -> None:
    machine = options.diagnostics in ("sarif", "github")
    if machine and options.budget:
        raise UsageError(
            f"--diagnostics {options.diagnostics} has no place for a budget",
            "--diagnostics human and json have one",
        )
    if options.fix or options.diff:
        if options.diagnostics != "human":
            raise UsageError("--fix and --diff print a diff, which only people and patch read")
        if options.fix and STDIN in (options.files or [STDIN]):
            raise UsageError("--fix can't change standard input", "name a file, or use --diff")


def _denied_names(names: Sequence[str]) -> Sequence[str]:
    if not names:
        return ()
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


def _findings(given: Input, options: Options) -> tuple[Diagnostic, ...]:
    """Everything there is to say of a file's vectors, in order."""
    from ...errors import in_order
    from ...verifier.report import verify

    found: list[Diagnostic] = []
    for vector, abi, data, name in given.vectors:
        found += verify(vector, abi, data=data, name=name)
        if options.rseq:
            from ...verifier.rseq_report import rseq_report

            found += rseq_report(vector, abi, data, name)
        if options.portability:
            from ...verifier.portability import portability_findings

            found += portability_findings(vector, abi, name)
    if given.program is not None and given.program.sections:
        from ...verifier.section_report import section_report, vector_report

        program = given.program
        for section in program.sections.values():
            found += section_report(section, program.data)
            if options.rseq:
                found.append(vector_report(section, program.data, program.abi))
    return in_order(found)


def _mend(
    path: str, given: Input, diagnostics: tuple[Diagnostic, ...], options: Options
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
        if options.fix:
            replace_file(path, text.encode("utf-8"))
            changed = True
    if not changed:
        return given, diagnostics
    given = read_input(path, options)
    return given, _findings(given, options)


def _write(
    found: Sequence[Diagnostic],
    checked: Sequence[Checked],
    options: Options,
    terminal: Terminal,
) -> None:
    """The findings in their format, then what else was asked for."""
    if options.diagnostics == "json":
        from ...report.json_report import render_all

        write_text(render_all(found, _reports(checked, options)), None)
        return
    from ...report.diagnostics import render

    text = render(options.diagnostics, found, terminal.out)
    if options.diagnostics == "human":
        for vector, abi, data, name in checked:
            if options.budget:
                from ...verifier.budget import budget, budget_text

                text += budget_text(budget(vector, abi, data, name))
            if options.portability:
                from ...verifier.portability import portability, portability_text

                text += portability_text(portability(vector, abi))
    write_text(text, None)


def _reports(checked: Sequence[Checked], options: Options) -> dict[str, list[dict[str, object]]]:
    """What was asked for beside the findings, for the JSON document."""
    from ...verifier.budget import budget, budget_json
    from ...verifier.portability import portability, portability_json

    reports: dict[str, list[dict[str, object]]] = {}
    if options.budget:
        reports["budget"] = [
            budget_json(budget(vector, abi, data, name)) for vector, abi, data, name in checked
        ]
    if options.portability:
        reports["portability"] = [
            portability_json(portability(vector, abi)) for vector, abi, _, _ in checked
        ]
    return reports
