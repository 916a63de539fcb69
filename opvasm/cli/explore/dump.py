"""``opvasm explore --dump``: the step code of each configuration instead of a search."""

from __future__ import annotations

from ...light_typing import TYPE_CHECKING
from ..terminal.exits import DONE, UsageError
from ..terminal.outputs import write_text
from .arguments import Options

if TYPE_CHECKING:
    from ...assembler import Assembly
    from ...text.scenario_tree import Scenario, Strategy

# Options that ask something of a search.
_OF_A_SEARCH = ("compare", "coverage", "require", "save")


def dump(
    options: Options,
    assembly: Assembly,
    scenarios: list[Scenario],
    strategies: dict[str, Strategy],
) -> int:
    """Print it.  Raises UsageError for options that ask for a search."""
    from ... import __version__
    from ...explorer.answers.step_code import step_code_json, step_code_text
    from ...explorer.plan.plan import make_plan
    from ...explorer.setting.configuration import configurations

    for name in _OF_A_SEARCH:
        if getattr(options, name):
            raise UsageError(f"--dump explores nothing, so --{name} has no meaning with it")
    plans = [
        make_plan(assembly.program, scenario, each)
        for scenario in scenarios
        for each in configurations(scenario, strategies)
    ]
    match options.format:
        case "human":
            text = step_code_text(plans)
        case "json":
            text = step_code_json(plans, __version__)
        case other:
            raise UsageError(f"--dump can't be written as {other}", "human or json")
    write_text(text, options.output)
    return DONE
