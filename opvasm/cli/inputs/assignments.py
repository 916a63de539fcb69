"""``--set PLACE=VALUE``: memory as it is before the call."""

from __future__ import annotations

from ...light_typing import TYPE_CHECKING
from ..terminal.exits import UsageError

if TYPE_CHECKING:
    from ...scenario.world import World


def assign(text: str, world: World, cpu: int) -> None:
    """Set a place of the program's memory; a percpu name means the instance of ``cpu``.

    Raises ParseError where either side is not an expression.
    """
    from ...expression import Unevaluable
    from ...scenario.evaluate import Scope, locate
    from ...scenario.store import store_initial
    from ...text.parser import parse_expression

    place, equals, value = text.partition("=")
    if not equals or not place.strip() or not value.strip():
        raise UsageError(f"--set takes PLACE=VALUE, not {text!r}")
    scope = Scope(world.program, world.layout, cpu, world.machine.cpus.possible, world.memory.read)
    name = f"--set {place.strip()}"
    try:
        target = locate(parse_expression(place, "--set"), scope)
        store_initial(world, target, parse_expression(value, name), scope)
    except Unevaluable as problem:
        raise UsageError(f"--set {text}: {problem.reason}") from None
