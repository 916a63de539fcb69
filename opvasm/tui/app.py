"""The screen of ``opvasm debug --tui``: parts that follow the session, and keys that move it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.events import MouseDown, MouseMove, MouseUp
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from ..debugger.commands import COMMANDS
from ..debugger.schedule import ScheduleTimeline, session_of_schedule
from ..debugger.session import Session
from ..debugger.shell import Shell
from ..explorer.schedules.branching import branched, decision_text
from ..explorer.schedules.schedule import Replay
from .panes import (
    BAD,
    CHANGED,
    DIM,
    HERE,
    Line,
    MemoryView,
    op_lines,
    position_at,
    source_lines,
    thread_lines,
    timeline_line,
    title_of,
)

_STYLES = {HERE: "bold reverse", CHANGED: "bold yellow", DIM: "dim", BAD: "bold red"}
_LOG_MAX = 500
# Keys and the commands of the prompt that they stand for; `?` lists them.
_KEYS = (
    ("s", "step", "step"),
    ("S", "reverse-step", "step back"),
    ("n", "next", "next"),
    ("N", "reverse-next", "next back"),
    ("f", "finish", "finish"),
    ("c", "continue", "continue"),
    ("C", "reverse-continue", "continue back"),
    ("i", "stepi", "one movement"),
    ("I", "reverse-stepi", "one movement back"),
    ("w", "why", "why"),
)
_BINDINGS = (
    *((key, f"command('{name}')", text) for key, name, text in _KEYS),
    ("left,h,[", "move(-1)", "back"),
    ("right,l,]", "move(1)", "on"),
    ("home,g", "seek_edge(0)", "start"),
    ("end,G", "command('continue')", "end"),
    ("x", "choose", "another decision"),
    ("b", "leave", "back from the branch"),
    ("o", "prompt('who ')", "who wrote"),
    ("colon,p", "prompt('')", "command"),
    ("question_mark", "keys", "keys"),
    ("escape", "close", "close"),
    ("q", "end", "quit"),
)
# What a key does, unless it is typed as a letter.
_OF_KEYS = frozenset(action.partition("(")[0] for _, action, _ in _BINDINGS) - {"close"}


class Bar(Static):
    """The timeline: dragged, or clicked, it takes the session to another position."""

    def __init__(self, seek: Callable[[int, int], None]) -> None:
        super().__init__("", id="bar", markup=False)
        self._seek = seek
        self._dragged = False

    def on_mouse_down(self, event: MouseDown) -> None:
        """Go to where the button went down, and follow it."""
        self._dragged = True
        self.capture_mouse()
        self._seek(event.x, self.size.width)

    def on_mouse_move(self, event: MouseMove) -> None:
        """Follow the mouse while the button is down."""
        if self._dragged:
            self._seek(event.x, self.size.width)

    def on_mouse_up(self, event: MouseUp) -> None:
        """Stay where the button came up."""
        self._dragged = False
        self.release_mouse()


class DebuggerApp(App[None]):
    """A session of the debugger on the whole terminal."""

    CSS = """
    Screen { layout: vertical; }
    #top { height: 1fr; }
    #bottom { height: 1fr; }
    .part {
        width: 1fr; height: 1fr; border: round $primary; padding: 0; overflow: hidden;
        text-wrap: nowrap; text-overflow: ellipsis;
    }
    #bar { height: 1; }
    #keys { height: 1; color: $text-muted; }
    #prompt { height: 1; border: none; padding: 0; display: none; }
    #choices { display: none; height: 1fr; border: round $warning; }
    """
    ENABLE_COMMAND_PALETTE = False
    AUTO_FOCUS = None  # keys are the app's, unless something is asked
    # With priority a key is carried out before the next one is looked at. Otherwise what is typed
    # quickly after the key of the prompt would not reach the prompt.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(keys, action, text, show=False, priority=True) for keys, action, text in _BINDINGS
    ]

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.log_lines: list[str] = []
        self.shell = Shell(session, COMMANDS, self.log_lines.append)
        self.memory = MemoryView()
        self.origins: list[Session] = []
        self._choices: tuple[object, ...] = ()

    @property
    def replay(self) -> Replay | None:
        """The schedule that is shown, where it is one."""
        timeline = self.shell.session.timeline
        return timeline.replay if isinstance(timeline, ScheduleTimeline) else None

    def compose(self) -> ComposeResult:
        """The parts of the screen."""
        with Horizontal(id="top"):
            yield Static(id="source", classes="part", markup=False)
            with Vertical():
                yield Static(id="ops", classes="part", markup=False)
                yield OptionList(id="choices")
        with Horizontal(id="bottom"):
            yield Static(id="memory", classes="part", markup=False)
            yield Static(id="log", classes="part", markup=False)
        yield Bar(self._drag)
        yield Input(id="prompt", placeholder="a command of the debugger; help lists them")
        yield Static(
            "s/S step  n/N next  ←/→ move  c/C run  w why  o who  x decide  : ?  q quit",
            id="keys",
            markup=False,
        )

    def on_mount(self) -> None:
        """Show the first place."""
        self.shell.show(self.shell.session.last)
        self.refresh_parts()

    def on_resize(self) -> None:
        """The parts have other sizes."""
        self.call_after_refresh(self.refresh_parts)

    # ---- what is shown --------------------------------------------------------------------------

    def refresh_parts(self) -> None:
        """Show the session as it is now."""
        session = self.shell.session
        source = self._part("source")
        branch = f", branch {len(self.origins)}" if self.origins else ""
        source.border_title = f"{title_of(session)}{branch}"
        self._show(source, source_lines(session, max(1, source.size.height)))
        threads = thread_lines(session)
        ops = self._part("ops")
        ops.border_title = "threads" if threads else "ops"
        self._show(ops, threads or op_lines(session))
        memory = self._part("memory")
        memory.border_title = "memory, * changed"
        self._show(memory, self.memory.lines(self.shell))
        log = self._part("log")
        log.border_title = "what the debugger says"
        del self.log_lines[:-_LOG_MAX]
        height = max(1, log.size.height)
        self._show(log, [Line(each) for each in self.log_lines[-height:]])
        bar = self.query_one(Bar)
        bar.update(timeline_line(session, max(20, bar.size.width)))

    def _part(self, name: str) -> Static:
        return self.query_one(f"#{name}", Static)

    def _show(self, part: Static, lines: list[Line]) -> None:
        text = Text(no_wrap=True, overflow="ellipsis")
        for line in lines:
            text.append(f"{line.text}\n", _STYLES.get(line.style, ""))
        part.update(text)

    # ---- moves ----------------------------------------------------------------------------------

    def action_command(self, line: str) -> None:
        """Carry out a command of the prompt."""
        self.log_lines.append(f"(opv) {line}")
        self.shell.execute(line)
        if self.shell.quitting:
            self.exit()
            return
        self.refresh_parts()

    def action_move(self, count: int) -> None:
        """One movement on or back."""
        self.shell.session.goto(max(0, self.shell.session.position + count))
        self.refresh_parts()

    def action_seek_edge(self, position: int) -> None:
        """To the start."""
        self.shell.session.goto(position)
        self.refresh_parts()

    def _drag(self, column: int, width: int) -> None:
        session = self.shell.session
        session.goto(position_at(session, column, width))
        self.refresh_parts()

    # ---- branches -------------------------------------------------------------------------------

    def action_choose(self) -> None:
        """Offer what else could happen here, in a schedule."""
        replay = self.replay
        if replay is None:
            self.log_lines.append("only a schedule has decisions: opvasm debug --schedule FILE")
            self.refresh_parts()
            return
        moment = self.shell.session.entry
        decisions = replay.choices(moment - 1)
        taken = replay.moments[moment].decision if moment < len(replay.moments) else None
        options = self.query_one("#choices", OptionList)
        options.clear_options()
        for number, each in enumerate(decisions):
            mark = "=> " if each == taken else "   "
            options.add_option(
                Option(mark + decision_text(replay, moment, each), id=f"choice-{number}")
            )
        others = (number for number, each in enumerate(decisions) if each != taken)
        options.highlighted = next(others, 0 if decisions else None)
        options.border_title = f"decision {moment + 1}: Enter takes another one"
        self._open(options)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Take a decision: the schedule goes on from here as a branch of its own."""
        replay, session = self.replay, self.shell.session
        self.action_close()
        if replay is None:
            return
        moment = session.entry
        decision = replay.choices(moment - 1)[event.option_index]
        branch = session_of_schedule(branched(replay, moment, decision))
        self.origins.append(session)
        self.shell.session = branch
        branch.goto(branch.timeline.starts[moment])
        self.log_lines.append(f"took: {decision_text(replay, moment, decision)}; b goes back")
        self.refresh_parts()

    def action_leave(self) -> None:
        """Back to the schedule that a branch was taken from."""
        if self.origins:
            self.shell.session = self.origins.pop()
            self.log_lines.append("back in the schedule before the branch")
        self.refresh_parts()

    # ---- the prompt -----------------------------------------------------------------------------

    def action_prompt(self, text: str) -> None:
        """Ask for a command."""
        prompt = self.query_one("#prompt", Input)
        prompt.value = text
        prompt.cursor_position = len(text)
        self._open(prompt)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:
        """Keys are letters of the prompt while it is open, but for the one that closes it."""
        return self.focused is None or action not in _OF_KEYS

    def action_end(self) -> None:
        """Leave the debugger."""
        self.exit()

    def _open(self, part: Input | OptionList) -> None:
        """Show a part that takes the keys from now on."""
        part.display = True
        # At once: `focus` waits until the part is drawn, and what is typed before then would be
        # taken as single keys.
        self.set_focus(part)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Carry out what was typed."""
        line = event.value
        self.action_close()
        self.action_command(line)

    def action_close(self) -> None:
        """Close the prompt and the list of decisions."""
        for name in ("prompt", "choices"):
            self.query_one(f"#{name}").display = False
        self.set_focus(None)

    def action_keys(self) -> None:
        """List the keys."""
        rows = [f"{key:8} {text} ({name})" for key, name, text in _KEYS]
        rows += ["← →      one movement back, on; also the mouse on the bar", "g G      start, end"]
        rows += [
            "x b      take another decision (schedules); leave the branch",
            ": o      command; who",
        ]
        self.log_lines.extend(rows)
        self.refresh_parts()


def run(session: Session) -> None:
    """Show a session until the person leaves."""
    # Textual believes them over the terminal, and then no resize reaches it; a program that has
    # GNU readline in it (a shell of Python, a test runner) exports the size that it began with.
    for name in ("COLUMNS", "LINES"):
        os.environ.pop(name, None)
    DebuggerApp(session).run()
