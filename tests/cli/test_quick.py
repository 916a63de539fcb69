"""The quick reader of command lines agrees with argparse wherever it does not leave the line to it."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

import pytest
from hypothesis import given, strategies as st

from opvasm.cli.command_line.parsers import Parser, build
from opvasm.cli.command_line.quick import QuickParser, Unsure
from opvasm.cli.command_line.registry import COMMANDS, load
from opvasm.cli.terminal.exits import UsageError

WORDS = ("-", "a.opv", "b.bin", "push", "raw", "json", "-1", "0x10", "node=1", "", "a=b=c", "--")


def declare(parser: Any) -> None:
    """Arguments of every kind that a subcommand may declare."""
    parser.add_argument("file", nargs="?", default="-")
    parser.add_argument("vector", nargs="?")
    parser.add_argument("-o", "--output")
    parser.add_argument("-f", "--format", choices=("raw", "json"), default="raw")
    parser.add_argument("--arg", action="append", default=[])
    parser.add_argument("-e", "--exit-status", action="store_true")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--engine", default="reference")
    group.add_argument("--plugin", dest="command")
    group.add_argument("--against", nargs=2)


OPTIONS = ("-o", "--output", "-f", "--format", "--arg", "-e", "--exit-status", "--engine")
MORE = ("--plugin", "--output=x", "--format=raw", "--format=pdf", "-ofile", "--out", "-h", "-eo")


@given(st.lists(st.sampled_from((*WORDS, *OPTIONS, *MORE)), max_size=8))
def test_it_says_what_argparse_says_or_nothing(words: list[str]) -> None:
    """Equal values, or Unsure; what argparse refuses is never accepted."""
    quick = QuickParser()
    declare(quick)
    try:
        found = vars(quick.parse(list(words)))
    except Unsure:
        return
    parser = Parser(allow_abbrev=False)
    declare(parser)
    assert found == vars(parser.parse_intermixed_args(words))


@pytest.mark.parametrize("name", COMMANDS)
@given(data=st.data())
def test_it_agrees_on_every_subcommand(name: str, data: st.DataObject) -> None:
    """The same with the arguments that the subcommands declare."""
    command = load(name)
    parser = build(name, command)
    options = [each for action in parser._actions for each in action.option_strings]
    words = data.draw(st.lists(st.sampled_from((*WORDS, *options)), max_size=7))
    quick: Any = QuickParser()
    try:
        command.add_arguments(quick)
        quick.add_argument("--color", choices=("auto", "always", "never"), default="auto")
        found = vars(quick.parse(list(words)))
    except Unsure:
        return
    try:
        expected = vars(parser.parse_intermixed_args(words))
    except UsageError as error:
        pytest.fail(f"argparse refuses {words}: {error}")
    assert found == expected


@pytest.mark.parametrize(
    "line",
    [
        "disasm v.bin",
        "disasm --from hex -f table -",
        "asm list.opv --vector push --cpu 1 --arg node=0x1000 --arg expect=0",
        "asm list.opv -o out.bin",
        "run list.opv push --arg n=1",
        "run --from raw vector.bin --set @0x1000.u64=5",
        "verify list.opv other.opv",
        "test samples tests/conformance -k push",
    ],
)
def test_ordinary_lines_need_no_argparse(line: str) -> None:
    """The lines that people and scripts write are read quickly."""
    name, *words = line.split()
    quick: Any = QuickParser()
    load(name).add_arguments(quick)
    quick.parse(words)


def test_a_setting_that_it_does_not_know_is_for_argparse() -> None:
    """Types, counts and the like are left alone."""
    for settings in ({"type": int}, {"action": "count"}, {"const": 2}):
        with pytest.raises(Unsure):
            QuickParser().add_argument("--number", **settings)
    quick = QuickParser()
    quick.add_argument("--pair", nargs=2)
    assert quick.parse([]).pair is None
    with pytest.raises(Unsure):
        quick.parse(["--pair", "a", "b"])


def test_argparse_is_what_is_compared() -> None:
    """The parser that stands beside it is argparse's own but for how errors are told."""
    assert Parser.parse_intermixed_args is ArgumentParser.parse_intermixed_args
