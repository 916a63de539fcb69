"""The trace of a file's tests: each statement as written, each call op by op."""

from __future__ import annotations

from collections.abc import Callable

from ..interpreter.errno import result_name
from ..interpreter.events import Event
from ..program import Layout, Program
from ..report.human import render_all
from ..report.style import PLAIN, Style
from ..scenario.events import (
    Asserted,
    CallBegins,
    CallEnds,
    CpusSet,
    MachineReady,
    MemorySet,
    SectionBegins,
    SectionEnds,
    SectionStepped,
    StatementBegins,
    TestEvent,
)
from ..scenario.runner import Result
from ..text.tree import Assert, AssertUnchanged, Run, Test
from .human import CallTrace
from .names import Names
from .section import stepped_text


class TestTrace:
    """An observer of one test, for ``run_test``; ``end`` writes how it went."""

    __test__ = False  # pytest: this is not a test class

    def __init__(
        self,
        program: Program,
        layout: Layout,
        test: Test,
        write: Callable[[str], None],
        style: Style = PLAIN,
    ) -> None:
        self._write = write
        self._style = style
        self._names = Names(program, layout)
        self._call = CallTrace(program, layout, write, style, indent="      ")
        title = f'test "{_one_line(test.name)}"'
        write(f"{style.strong(title)}  {style.dim(str(test.span))}")

    def __call__(self, event: TestEvent | Event) -> None:
        """Write a statement, or what happens in a call."""
        match event:
            case StatementBegins(statement=Run() | Assert() | AssertUnchanged()):
                pass  # written with what came of it
            case StatementBegins(statement=statement):
                self._write(f"    {self._style.dim(_one_line(statement.span.text))}")
            case CallBegins(statement=made, vector=vector, cpu=cpu):
                self._call.begin(vector)
                text = "call" if made is None else _one_line(made.span.text)
                text = text.partition(" -> ")[0]
                if made is None or made.cpu is None:
                    text += f"  {self._style.dim(f'on CPU {cpu}')}"
                self._write(f"    {text}")
            case CallEnds(result=result, expected=expected):
                if result != expected:
                    self._write(f"      {self._style.bad(f'expected {result_name(expected)}')}")
            case SectionBegins(statement=entered, cpu=cpu):
                text = "section" if entered is None else _one_line(entered.span.text)
                text = text.partition(" -> ")[0]
                self._write(f"    {text}  {self._style.dim(f'on CPU {cpu}')}")
            case SectionStepped():
                self._write(f"      {stepped_text(event, self._names)}")
            case SectionEnds(label=label, expected=wanted):
                self._write(f"      left by {self._style.strong(label)}")
                if label != wanted:
                    self._write(f"      {self._style.bad(f'expected {wanted}')}")
            case Asserted(statement=asserted, finding=finding):
                verdict = self._style.good("holds") if finding is None else self._style.bad("fails")
                self._write(f"    {_one_line(asserted.span.text)}  {verdict}")
            case MachineReady() | MemorySet() | CpusSet():
                pass  # the statement says it
            case _:
                self._call(event)

    def end(self, result: Result) -> None:
        """Write the verdict, with every finding."""
        if result.passed:
            self._write(f"    {self._style.good('passed')}\n")
            return
        self._write(f"    {self._style.bad('FAILED')}")
        for line in render_all(result.findings, self._style).splitlines():
            self._write(f"    {line}")
        self._write("")


def _one_line(text: str) -> str:
    return " ".join(text.split())
