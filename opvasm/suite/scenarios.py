"""The scenarios of a ``.opv`` file, as tests: each is as it expects to be, or not."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter

from ..assembler import Assembly
from .outcome import SCENARIOS, Outcome
from .selection import Selection


def run_scenarios(assembly: Assembly, file: str, chosen: Selection) -> Iterator[Outcome]:
    """Every chosen scenario of a file that was assembled.

    An interrupt is no answer: it ends the tests, as KeyboardInterrupt.
    """
    wanted = [each for each in assembly.scenarios if chosen(f"{file}::{each.name}")]
    if not wanted:
        return
    from ..explorer.answers.text_report import expectation_text
    from ..explorer.answers.verdict import run_scenario
    from ..explorer.plan.plan import Plans
    from ..explorer.plan.validate import check_scenarios, strategy_table

    program, plans = assembly.program, Plans()
    wrong = [
        each
        for each in check_scenarios(program, wanted, assembly.strategies, plans)
        if each.level == "error"
    ]
    strategies = strategy_table(assembly.strategies)
    for scenario in wanted:
        started = perf_counter()
        if wrong:
            problem: str | None = "; ".join(each.message for each in wrong)
        else:
            report = run_scenario(program, scenario, strategies, plans=plans)
            if report.interrupted:
                raise KeyboardInterrupt
            problem = (
                "; ".join(
                    f"expected {expectation_text(each.expectation)}: {each.reason}"
                    for each in report.outcomes
                    if not each.met
                )
                or None
            )
        yield Outcome(
            kind=SCENARIOS,
            file=file,
            name=scenario.name,
            revision=program.abi.revision.name,
            category=file,
            problem=problem,
            findings=tuple(wrong),
            seconds=perf_counter() - started,
        )
