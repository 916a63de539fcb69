"""Man pages are made of the same texts as the help, and roff has nothing to say against them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from opvasm.cli.command_line.man_page import command_page, pages
from opvasm.cli.command_line.manual import Manual, ManualArgument
from opvasm.cli.command_line.registry import COMMANDS

from .conftest import Run


def test_every_command_has_a_page(opvasm: Run, tmp_path: Path) -> None:
    """-o writes one for each command and one for opvasm, which names them all."""
    ran = opvasm("help", "--man", "-o", str(tmp_path))
    assert ran.code == 0
    names = {each.name for each in tmp_path.iterdir()}
    assert names == {"opvasm.1"} | {f"opvasm-{name}.1" for name in COMMANDS}
    overview = (tmp_path / "opvasm.1").read_text()
    assert all(f".BR opvasm\\-{name} (1)" in overview for name in COMMANDS)


def test_a_page_has_what_the_help_has(opvasm: Run) -> None:
    """Each option and each example of the help stands in the page as man shows it."""
    if shutil.which("groff") is None:
        pytest.skip("groff is not installed (Debian package groff-base), so no page is shown")
    page = opvasm("help", "--man", "explore").text
    shown = subprocess.run(
        ["groff", "-man", "-Tascii", "-P-cbou", "-rLL=300n"],
        input=page,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    help_text = opvasm("explore", "--help").text
    options = set(re.findall(r"--[a-z-]+", help_text.partition("\noptions:")[2]))
    assert len(options) > 10
    assert {each for each in options if each not in shown} == set()
    for line in help_text.partition("examples:\n")[2].partition("\n\n")[0].splitlines():
        assert line.strip() in shown or line.startswith("(`opvasm samples")


@pytest.mark.parametrize("name", sorted(pages()))
def test_roff_has_nothing_to_say(name: str) -> None:
    """All warnings of groff are on, and there is none."""
    if shutil.which("groff") is None:
        pytest.skip("groff is not installed (Debian package groff-base), so no page is checked")
    done = subprocess.run(
        ["groff", "-man", "-ww", "-z", "-Tutf8"],
        input=pages()[name],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_line_that_looks_like_a_request_is_text() -> None:
    """A dot, an apostrophe and a backslash at the start of a line are escaped."""
    made = Manual(
        "x", "y", "opvasm x", ".SH no", (ManualArgument("-q", "'quoted\\"),), (".so /etc",), ()
    )
    lines = command_page(made).splitlines()
    assert "\\&.SH no" in lines
    assert "\\&.so /etc" in lines
    assert "\\&\\(aqquoted\\e" in lines


def test_a_command_that_does_not_exist_is_named(opvasm: Run) -> None:
    """The name that was meant is offered; -o goes with --man alone."""
    ran = opvasm("help", "exlore")
    assert ran.code == 2
    assert "did you mean explore?" in ran.errors
    assert opvasm("help", "-o", "x").code == 2
    assert opvasm("help", "asm", "--man", "-o", "x").code == 2
