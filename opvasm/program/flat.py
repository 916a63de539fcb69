"""A section as a list of instructions: blocks become branches.

Who runs a section (interpreter, debugger, explorer) or counts its instructions goes by this list;
a place in it is an instruction's index.
"""

from __future__ import annotations

from ..light_typing import NamedTuple, Record
from ..source import Place
from . import section as ir
from .vector import Scalar

# Counts the rounds of `loop 4 { … }`; no local can have such a name.
ROUNDS = "$rounds"
_COUNT = Scalar("u32", 4, False)


class Branch(Record):
    """Goes to ``target`` where the condition is not 0 (None: always), else to the next."""

    condition: ir.Term | None
    target: int
    place: Place | None = None


class Leave(Record):
    """The section is left by a label, ``ok`` after its commit: its code has ended."""

    label: str
    place: Place | None = None


Simple = (
    ir.Load
    | ir.Set
    | ir.Store
    | ir.Change
    | ir.CompareExchange
    | ir.AtomicChange
    | ir.Copy
    | ir.Barrier
    | ir.SystemCall
    | Branch
    | Leave
)


class FlatInstruction(NamedTuple):
    """One instruction; ``protected``: an abort can come before it (it stands inside the section)."""

    step: Simple
    protected: bool


def flatten(section: ir.Section) -> tuple[FlatInstruction, ...]:
    """The instructions of a section, the first at index 0; each way ends in a Leave."""
    flattener = _Flattener()
    flattener.block(section.body, None)
    return flattener.finished()


class _Label:
    """A place in the list that is not known yet."""

    def __init__(self) -> None:
        self.index = -1


class _Flattener:
    def __init__(self) -> None:
        self.steps: list[tuple[Simple, bool, _Label | None]] = []
        self.leaves: dict[str, tuple[_Label, Place | None]] = {}
        self.loops = 0

    def finished(self) -> tuple[FlatInstruction, ...]:
        """The list with every target filled in; the leaves stand at its end."""
        for name, (label, place) in self.leaves.items():
            label.index = len(self.steps)
            self.steps.append((Leave(name, place), False, None))
        return tuple(
            FlatInstruction(
                step._replace(target=goal.index) if goal and isinstance(step, Branch) else step,
                inside,
            )
            for step, inside, goal in self.steps
        )

    def block(self, body: tuple[ir.Step, ...], after: _Label | None) -> None:
        """The steps of a block; ``after`` is where a break goes to."""
        committed = False
        for step in body:
            self.step(step, after, not committed)
            committed = committed or ir.is_commit(step)
        if committed:
            self.branch(None, self.leave(ir.OK, None), None, False)

    def step(self, step: ir.Step, after: _Label | None, inside: bool) -> None:
        """The instructions of a step."""
        match step:
            case ir.Exit(label=label, condition=condition, place=place):
                self.branch(condition, self.leave(label, place), place, inside)
            case ir.Break(condition=condition, place=place):
                assert after is not None
                self.branch(condition, after, place, inside)
            case ir.If(condition=condition, then=then, otherwise=otherwise, place=place):
                other, end = _Label(), _Label()
                self.branch(ir.Unary("!", condition, ir.U8), other, place, inside)
                self.block(then, after)
                if otherwise:
                    if not ir.ends(then):
                        self.branch(None, end, place, inside)
                    self.here(other)
                    self.block(otherwise, after)
                    self.here(end)
                else:
                    self.here(other)
            case ir.Loop():
                self.loop(step, inside)
            case _:
                self.steps.append((step, inside, None))

    def loop(self, step: ir.Loop, inside: bool) -> None:
        """A loop; one with ``times`` counts its rounds in a local of its own."""
        again, end = _Label(), _Label()
        name = f"{ROUNDS}{self.loops}"
        self.loops += 1
        if step.times is not None:
            self.steps.append((ir.Set(name, ir.Constant(step.times, _COUNT)), inside, None))
        self.here(again)
        if step.times is not None:
            rounds = ir.Local(name, _COUNT)
            self.branch(ir.Unary("!", rounds, ir.U8), end, step.place, inside)
            one = ir.Constant(1, _COUNT)
            self.steps.append((ir.Set(name, ir.Binary("-", rounds, one, _COUNT)), inside, None))
        self.block(step.body, end)
        if not ir.ends(step.body):
            self.branch(None, again, step.place, inside)
        self.here(end)

    def branch(
        self, condition: ir.Term | None, goal: _Label, place: Place | None, inside: bool
    ) -> None:
        """A jump."""
        self.steps.append((Branch(condition, -1, place), inside, goal))

    def leave(self, label: str, place: Place | None) -> _Label:
        """Where the section is left by a label."""
        return self.leaves.setdefault(label, (_Label(), place))[0]

    def here(self, label: _Label) -> None:
        """Give a label the place of the next instruction."""
        label.index = len(self.steps)


def settled(code: tuple[FlatInstruction, ...], index: int) -> str | None:
    """The label by which a section is left, where only jumps come before; else None."""
    for _ in code:
        match code[index].step:
            case Leave(label=label):
                return label
            case Branch(condition=None, target=target):
                index = target
            case _:
                return None
    return None


def assigned(code: tuple[FlatInstruction, ...]) -> tuple[frozenset[str], ...]:
    """For each instruction the locals that are set on every way to it."""
    everything = frozenset(
        written[0] for each in code if (written := written_local(each.step)) is not None
    )
    before = [everything] * len(code)
    before[0] = frozenset()
    waiting = [0]
    seen: set[int] = set()
    while waiting:
        index = waiting.pop()
        step = code[index].step
        written = written_local(step)
        after = before[index] if written is None else before[index] | {written[0]}
        for following in successors(code, index):
            known = before[following] & after
            if known != before[following] or following not in seen:
                seen.add(following)
                before[following] = known
                waiting.append(following)
    return tuple(before)


def successors(code: tuple[FlatInstruction, ...], index: int) -> tuple[int, ...]:
    """The instructions that can come after one."""
    match code[index].step:
        case Leave():
            return ()
        case Branch(condition=None, target=target):
            return (target,)
        case Branch(target=target):
            return target, index + 1
        case _:
            return (index + 1,)


def written_local(step: Simple) -> tuple[str, ir.RegisterType] | None:
    """The local that an instruction sets, and its type."""
    return None if isinstance(step, Branch | Leave) else ir.written_local(step)
