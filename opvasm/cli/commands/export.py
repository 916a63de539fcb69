"""``opvasm export``: a scenario is written for Spin or herd7, or Spin is asked for its verdict."""

from __future__ import annotations

from ...light_typing import TYPE_CHECKING
from ..inputs.options import AbiOptions, add_abi, add_output, whole_number
from ..inputs.scenario_inputs import explorable, named_scenarios
from ..terminal.exits import DONE, HOST, NEGATIVE, USAGE, UsageError
from ..terminal.outputs import write_text

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from ...assembler import Assembly
    from ...explorer.plan.plan import Plan
    from ...explorer.setting.configuration import Configuration
    from ...text.scenario_tree import Scenario
    from ..terminal.terminal import Terminal

DESCRIPTION = """\
Write a scenario in the language of another tool, which then judges it on its own: for Spin a model
of the threads, the kernel's scheduling and the vectors, for herd7 a litmus test of what processors
may reorder. What the other language can't express with the same meaning is refused by name."""
EXAMPLES = """
opvasm export samples/races/list.opv naive --promela -o naive.pml
opvasm export samples/races/list.opv inside --promela --kernel legacy --strategy rseq,opv
opvasm export samples/races/ring.opv head_first --promela --check
opvasm export samples/races/init_done.opv done_last --litmus
"""
EXITS = {
    DONE: "written; with --check: both tools find the same",
    NEGATIVE: "with --check: Spin and the explorer disagree",
    HOST: "with --check: spin or gcc can't be run, or did not get to an end",
}


class Options(AbiOptions):
    """The options, as they were typed."""

    file: str
    scenario: str | None
    promela: bool
    litmus: bool
    output: str | None
    kernel: str | None
    strategy: str | None
    cpus: str | None
    check: bool


def add_arguments(parser: ArgumentParser) -> None:
    """The options."""
    parser.add_argument("file", metavar="FILE", help="the text (-: standard input)")
    parser.add_argument(
        "scenario",
        metavar="SCENARIO",
        nargs="?",
        help="which scenario (may be left out when the file has only one)",
    )
    parser.add_argument("--promela", action="store_true", help="a model for Spin")
    parser.add_argument(
        "--litmus", action="store_true", help="a C litmus test for herd7 and the kernel's model"
    )
    add_abi(parser)
    add_output(parser)
    parser.add_argument(
        "--kernel", metavar="NAME", help="the kernel, where the scenario names several"
    )
    parser.add_argument(
        "--strategy",
        metavar="NAME",
        help="how vectors are run, where the scenario leaves a choice: one name for all threads, or "
        "one for each thread of the text, with commas",
    )
    parser.add_argument(
        "--cpus", metavar="N", help="how many CPUs there are, where the scenario gives a range"
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="instead of writing the model run Spin on it (Debian: spin, gcc), and compare its "
        "verdict and final states with the explorer's",
    )


def execute(options: Options, terminal: Terminal) -> int:
    """Choose the configuration, write it down."""
    from ...explorer.plan.plan import make_plan

    if options.promela == options.litmus:
        how = "both" if options.promela else "neither"
        raise UsageError(f"--promela or --litmus, not {how}", "one tool's language at a time")
    if options.check and options.litmus:
        raise UsageError("--check goes with --promela", "herd7 is not run by opvasm")
    if options.check and options.output is not None:
        raise UsageError("--check writes no model", "leave out -o, or --check")
    assembly = explorable(options.file, options, terminal)
    if assembly is None:
        return USAGE
    scenario = _scenario(options, assembly)
    plan = make_plan(assembly.program, scenario, _configuration(options, assembly, scenario))
    if options.litmus:
        from ...explorer_exports.litmus import litmus

        write_text(litmus(plan).text, options.output)
        return DONE
    from ...explorer_exports.promela import promela

    model = promela(plan)
    for part in model.left_out:
        terminal.remark(f"{part} is not exported: the model checks no progress")
    if options.check:
        return _check(plan, model, options, terminal)
    write_text(model.text, options.output)
    return DONE


