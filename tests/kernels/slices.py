"""``python -m tests.kernels.slices``: the slice extension, on a kernel that is built with it.

No kernel of Debian's has it, so Debian's source is built here (a small configuration, x86-64, some
minutes) and booted in qemu-system with slices.c as the first process.  Outside of CI.  Exits with 0
when the kernel does what samples/races/slice.opv and docs/kernels.md say, 1 when it does not, 4 when
a tool or the source is missing.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from opvasm.light_typing import NamedTuple

from .boot import CannotBoot, boot, end_with_me, fetch, found_packages
from .build import ARCHITECTURES, CannotBuild, archive, build

DONE, CONTRADICTED, MISSING = 0, 1, 4
SOURCE = Path(__file__).with_name("slices.c")
TOOLS = ("make", "gcc", "flex", "bison", "bc", "qemu-system-x86_64")
OPTIONS = (
    *("64BIT", "PRINTK", "TTY", "SERIAL_8250", "SERIAL_8250_CONSOLE", "BLK_DEV_INITRD", "RD_GZIP"),
    *("BINFMT_ELF", "POSIX_TIMERS", "FUTEX", "HIGH_RES_TIMERS", "MULTIUSER"),
    *("RSEQ", "RSEQ_SLICE_EXTENSION"),
)
# What prctl and the area's flags say of a kernel with slices; -524 is the kernel's ENOTSUPP.
FACTS = {
    "unregistered": -6,  # ENXIO
    "with32": -524,
    "flags": 16,
    "set": 0,
    "flags_set": 48,
    "get": 1,
    "register_asking": 0,
    "flags_asking": 48,
}


class Said(NamedTuple):
    """What slices.c printed: facts by name, and the counts of each row by name and size."""

    facts: Mapping[str, int]
    rows: Mapping[tuple[str, int], Mapping[str, int]]


def read(text: str) -> Said:
    """The lines of slices.c among others."""
    facts = {name: int(value) for name, value in re.findall(r"^fact (\w+) (-?\d+)", text, re.M)}
    rows = {}
    for name, size, counts in re.findall(r"^row ([\w-]+) (\d+) (.*)", text, re.M):
        pairs = re.findall(r"(\w+)=(\d+)", counts)
        rows[name, int(size)] = {outcome: int(count) for outcome, count in pairs}
    return Said(facts, rows)


def wrong(said: Said, tries: int) -> list[str]:
    """What a kernel with slices should have said otherwise."""
    found = [
        f"{name} is {said.facts.get(name)}, not {value}"
        for name, value in FACTS.items()
        if said.facts.get(name) != value
    ]
    rows = said.rows
    if rows["not-enabled", 32] != {"kept": tries, "wiped": 0}:
        found.append("a registration of 32 bytes has no slices, and its bytes 28 to 31 changed")
    # A switch between the look at the count of switches and the request leaves one as it was written.
    if rows["not-enabled", 64]["wiped"] < tries * 9 // 10:
        found.append("without the prctl a request is taken back all the same")
    request = rows["request", 64]
    if request["none"] or request["granted"] < tries // 2:
        found.append("a request under load is granted, and seen to be granted most of the time")
    yields = rows["yield", 64]
    if yields["one"] <= 9 * yields["zero"]:
        found.append("rseq_slice_yield answers 1 while the grant is there")
    if rows["yield-after-call", 64]["one"] or rows["yield-after-call", 64]["still_granted"]:
        found.append("any system call takes the grant, and rseq_slice_yield then answers 0")
    return found


def main(words: list[str]) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.kernels.slices", description=__doc__)
    parser.add_argument("--keep", type=Path, help="keep source and kernel in this folder")
    parser.add_argument("--tries", type=int, default=200, help="tries a row (default: 200)")
    chosen = parser.parse_args(words)
    architecture = ARCHITECTURES["x86-64"]
    end_with_me()
    try:
        with tempfile.TemporaryDirectory(prefix="slices-") as made:
            folder = chosen.keep or Path(made)
            folder.mkdir(parents=True, exist_ok=True)
            image = kernel(folder)
            program = build(architecture, folder, SOURCE)
            root = archive({"init": program}, {})
            text = boot(architecture, image, root, f"tries={chosen.tries}", "\nend\n")
    except (CannotBoot, CannotBuild) as problem:
        print(problem, file=sys.stderr)
        return MISSING
    lines = [line for line in text.splitlines() if re.match(r"(fact|row) ", line)]
    print(image.name, *lines, sep="\n")
    if "\nend\n" not in text:
        print("the kernel did not come to the end", file=sys.stderr)
        return MISSING
    problems = wrong(read(text), chosen.tries)
    for each in problems:
        print(f"CONTRADICTED: {each}")
    return CONTRADICTED if problems else DONE


def kernel(folder: Path) -> Path:
    """A kernel with slices, from the folder or built from the newest of Debian's sources."""
    made = sorted(folder.glob("vmlinuz-*-slices"))
    if made:
        return made[-1]
    missing = [each for each in TOOLS if shutil.which(each) is None]
    if missing:
        raise CannotBuild(f"not installed: {', '.join(missing)}")
    architecture = ARCHITECTURES["x86-64"]
    names = found_packages(architecture, folder, r"^linux-source-[0-9.]+$")
    if not names:
        raise CannotBuild("Debian has no kernel source")
    newest = max(names, key=lambda name: [int(part) for part in re.findall(r"\d+", name)])
    (package,) = fetch(architecture, folder, [newest])
    subprocess.run(["dpkg-deb", "-x", str(package), str(folder)], check=True)
    tree = folder / newest
    subprocess.run(
        ["tar", "xf", str(folder / "usr" / "src" / f"{newest}.tar.xz"), "-C", str(folder)],
        check=True,
    )
    wanted = folder / "slices.config"
    wanted.write_text("".join(f"CONFIG_{each}=y\n" for each in OPTIONS))
    _make(tree, f"KCONFIG_ALLCONFIG={wanted.resolve()}", "tinyconfig")
    settings = (tree / ".config").read_text().splitlines()
    lost = [each for each in OPTIONS if f"CONFIG_{each}=y" not in settings]
    if lost:
        raise CannotBuild(f"{newest} is not configured with {', '.join(lost)}")
    _make(tree, "-j2", "bzImage")
    version = subprocess.run(
        ["make", "-s", "kernelversion"], cwd=tree, capture_output=True, text=True, check=True
    ).stdout.strip()
    image = folder / f"vmlinuz-{version}-slices"
    shutil.copy(tree / "arch" / "x86" / "boot" / "bzImage", image)
    return image


def _make(tree: Path, *words: str) -> None:
    done = subprocess.run(
        ["make", "-s", *words], cwd=tree, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise CannotBuild(f"make {words[-1]}: {done.stderr[-2000:]}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
