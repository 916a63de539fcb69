"""``opvasm audit``: the restartable sections of compiled programs are found and checked."""

from __future__ import annotations

import os

from ...light_typing import TYPE_CHECKING
from ..inputs.kernels import HostUnknown, host_unknown, named_profiles
from ..inputs.option_values import OptionValues
from ..terminal.exits import DONE, HOST, INCONCLUSIVE, NEGATIVE, USAGE, UsageError
from ..terminal.outputs import write_text

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Sequence

    from ...audit.audit import FileAudit
    from ...elf.problems import ElfError
    from ...elf.source import Source
    from ...errors import Diagnostic
    from ...explorer_reports.audit_html import AuditPage
    from ...kernels.profiles import Profile
    from ..terminal.terminal import Terminal

DESCRIPTION = """\
Find the restartable sections (rseq) of compiled programs, check them against the rules of every
kernel, and say what each kernel does to them. Reads ELF programs, libraries, objects and archives,
also inside of wheels, .deb packages and tar files, whole folders, and what a process has mapped."""
EXAMPLES = """
opvasm audit ./server
opvasm audit --kernel v6_19_x86 --kernel legacy ./server
opvasm audit /usr/lib
opvasm audit --pid 4711
opvasm audit --lift malloc.opv --section malloc --peer resizer ./server
opvasm audit -f sarif build/*.o > findings.sarif
opvasm audit -f html -o report.html package.whl
"""
EXITS = {
    DONE: "no section breaks a rule",
    NEGATIVE: "a section breaks a rule under one of the kernels",
    USAGE: "a path can't be read, or holds no ELF file",
    INCONCLUSIVE: "not all was decided: an unreadable file in a folder, no decoder, or no linked file",
    HOST: "this host can't do it; the message says what is missing",
}
PEERS = ("self", "reader", "remote-writer-with-membarrier", "resizer", "moved")
FORMATS = ("human", "json", "sarif", "github", "html")

_LISTED = 8  # sections without a scenario that are named


class Options(OptionValues):
    """The options, as they were typed."""

    paths: tuple[str, ...]
    pid: tuple[str, ...]
    deep: bool
    all_code: bool
    kernel: tuple[str, ...]
    group: str | None
    lift: str | None
    section: tuple[str, ...]
    peer: tuple[str, ...]
    notes: bool
    all: bool
    format: str
    output: str | None


def add_arguments(parser: ArgumentParser) -> None:
    """The options."""
    parser.add_argument(
        "paths", metavar="PATH", nargs="*", help="files, containers of files, or folders"
    )
    parser.add_argument(
        "--pid",
        metavar="N",
        action="append",
        default=[],
        help="the files that this process has mapped as code; may be repeated",
    )
    parser.add_argument(
        "--deep",
        action="store_true",
        help="look for signatures in the code as well (done by itself where no section is named)",
    )
    parser.add_argument(
        "--all-code",
        action="store_true",
        help="look for branches into the middle of sections in all of the code, and not only in the "
        "function around each",
    )
    parser.add_argument(
        "--kernel",
        metavar="NAME",
        action="append",
        default=[],
        help="judge by this kernel's rules only (a profile of explore, or host: the running one's, "
        "found by a probe); may be repeated; default: all rule sets of the file's architecture",
    )
    parser.add_argument(
        "--group",
        choices=("dynamorio",),
        help="only the findings that DynamoRIO's requirements are about",
    )
    parser.add_argument(
        "--lift",
        metavar="OUT.opv",
        help="write the sections as a text that opvasm runs and explores",
    )
    parser.add_argument(
        "--section",
        metavar="NAME",
        action="append",
        default=[],
        help="lift only this: a function, or a section's or descriptor's address; may be repeated",
    )
    parser.add_argument(
        "--peer",
        metavar="KIND",
        choices=PEERS,
        action="append",
        default=[],
        help="after each section that is lifted, a start from which it commits and a scenario with "
        f"this other thread: {', '.join(PEERS)}; may be repeated",
    )
    parser.add_argument("--notes", action="store_true", help="show the notes in the human report")
    parser.add_argument("--all", action="store_true", help="list every place of a finding")
    parser.add_argument(
        *("-f", "--format"),
        metavar="FORMAT",
        choices=FORMATS,
        default="human",
        help="human (default); json: opvasm-audit/1; sarif; github; html: one page",
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="write there (default: standard output)"
    )


