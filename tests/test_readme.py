"""What README.md shows is what happens."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def steps(block: str) -> list[tuple[str, str]]:
    """The commands of a console block, each with the output that is shown below it."""
    pieces = re.split(r"^\$ ", block, flags=re.MULTILINE)
    return [(command, shown) for command, _, shown in (each.partition("\n") for each in pieces[1:])]


CONSOLE = [
    step
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    for step in steps(block)
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the README's files and a command called opvasm."""
    folder = tmp_path_factory.mktemp("readme")
    for name, text in re.findall(r"<!-- file: (\S+) -->\n```\n(.*?)```", README, re.DOTALL):
        (folder / name).write_text(text)
    command = folder / "bin" / "opvasm"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m opvasm "$@"\n')
    command.chmod(0o755)
    return folder


def test_the_console_blocks_show_what_happens(folder: Path) -> None:
    """Each command, in the order of the text, prints what stands below it."""
    assert len(CONSOLE) >= 6
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    variables = {**os.environ, "PATH": path, "LC_ALL": "C.UTF-8"}
    for name in ("FORCE_COLOR", "NO_COLOR"):
        variables.pop(name, None)
    for command, shown in CONSOLE:
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=folder,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.stdout == shown, command


def test_the_python_block_prints_what_it_says() -> None:
    """The lines of Python run as they stand."""
    found = re.search(
        r"<!-- python -->\n```python\n(.*?)```\n\nprints\n\n```\n(.*?)```", README, re.DOTALL
    )
    assert found
    done = subprocess.run(
        [sys.executable, "-c", found[1]], capture_output=True, text=True, check=True
    )
    assert done.stdout == found[2]


def test_every_command_is_in_the_table() -> None:
    """A new subcommand is told of."""
    from opvasm.cli.command_line.registry import COMMANDS

    rows = re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE)
    assert sorted(rows) == sorted(COMMANDS)


@pytest.mark.parametrize("file", ["README.md", "CONTRIBUTING.md", "samples/README.md"])
def test_links_lead_somewhere(file: str) -> None:
    """Every relative link of the text is a file or folder of the repository."""
    text = (ROOT / file).read_text()
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if "://" not in target:
            assert ((ROOT / file).parent / target).exists(), target


def test_the_make_targets_exist() -> None:
    """What the README tells to type is in the Makefile."""
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"make (\w+)", README)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
