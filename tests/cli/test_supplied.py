"""`run` supplies pages where plain addresses point, by one rule for texts and bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from opvasm.cli.main import main

OP = "vector v() {{ memcpy.u64 @{:#x}, @{:#x} }}\n"


def ways(folder: Path, text: str) -> list[list[str]]:
    """The same op as a text, as digits, as bytes, and as what disasm makes of those."""
    folder.joinpath("v.opv").write_text(text)
    for name in ("raw", "hex"):
        words = ["asm", "--no-verify", "-f", name, "-o", str(folder / name), str(folder / "v.opv")]
        assert main(words) == 0
    assert main(["disasm", "-o", str(folder / "again.opv"), str(folder / "raw")]) == 0
    return [
        ["run", str(folder / "v.opv"), "v"],
        ["run", str(folder / "again.opv"), "main"],
        ["run", "--from", "raw", str(folder / "raw")],
        ["run", "--from", "hex", str(folder / "hex")],
    ]


@pytest.mark.parametrize(
    ("destination", "source", "result", "supplied"),
    [
        (0x601000, 0x602000, "0", "at 0x601000, 0x602000"),
        (0x601FFC, 0x601000, "0", "at 0x601000, 0x602000"),
        (0x601000, 0, "EFAULT", "at 0x601000"),
        (0xFF8, 0x601000, "EFAULT", "at 0x601000"),
        (0, 8, "EFAULT", None),
    ],
)
def test_the_same_op_answers_the_same_from_text_and_from_bytes(
    destination: int,
    source: int,
    result: str,
    supplied: str | None,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """NULL and its page fault; the pages that are made are told."""
    for words in ways(tmp_path, OP.format(destination, source)):
        capsys.readouterr()
        assert main(words) == 0
        output = capsys.readouterr()
        assert output.out.splitlines()[-1].split()[:2] == ["->", result], output.out
        told = [line for line in output.err.splitlines() if "zero bytes supplied" in line]
        if supplied is None:
            assert told == []
        else:
            (line,) = told
            assert line.endswith(supplied)


def test_a_page_that_is_declared_unmapped_stays_unmapped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The address of a declared page is no plain address, also where an argument gives it."""
    text = "page gone: unmapped\npercpu a: u64\nvector v(p: ptr) { memcpy.u64 a, [p] }\n"
    (tmp_path / "v.opv").write_text(text)
    assert main(["run", str(tmp_path / "v.opv"), "v", "--arg", "p=&gone"]) == 0
    output = capsys.readouterr()
    assert output.out.splitlines()[-1].split()[:2] == ["->", "EFAULT"]
    assert "supplied" not in output.err
