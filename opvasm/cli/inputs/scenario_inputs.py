"""A file's scenarios for the subcommands that explore: read, checked, chosen by name."""

from __future__ import annotations

from ...light_typing import TYPE_CHECKING
from ..terminal.exits import UsageError
from .inputs import read_source
from .options import AbiOptions, chosen_abi
from .programs import assembled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...assembler import Assembly
    from ...explorer.plan.plan import Plans
    from ...explorer.schedules.replay_file import Recording
    from ...text.scenario_tree import Scenario
    from ..terminal.terminal import Terminal


def explorable(
    path: str,
    options: AbiOptions,
    terminal: Terminal,
    schedule: Recording | None = None,
    plans: Plans | None = None,
) -> Assembly | None:
    """The text with its scenarios; None where one can't be explored, with all reasons reported.

    With a schedule it is assembled for the revision and data model that the schedule is of.
    ``plans`` keeps what the check makes, for the searches.
    """
    from ...explorer.plan.validate import check_scenarios

    assembly = for_schedule(path, options, schedule)
    findings = check_scenarios(assembly.program, assembly.scenarios, assembly.strategies, plans)
    if findings:
        terminal.report(findings)
    return None if any(each.level == "error" for each in findings) else assembly


def for_schedule(path: str, options: AbiOptions, schedule: Recording | None) -> Assembly:
    """A text as a replay file has it.  Raises UsageError where the options ask for another one."""
    revision, model, size = chosen_abi(options)
    if schedule is not None:
        for option, wanted, held in zip(
            ("-a", "--model"), (revision, model), schedule.revision, strict=True
        ):
            if wanted not in (None, held):
                raise UsageError(f"{option} {wanted}: the schedule was made for {schedule.abi}")
        revision, model = schedule.revision
    return assembled(read_source(path), revision, model, size)


def no_scenario_help(assembly: Assembly) -> str:
    """Where scenarios come from: of sections that were lifted, audit writes some."""
    chapter = "opvasm docs language has a chapter on them, opvasm samples DIR writes some"
    if not assembly.program.sections:
        return chapter
    return f"audit --lift FILE --peer KIND writes some with lifted sections; {chapter}"


def named_scenarios(path: str, assembly: Assembly, names: Sequence[str]) -> list[Scenario]:
    """The scenarios of these names, all without any.  Raises UsageError where there is none."""
    known = {scenario.name: scenario for scenario in assembly.scenarios}
    if not known:
        raise UsageError(
            f"{path} has no scenario",
            no_scenario_help(assembly),
        )
    for name in names:
        if name not in known:
            from ...suggestion import did_you_mean, listing

            raise UsageError(
                f"{path} has no scenario {name!r}",
                did_you_mean(name, known) or f"there are: {listing(known)}",
            )
    return [known[name] for name in names or known]
