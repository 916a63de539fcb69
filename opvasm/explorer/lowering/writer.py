"""What the steps of one ``run`` have in common as they are written down."""

from __future__ import annotations

from ...light_typing import NamedTuple
from ...program import Vector
from ...source import Place
from ...text.scenario_tree import RunVector
from ..steps.code import Builder
from ..steps.image import Image
from ..steps.site import Site
from ..steps.step import NOWHERE, Action, Branch, Guard
from ..steps.terms import Memory, Number, Register, Term, Width, plus, times

_BYTE = Width(1, False)


class Exits(NamedTuple):
    """Where a run goes on, by its result: labels."""

    ok: int
    differs: int
    again: int
    fault: int
    invalid: int
    offline: int
    aborted: int


class Protection(NamedTuple):
    """What protects steps, and the label at which their section restarts."""

    guard: Guard
    abort: int = NOWHERE


PLAIN = Protection(Guard.NONE)


def new_site(image: Image, vector: Vector, prefix: str, builder: Builder) -> Site:
    """The site of a ``run``, with registers of its own."""
    register = builder.registers
    cpu, attempts, pending, stopped = (
        register(f"{prefix}${each}") for each in ("cpu", "attempts", "pending", "at")
    )
    inputs = tuple(register(f"{prefix}${index}") for index in range(len(vector.parameters)))
    return Site(image, vector, cpu, inputs, attempts, pending, stopped)


class Writer:
    """Writes the steps of one ``run``: each stands at the statement, or at the op that it is of.

    ``places`` are those of the ops of the vector, or of the instructions of the section.
    """

    def __init__(
        self,
        builder: Builder,
        site: Site,
        statement: RunVector,
        name: str,
        places: tuple[Place | None, ...],
    ) -> None:
        self.builder = builder
        self.site = site
        self.statement = statement
        self.name = name
        self.places = places

    def add(
        self,
        action: Action,
        text: str = "",
        protection: Protection = PLAIN,
        *,
        op: int | None = None,
        covers: tuple[str, ...] = (),
        inside: bool = False,
    ) -> None:
        """One step.  ``op``: it is a part of that op; ``inside``: of a run that is under way."""
        place: Place = self.statement.span
        if op is not None:
            place = self.places[op] or place
        self.builder.add(
            action,
            text,
            place=place,
            guard=protection.guard,
            abort=protection.abort,
            operation=None if op is None else (self.name, op),
            covers=covers,
            counted=not inside and protection.guard is Guard.NONE,
        )

    def flag_address(self, byte: int = 1) -> Term:
        """Where the slow-path flag of the run's CPU lies; byte 0: its lock."""
        base = Number(self.site.image.lock_base + byte)
        return plus(base, times(2, Register(self.site.cpu)))

    def test_flag(self, busy: int, protection: Protection) -> None:
        """The test of the slow-path flag: in a vector it is one more compare at its head."""
        clear = self.builder.label()
        flag = Memory(self.flag_address(), _BYTE)
        self.add(Branch(flag, busy, clear), "test slow", protection)
        self.builder.here(clear)
