"""A section's machine code lifted: the entry point of this room."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ..light_typing import NamedTuple
from ..program import Parameter, Scalar, section as ir
from .code import Code
from .state import Area, Budget, NotLifted, State, register_of
from .values import Values
from .walk import Machine, Walk


class Lifted(NamedTuple):
    """A section, and what its labels and results stand for in the file.

    ``exits`` maps labels to addresses, ``registers`` the names of parameters and results to the
    registers that they are at the section's start and end.  ``roles`` says of parameters that were
    named by what is done with them what that is (roles.py).
    """

    section: ir.Section
    exits: dict[str, int]
    registers: dict[str, str]
    roles: Mapping[str, str] = {}


def _anywhere(codes: Sequence[Code], at: int) -> str:
    return ""


def machine_of(name: str) -> Machine | None:
    """How an architecture is lifted, None where it is not.  Needs capstone."""
    match name:
        case "x86-64":
            from . import x86_64

            return Machine(x86_64.execute, x86_64.condition, x86_64.kept, _anywhere, False)
        case "aarch64":
            from . import aarch64

            return Machine(
                *(aarch64.execute, aarch64.condition, aarch64.kept, aarch64.untried), True
            )
        case _:
            return None


def lift(
    name: str,
    machine: str,
    codes: Sequence[Code],
    end: int,
    area: Area | None,
    results: Collection[str] = (),
) -> Lifted:
    """The section of these instructions; ``results`` are the registers whose values matter later.

    Raises NotLifted with the first reason.
    """
    known = machine_of(machine)
    if known is None:
        raise NotLifted(f"the lifter knows no {machine}", codes[0].address if codes else 0)
    if not codes or codes[-1].end != end:
        raise NotLifted("it does not decode to its end", codes[-1].end if codes else end)
    budget = Budget({"ok", "aborted", *ir.AREA_FIELDS}, known.top_byte_ignored)
    values = area.values() if area is not None else Values()
    state = State(budget, values, area.address if area is not None else None)
    outputs = {register: budget.fresh(f"{register}_out") for register in results}
    walk = Walk(codes, end, known, outputs)
    walk.run(0, state)
    body = tuple(state.out)
    arguments = {
        each.name: each.type
        for step in ir.walk(body)
        for term in ir.terms_of(step)
        for each in ir.every_term(term)
        if isinstance(each, ir.Argument)
    }
    parameters = []
    for argument, type in arguments.items():
        assert isinstance(type, Scalar)
        parameters.append(Parameter(argument, type, 0))
    section = ir.Section(name, tuple(parameters), tuple(outputs.values()), body)
    exits = {label: address for address, label in walk.labels.items()}
    registers = {each.name: register_of(each.name) for each in parameters}
    registers |= {local: register for register, local in outputs.items()}
    return Lifted(section, exits, registers)
