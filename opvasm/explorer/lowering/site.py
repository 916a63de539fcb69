"""One ``run`` in the text of a thread: its registers, and the vector bound to what they hold."""

from __future__ import annotations

from ...abi.revisions import Abi
from ...binding import bind, parameter_range, slot_bytes
from ...errors import BindError
from ...interpreter.errno import EAGAIN
from ...interpreter.events import Pinned
from ...interpreter.pages import Pins
from ...interpreter.prepared import Step, prepare
from ...light_typing import NamedTuple
from ...program import Vector
from ...source import Place
from ...text.scenario_tree import RunVector
from ..steps.code import Builder, Label
from ..steps.image import Image
from ..steps.work import Work
from .meaning import Value


class Bound(NamedTuple):
    """A vector for one CPU and one set of arguments: its ops ready to run, or what refuses it."""

    steps: tuple[Step, ...]
    slots: bytes
    refused: str | None


class Site:
    """One ``run`` in the text of one thread, with what is known before anything runs."""

    def __init__(
        self,
        image: Image,
        vector: Vector,
        arguments: tuple[Value, ...],
        statement: RunVector,
        prefix: str,
        builder: Builder,
    ) -> None:
        self.image = image
        self.abi: Abi = image.program.abi
        self.vector = vector
        self.arguments = arguments
        self.statement = statement
        register = builder.registers
        self.cpu = register(f"{prefix}$cpu")
        self.attempts = register(f"{prefix}$attempts")
        self.pending = register(f"{prefix}$pending")
        self.stopped = register(f"{prefix}$at")
        self.inputs = tuple(
            register(f"{prefix}${index}") for index in range(len(vector.parameters))
        )
        self.needed = (self.cpu, *self.inputs)
        self._bound: dict[tuple[int, ...], Bound] = {}

    def place_of(self, op: int) -> Place | None:
        """Where an op is written."""
        return self.vector.instructions[op].place

    def bound(self, work: Work) -> Bound:
        """The vector as it is for the CPU and arguments in the registers."""
        local = work.local
        key = tuple([local[register] for register in self.needed])
        found = self._bound.get(key)
        if found is None:
            found = self._bound[key] = self._bind(key[0], key[1:])
        return found

    def _bind(self, cpu: int, values: tuple[int, ...]) -> Bound:
        """Bind and check as the kernel does before anything runs (abi.md section 2.1, 5 to 9)."""
        arguments = {}
        for parameter, value in zip(self.vector.parameters, values, strict=True):
            low, high = parameter_range(parameter)
            arguments[parameter.name] = (value - low) % (high - low + 1) + low
        try:
            program, layout = self.image.program, self.image.layout
            instructions = bind(self.vector, program, layout, cpu, arguments)
            slots = slot_bytes(self.vector, self.abi, arguments)
        except BindError:
            return Bound((), b"", "fault")
        prepared = prepare(instructions, self.abi)
        if prepared.violation is not None:
            return Bound((), slots, "invalid")
        pins = Pins(self.abi, self.image.template.copy(), frozenset())
        for demand in prepared.demands:
            pinned = pins.pin(demand)
            if not isinstance(pinned, Pinned):
                return Bound(prepared.steps, slots, "again" if pinned.errno == EAGAIN else "fault")
        return Bound(prepared.steps, slots, None)


class Exits(NamedTuple):
    """Where a run goes on, by its result."""

    ok: Label
    differs: Label
    again: Label
    fault: Label
    invalid: Label
    offline: Label
    aborted: Label
    crash: Label
