"""Everything that is wrong with the scenarios of a file, before any of them is explored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ...errors import Diagnostic, Note, in_order
from ...kernels.profiles import ALIASES, PROFILES
from ...program import Program, Vector
from ...source import Span
from ...suggestion import did_you_mean, listing
from ...text.scenario_tree import BUILTIN_STRATEGIES, OPV, RunVector, Scenario, Strategy
from ...verifier.rseq_rules import rseq_diagnostics
from ..setting.configuration import configurations
from ..setting.statements import walk
from .plan import Plans, ScenarioError, make_plan


def strategy_table(strategies: Iterable[Strategy]) -> dict[str, Strategy]:
    """Strategies by their names; the built-in ones are always there."""
    return {**BUILTIN_STRATEGIES, **{each.name: each for each in strategies}}


def check_scenarios(
    program: Program,
    scenarios: Iterable[Scenario],
    strategies: Iterable[Strategy],
    plans: Plans | None = None,
) -> tuple[Diagnostic, ...]:
    """Every finding about some scenarios; those of level error keep them from being explored.

    ``plans`` keeps what was made for that, for ``run_scenario``.
    """
    scenarios, strategies = tuple(scenarios), tuple(strategies)
    found = list(declared_twice(scenarios, strategies))
    table = strategy_table(strategies)
    for scenario in scenarios:
        found += check_scenario(program, scenario, table, plans)
    return in_order(found)


def declared_twice(
    scenarios: Iterable[Scenario], strategies: Iterable[Strategy]
) -> Iterator[Diagnostic]:
    """Scenarios and strategies whose name another one has."""
    yield from _twice(strategies, "strategy")
    yield from _twice(scenarios, "scenario")


def check_scenario(
    program: Program,
    scenario: Scenario,
    strategies: Mapping[str, Strategy],
    plans: Plans | None = None,
) -> Iterator[Diagnostic]:
    """Every finding about one scenario, in the order of finding."""
    problems = list(_names(scenario, strategies))
    yield from problems
    if not problems:
        yield from section_findings(program, scenario, strategies)
        yield from _plans(program, scenario, strategies, plans or Plans())


def _twice(declared: Iterable[Strategy | Scenario], what: str) -> Iterator[Diagnostic]:
    seen: dict[str, Strategy | Scenario] = {}
    for each in declared:
        first = seen.setdefault(each.name, each)
        if first is not each:
            notes = (Note("it is first declared here", first.span),)
            message = f"there are two of {what} {each.name}"
            yield Diagnostic("error", "OPV503", message, each.span, notes)


def _unknown(
    name: str, what: str, known: Iterable[str], span: Span, help: str | None = None
) -> Diagnostic:
    known = list(known)
    help = help or did_you_mean(name, known) or f"there are {listing(known)}"
    return Diagnostic("error", "OPV509", f"there is no {what} {name}", span, help=help)


def _kernel(name: str, span: Span) -> Iterator[Diagnostic]:
    """What is to be said of the name of a kernel profile."""
    if name in ALIASES:
        new = " and ".join(ALIASES[name])
        message = f"kernel {name} is an older name for {new}"
        help = f"write {ALIASES[name][0]}; `opvasm explain {ALIASES[name][0]}` says its rules"
        yield Diagnostic("note", "OPV552", message, span, help=help)
    elif name not in PROFILES:
        from ...kernels.versions import version_help

        yield _unknown(name, "kernel", PROFILES, span, version_help(name))


def _names(scenario: Scenario, strategies: Mapping[str, Strategy]) -> Iterator[Diagnostic]:
    """Kernels, strategies and threads that a scenario speaks of and that are not there."""
    threads = [thread.name for thread in scenario.threads]
    for kernel in scenario.kernels:
        yield from _kernel(kernel, scenario.span)
    for strategy in scenario.strategies:
        if strategy not in strategies:
            yield _unknown(strategy, "strategy", strategies, scenario.span)
    for thread in scenario.threads:
        if thread.strategy is not None and thread.strategy not in strategies:
            yield _unknown(thread.strategy, "strategy", strategies, thread.name_span)
        if threads.count(thread.name) > 1:
            message = f"there are two threads {thread.name}"
            yield Diagnostic("error", "OPV503", message, thread.name_span)
    for handler in scenario.handlers:
        if handler.thread not in threads:
            yield _unknown(handler.thread, "thread", threads, handler.span)
    struck = [(each.thread, each.span) for each in scenario.environment]
    for thread_name, span in (*struck, *((each.thread, each.span) for each in scenario.progress)):
        if thread_name is not None and thread_name not in threads:
            yield _unknown(thread_name, "thread", threads, span)
    for expectation in scenario.expectations:
        for term in expectation.terms:
            table = strategies if term.kind == "strategy" else None
            if term.thread is not None and term.thread not in threads:
                yield _unknown(term.thread, "thread", threads, term.span)
            for value in term.values:
                if term.kind == "kernel":
                    yield from _kernel(value, term.span)
                if table is not None and value not in table:
                    yield _unknown(value, term.kind, table, term.span)


def section_findings(
    program: Program, scenario: Scenario, strategies: Mapping[str, Strategy]
) -> Iterator[Diagnostic]:
    """Vectors that a strategy would run as a section though the rules forbid it."""
    asked: set[tuple[str, str]] = set()
    bodies = {thread.name: [thread.body] for thread in scenario.threads}
    for handler in scenario.handlers:
        bodies[handler.thread].append(handler.body)
    for thread in scenario.threads:
        names = (thread.strategy,) if thread.strategy else scenario.strategies
        for name in names:
            strategy = strategies[name]
            for statement in (s for body in bodies[thread.name] for s in walk(body)):
                if not isinstance(statement, RunVector):
                    continue
                if (statement.vector, name) in asked:
                    continue
                asked.add((statement.vector, name))
                if statement.vector in program.sections:
                    yield from _loading(program, statement, strategy)
                elif statement.vector in program.vectors:
                    yield from _section(program, statement, strategy)


def _section(program: Program, statement: RunVector, strategy: Strategy) -> Iterator[Diagnostic]:
    vector = program.vectors[statement.vector]
    if strategy.uses_sections and not strategy.unchecked:
        for finding in rseq_diagnostics(vector, program.data):
            if finding.level == "error":
                note = Note(f"strategy {strategy.name} runs it as one here", statement.span)
                yield finding._replace(notes=(*finding.notes, note))
    yield from _room_for_the_flag(program, vector, statement, strategy)


def _room_for_the_flag(
    program: Program, vector: Vector, statement: RunVector, strategy: Strategy
) -> Iterator[Diagnostic]:
    """A vector that looks at the slow flag first has one op more."""
    subscribed = strategy.subscription == "eager" and "opv" in (strategy.first, strategy.fallback)
    limit = program.abi.revision.vector_length_max
    if subscribed and len(vector.instructions) >= limit:
        message = f"{vector.name} has {len(vector.instructions)} ops: none is left for the flag"
        yield Diagnostic(
            "error", "OPV525", message, statement.span, help=f"the limit is {limit} ops"
        )


def _loading(program: Program, statement: RunVector, strategy: Strategy) -> Iterator[Diagnostic]:
    """A section that breaks the rules, or that no vector can stand in for."""
    section = program.sections[statement.vector]
    if section.verified and not strategy.unchecked:
        from ...verifier.section_rules import section_diagnostics  # few scenarios run such sections

        for finding in section_diagnostics(section, program.data):
            if finding.level == "error":
                note = Note("it is run here", statement.span)
                yield finding._replace(notes=(*finding.notes, note))
    if strategy.fallback == OPV:
        yield from _no_call(program, statement, strategy)


def _no_call(program: Program, statement: RunVector, strategy: Strategy) -> Iterator[Diagnostic]:
    """A system call runs vectors; where a section is none the statement that is no op is the reason."""
    from ...verifier.section_vector import NoVector, as_vector

    name = statement.vector
    notes: tuple[Note, ...] = ()
    try:
        found = as_vector(program.sections[name], program.data, program.abi)
    except NoVector as problem:
        if problem.place is not None:
            notes = (Note("no op does this", problem.place),)
        message = f"strategy {strategy.name} falls back to cpu_opv, and {name} is not a vector: {problem.reason}"
        help = "write what is done then in the arm `aborted`, or fall back to the lock"
        yield Diagnostic("error", "OPV527", message, statement.span, notes, help)
    else:
        yield from _room_for_the_flag(program, found.vector, statement, strategy)


def _plans(
    program: Program, scenario: Scenario, strategies: Mapping[str, Strategy], plans: Plans
) -> Iterator[Diagnostic]:
    """What turns up when the code of each thread is made.

    A thread's code depends on the CPUs, the kernel and its own strategy, so that not each combination
    of the threads' strategies is tried, but each strategy of each thread.
    """
    tried: set[tuple[int, str, int, str]] = set()
    for configuration in configurations(scenario, strategies):
        cpus, kernel = configuration.cpus, configuration.profile.name
        chosen = enumerate(configuration.strategies)
        new = {(cpus, kernel, thread, strategy.name) for thread, strategy in chosen} - tried
        if not new:
            continue
        tried |= new
        try:
            plans.keep(make_plan(program, scenario, configuration))
        except ScenarioError as error:
            yield from error.diagnostics