def _scenario(options: Options, assembly: Assembly) -> Scenario:
    named = [] if options.scenario is None else [options.scenario]
    scenarios = named_scenarios(options.file, assembly, named)
    if len(scenarios) > 1:
        names = ", ".join(each.name for each in scenarios)
        raise UsageError(
            f"{options.file} has {len(scenarios)} scenarios", f"name one after the file: {names}"
        )
    return scenarios[0]


def _configuration(options: Options, assembly: Assembly, scenario: Scenario) -> Configuration:
    """The one configuration that is meant.  Raises UsageError when there is none, or more."""
    from ...explorer.plan.validate import strategy_table
    from ...explorer.setting.configuration import configurations

    left = list(configurations(scenario, strategy_table(assembly.strategies)))
    if options.kernel is not None:
        kernels = sorted({each.profile.name for each in left})
        left = [each for each in left if each.profile.name == options.kernel]
        _some(left, "--kernel", options.kernel, scenario, kernels)
    if options.cpus is not None:
        cpus = whole_number(options.cpus, "--cpus")
        numbers = sorted({each.cpus for each in left})
        left = [each for each in left if each.cpus == cpus]
        _some(left, "--cpus", options.cpus, scenario, [str(each) for each in numbers])
    if options.strategy is not None:
        names = tuple(each.strip() for each in options.strategy.split(","))
        ways = sorted({_ways(each) for each in left})
        own = [thread.strategy for thread in scenario.threads]
        wanted = names
        if len(names) == 1:
            wanted = tuple(each or names[0] for each in own)
        left = [each for each in left if _ways(each) == ",".join(wanted)]
        _some(left, "--strategy", options.strategy, scenario, ways)
    if options.litmus:  # kernels that it can say at all do not differ there
        left = list({(each.cpus, _ways(each)): each for each in reversed(left)}.values())[::-1]
    if len(left) > 1:
        rows = "; ".join(each.describe(scenario) for each in left[:8])
        more = f"; and {len(left) - 8} more" if len(left) > 8 else ""
        raise UsageError(
            f"scenario {scenario.name} has {len(left)} configurations",
            f"choose one with --kernel, --strategy and --cpus: {rows}{more}",
        )
    return left[0]


def _ways(configuration: Configuration) -> str:
    return ",".join(strategy.name for strategy in configuration.strategies)


def _some(
    left: list[Configuration], option: str, given: str, scenario: Scenario, there: list[str]
) -> None:
    if not left:
        from ...kernels.versions import version_help

        rules = version_help(given) if option == "--kernel" else None
        raise UsageError(
            f"{option}: scenario {scenario.name} has no configuration with {given}",
            f"there are: {'; '.join(there)}" + ("" if rules is None else f"; {rules}"),
        )


def _check(plan: Plan, model: object, options: Options, terminal: Terminal) -> int:
    """Run Spin, and say whether it finds what the explorer finds."""
    from ...explorer_exports.agreement import compare
    from ...explorer_exports.promela import PromelaModel
    from ...explorer_exports.spin import SpinError, run_spin

    assert isinstance(model, PromelaModel)
    try:
        spin = run_spin(model)
    except SpinError as error:
        terminal.remark(f"--check: {error}")
        return HOST
    agreement = compare(plan, spin)
    scenario = plan.scenario
    lines = [
        f"Scenario {scenario.name}  {plan.configuration.describe(scenario)}",
        f"explore  {agreement.explorer}",
        f"Spin     {agreement.spin}",
        *(f"only explore  {each}" for each in agreement.only_explorer),
        *(f"only Spin     {each}" for each in agreement.only_spin),
        "they agree" if agreement.agree else "THEY DISAGREE",
    ]
    write_text("\n".join(lines) + "\n", None)
    return DONE if agreement.agree else NEGATIVE
