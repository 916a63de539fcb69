"""Whether the built engine belongs to the sources beside it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

import opvasm.explorer.native
from opvasm.explorer.native.build import SOURCES, NotBuilt, build, command
from opvasm.explorer.native.built import Refused, engine_type


def test_an_engine_of_a_version_without_checksums_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is as any other that was built from other sources, and no internal error."""
    old = ModuleType("opvasm.explorer.native._engine")
    monkeypatch.setitem(sys.modules, old.__name__, old)
    monkeypatch.setattr(opvasm.explorer.native, "_engine", old, raising=False)
    with pytest.raises(Refused, match="make native"):
        engine_type()


@pytest.mark.parametrize(
    ("variable", "text", "message"),
    [
        ("CC", "'gcc", "CC='gcc: No closing quotation"),
        ("CFLAGS", '-DX="', 'CFLAGS=-DX=": No closing quotation'),
        ("CC", "false", "ends with 1"),
        ("CC", "true", "true wrote no file"),  # the wheel would have been one with an engine
        ("CC", "/nowhere/cc -O2", "there is no C compiler"),
    ],
)
def test_no_engine_is_told(
    variable: str, text: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever CC and CFLAGS say: an installation goes on without it, and nothing is left behind."""
    monkeypatch.setenv(variable, text)
    with pytest.raises(NotBuilt) as caught:
        build(tmp_path / "engine.so", ("-O0",) if variable == "CC" else ())
    assert message in str(caught.value)
    assert not [*tmp_path.iterdir()]


def test_an_engine_that_is_there_is_replaced_when_the_new_one_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another installation from the same folder may be packing it: the compiler writes elsewhere."""
    output, compiler = tmp_path / "engine.so", tmp_path / "cc"
    output.write_text("old")
    # Finds the word after -o, writes there, and looks at the engine as another process would.
    compiler.write_text(
        '#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done\n'
        f'echo new > "$2"; cat {output} > {tmp_path}/seen\n'
    )
    compiler.chmod(0o755)
    monkeypatch.setenv("CC", str(compiler))
    build(output)
    assert (output.read_text(), (tmp_path / "seen").read_text()) == ("new\n", "old")


def test_sources_are_not_included_by_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """clang ends the name in `-include a"b/step.c` at the quote; blanks in CC are no compiler."""
    monkeypatch.setenv("CC", "  ")
    words = command(Path("engine.so"))
    assert words[0] == "cc"
    assert [each for each in words if str(SOURCES) in each] == [str(SOURCES)]
