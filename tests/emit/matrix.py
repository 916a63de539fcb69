"""``python -m tests.emit.matrix``: compilers, options and linkers, as the table of docs/emit.md.

Each row builds a program of C or of C++ (inline functions in several units), runs it, and looks at its
tables: every descriptor is in the pointer array, and `opvasm audit` finds nothing wrong. Exit 1 when a
row does not come out, 4 when no compiler is there. Rows whose tools are missing say so.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from opvasm.elf.descriptors import find_descriptors
from opvasm.elf.file import open_elf

from .conftest import HERE, WARNINGS, audit, run, write_headers

LINK = HERE / "link"
GC = ("-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections")


class Row(NamedTuple):
    """One way to build: the compiler's command, its options, how the program is started."""

    compiler: str
    options: tuple[str, ...]
    start: tuple[str, ...] = ()

    @property
    def is_cpp(self) -> bool:
        """Whether it is a compiler of C++."""
        return self.compiler.endswith(("++", "c++"))

    def __str__(self) -> str:
        return " ".join((self.compiler, *self.options))


class Outcome(NamedTuple):
    """What became of a row; ``trouble`` is empty where all is well."""

    sections: int
    pointers: int
    trouble: str


QUICK: tuple[Row, ...] = (
    Row("gcc", ("-O2", *GC)),
    Row("gcc", ("-O2", "-flto", "-no-pie", *GC)),
    Row("g++", ("-O0",)),
    Row("g++", ("-O2", "-static-pie", "-fcf-protection=full", *GC)),
    Row("clang", ("-O2", "-fuse-ld=lld", "-flto", *GC)),
    Row("clang++", ("-O2", "-fuse-ld=gold", *GC)),
)


def every_row() -> Iterator[Row]:
    """The whole table."""
    for compiler in ("gcc", "g++", "clang", "clang++"):
        for level in ("-O0", "-O1", "-O2", "-O3"):
            yield Row(compiler, (level,))
        for kind in (("-fPIC", "-pie"), ("-fno-pie", "-no-pie"), ("-static",), ("-static-pie",)):
            yield Row(compiler, ("-O2", *kind))
            yield Row(compiler, ("-O2", *kind, *GC))
        yield Row(compiler, ("-O2", "-fcf-protection=full"))
        yield Row(compiler, ("-O2", "-Wl,-z,now", "-fno-plt"))
        for linker in ("bfd", "gold", "lld", "mold"):
            yield Row(compiler, ("-O2", f"-fuse-ld={linker}"))
            yield Row(compiler, ("-O2", f"-fuse-ld={linker}", *GC))
            # gcc's objects for link-time optimisation are for GNU's linkers and mold, clang's for lld.
            if compiler.startswith("g") != (linker == "lld"):
                yield Row(compiler, ("-O2", f"-fuse-ld={linker}", "-flto", *GC))
        if compiler.startswith("g"):
            yield Row(compiler, ("-O2", "-flto", "-fno-pie", "-no-pie"))
    yield Row("musl-gcc", ("-O2", "-static", *GC))
    for compiler in ("aarch64-linux-gnu-gcc", "aarch64-linux-gnu-g++"):
        for level in ("-O0", "-O2", "-O3"):
            yield Row(compiler, (level, "-static", *GC), ("qemu-aarch64",))
    zig = f"{sys.executable} -m ziglang"
    yield Row(f"{zig} cc", ("-O2", "-fno-sanitize=all"))
    yield Row(f"{zig} cc", ("-O2", "-fno-sanitize=all", *GC))
    # Natively its C++ library does not build on Debian: it finds no asm/errno.h.
    target = ("-target", f"{platform.machine()}-linux-gnu.2.36")
    yield Row(f"{zig} c++", (*target, "-O2", "-fno-sanitize=all"))
    yield Row(f"{zig} c++", (*target, "-O2", "-fno-sanitize=all", *GC))


def lacks(row: Row) -> str:
    """The tool that a row needs and the machine lacks, or nothing."""
    first = row.compiler.split()[0]
    linker = next((o.removeprefix("-fuse-ld=") for o in row.options if "fuse-ld" in o), "ld")
    name = {"bfd": "ld.bfd", "gold": "ld.gold", "lld": "ld.lld", "mold": "mold"}.get(linker, "ld")
    for tool in (first, name, *row.start):
        if shutil.which(tool) is None:
            return tool
    if "ziglang" in row.compiler:
        found = subprocess.run(
            [*row.compiler.split(), "--version"], capture_output=True, check=False
        )
        return "" if found.returncode == 0 else "ziglang"
    return ""


def build_and_look(row: Row, headers: Path, folder: Path) -> Outcome:
    """Build a row's program, run it, look at its tables."""
    target = folder / "program"
    language = ["-std=c++17"] if row.is_cpp else ["-std=gnu11"]
    names = ("first.cpp", "second.cpp", "main.cpp") if row.is_cpp else ("main.c",)
    files = [LINK / name for name in names]
    command = [
        *row.compiler.split(),
        *language,
        *WARNINGS,
        *row.options,
        f"-I{headers}",
        f"-I{LINK}",
    ]
    # The first time zig builds its own library of C++.
    done = run(*command, *files, "-o", target, "-lpthread", timeout=600)
    if done.returncode != 0:
        return Outcome(0, 0, f"does not build: {done.stderr.strip().splitlines()[0]}")
    for switch in ("never", "always"):
        ran = run(*row.start, target, env={"OPV_FALLBACK": switch})
        if ran.returncode != 0:
            return Outcome(0, 0, f"answers {ran.returncode}: {ran.stdout}{ran.stderr}")
    with open_elf(str(target)) as file:
        found = find_descriptors(file)
    addresses = sorted(each.address for each in found.descriptors)
    pointers = sorted(found.pointers or ())
    outcome = Outcome(len(addresses), len(pointers), "")
    if not addresses or addresses != pointers:
        return outcome._replace(trouble="the pointer array does not name every descriptor")
    if not all(each.start in found.exits for each in found.descriptors):
        return outcome._replace(trouble="a section has no exit in the exit-point array")
    code, said = audit(target)
    if code != 0:
        return outcome._replace(trouble=f"audit: {said}")
    return outcome


def main() -> int:
    """Print the table."""
    if shutil.which("gcc") is None:
        print("gcc is not installed", file=sys.stderr)
        return 4
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="opvasm-matrix-") as name:
        headers = Path(name)
        write_headers(headers, "elide")
        for row in every_row():
            tool = lacks(row)
            if tool:
                print(f"{row}: {tool} is not installed")
                continue
            try:
                outcome = build_and_look(row, headers, headers)
            except subprocess.TimeoutExpired:
                outcome = Outcome(0, 0, "takes longer than ten minutes")
            wrong += bool(outcome.trouble)
            print(f"{row}: {outcome.sections} sections, {outcome.trouble or 'right'}", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
