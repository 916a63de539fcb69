"""The subcommands: their names, what each does in a line, and the file that holds it."""

from __future__ import annotations

from collections.abc import Callable

from ...light_import import import_module
from ...light_typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from ..inputs.option_values import OptionValues
    from ..terminal.terminal import Terminal


class Command(Protocol):
    """What the file of a subcommand holds.

    ``EXAMPLES`` are lines of a shell; ``EXITS`` the exit codes that the subcommand can end with,
    with what each means there.  ``Options`` has a field for each option that ``add_arguments``
    adds: ``main`` makes one of what was parsed, and that is all that ``execute`` sees of it; a
    program after ``--`` is its field ``program``.  ``RUNS_PROGRAM`` and ``BARE`` stand only where they say something:
    that a program follows ``--``, and what an option without a value means (``--trace``:
    ``--trace=human``); ``runs_program`` and ``bare`` ask for them.
    """

    DESCRIPTION: str
    EXAMPLES: str
    EXITS: dict[int, str]
    add_arguments: Callable[[ArgumentParser], None]
    Options: type[OptionValues]
    execute: Callable[[Any, Terminal], int]


def runs_program(command: Command) -> bool:
    """Whether what stands after ``--`` is a program with its own options."""
    return bool(getattr(command, "RUNS_PROGRAM", False))


def bare(command: Command) -> dict[str, str]:
    """The options that may stand without a value, with what they mean then."""
    found: dict[str, str] = getattr(command, "BARE", {})
    return found


class Entry(NamedTuple):
    """A subcommand before its file is imported."""

    module: str
    summary: str


COMMANDS: dict[str, Entry] = {
    "asm": Entry("commands.asm", "assemble a .opv text into ops"),
    "disasm": Entry("commands.disasm", "turn the bytes of struct cpu_op into a .opv text"),
    "fmt": Entry("commands.fmt", "bring .opv texts into their one layout"),
    "verify": Entry("commands.verify", "ask what the kernel would refuse"),
    "explain": Entry("commands.explain", "explain a diagnostic, an op or a revision"),
    "run": Entry("run.run", "run vectors on simulated memory and trace them"),
    "test": Entry("test.test", "run the tests of files, folders and conformance cases"),
    "debug": Entry("debug.debug", "step through a test, vector, case or trace, forwards and back"),
    "explore": Entry("explore.explore", "go through every interleaving of a file's scenarios"),
    "export": Entry(
        "commands.export", "write a scenario for Spin or herd7, and ask Spin for its verdict"
    ),
    "emit": Entry("emit.emit", "write a vector as C: a restartable section and its fallback"),
    "exec": Entry("commands.exec", "run a real program that calls cpu_opv, and trace its calls"),
    "steptest": Entry(
        "commands.steptest", "step a real program through its rseq sections: does it make progress?"
    ),
    "audit": Entry(
        "commands.audit",
        "find the rseq sections of compiled programs, and check them for each kernel",
    ),
    "probe": Entry(
        "commands.probe", "ask the running kernel for its rules of restartable sequences"
    ),
    "lsp": Entry("commands.lsp", "serve an editor: findings while one types, completion, renaming"),
    "samples": Entry("commands.samples", "write the sample files and the language by example"),
    "docs": Entry("commands.docs", "print a page of the documents"),
    "help": Entry("commands.help", "print the help of a command, or man pages"),
    "completion": Entry("commands.completion", "print the completion script of a shell"),
}


def load(name: str) -> Command:
    """The file of a subcommand."""
    module: Any = import_module(f"opvasm.cli.{COMMANDS[name].module}")
    command: Command = module
    return command
