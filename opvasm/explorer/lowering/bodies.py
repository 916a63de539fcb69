"""Thread bodies before they are lowered: their plan, their names, walks over them."""

from __future__ import annotations

from collections.abc import Mapping

from ...expression import Call, Member, Name
from ...light_typing import TYPE_CHECKING, NamedTuple
from ...program import Type
from ...text.scenario_tree import (
    Statement,
    Strategy,
)
from ..setting.statements import CPU_ID_START, MM_CID, NODE_ID
from ..steps.code import Builder
from ..steps.image import Image, OwnVariable
from ..steps.terms import CurrentCpu, Number, Register
from .meaning import Compiler, Spot, Value, constant_value

if TYPE_CHECKING:
    from ...verifier.section_vector import AsVector


class ThreadPlan(NamedTuple):
    """What one copy of a thread is made from.  ``number`` is its place among all threads.

    ``called`` are the vectors that the system call runs where a section was aborted too often.
    """

    name: str
    number: int
    body: tuple[Statement, ...]
    handler: tuple[Statement, ...] | None
    strategy: Strategy
    own: tuple[OwnVariable, ...]
    observed: frozenset[str]
    called: Mapping[str, AsVector]

    def ids(self, image: Image) -> int | None:
        """Where the thread's cpu_id_start lies in the state; None where it does not speak of it."""
        for variable in self.own:
            if variable.name == CPU_ID_START:
                return image.own_blocks[self.number].start + variable.offset
        return None


class BodyScope:
    """Names inside a thread: its locals, its own memory, the file's constants."""

    reads_memory = False
    cpus: int | None = None

    def __init__(
        self,
        plan: ThreadPlan,
        image: Image,
        locals_: Mapping[str, int],
        prefix: str,
        builder: Builder,
        registered: bool,
    ) -> None:
        self.plan = plan
        self.image = image
        self.locals = locals_
        self.types: dict[str, Type | None] = {}
        self.prefix = prefix
        self.builder = builder
        self.registered = registered

    def value(self, name: str) -> Value | None:
        """A local, the CPU the thread is on, a constant, or a number of the thread's area.

        The kernel may choose any concurrency id that no other running thread has: here it is the
        number of the CPU.  There is one node.
        """
        if name in self.locals:
            register = self.locals[name]
            return Value(Register(register), self.types.get(name))
        if name == "current":
            return Value(CurrentCpu())
        data = self.image.program.data
        if name in data.constants:
            return constant_value(data.constants[name])
        if name in (NODE_ID, MM_CID) and name not in data.symbols and self.own(name) is None:
            return Value(CurrentCpu() if name == MM_CID and self.registered else Number(0))
        return None

    def own(self, name: str) -> Spot | None:
        """A variable of the thread's own block."""
        base = self.image.own_blocks[self.plan.number].base
        for variable in self.plan.own:
            if variable.name == name:
                return _fixed(base + variable.offset, variable.type)
        return None

    def member(self, expression: Member) -> Value | None:
        """``differs.at``: the op whose compare failed in the last run."""
        base = expression.base
        if isinstance(base, Name) and base.name == "differs" and expression.name == "at":
            register = self.builder.registers(f"{self.prefix}$at")
            return Value(Register(register))
        return None

    def call(self, expression: Call, compiler: Compiler) -> Value | None:
        """Threads have no functions."""
        return None

    def cpu(self) -> Value | None:
        """A percpu name means the instance of the CPU the thread is on."""
        return self.value("current")

    def names(self) -> list[str]:
        """Every local and own variable."""
        own = (each.name for each in self.plan.own)
        return [*self.locals, *own, "current", NODE_ID, MM_CID]

    def what(self, name: str) -> str | None:
        """Locals, ``current``, ``mm_cid`` and constants are numbers without an address."""
        if name in self.locals or name in ("current", NODE_ID, MM_CID):
            return "a number of the thread, without an address"
        return "a constant" if name in self.image.program.data.constants else None


def _fixed(address: int, kind: Type) -> Spot:
    return Spot(Number(address), kind)
