"""What a subcommand is handed of its command line: frozen values, and no Namespace of argparse."""

from __future__ import annotations

from pathlib import Path

import pytest

from opvasm.cli.command_line.parsers import build
from opvasm.cli.command_line.registry import COMMANDS, load, runs_program
from opvasm.cli.inputs.option_values import OptionValues, option_names

from ..sources import nodes

CLI = Path(__file__).parent.parent.parent / "opvasm" / "cli"
DOORS = ("main.py", "command_line/quick.py")


class Pair(OptionValues):
    """Two options of a subcommand that there is not."""

    names: tuple[str, ...]
    check: bool


@pytest.mark.parametrize("name", COMMANDS)
def test_a_subcommand_has_a_field_for_each_of_its_options(name: str) -> None:
    """The parser's options and the fields of ``Options`` are the same; main adds the program."""
    command = load(name)
    added = {action.dest for action in build(name, command)._actions} - {"help", "color"}
    program = {"program"} if runs_program(command) else set()
    assert option_names(command.Options) == added | program


@pytest.mark.parametrize("file", sorted(CLI.rglob("*.py")), ids=lambda path: path.stem)
def test_no_namespace_below_the_door(file: Path) -> None:
    """No file of the command line but the doors speaks of a Namespace."""
    if str(file.relative_to(CLI)) in DOORS:
        return
    for node in nodes(file):
        spoken = getattr(node, "id", getattr(node, "attr", getattr(node, "name", "")))
        assert "Namespace" not in str(spoken), f"{file}:{getattr(node, 'lineno', 0)}"


def test_the_values_are_frozen() -> None:
    """A field can't be set or deleted; a list comes in as a tuple; a replaced value is another one's."""
    parsed = type("Parsed", (), {"names": ["a"], "check": False, "color": "auto"})()
    options = Pair.of(parsed)
    assert (options.names, options.check) == (("a",), False)
    with pytest.raises(AttributeError, match="frozen"):
        options.check = True  # type: ignore[misc]
    with pytest.raises(AttributeError, match="frozen"):
        del options.check
    assert options.replaced(check=True).check
    assert not options.check


def test_a_value_that_is_missing_or_unknown_is_an_error() -> None:
    """Options are made whole, so that nothing below asks whether one is there."""
    with pytest.raises(TypeError, match="check"):
        Pair(names=())  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="chek"):
        Pair(names=(), check=True).replaced(chek=True)
