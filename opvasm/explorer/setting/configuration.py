"""The configurations of a scenario: each number of CPUs, kernel and choice of strategies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

from ...kernels.profiles import LABELS, RULES, Profile, Told, profile_named, profiles_named
from ...light_typing import NamedTuple
from ...source import Span
from ...text.scenario_tree import (
    BUILTIN_STRATEGIES,
    LOCK,
    OPV,
    Expectation,
    RunVector,
    Scenario,
    Strategy,
    Term,
    Thread,
)
from .statements import ID_NAMES, MM_CID, walk


class Configuration(NamedTuple):
    """One way to run a scenario.  ``strategies`` has one entry for each thread of the text."""

    cpus: int
    profile: Profile
    strategies: tuple[Strategy, ...]

    def describe(self, scenario: Scenario) -> str:
        """``kernel=legacy  a=opv  b=rseq  cpus=1``.

        A thread that runs no vector has no strategy, and one that runs sections alone has none where
        the strategy is `opv`, which no section takes.
        """
        parts = [f"kernel={self.profile.name}"]
        parts += [
            f"{thread.name}={strategy.name}"
            for thread, strategy in zip(scenario.threads, self.strategies, strict=True)
            # Where every combination is tried, the names of all keep configurations apart.
            if scenario.every_combination or _takes(thread, strategy, scenario)
        ]
        return "  ".join((*parts, f"cpus={self.cpus}"))

    def key(self, scenario: Scenario) -> dict[str, object]:
        """The same as data, for JSON and replay files."""
        return {
            "cpus": self.cpus,
            "kernel": self.profile.name,
            "strategies": {
                thread.name: strategy.name
                for thread, strategy in zip(scenario.threads, self.strategies, strict=True)
            },
        }


def configurations(
    scenario: Scenario, strategies: Mapping[str, Strategy]
) -> tuple[Configuration, ...]:
    """Every configuration, in the order of the text; those that only swap equal threads once."""
    known = {**BUILTIN_STRATEGIES, **strategies}
    found: list[Configuration] = []
    for cpus in range(scenario.cpus[0], scenario.cpus[1] + 1):
        for kernel in scenario.kernels:
            for names in _choices(scenario):
                chosen = tuple(known[name] for name in names)
                found.append(Configuration(cpus, profile_named(kernel), chosen))
    return tuple(found)


def _choices(scenario: Scenario) -> Iterator[tuple[str, ...]]:
    threads = scenario.threads
    if not scenario.every_combination:
        for name in scenario.strategies:
            yield tuple(thread.strategy or name for thread in threads)
        return
    shapes = [repr(interchangeable(thread, scenario)) for thread in threads]
    seen: set[tuple[object, ...]] = set()
    options = [(thread.strategy,) if thread.strategy else scenario.strategies for thread in threads]
    for names in product(*options):
        pairs = tuple(sorted(zip(shapes, names, strict=True)))
        if pairs not in seen:
            seen.add(pairs)
            yield names


def interchangeable(thread: Thread, scenario: Scenario) -> object:
    """Equal for threads that differ in nothing but their name, which nothing else says."""
    if thread.name in named_threads(scenario):
        return thread.name
    return strip((thread._replace(name=""), thread.cpu))


def named_threads(scenario: Scenario) -> frozenset[str]:
    """Threads that a condition, a handler or the environment speaks of by name."""
    names = {handler.thread for handler in scenario.handlers}
    names |= {each.thread for each in scenario.environment if each.thread is not None}
    names |= {each.thread for each in scenario.progress if each.thread is not None}
    threads = {thread.name for thread in scenario.threads}
    conditions = (*scenario.conditions, *scenario.observed)
    return frozenset(names | {each for each in _words(conditions) if each in threads})


def _words(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple) and not isinstance(value, Span):
        for each in value:
            yield from _words(each)


def strip(value: object) -> object:
    """A tree without its spans, so that equal texts at different places are equal."""
    if isinstance(value, Span):
        return None
    if isinstance(value, tuple):
        return (type(value).__name__, *(strip(each) for each in value))
    return value


def vectors_run(thread: Thread, scenario: Scenario) -> list[str]:
    """The vectors and sections that a thread runs, in its body and its handlers."""
    bodies = [thread.body]
    bodies += [handler.body for handler in scenario.handlers if handler.thread == thread.name]
    return [each.vector for body in bodies for each in walk(body) if isinstance(each, RunVector)]


def _takes(thread: Thread, strategy: Strategy, scenario: Scenario) -> bool:
    """Whether a thread runs anything by a strategy."""
    runs = vectors_run(thread, scenario)
    return any(strategy.name != OPV or each not in scenario.sections for each in runs)


def kernel_abilities(scenario: Scenario, configuration: Configuration) -> object:
    """What a configuration can tell of its kernel: kernels that agree on that behave the same.

    That is all of the profile, but for the rules whose row says that this scenario can't tell them: a
    rule without a row makes kernels differ.
    """
    handlers = {handler.thread: handler.body for handler in scenario.handlers}
    sections = ids = calls = cids = False
    for thread, strategy in zip(scenario.threads, configuration.strategies, strict=True):
        bodies = (thread.body, handlers.get(thread.name, ()))
        words = {*_words(bodies)}
        ids = ids or not words.isdisjoint(ID_NAMES)
        cids = cids or MM_CID in words
        runs = vectors_run(thread, scenario)
        entered = strategy.first != LOCK and any(each in scenario.sections for each in runs)
        calls = calls or (entered and any(each in scenario.calling for each in runs))
        sections = sections or entered or (bool(runs) and strategy.uses_sections)
    met = {each.kind.row.aborts for each in scenario.environment} if sections else set()

    def tells(name: str) -> bool:
        if name not in RULES:
            return name not in LABELS
        match RULES[name].told:
            case Told.SECTION:  # ids of memory maps are 0 where nobody writes them
                return sections or (cids and name == "registered")
            case Told.MET:
                return name in met
            case Told.IN_TEXT:
                return ids
            case Told.CALL:
                return calls
            case Told.BY_NONE:
                return False

    rules = configuration.profile._asdict()
    return tuple(sorted((name, value) for name, value in rules.items() if tells(name)))


def meets(term: Term, scenario: Scenario, configuration: Configuration) -> bool:
    """Whether a configuration is one of those a term names."""
    match term.kind:
        case "kernel":
            profiles = (each for name in term.values for each in profiles_named(name))
            return configuration.profile in profiles
        case "cpus":
            return str(configuration.cpus) in term.values
        case _:
            return any(
                strategy.name in term.values
                for thread, strategy in zip(scenario.threads, configuration.strategies, strict=True)
                if term.thread is None or term.thread == thread.name
            )


def concerns(expectation: Expectation, scenario: Scenario, configuration: Configuration) -> bool:
    """Whether an expectation speaks of a configuration: in an ``unless`` it is an exception."""
    if expectation.mode == "always":
        return True
    named = all(meets(term, scenario, configuration) for term in expectation.terms)
    return named if expectation.mode == "when" else not named