def execute(options: Options, terminal: Terminal) -> int:
    """Audit every file, report everything."""
    if (options.peer or options.section) and options.lift is None:
        raise UsageError(
            "--peer and --section choose what --lift writes", "name a file with --lift"
        )
    for option, path in (("--lift", options.lift), ("--output", options.output)):
        if path is not None and _is_program(path):
            raise UsageError(
                f"{option} {path} would write over a program",
                f"{option} names what is written: opvasm audit {option} OUT {path}",
            )
    if not options.paths and not options.pid:
        raise UsageError("nothing to audit", "name a file or folder, or a process with --pid")
    try:
        work = _Work(options, terminal)
    except HostUnknown as problem:
        return host_unknown(problem, terminal)
    for path in options.paths:
        work.path(path)
    for pid in options.pid:
        work.process(pid)
    return work.end()


def _is_program(path: str) -> bool:
    """Whether a file is an ELF file, which an output never is meant to replace.

    What is not a file (a pipe, a terminal) is not read: nobody may ever write to it.
    """
    from ...elf.file import MAGIC

    if not os.path.isfile(path):
        return False
    try:
        with open(path, "rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


class _Work:
    """The files of one run, what was found in them, and what can't be read."""

    def __init__(self, options: Options, terminal: Terminal) -> None:
        from ..terminal.progress import Progress

        self._options = options
        self._terminal = terminal
        self._kernels = _kernels(options.kernel)
        self._texts: list[str] = []
        self._page: AuditPage | None = None
        self._documents: list[dict[str, object]] = []
        self._diagnostics: list[Diagnostic] = []
        self._problems: list[Diagnostic] = []
        self._progress = Progress("files")
        self._files = self._sections = 0
        self._audited = self._beside = 0  # without problems; debug information that was passed by
        self._negative = self._open = self._unreadable = False
        self._lifted: list[str] = []
        self._lifted_count = 0
        self._alone: dict[str, list[str]] = {}  # sections by why they have no scenario

    def path(self, path: str) -> None:
        """A file, a container or a folder that was named."""
        from ...audit.containers import files_below

        if os.path.isdir(path):
            for inner in files_below(path):
                self._file(inner, named=False)
                self._progress.step()
            self._progress.clear()
        else:
            self._file(path, named=True)

    def process(self, text: str) -> None:
        """The files of a process."""
        from ...audit.containers import files_of_process
        from ..inputs.options import whole_number

        pid = whole_number(text, "--pid")
        try:
            paths = files_of_process(pid)
        except OSError as error:
            raise UsageError(f"--pid {pid}: {error.strerror}") from None
        for path in paths:
            self._file(path, named=False)

    def _file(self, path: str, named: bool) -> None:
        from ...audit.containers import elf_sources, is_bitcode, opened
        from ...audit.not_here import OnlyDebugInformation
        from ...elf.problems import ElfError

        beside: list[OnlyDebugInformation] = []  # of programs that may be in the same container

        def problem(error: ElfError) -> None:
            if isinstance(error, OnlyDebugInformation) and not error.has_sections:
                beside.append(error)
                return
            self._problems.extend(error.diagnostics)
            self._unreadable |= named
            self._open |= not named

        before = self._audited, len(self._problems)
        try:
            with opened(path) as source:
                for each in elf_sources(source, problem):
                    self._files += 1
                    try:
                        self._audit(each, named)
                    except ElfError as error:
                        problem(error)
        except ElfError as error:
            problem(error)
        except OSError as error:
            if named:
                raise UsageError(f"{path}: {error.strerror}") from None
            self._open = True
            self._terminal.remark(f"{path}: {error.strerror}")
        alone = named and before == (self._audited, len(self._problems))
        if alone and beside:
            self._problems.extend(beside.pop(0).diagnostics)
            self._unreadable = True
        elif alone:
            self._unreadable = True
            what = "ELF programs, libraries, objects, .a, wheels and zip files, .deb, tar files are read"
            if is_bitcode(path):
                what = "it is LLVM's bitcode, as clang -flto makes it: give what was linked of it"
            elif path.endswith((".c", ".cc", ".cpp", ".cxx", ".h", ".s", ".S")):
                what = "compile it first, cc -g -c, and give what that makes"
            self._terminal.fail(f"{path} is not an ELF file and holds none", what)
        self._beside += len(beside)

    def _audit(self, source: Source, named: bool) -> None:
        from ...audit.audit import NOT_DECIDED, audit_file
        from ...elf.file import ElfFile

        file = ElfFile(source)
        options = self._options
        audit = audit_file(file, options.deep, self._kernels, options.all_code)
        self._audited += 1
        if self._options.group is not None:
            audit = _only(audit)
        self._sections += len(audit.sections)
        findings = [each for section in audit.sections for each in section.findings]
        self._negative |= any(each.level == "error" for each in findings)
        self._open |= bool(audit.undecoded) or any(each.code in NOT_DECIDED for each in findings)
        if audit.sections or named:
            self._keep(audit, file)
        if self._options.lift is not None and audit.sections:
            self._lift(audit)

    def _lift(self, audit: FileAudit) -> None:
        from ...audit.lifting import document, lift_audit

        texts = lift_audit(audit, self._options.section)
        if texts:

            def told(section: str, why: str) -> None:
                self._alone.setdefault(why, []).append(section)

            self._lifted.append(document(audit, texts, self._options.peer, told))
        self._lifted_count += sum(each.lifted is not None for each in texts)
        for each in texts:
            if each.lifted is None:
                self._open = True
                self._terminal.remark(f"{each.name} is not lifted: {each.reason}")

    def _keep(self, audit: FileAudit, file: object) -> None:
        from ...elf.file import ElfFile

        assert isinstance(file, ElfFile)
        match self._options.format:
            case "human":
                from ...audit.text_report import text_report

                self._texts.append(text_report(audit, file, self._options.notes, self._options.all))
            case "json":
                from ...audit.json_report import file_json

                self._documents.append(file_json(audit, file))
            case "html":
                from ...explorer_reports.audit_html import AuditPage

                if self._page is None:
                    self._page = AuditPage(self._options.peer or ("resizer",))
                self._page.add(audit, file)
            case _:
                from ...audit.diagnostics import diagnostics

                self._diagnostics += diagnostics(audit, file)

    def end(self) -> int:
        """Write the report; the exit code."""
        from ...report.diagnostics import render

        match self._options.format:
            case "human":
                text = "\n".join(self._texts)
            case "json":
                import json

                from ...audit.json_report import document, problem_json

                problems = [problem_json(each) for each in self._problems]
                text = json.dumps(document(self._documents, problems), indent=2) + "\n"
            case "html":
                from ...explorer_reports.audit_html import AuditPage

                text = (self._page or AuditPage(())).text()
            case name:
                text = render(name, [*self._problems, *self._diagnostics])
        write_text(text, self._options.output)
        if self._options.lift is not None and not self._lifted and not self._problems:
            if not self._options.section:
                raise UsageError("--lift: there is no restartable section in what was read")
            raise UsageError(
                "--lift: there is no such section", "--section names functions, addresses"
            )
        if self._options.lift is not None and self._lifted:
            write_text("\n".join(self._lifted), self._options.lift)
            self._terminal.remark(f"{self._lifted_count} lifted into {self._options.lift}")
            for why, found in self._alone.items():
                more = len(found) - _LISTED
                names = ", ".join(found[:_LISTED]) + (f" and {more} more" if more > 0 else "")
                self._terminal.remark(f"{names}: {why}")
        elif self._options.lift is not None:
            self._terminal.remark("--lift: nothing was lifted, and no file was written")
        self._terminal.report(self._problems)
        files = "file" if self._files == 1 else "files"
        sections = "section" if self._sections == 1 else "sections"
        self._terminal.remark(
            f"{self._files:,} ELF {files}, {self._sections:,} restartable {sections}"
        )
        if self._beside:
            held = "file holds" if self._beside == 1 else "files hold"
            self._terminal.remark(
                f"{self._beside:,} {held} debug information alone, whose code is in another file"
            )
            self._open |= not self._audited
        if self._unreadable:
            return USAGE
        if self._negative:
            return NEGATIVE
        return INCONCLUSIVE if self._open else DONE


def _only(audit: FileAudit) -> FileAudit:
    """The audit with the findings of DynamoRIO's requirements alone."""
    from ...codes.audit import DYNAMORIO

    def kept(shape: object) -> object:
        sections = tuple(
            each._replace(findings=tuple(one for one in each.findings if one.code in DYNAMORIO))
            for each in shape.sections  # type: ignore[attr-defined]
        )
        return shape._replace(sections=sections)  # type: ignore[attr-defined]

    return audit._replace(shapes=tuple(kept(each) for each in audit.shapes))  # type: ignore[misc]


def _kernels(names: Sequence[str]) -> tuple[Profile, ...] | None:
    """The profiles that were named, None for all of a file's architecture."""
    return named_profiles(names, "--kernel") or None
