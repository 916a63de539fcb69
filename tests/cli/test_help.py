"""Every help ends with examples that can be typed and with the exit codes."""

from __future__ import annotations

import re
import shlex

import pytest

from opvasm.cli.command_line.parsers import build
from opvasm.cli.command_line.registry import COMMANDS, load

from .conftest import Run


@pytest.mark.parametrize("name", COMMANDS)
def test_a_help_has_examples_and_exit_codes(name: str, opvasm: Run) -> None:
    """On standard output, with exit code 0."""
    ran = opvasm(name, "--help")
    assert (ran.code, ran.errors) == (0, "")
    assert ran.text.startswith(f"usage: opvasm {name}")
    assert "\nexamples:\n" in ran.text
    codes = re.findall(r"^ +(\d+)  ", ran.text.partition("exit codes:")[2], re.MULTILINE)
    assert {"2", "70", "130"} < set(codes)
    assert all(len(line) <= 100 for line in ran.text.splitlines())


@pytest.mark.parametrize("name", COMMANDS)
def test_the_examples_of_a_help_are_in_the_language_of_its_options(name: str) -> None:
    """argparse accepts each example (what follows a pipe or a redirection is another's)."""
    command = load(name)
    for line in command.EXAMPLES.strip().splitlines():
        found = re.search(rf"opvasm {name}\b([^|<>#]*)", line)
        assert found, f"{line!r} does not show opvasm {name}"
        bare = getattr(command, "BARE", {})
        words = [bare.get(word, word) for word in shlex.split(found[1].strip().rstrip(')"'))]
        if "--" in words:
            words = words[: words.index("--")]
        build(name, command).parse_intermixed_args(words)


def test_the_overview_lists_every_command(opvasm: Run) -> None:
    """opvasm --help, opvasm -h and opvasm help are one."""
    texts = [opvasm(*words).text for words in (("--help",), ("-h",), ("help",))]
    assert texts[0] == texts[1] == texts[2]
    for name, entry in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(entry.summary)}$", texts[0], re.MULTILINE)
    assert opvasm("help", "asm").text == opvasm("asm", "--help").text


def test_the_version_tells_what_is_inferred(opvasm: Run) -> None:
    """The revisions of which no kernel source was found are marked."""
    ran = opvasm("--version")
    assert re.match(r"opvasm \d+\.\d+\.\d+\n", ran.text)
    assert "2017-11 (default)" in ran.text
    assert "2018-10 (inferred) 2019-04 (inferred)" in ran.text
