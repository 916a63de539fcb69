"""One ``run`` in the code of a thread: its registers, and the vector bound to what they hold."""

from __future__ import annotations

from ...abi.revisions import Abi
from ...binding import bind, parameter_range, slot_bytes
from ...errors import BindError
from ...interpreter.events import Pinned
from ...interpreter.pages import Demand, Pins
from ...interpreter.prepared import Step as ReadyOp, prepare
from ...light_typing import NamedTuple
from ...machine.memory import Fault
from ...program import Instruction, Vector
from .image import Image


class Bound(NamedTuple):
    """A vector for one CPU and one set of arguments.

    ``instructions`` are its ops with every address a number, ``ops`` the same ready to run, and
    ``slots`` the bytes of its arguments.  ``refused`` is what the kernel answers before anything
    runs: ``again``, ``fault``, ``invalid``, or None.
    """

    instructions: tuple[Instruction, ...]
    ops: tuple[ReadyOp, ...]
    slots: bytes
    refused: str | None


class Site:
    """A ``run`` of a vector.

    Registers: ``cpu`` holds the CPU that it is for, ``inputs`` its arguments; ``needed`` are both.
    ``attempts`` counts sections that were tried, ``pending`` is what an op has read and not yet
    written, ``stopped`` the op whose compare failed.
    """

    def __init__(
        self,
        image: Image,
        vector: Vector,
        cpu: int,
        inputs: tuple[int, ...],
        attempts: int,
        pending: int,
        stopped: int,
    ) -> None:
        self.image = image
        self.abi: Abi = image.program.abi
        self.vector = vector
        self.cpu = cpu
        self.inputs = inputs
        self.needed = (cpu, *inputs)
        self.attempts = attempts
        self.pending = pending
        self.stopped = stopped
        self._bound: dict[tuple[int, ...], Bound] = {}

    def bound(self, key: tuple[int, ...]) -> Bound:
        """The vector for what the registers ``needed`` hold: a CPU, then the arguments."""
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
            return Bound((), (), b"", "fault")
        prepared = prepare(instructions, self.abi)
        if prepared.violation is not None:
            return Bound(prepared.instructions, (), slots, "invalid")
        pins = Pins(self.abi, self.image.template.copy(), frozenset())
        for demand in prepared.demands:
            if not self._is_there(demand) or not isinstance(pins.pin(demand), Pinned):
                refused = "again" if demand.expect_fault else "fault"
                return Bound(prepared.instructions, prepared.steps, slots, refused)
        return Bound(prepared.instructions, prepared.steps, slots, None)

    def _is_there(self, demand: Demand) -> bool:
        """Whether an operand lies in what the scenario has: the rest of a page is nowhere here."""
        try:
            self.image.locate(demand.address, demand.length, False)
        except Fault:
            return demand.length == 0
        return True
