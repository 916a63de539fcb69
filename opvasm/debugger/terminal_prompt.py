"""The line editor of a terminal: completion, history, colour (needs prompt_toolkit)."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator

from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.lexers import Lexer
from prompt_toolkit.styles import Style

from .command_info import TOPICS
from .locations import CommandError, source_names
from .shell import PROMPT, Command, Shell

_WORD = re.compile(r"[A-Za-z_][\w-]*$")
_TOKENS = re.compile(
    r"(?P<number>\b(?:0x[0-9a-fA-F_]+|\d[\d_]*)\b)|(?P<name>[A-Za-z_]\w*)|(?P<other>\s+|.)"
)
_STYLE = Style.from_dict(
    {"command": "bold", "unknown": "ansired", "number": "ansicyan", "name": "ansigreen"}
)


def terminal_lines(shell: Shell, history: str | None) -> Iterator[str]:
    """Lines from the terminal; Ctrl-C drops a line, Ctrl-D ends."""
    session: PromptSession[str] = PromptSession(
        PROMPT,
        completer=Words(shell),
        complete_while_typing=False,
        history=_history(history),
        auto_suggest=AutoSuggestFromHistory(),
        lexer=Colours(shell),
        style=_STYLE,
        enable_history_search=True,
    )
    while True:
        try:
            yield session.prompt()
        except KeyboardInterrupt:
            continue
        except EOFError:
            return


def _history(path: str | None) -> History:
    """The history file, or memory where it can't be kept."""
    if path is None:
        return InMemoryHistory()
    try:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(path, "ab"):
            pass
    except OSError:
        return InMemoryHistory()
    return FileHistory(path)


class Words(Completer):
    """Completes commands, and after them what the command takes."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterator[Completion]:
        """What can stand where the cursor is."""
        text = document.text_before_cursor.lstrip()
        for word, start in completions(self._shell, text):
            yield Completion(word, start_position=start)


def completions(shell: Shell, text: str) -> list[tuple[str, int]]:
    """Words that fit after a text, each with where it begins (0 or less, from the end)."""
    if not re.search(r"[\s/]", text):
        names = sorted({command.name for command in shell.commands.values()})
        return [(name, -len(text)) for name in names if name.startswith(text)]
    command, argument = _command(shell, text)
    kind = command.completes if command is not None else ""
    if kind == "file":
        return _files(argument)
    match = _WORD.search(text)
    typed = match.group() if match is not None else ""
    return [
        (word, -len(typed))
        for word in sorted(set(_candidates(shell, kind)))
        if word.startswith(typed)
    ]


def _command(shell: Shell, text: str) -> tuple[Command | None, str]:
    try:
        return shell.find(text)
    except CommandError:
        return None, ""


def _candidates(shell: Shell, kind: str) -> Iterable[str]:
    program = shell.session.program
    match kind:
        case "command":
            return (command.name for command in shell.commands.values())
        case "info":
            return TOPICS
        case "mark":
            return (*shell.session.marks, "start", "end")
        case "location":
            return (
                *program.vectors,
                *source_names(shell.session),
                "result",
                "EAGAIN",
                "EFAULT",
                "EINVAL",
            )
        case "expression":
            call = shell.session.call
            arguments = () if call is None else call.arguments
            members = (
                member.name for struct in program.data.structs.values() for member in struct.members
            )
            return (
                *program.data.symbols,
                *program.data.constants,
                *program.data.structs,
                *arguments,
                *members,
            )
        case _:
            return ()


def _files(typed: str) -> list[tuple[str, int]]:
    folder, name = os.path.split(typed)
    try:
        entries = sorted(os.listdir(folder or "."))
    except OSError:
        return []
    return [
        (each + ("/" if os.path.isdir(os.path.join(folder, each)) else ""), -len(name))
        for each in entries
        if each.startswith(name) and (name or not each.startswith("."))
    ]


class Colours(Lexer):
    """Commands that are known are bold, unknown ones red; numbers and names have colours."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        """The coloured pieces of a line."""
        return lambda number: self.pieces(document.lines[number])

    def pieces(self, line: str) -> StyleAndTextTuples:
        """A line in pieces: the command, then numbers and names."""
        word = re.match(r"\s*[\w?-]+", line)
        end = 0 if word is None else word.end()
        found: StyleAndTextTuples = []
        if end:
            command, _ = _command(self._shell, line[:end])
            found.append(("class:command" if command else "class:unknown", line[:end]))
        for match in _TOKENS.finditer(line, end):
            kind = match.lastgroup
            found.append(("" if kind == "other" else f"class:{kind}", match.group()))
        return found
