"""Completion scripts know every option, and shells can read them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from opvasm.cli.command_line.registry import COMMANDS
from opvasm.cli.command_line.shells import words

from .conftest import Run

CHECKERS = {"bash": ["bash", "-n"], "zsh": ["zsh", "-n"], "fish": ["fish", "--no-execute"]}


@pytest.mark.parametrize("shell", CHECKERS)
def test_a_script_names_every_command_and_option(shell: str, opvasm: Run) -> None:
    """Nothing is forgotten, since the script is made from the parsers."""
    ran = opvasm("completion", shell)
    assert ran.code == 0
    for command in words():
        assert command.name in ran.text
        for option in command.options:
            for spelling in option.spellings:
                written = spelling.lstrip("-") if shell == "fish" else spelling
                assert written in ran.text


@pytest.mark.parametrize("shell", CHECKERS)
def test_a_script_can_be_read_by_its_shell(shell: str, opvasm: Run, tmp_path: Path) -> None:
    """The shell's own syntax check accepts it."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script = tmp_path / "script"
    script.write_bytes(opvasm("completion", shell).output)
    done = subprocess.run([*CHECKERS[shell], script], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def completed(script: Path, *line: str) -> list[str]:
    """What bash offers for the last word of a command line."""
    quoted = " ".join(f"'{word}'" for word in line)
    program = f"""
        compopt() {{ :; }}
        source {script}
        COMP_WORDS=({quoted}) COMP_CWORD={len(line) - 1}
        _opvasm
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes(opvasm: Run, tmp_path: Path) -> None:
    """Commands, options, and the values of options."""
    script = tmp_path / "opvasm.bash"
    script.write_bytes(opvasm("completion", "bash").output)
    assert set(COMMANDS) <= set(completed(script, "opvasm", ""))
    assert completed(script, "opvasm", "disa") == ["disasm"]
    assert completed(script, "opvasm", "asm", "--outp") == ["--output"]
    assert completed(script, "opvasm", "asm", "-f", "r") == ["raw"]
    assert completed(script, "opvasm", "asm", "-f", "raw", "--fo") == ["--format"]
    assert completed(script, "opvasm", "completion", "z") == ["zsh"]
    assert completed(script, "opvasm", "asm", "") == []
