"""The static program and the file system that a kernel starts with."""

from __future__ import annotations

import gzip
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from opvasm.light_typing import NamedTuple

SOURCE = Path(__file__).with_name("rows.c")


class Architecture(NamedTuple):
    """One that can be built for and booted: Debian's name, tools, and qemu's words."""

    name: str
    debian: str
    machine: str
    compiler: str
    console: str
    qemu: tuple[str, ...]


ARCHITECTURES = {
    each.name: each
    for each in (
        Architecture(
            *("x86-64", "amd64", "x86_64", "gcc", "ttyS0"),
            ("qemu-system-x86_64", "-M", "q35", "-cpu", "max"),
        ),
        Architecture(
            *("aarch64", "arm64", "aarch64", "aarch64-linux-gnu-gcc", "ttyAMA0"),
            ("qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a72"),
        ),
    )
}


class CannotBuild(Exception):
    """The compiler is missing, or refuses."""


def build(architecture: Architecture, folder: Path, source: Path = SOURCE) -> Path:
    """A program of one C file, static, for an architecture."""
    if shutil.which(architecture.compiler) is None:
        raise CannotBuild(f"{architecture.compiler} is not installed")
    made = folder / f"{source.stem}-{architecture.name}"
    words = [architecture.compiler, "-O1", "-Wall", "-Wextra", "-static", "-pthread"]
    done = subprocess.run(
        [*words, "-o", str(made), str(source)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise CannotBuild(done.stderr)
    return made


def archive(files: Mapping[str, bytes | Path], modes: Mapping[str, int]) -> bytes:
    """A compressed cpio archive (newc) of files by their paths; folders are made as needed."""
    out: list[bytes] = []
    made: set[str] = set()
    for path in sorted(files):
        parts = path.split("/")[:-1]
        for end in range(1, len(parts) + 1):
            folder = "/".join(parts[:end])
            if folder not in made:
                made.add(folder)
                out.append(_entry(folder, 0o040755, b""))
        content = files[path]
        data = content.read_bytes() if isinstance(content, Path) else content
        out.append(_entry(path, 0o100000 | modes.get(path, 0o755), data))
    out.append(_entry("TRAILER!!!", 0, b""))
    return gzip.compress(b"".join(out), 1)


def _entry(name: str, mode: int, data: bytes) -> bytes:
    """One file of a cpio archive: thirteen numbers in eight hexadecimal digits each."""
    number = sum(name.encode()) + len(name) * 131071
    words = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08X" % each for each in words) + name.encode() + b"\0"
    return _padded(head) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
