"""A thread's body, or a handler's: its statements as steps."""

from __future__ import annotations

from collections.abc import Callable

from opvasm.expression import Expression, Name, children
from opvasm.text.scenario_tree import (
    Compute,
    Fence,
    If,
    Leave,
    LoadPlace,
    Loop,
    RunVector,
    Statement,
    StorePlace,
    Strategy,
)

from .runs import Run
from .sections import SectionRun
from .steps import Label, State, Steps
from .world import World


class Code(Steps):
    """The steps of a thread's body, or of a handler's."""

    def __init__(
        self, world: World, body: tuple[Statement, ...], strategy: Strategy, signals: bool = False
    ) -> None:
        super().__init__(world)
        self.strategy, self._hidden = strategy, 0
        self._end = Label()
        self.block(body, None)
        self.here(self._end)
        # A signal may still come before the end of a thread that has a handler: that is a step.
        self.emit(lambda s, t: s.end(t), access=signals)

    # ---- the parts of a body ------------------------------------------------------------------

    def _name(self) -> str:
        self._hidden += 1
        return f"$loop{self._hidden}"

    def block(self, body: tuple[Statement, ...], leave: Label | None) -> None:
        starts: list[Label] = []
        for number, statement in enumerate(body):
            starts.append(Label())
            self.here(starts[-1])
            again = starts[number - _repeatable(body[:number])]
            self._statement(statement, leave, again)

    def _statement(self, statement: Statement, leave: Label | None, again: Label) -> None:
        world = self.world
        match statement:
            case LoadPlace(name=name, place=place):
                self.emit(
                    lambda s, t: s.top(t).set(name, world.load(s, world.place(place, s.scope(t)))),
                    access=True,
                )
            case StorePlace(place=place, value=value):

                def store(s: State, t: int) -> None:
                    where = world.place(place, s.scope(t))
                    world.store(s, where, world.value(value, s.scope(t)))

                self.emit(store, access=True)
            case Compute(name=name, value=value):
                self.emit(
                    lambda s, t: s.top(t).set(name, world.value(value, s.scope(t))),
                    reads_cpu=self.reads_cpu(value),
                )
            case If(condition=condition, then=then, otherwise=otherwise):
                no, after = Label(), Label()
                self.emit(
                    lambda s, t: None if world.value(condition, s.scope(t)) else s.top(t).jump(no),
                    reads_cpu=self.reads_cpu(condition),
                )
                self.block(then, leave)
                self.go(after)
                self.here(no)
                self.block(otherwise, leave)
                self.here(after)
            case Loop(times=None, body=body):
                start, after = Label(), Label()
                self.here(start)
                self.block(body, after)
                self.go(start)
                self.here(after)
            case Loop(times=times, body=body):
                start, after, count = Label(), Label(), self._name()
                self.emit(lambda s, t: s.top(t).set(count, 0))
                self.here(start)

                def round_(s: State, t: int) -> None:
                    done = s.top(t).registers[count]
                    if done == times:
                        s.top(t).jump(after)
                    else:
                        s.top(t).set(count, done + 1)

                self.emit(round_)
                self.block(body, after)
                self.go(start)
                self.here(after)
                self.emit(lambda s, t: s.top(t).drop(count))
            case Leave(kind=kind):
                self.leave(kind, leave, again)
            case Fence(kind="membarrier", cpu=named):
                if named is None:
                    for each in range(world.cpus):
                        self.emit(_membarrier(_always(each), own=False), access=True)
                else:
                    self.emit(_membarrier(self._value(named), own=True), access=True)
            case Fence(cpu=named):
                if named is None:
                    for each in range(world.cpus):
                        self.empty_vector(_always(each))
                else:
                    self.empty_vector(self._value(named))
            case RunVector(vector=name) if name in world.program.sections:
                SectionRun(self, self, self.strategy, statement, leave, again)
            case RunVector():
                Run(self, self, self.strategy, statement, leave, again)

    def _value(self, expression: Expression) -> Callable[[State, int], int]:
        return lambda s, t: self.world.value(expression, s.scope(t))

    def leave(self, kind: str, leave: Label | None, again: Label) -> None:
        match kind:
            case "return":
                self.go(self._end)
            case "break":
                assert leave is not None
                self.go(leave)
            case "retry":
                self.go(again)
            case _:
                self.emit(lambda s, t: s.fail(t, "the thread says fail"))


def _repeatable(before: tuple[Statement, ...]) -> int:
    """How many loads and computations before a run can be done twice as if once."""
    longest = 0
    for count in range(1, len(before) + 1):
        tail = before[-count:]
        if not isinstance(tail[0], LoadPlace | Compute):
            break
        written: set[str] = set()
        first_read: set[str] = set()
        for each in tail:
            assert isinstance(each, LoadPlace | Compute)
            expression = each.place if isinstance(each, LoadPlace) else each.value
            first_read |= _names(expression) - written
            written.add(each.name)
        if first_read & written:
            break
        longest = count
    return longest


def _names(expression: Expression) -> set[str]:
    found = {expression.name} if isinstance(expression, Name) else set()
    return found.union(*(_names(each) for each in children(expression)))


def _always(cpu: int) -> Callable[[State, int], int]:
    return lambda s, t: cpu


def _membarrier(cpu: Callable[[State, int], int], own: bool) -> Callable[[State, int], None]:
    return lambda s, t: s.membarrier(t, cpu(s, t), own)
