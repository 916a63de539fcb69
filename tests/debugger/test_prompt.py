"""The prompt without a terminal, and what its line editor completes and colours."""

from __future__ import annotations

import io
import signal
import sys
from pathlib import Path
from threading import Thread

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, InMemoryHistory

from opvasm.debugger.commands import COMMANDS
from opvasm.debugger.prompt import interact, stopping
from opvasm.debugger.shell import Shell
from opvasm.debugger.stops import Reason
from opvasm.debugger.terminal_prompt import Colours, Words, _history, completions
from tests.debugger.sessions import session


class Lines(io.StringIO):
    """A standard input; a line ``^C`` is the key, ``\\xff`` bytes that are no UTF-8."""

    def __init__(self, text: str, terminal: bool = False) -> None:
        super().__init__(text)
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal

    def readline(self, size: int | None = -1, /) -> str:  # type: ignore[override]
        line = super().readline(-1 if size is None else size)
        if line == "^C\n":
            raise KeyboardInterrupt
        if line == "\\xff\n":
            raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")
        return line


class Written:
    """A shell and all that it and its prompt write."""

    def __init__(self) -> None:
        self.out = io.StringIO()
        self.shell = Shell(session(), COMMANDS, lambda line: print(line, file=self.out))

    def __call__(self, lines: Lines) -> str:
        interact(self.shell, lines, self.out)
        return self.out.getvalue()


def test_a_pipe_is_read_to_its_end_and_echoed() -> None:
    """The last line need not end with a newline."""
    written = Written()
    assert written(Lines("echo one\necho two")) == (
        "(opv) echo one\none\n(opv) echo two\ntwo\n(opv) \n"
    )


def test_ctrl_c_at_the_prompt_drops_the_line() -> None:
    """And the next line is read."""
    assert Written()(Lines("^C\nquit\n")) == "(opv) \n(opv) quit\n"


def test_input_that_is_no_text_ends_the_session_with_a_reason() -> None:
    """A failed command, for --batch and for people."""
    written = Written()
    assert "error: the input is not UTF-8" in written(Lines("\\xff\necho on\n"))
    assert written.shell.failures == 1


def test_a_terminal_without_the_library_is_served_with_plain_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It says once what to install; a terminal shows the keys itself, so nothing is echoed."""
    monkeypatch.setitem(sys.modules, "opvasm.debugger.terminal_prompt", None)
    written = Written()
    monkeypatch.setattr(written.out, "isatty", lambda: True)
    said = written(Lines("echo one\n", terminal=True))
    assert said == (
        "(for history and completion: pip install 'opvasm[debug]')\n(opv) one\n(opv) \n"
    )


def test_ctrl_c_stops_the_run_and_the_old_handler_is_back() -> None:
    """The signal sets the session's flag while a command runs, and only then."""
    shell = Written().shell
    before = signal.getsignal(signal.SIGINT)
    with stopping(shell):
        signal.raise_signal(signal.SIGINT)
        assert shell.session.resume().reason is Reason.INTERRUPTED
    assert signal.getsignal(signal.SIGINT) is before


def test_a_prompt_in_another_thread_leaves_signals_alone() -> None:
    """Only the main thread may set handlers; whoever runs us there decides."""
    before = signal.getsignal(signal.SIGINT)
    seen: list[object] = []

    def run() -> None:
        with stopping(Written().shell):
            seen.append(signal.getsignal(signal.SIGINT))

    thread = Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [before]


# -- completion --------------------------------------------------------------------------------


@pytest.fixture
def shell() -> Shell:
    made = Written().shell
    made.execute("break push.1")
    made.execute("run")
    made.execute("mark here")
    return made


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("reverse-s", ["reverse-step", "reverse-stepi"]),
        ("help unt", ["until"]),
        ("info a", ["arguments"]),
        ("goto ", ["end", "here", "start"]),
        ("break p", ["program.opv", "push"]),
        ("break EA", ["EAGAIN"]),
        ("print nod", ["node", "nodes"]),  # the struct or the argument, and the variable
        ("print nodes[0].v", ["value"]),
        ("watch ex", ["expect"]),  # an argument of the call
        ("echo x", []),
        ("nosuch x", []),
        ("print zz", []),
    ],
)
def test_tab_completes_what_can_stand_there(shell: Shell, typed: str, words: list[str]) -> None:
    """The words, each once, replacing what was typed of them."""
    found = completions(shell, typed)
    assert [word for word, _ in found] == words
    for word, start in found:
        assert word.startswith(typed[len(typed) + start :])


def test_files_are_completed_by_their_folder(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder ends with a slash; hidden files only when asked for; no folder, no words."""
    monkeypatch.chdir(tmp_path)
    for name in ("one.cmd", "other.cmd", ".hidden"):
        (tmp_path / name).write_text("")
    (tmp_path / "open").mkdir()
    (tmp_path / "open" / "inner").write_text("")
    assert completions(shell, "source o") == [("one.cmd", -1), ("open/", -1), ("other.cmd", -1)]
    assert [word for word, _ in completions(shell, "source ")] == ["one.cmd", "open/", "other.cmd"]
    assert completions(shell, "record open/i") == [("inner", -1)]
    assert completions(shell, "source .h") == [(".hidden", -2)]
    assert completions(shell, "source nosuch/x") == []


def test_the_line_editor_asks_for_completions_at_the_cursor(shell: Shell) -> None:
    """What stands after the cursor does not count."""
    document = Document("pri nodes", cursor_position=3)
    found = list(Words(shell).get_completions(document, CompleteEvent()))
    assert [(each.text, each.start_position) for each in found] == [("print", -3)]


def test_a_line_is_coloured_by_what_its_parts_are(shell: Shell) -> None:
    """A known command, an unknown one, names, numbers; nothing is lost."""
    colours = Colours(shell)
    assert colours.lex_document(Document("print head+0x10"))(0) == [
        ("class:command", "print"),
        ("", " "),
        ("class:name", "head"),
        ("", "+"),
        ("class:number", "0x10"),
    ]
    assert colours.pieces("nosuch")[0] == ("class:unknown", "nosuch")
    assert colours.pieces("") == []


def test_history_is_kept_in_its_file_or_in_memory(tmp_path: Path) -> None:
    """A place that can't be written is no reason not to debug."""
    path = tmp_path / "state" / "history"
    kept = _history(str(path))
    assert isinstance(kept, FileHistory)
    assert path.exists()
    (tmp_path / "file").write_text("")
    for nowhere in (None, str(tmp_path / "file" / "history")):
        assert isinstance(_history(nowhere), InMemoryHistory)
