"""docs/emit.md is followed to the letter: its files, its commands, CMake and Meson."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest

from .conftest import ROOT, need, run

DOCUMENT = (ROOT / "docs" / "emit.md").read_text("utf-8")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the files of the document, and the header made by its command."""
    for name, text in re.findall(r"<!-- file: (\S+) -->\n```\w*\n(.*?)```", DOCUMENT, re.DOTALL):
        (tmp_path / name).write_text(text)
    shutil.copy(tmp_path / "main.c", tmp_path / "main.cpp")
    blocks = re.findall(r"```console\n(.*?)```", DOCUMENT, re.DOTALL)
    lines = "".join(blocks).splitlines()
    for index, line in enumerate(lines):
        if line.startswith("$ opvasm "):
            words = line.removeprefix("$ opvasm ").split()
            done = run(sys.executable, "-m", "opvasm.cli", *words, cwd=tmp_path)
            assert done.returncode == 0, done.stderr
            said = [each for each in lines[index + 1 : index + 2] if not each.startswith("$")]
            assert (done.stdout + done.stderr).splitlines() == said
    return tmp_path


def test_the_files_of_the_document_are_there(project: Path) -> None:
    """Text, program, and both builds."""
    for name in ("counter.opv", "counter.h", "main.c", "CMakeLists.txt", "meson.build"):
        assert (project / name).is_file(), name


def test_a_project_with_cmake(project: Path) -> None:
    """The dozen lines of C build with CMake, and ctest runs the fast path and the fallback."""
    need("cmake", "gcc", "make")
    assert run("cmake", "-B", "build", cwd=project).returncode == 0
    done = run("cmake", "--build", "build", cwd=project)
    assert done.returncode == 0, done.stdout + done.stderr
    done = run("ctest", "--test-dir", "build", cwd=project)
    assert "100% tests passed, 0 tests failed out of 2" in done.stdout


def test_a_project_with_meson(project: Path) -> None:
    """The dozen lines of C++ build with Meson, and its tests run all three switches."""
    need("meson", "ninja", "g++")
    assert run("meson", "setup", "build", cwd=project).returncode == 0
    done = run("meson", "test", "-C", "build", cwd=project)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"Ok: +3", done.stdout)
