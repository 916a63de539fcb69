"""The debugger: a text, what of it is debugged, and the commands so far give the view after them.

Nothing has to be kept between two questions: a session that is not at hand any more is made again
by doing the same commands, which come to the same place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice

from ..binding import bind
from ..debugger.commands import COMMANDS
from ..debugger.dap.variables import Variables
from ..debugger.load import session_of_test, session_of_vector
from ..debugger.schedule import session_of_schedule
from ..debugger.session import Session
from ..debugger.shell import Shell
from ..debugger.view import current_place
from ..debugger.wording import names_of, op_text
from ..errors import BindError, Diagnostic
from ..explorer.answers.diagnose import diagnosed
from ..explorer.answers.library import explore
from ..explorer.setting.options import Limits
from ..expression import Unevaluable
from ..light_typing import Any
from ..lsp.positions import units
from ..machine import Cpus
from ..program import default_layout
from ..report.style import COLORED
from ..scenario.arguments import argument_value
from ..scenario.world import World
from ..source import Span
from .texts import Text, assembled

# Words that need files, or a terminal.
_LEFT_OUT = ("source", "record", "quit")
_WORDS = {word: each for word, each in COMMANDS.items() if each.name not in _LEFT_OUT}
CPUS = 4
PARTS_MAX = 400
TEST, VECTOR, SCHEDULE = "test", "vector", "schedule"


class Subject:
    """What is debugged: a test by its name, a call of a vector, or a scenario's first failure."""

    def __init__(self, kind: str, name: str, arguments: Sequence[tuple[str, str]] = ()) -> None:
        self.key = (kind, name, tuple(arguments))

    def session(self, text: Text, limit: int) -> Session:
        """A new session at its start.  Raises what the text or its scenario raises; KeyError."""
        kind, name, arguments = self.key
        assembly = assembled(text)
        if kind == TEST:
            return session_of_test(assembly, {each.name: each for each in assembly.tests}[name])
        if kind == VECTOR:
            program = assembly.program
            world = World(program, cpus=Cpus(CPUS))
            layout = default_layout(program.abi, program.data)
            values = {}
            for parameter, typed in arguments:
                try:
                    values[parameter] = argument_value(parameter, typed, program, layout, 0)
                except Unevaluable as problem:
                    raise BindError([Diagnostic("error", "OPV451", problem.reason)]) from None
            bind(program.vectors[name], program, layout, 0, values)  # says what is missing
            return session_of_vector(world, program.vectors[name], values, 0)
        for report in explore(assembly, name, limits=Limits(states=limit)):
            for run in diagnosed(report, False).runs:
                if run.diagnosis is not None:
                    return session_of_schedule(run.diagnosis.replay)
        raise BindError([Diagnostic("error", "OPV452", f"no schedule of {name} fails")])


class _Console:
    """A shell, the commands that it has carried out, and what each printed."""

    def __init__(self, session: Session) -> None:
        self.lines: list[str] = []
        self.outputs: list[dict[str, str]] = []
        self.shell = Shell(session, _WORDS, self.lines.append, COLORED)
        self.shell.show(session.last)
        self._keep("")

    def carry_out(self, commands: Sequence[str]) -> None:
        """Do the commands that are not done yet."""
        for command in commands[len(self.outputs) - 1 :]:
            self.shell.execute(command)
            self._keep(command)

    def goes_on_with(self, commands: Sequence[str]) -> bool:
        """Whether these commands begin with all that were done."""
        done = [each["command"] for each in self.outputs[1:]]
        return list(commands[: len(done)]) == done

    def _keep(self, command: str) -> None:
        self.outputs.append({"command": command, "text": "".join(f"{x}\n" for x in self.lines)})
        self.lines.clear()


@lru_cache(maxsize=1)
def _consoles(text: Text, key: object, limit: int) -> dict[str, _Console]:
    """The place of the console of what is debugged now; everything older is forgotten."""
    return {}


def debug(text: Text, subject: Subject, commands: Sequence[str], limit: int) -> dict[str, Any]:
    """The view after some commands: what each printed, the place in the text, ops and memory.

    ``commands`` are those of ``opvasm debug``.  ``limit`` bounds the search for a schedule (states).
    """
    place = _consoles(text, subject.key, limit)
    console = place.get("console")
    if console is None or not console.goes_on_with(commands):
        console = place["console"] = _Console(subject.session(text, limit))
    before = _memory(console.shell.session)
    console.carry_out(commands)
    return {"outputs": console.outputs, **_view(console.shell.session, text, before)}


def _view(session: Session, text: Text, before: dict[str, str]) -> dict[str, Any]:
    where = current_place(session) if not session.at_end else None
    here = isinstance(where, Span) and where.file.name == text.name
    names = names_of(session)
    memory = _memory(session)
    return {
        "position": session.position,
        "at_end": session.at_end,
        "from": units(text.text, where.start) if here and isinstance(where, Span) else None,
        "to": units(text.text, where.end) if here and isinstance(where, Span) else None,
        "op": session.op,
        "ops": [
            op_text(names.vector, index, each, names)
            for index, each in enumerate(session.instructions)
        ],
        "memory": [[name, value, before.get(name) != value] for name, value in memory.items()],
    }


def _memory(session: Session) -> dict[str, str]:
    """The numbers of the program's variables by the names of their places."""
    variables = Variables(session)
    scope = next(each for each in variables.scopes() if each["name"] == "Variables")
    numbers = _leaves(variables, scope["variablesReference"])
    return {part["evaluateName"]: part["value"] for part in islice(numbers, PARTS_MAX)}


def _leaves(variables: Variables, reference: int) -> Iterator[dict[str, Any]]:
    """The parts of a thing that have no parts themselves."""
    for each in variables.of(reference):
        if each["variablesReference"]:
            yield from _leaves(variables, each["variablesReference"])
        else:
            yield each
