"""Members of archives are read in place, whatever their names."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from opvasm.elf.archive import members
from opvasm.elf.problems import ElfError
from opvasm.elf.source import MemorySource, PartSource


def _member(name: bytes, data: bytes) -> bytes:
    header = name.ljust(16) + b"0".ljust(12) + b"0".ljust(6) * 2 + b"644".ljust(8)
    return header + str(len(data)).encode().ljust(10) + b"`\n" + data + b"\n" * (len(data) % 2)


def _read(data: bytes) -> list[tuple[str, bytes]]:
    found: list[PartSource] = list(members(MemorySource(data, "lib.a")))
    return [(each.name, each.read(0, each.size)) for each in found]


def test_members_of_the_machine_s_ar(tmp_path: Path) -> None:
    """Short and long names, and an odd size, as ar writes them."""
    if shutil.which("ar") is None:
        pytest.skip("ar is not installed")
    contents = {"a.o": b"odd", "a_name_of_more_than_sixteen_bytes.o": b"even"}
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
    subprocess.run(["ar", "rc", "lib.a", *contents], cwd=tmp_path, check=True)
    expected = [(f"lib.a({name})", data) for name, data in contents.items()]
    assert _read((tmp_path / "lib.a").read_bytes()) == expected


def test_bsd_names() -> None:
    """A name after the header, as BSD's ar and macOS write it, is not part of the data."""
    data = b"!<arch>\n" + _member(b"#1/8", b"long.o\0\0" + b"data")
    assert _read(data) == [("lib.a(long.o)", b"data")]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"!<thin>\n", "thin archive"),
        (b"!<arch>\n" + b"x" * 60, "no member"),
        (b"!<arch>\n" + _member(b"a/", b"1234")[:62], "the file has"),
        (b"!<arch>\n" + _member(b"a/", b"").replace(b"0         `", b"-1        `"), "size is"),
        (
            b"!<arch>\n" + _member(b"a/", b"").replace(b"0         `", b"9999999999`"),
            "the file has",
        ),
        (b"!<arch>\n12", "the file has"),
        (b"nothing", "not an archive"),
    ],
)
def test_archives_that_are_none(data: bytes, message: str) -> None:
    """An archive that is cut, thin or garbled is an error, after the members before it."""
    with pytest.raises(ElfError, match=message):
        _read(data)
