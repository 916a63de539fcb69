"""What disturbs the threads of a scenario: the columns of model.md section 2.4's last table."""

from __future__ import annotations

from ..kernels.disturbances import Disturbance
from ..light_typing import NamedTuple
from ..text.scenario_tree import Allowed, Progress, Scenario


class Environment(NamedTuple):
    """A name, what it stands for in words, and the disturbances."""

    name: str
    meaning: str
    disturbances: tuple[Allowed, ...]


def environments(scenario: Scenario) -> tuple[Environment, ...]:
    """The scenario's own environment, where it has one, and the usual ones that fit it."""
    span = scenario.span
    first = scenario.threads[0].name
    found = [
        Environment("quiet", "threads disturb only each other", ()),
        Environment(
            "preempt",
            "other processes preempt, finitely often",
            (Allowed(Disturbance.PREEMPT, None, None, span),),
        ),
        Environment(
            "stepped",
            "a debugger steps every thread, for ever",
            (Allowed(Disturbance.STEPPED, None, None, span),),
        ),
    ]
    if len(scenario.threads) > 1:
        stalled = Allowed(Disturbance.STALLED, None, first, span)
        found.append(Environment("stalled", f"{first} may lose its CPU for ever", (stalled,)))
    if scenario.cpus[1] > 1:
        moved = Allowed(Disturbance.MIGRATE, 1, None, span)
        found.append(Environment("migrate", "one thread moves to another CPU once", (moved,)))
    if scenario.handlers:
        both = (
            Allowed(Disturbance.PREEMPT, 1, None, span),
            Allowed(Disturbance.SIGNAL, 1, None, span),
        )
        found.append(Environment("signal", "one signal and one preemption", both))
    if scenario.environment:
        found.insert(0, Environment("written", "as the scenario says", scenario.environment))
    return tuple(found)


def put_in(scenario: Scenario, environment: Environment) -> Scenario:
    """The scenario in an environment; where it claims no progress, that each thread gets done.

    A thread that is stalled for ever need not get done.
    """
    progress = scenario.progress
    stalled = {e.thread for e in environment.disturbances if e.kind is Disturbance.STALLED}
    if not progress and not stalled:
        progress = (Progress(None, "finishes", scenario.span),)
    elif not progress:
        progress = tuple(
            Progress(thread.name, "finishes", scenario.span)
            for thread in scenario.threads
            if thread.name not in stalled and None not in stalled
        )
    return scenario._replace(environment=environment.disturbances, progress=progress)
