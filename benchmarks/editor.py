"""What a key costs in an editor, on texts of 1,000 and 20,000 lines: against ``opvasm verify`` of them.

Both in one process, without its start.  ``verify`` reads, assembles and verifies the whole text; a key
is typed into one vector, and its questions are asked of the new version of the text.  Findings of
scenarios, which the server looks for when nobody has typed for a while, have a row of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from time import process_time

from opvasm.assembler import assemble
from opvasm.lsp.answers.colors import colors
from opvasm.lsp.answers.completion import completion
from opvasm.lsp.answers.findings import Findings, findings
from opvasm.lsp.answers.hover import hover
from opvasm.lsp.document import Document
from opvasm.source import SourceFile
from opvasm.verifier.report import verify

from .measure import interleaved, table

_LINES = (1_000, 20_000)
_PART = """
struct node{0} {{ next: ptr<node{0}>, value: u64 }}
percpu head{0}: ptr<node{0}>
shared nodes{0}: node{0}[8]
vector push{0}(node: ptr<node{0}>, expect: ptr<node{0}>) {{
    cmpeq   head{0}, expect
    memcpy  node->next, expect
    memcpy  head{0}, node
}}
test "push {0}" {{
    cpu 1
    run push{0}(&nodes{0}[0], 0) -> 0
    assert head{0} == &nodes{0}[0]
}}
scenario both{0} {{
    cpus 1
    strategy opv
    thread a @0 {{ old = load head{0}; run push{0}(&nodes{0}[0], old) {{ differs -> retry }} }}
    thread b @0 {{ old = load head{0}; run push{0}(&nodes{0}[1], old) {{ differs -> retry }} }}
    forall length(head{0}) == 2
}}
"""


def text(lines: int) -> str:
    """A text of so many lines: structs, variables, vectors, tests and scenarios in turn."""
    parts = (_PART.format(number) for number in range(lines))
    found = ""
    while found.count("\n") < lines:
        found += next(parts)
    return found


class _Editor:
    """A document in which somebody types: a blank after another in front of ``place``."""

    def __init__(self, start: str, place: str) -> None:
        self.text = start
        self.document = Document("bench.opv", start)
        self.found: Findings = findings(self.document)
        self.at = start.index(place)

    def key(self) -> Document:
        """The next version of the text."""
        self.text = self.text[: self.at] + " " + self.text[self.at :]
        self.document = Document("bench.opv", self.text, before=self.document)
        self.at += 1
        return self.document


def measure(rounds: int = 7) -> str:
    """The tables."""
    return "\n".join(_measured(lines, rounds if lines < 10_000 else 3) for lines in _LINES)


def _measured(lines: int, rounds: int) -> str:
    whole = text(lines)
    editor, other = _Editor(whole, "cmpeq   head9"), _Editor(whole, "value: u64")
    colors(editor.document)
    completion(editor.document, editor.at)

    def timed(action: Callable[[], object]) -> float:
        started = process_time()
        action()
        return (process_time() - started) * 1e3

    def verified() -> None:
        program = assemble(SourceFile("bench.opv", whole)).program
        for vector in program.vectors.values():
            verify(vector, program.abi, data=program.data)

    def looked_through(where: _Editor) -> None:
        where.found = findings(where.key(), where.found, with_scenarios=False)

    def paused() -> None:
        editor.found = findings(editor.document, editor.found)

    actions: dict[str, Callable[[], object]] = {
        "opvasm verify": verified,
        "open": lambda: findings(Document("bench.opv", whole)),
        "a key, and findings": lambda: looked_through(editor),
        "  after a pause, those of scenarios": paused,
        "a key in a struct, and findings": lambda: looked_through(other),
        "a key, and completion": lambda: completion(editor.key(), editor.at + len("cmpeq   he")),
        "a key, and hover": lambda: hover(editor.key(), editor.at + 1),
        "a key, and semantic tokens": lambda: colors(editor.key()),
    }
    times = interleaved(
        {name: lambda action=action: timed(action) for name, action in actions.items()},  # type: ignore[misc]
        rounds,
    )
    base = times["opvasm verify"]
    rows = [(f"{lines:,} lines", "ms of a core", "/ verify")]
    rows += [(name, f"{time:.1f}", f"{time / base:.3f}") for name, time in times.items()]
    return table("typing in an editor", rows)
