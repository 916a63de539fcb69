"""Steps: what a thread does at once, and how a list of them is written down.

A step is one instruction.  ``access`` says that others can notice it: its thread is seen to run on
its CPU then, which restarts the sections of the other threads there.  Steps that only work out
registers do nothing to others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from opvasm.expression import AtCpu, Expression, Name, children
from opvasm.program import Area

from .world import World

State = Any


class Label:
    """A place in the code, known when it is reached."""

    at = -1


class Step(NamedTuple):
    """One instruction.  ``abort`` is where an abort goes, ``op`` the op of a vector that it is of.

    ``call`` is the CPU that a call of cpu_opv is for, ``lose`` what follows where the move is lost.
    ``reads_cpu``: it works with the CPU that the thread is on; ``moves``: it may take it to another.
    """

    run: Callable[[State, int], None]
    access: bool = False
    ready: Callable[[State, int], bool] | None = None
    abort: Label | None = None
    call: Callable[[State, int], int] | None = None
    lose: Callable[[State, int], None] | None = None
    op: tuple[str, int] | None = None
    reads_cpu: bool = False
    moves: bool = False


class Steps:
    """The steps of a program as they are written, one after the other."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.steps: list[Step] = []

    def emit(self, run: Callable[[State, int], None], **rest: Any) -> None:
        self.steps.append(Step(run, **rest))

    def here(self, label: Label) -> None:
        label.at = len(self.steps)

    def go(self, label: Label) -> None:
        self.emit(lambda s, t: s.top(t).jump(label))

    def empty_vector(self, target: Callable[[State, int], int]) -> None:
        """A vector without ops: its caller moves, once nobody's vector runs there."""

        def move(s: State, t: int) -> None:
            cpu = target(s, t)
            if s.may_run_on(t, cpu) and s.online[cpu]:
                s.move(t, cpu)

        self.emit(move, access=True, ready=lambda s, t: s.free(t, target(s, t)), moves=True)

    def reads_cpu(self, expression: Expression) -> bool:
        """Whether an expression is about the CPU: ``current``, or a percpu name without ``@``."""
        match expression:
            case Name(name=name):
                symbol = self.world.data.symbols.get(name)
                return name == "current" or (symbol is not None and symbol.area is Area.PERCPU)
            case AtCpu(cpu=cpu):
                return self.reads_cpu(cpu)
            case _:
                return any(map(self.reads_cpu, children(expression)))
