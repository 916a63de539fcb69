"""From a Section to ``.opv`` text, such that assembling the text gives the same steps."""

from __future__ import annotations

from collections.abc import Iterator

from ..light_typing import NamedTuple
from ..program import Data, section as ir
from ..program.flat import Branch, Leave, Simple
from ..source import Span
from .names import type_text
from .printer import INDENT
from .section_terms import TermSpeller

# A line that is wider does not move the remarks of its neighbours (as in formatter.py).
_WIDEST_COLUMN = 72


class _Line(NamedTuple):
    depth: int
    text: str
    remark: str = ""


def section_text(section: ir.Section, data: Data | None = None, word: int = 8) -> str:
    """A section's text, ending in a newline; ``word`` is the size of a pointer in bytes."""
    speller = TermSpeller(data, word)
    parameters = ", ".join(f"{each.name}: {type_text(each.type)}" for each in section.parameters)
    results = f" -> {', '.join(section.results)}" if section.results else ""
    word_ = "" if section.verified else "unverified "
    head = f"{word_}section {section.name}({parameters}){results} {{"
    lines = list(_Steps(speller).block(section.body, 1))
    return "\n".join([head, *_columns(lines), "}\n"])


def step_line(step: ir.Step, data: Data | None = None, word: int = 8) -> str:
    """A step that is not a block, as it stands in a section's text."""
    return _Steps(TermSpeller(data, word)).line(step)


def instruction_text(step: Simple, word: int = 8) -> str:
    """An instruction of the flat form as it is written; one that no text has is spelled."""
    if isinstance(step.place, Span):
        text = " ".join(step.place.text.split())
        return text.partition(" {")[0] if isinstance(step, Branch) else text
    match step:
        case Branch(condition=None):
            return "jump"
        case Branch(condition=condition):
            assert condition is not None
            return f"jump if {TermSpeller(None, word).value(condition, True)}"
        case Leave(label=label):
            return f"exit {label}"
        case _:
            return step_line(step, None, word)


class _Steps:
    """Writes steps; ``types`` are the locals that have a type already."""

    def __init__(self, speller: TermSpeller) -> None:
        self.speller = speller
        self.types: dict[str, ir.RegisterType] = {}

    def block(self, body: tuple[ir.Step, ...], depth: int) -> Iterator[_Line]:
        """The lines of a body."""
        for step in body:
            yield from self.step(step, depth)

    def step(self, step: ir.Step, depth: int) -> Iterator[_Line]:
        """The lines of a step."""
        spell = self.speller
        match step:
            case ir.If(condition=condition, then=then, otherwise=otherwise):
                yield _Line(depth, f"if {spell.value(condition, True)} {{", step.remark)
                yield from self.block(then, depth + 1)
                if otherwise:
                    yield _Line(depth, "} else {")
                    yield from self.block(otherwise, depth + 1)
                yield _Line(depth, "}")
            case ir.Loop(body=body, times=times):
                yield _Line(depth, "loop {" if times is None else f"loop {times} {{", step.remark)
                yield from self.block(body, depth + 1)
                yield _Line(depth, "}")
            case _:
                yield _Line(depth, self.line(step), step.remark)

    def line(self, step: ir.Step) -> str:
        """A step that is one line."""
        spell = self.speller
        match step:
            case ir.Load(local=local, address=address, type=type, acquire=acquire):
                place, found = spell.place(address, type)
                order = ", acquire" if acquire else ""
                return f"{self._local(local, type, found)} = load {place}{order}"
            case ir.Set(local=local, value=value):
                target = self._local(local, value.type, spell.inferred(value))
                return f"{target} = {spell.value(value, True)}"
            case ir.Store(address=address, value=value, type=type):
                return f"{self._word(step)} {spell.place(address, type)[0]}, {spell.value(value, True)}{_order(step)}"
            case ir.Change(operator=operator, address=address, value=value, type=type):
                place = spell.place(address, type)[0]
                return f"{self._word(step)} {place} {operator}= {spell.value(value, True)}{_order(step)}"
            case ir.CompareExchange():
                return self._exchange(step)
            case ir.AtomicChange():
                return self._atomic(step)
            case ir.Copy(target=target, source=source, length=length):
                count = spell.value(length, True)
                return f"copy {spell.memory(target)}, {spell.memory(source)}, {count}"
            case ir.Barrier():
                return "barrier"
            case ir.SystemCall(switches=switches):
                return f"syscall{' switches' if switches else ''}"
            case ir.Exit(label=label, condition=condition):
                return f"exit {label}{self._condition(condition)}"
            case ir.Break(condition=condition):
                return f"break{self._condition(condition)}"
            case ir.If() | ir.Loop():
                raise ValueError("a block is more than one line")

    def _exchange(self, step: ir.CompareExchange) -> str:
        spell = self.speller
        place, found = spell.place(step.address, step.type)
        target = "" if step.local is None else f"{self._local(step.local, step.type, found)} = "
        word = "commit cmpxchg" if step.commit else "cmpxchg"
        values = f"{spell.value(step.expected, True)}, {spell.value(step.replacement, True)}"
        return f"{target}{word} {place}, {values}"

    def _atomic(self, step: ir.AtomicChange) -> str:
        spell = self.speller
        place, found = spell.place(step.address, step.type)
        target = "" if step.local is None else f"{self._local(step.local, step.type, found)} = "
        (word,) = (each for each, how in ir.ATOMIC_WORDS.items() if how == step.operator)
        commit = "commit " if step.commit else ""
        return f"{target}{commit}{word} {place}, {spell.value(step.value, True)}"

    def _condition(self, condition: ir.Term | None) -> str:
        return "" if condition is None else f" if {self.speller.value(condition, True)}"

    def _word(self, step: ir.Store | ir.Change) -> str:
        return "commit" if step.commit else "store"

    def _local(self, name: str, type: ir.RegisterType, found: ir.RegisterType | None) -> str:
        """A local that is set, with its type where that is not what the assembler would find."""
        before = self.types.setdefault(name, type)
        same = found == type or (name in self.types and before is not type and found is None)
        if same:
            return name
        return f"{name}: {type_text(type)}"


def _order(step: ir.Store | ir.Change) -> str:
    return ", release" if step.release else ""


def _columns(lines: list[_Line]) -> Iterator[str]:
    """The lines with their remarks below each other."""
    texts = [INDENT * line.depth + line.text for line in lines]
    fitting = [
        len(text)
        for text, line in zip(texts, lines, strict=True)
        if line.remark and len(line.text) <= _WIDEST_COLUMN
    ]
    widest = max(fitting, default=0)
    for text, line in zip(texts, lines, strict=True):
        yield f"{text:<{widest}}  // {line.remark}" if line.remark else text
