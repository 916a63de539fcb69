"""The C compiler, assembler and linker of the machine the tests run on."""

from __future__ import annotations

import shutil
import struct
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wno-unused", "-O1")
GCC_FLAGS = ("-std=c11", *WARNINGS)


def need(*tools: str) -> None:
    """Skips the test where a tool is missing, or where they make no x86-64 code."""
    import platform

    if platform.machine() != "x86_64":
        pytest.skip("the tools' options are for x86-64")
    for tool in tools:
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")


def run(*command: str | Path) -> str:
    """Runs a tool; its error output is the failure's text."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stderr}"
    return done.stdout


@lru_cache
def _compiles(compiler: str, option: str, folder: Path) -> bool:
    source, program = folder / "try.cc", folder / "try"
    source.write_text("#include <stdio.h>\n#include <stdint.h>\nint main() { return 0; }\n")
    language = "c++" if compiler == "g++" else "c"
    command = [compiler, option, "-x", language, str(source), "-o", str(program)]
    return subprocess.run(command, capture_output=True).returncode == 0


def can_compile(compiler: str, option: str, folder: Path) -> bool:
    """Whether a compiler makes programs with this option; C libraries for -m32 are seldom there."""
    return _compiles(compiler, option, folder)


class ElfFile:
    """The sections and symbols of an ELF file, by name, read with pyelftools."""

    def __init__(self, path: Path) -> None:
        elffile = pytest.importorskip("elftools.elf.elffile")
        with path.open("rb") as file:
            elf: Any = elffile.ELFFile(file)
            self.sections: dict[str, bytes] = {}
            self.addresses: dict[str, int] = {}
            for section in elf.iter_sections():
                self.sections[section.name] = section.data()
                self.addresses[section.name] = section["sh_addr"]
            self.symbols: dict[str, tuple[int, str | int, int]] = {}
            for symbol in elf.get_section_by_name(".symtab").iter_symbols():
                index = symbol["st_shndx"]
                name = index if isinstance(index, str) else elf.get_section(index).name
                self.symbols[symbol.name] = (symbol["st_value"], name, symbol["st_size"])

    def symbol_bytes(self, name: str) -> bytes:
        """The bytes of a defined symbol."""
        value, section, size = self.symbols[name]
        assert isinstance(section, str)
        start = value - self.addresses[section]
        return self.sections[section][start : start + size]


def word(data: bytes, offset: int) -> int:
    """A little-endian 64-bit number."""
    value: int = struct.unpack_from("<Q", data, offset)[0]
    return value
