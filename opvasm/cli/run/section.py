"""``opvasm run FILE SECTION``: one thread runs a section on the simulated machine, undisturbed."""

from __future__ import annotations

from ...light_typing import TYPE_CHECKING
from ..terminal.exits import DONE, NEGATIVE, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...program.section import Section
    from ...report.style import Style
    from ...scenario.events import TestEvent
    from ...scenario.world import World


def run_section(
    section: Section, world: World, given: Mapping[str, int], trace: str, style: Style, strict: bool
) -> int:
    """Enter the section on the CPU that the caller is on and say how it was left.

    ``strict``: exit 1 unless it commits.  Raises UsageError for arguments that do not fit, a fault
    and a section that does not end.
    """
    from ...interpreter.section import STEPS_MAX, Endless
    from ...machine import Fault
    from ...program.section import OK
    from ...scenario.events import SectionBegins, SectionEnds
    from ...scenario.sections import enter, finish

    arguments = _arguments(section, given)
    cpu = world.machine.cpus.current
    tell = _Tell(world, trace, style)
    tell(SectionBegins(None, section, arguments, cpu))
    run, observed = enter(world, section, arguments)
    try:
        label = finish(run, observed, None, tell)
    except Fault as fault:
        place = run.code[run.point].step.place
        raise UsageError(f"{section.name} gets SIGSEGV: {fault}", f"at {place}") from None
    except Endless:
        raise UsageError(f"{section.name} has not ended after {STEPS_MAX} instructions") from None
    tell(SectionEnds(None, label, label, run.results))
    return NEGATIVE if strict and label != OK else DONE


def _arguments(section: Section, given: Mapping[str, int]) -> dict[str, int]:
    """A value for each parameter."""
    from ...binding import parameter_range

    known = [each.name for each in section.parameters]
    wrong = [name for name in given if name not in known]
    missing = [name for name in known if name not in given]
    takes = f"{section.name} takes {', '.join(known) or 'no arguments'}"
    if wrong:
        raise UsageError(f"there is no parameter {', '.join(wrong)}", takes)
    if missing:
        raise UsageError(f"no value is given for {', '.join(missing)}", f"--arg {missing[0]}=VALUE")
    for parameter in section.parameters:
        low, high = parameter_range(parameter)
        if not low <= given[parameter.name] <= high:
            raise UsageError(
                f"{given[parameter.name]} does not fit into {parameter.name}",
                f"it holds {low} to {high}",
            )
    return dict(given)


class _Tell:
    """Writes what happens, as ``--trace`` asks."""

    def __init__(self, world: World, trace: str, style: Style) -> None:
        self.world, self.trace, self.style = world, trace, style
        if trace == "jsonl":
            from ...scenario.events import MachineReady
            from .tracing import begin_trace

            begin_trace(trace, world.program)
            self(MachineReady(world.memory, world.machine.cpus))
            world.observe_setup = self

    def __call__(self, event: TestEvent) -> None:
        match self.trace:
            case "human":
                self._say(event)
            case "jsonl":
                from .tracing import write_event

                write_event(event)
            case _:
                pass

    def _say(self, event: TestEvent) -> None:
        from ...scenario.events import SectionBegins, SectionEnds, SectionStepped
        from ...trace.names import Names
        from ...trace.section import number_text, stepped_text

        names = Names(self.world.program, self.world.layout)
        match event:
            case SectionBegins(section=section, arguments=arguments, cpu=cpu):
                listed = ", ".join(f"{k} = {number_text(v, names)}" for k, v in arguments.items())
                print(f"{section.name}({listed})  {self.style.dim(f'on CPU {cpu}')}")
            case SectionStepped(at=at):
                print(f"  {at:>2}  {stepped_text(event, names)}")
            case SectionEnds(label=label, results=results):
                listed = ", ".join(f"{k} = {number_text(v, names)}" for k, v in results.items())
                print(f"  left by {self.style.strong(label)}" + (f": {listed}" if listed else ""))
            case _:
                pass
