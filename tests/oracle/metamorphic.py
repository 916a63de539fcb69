"""Changes of a scenario that change no answer, or only in one direction.

No judge is asked: the explorer's answers about two texts, or two questions about one, are held
against each other.  So what the judge and the explorer both get wrong can come out here, and
scenarios too large for the judge can be asked, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from opvasm.assembler import assemble
from opvasm.explorer.answers.verdict import Run, run_configuration
from opvasm.explorer.plan.validate import strategy_table
from opvasm.explorer.setting.configuration import configurations
from opvasm.explorer.setting.options import Limits
from opvasm.source import SourceFile

MAIN, USED = "scenario.opv", "used.opv"
# Larger ones are left out: nothing is claimed of a search that did not end.
STATES = 20_000
STUCK = frozenset(("livelock", "blocks"))
_LEVELS = ("none", "obstruction_free", "lock_free", "finishes")
# What a scenario of the generator may name, and what stands for it in the renamed one.
_NAMES = (
    *("x", "y", "h", "a", "b", "c", "w", "d", "e", "f", "g", "k", "q", "A", "B"),
    *("arr", "rec", "both", "tab", "head", "way", "some", "gone", "mine", "more", "less"),
    *("v0", "v1"),
)
_RENAMED = {name: f"renamed_{name}" for name in _NAMES}


class Files(NamedTuple):
    """A scenario's text, and the one that it uses, if any."""

    main: str
    used: str = ""


class Seen(NamedTuple):
    """What the explorer says of one configuration."""

    verdicts: frozenset[str]
    outcomes: frozenset[tuple[str, ...]]
    failures: frozenset[tuple[str, str]]
    levels: tuple[str, ...]


class Broken(NamedTuple):
    """A change after which the answer is not what it had to be."""

    change: str
    before: Files
    after: Files
    text: str


def asked(files: Files, preemptions: int | None = None) -> list[Seen] | None:
    """The explorer's answers, one for each configuration; None where a limit ended a search."""

    def loader(path: str) -> SourceFile:
        return SourceFile(path, files.used)

    assembly = assemble(SourceFile(MAIN, files.main), loader=loader)
    (scenario,) = assembly.scenarios
    limits = Limits(states=STATES, goes_on=False, preemptions=preemptions)
    found = []
    for configuration in configurations(scenario, strategy_table(assembly.strategies)):
        run = run_configuration(assembly.program, scenario, configuration, limits)
        if run.found.stopped is not None:
            return None
        found.append(_seen(run))
    return found


def _seen(run: Run) -> Seen:
    return Seen(
        frozenset(run.verdicts),
        frozenset(run.found.outcomes),
        frozenset((f.kind, "" if f.kind == "deadlock" else f.label) for f in run.found.failures),
        tuple(each.level for each in run.answers),
    )


# ---- changes of the text ----------------------------------------------------------------------------


def _with_names(text: str, names: Mapping[str, str] = _RENAMED) -> str:
    """A text with other names, but for what stands in quotes."""
    parts = re.split(r"""("[^"]*"|'[^']*')""", text)
    pattern = re.compile(rf"\b(?:{'|'.join(names)})\b|\bw(?=\d\b)")  # w0 is a copy of w

    def other(found: re.Match[str]) -> str:
        return names[found[0]]

    return "".join(each if each[:1] in ("'", '"') else pattern.sub(other, each) for each in parts)


def renamed(files: Files) -> Files:
    """Every variable, vector, thread and local has another name."""
    return Files(_with_names(files.main))


def permuted(files: Files) -> Files | None:
    """The threads stand in the other order; None where one takes several lines."""
    lines = files.main.splitlines(keepends=True)
    where = [n for n, line in enumerate(lines) if re.match(r"\s*thread ", line)]
    if any(lines[n].count("{") != lines[n].count("}") for n in where):
        return None
    for here, other in zip(where, reversed(where), strict=True):
        if here < other:
            lines[here], lines[other] = lines[other], lines[here]
    return Files("".join(lines))


def with_a_dead_variable(files: Files) -> Files:
    """Each thread ends with work on a local of which nothing else speaks."""
    return Files(re.sub(r"(?m)^(\s*thread .*\S) \}$", r"\1; dead = 7 }", files.main))


def split(files: Files) -> Files:
    """The declarations are in a file that is used."""
    at = files.main.index("scenario s ")
    first, _, declarations = files.main[:at].partition("\n")
    return Files(f'{first}\nuse "{USED}"\n{files.main[at:]}', declarations)


def with_an_idle_cpu(files: Files) -> Files | None:
    """One CPU more, on which nobody runs; None where the text speaks of all CPUs."""
    if re.search(r"fence \w+( ;|;| \}|$)|@x|cpus \d+\.\.", files.main, re.MULTILINE):
        return None
    moves = re.search(r"environment .*(migrate|hotplug)", files.main)
    if moves:
        return None
    return Files(re.sub(r"cpus (\d+)$", _one_more, files.main, count=1, flags=re.MULTILINE))


def _one_more(found: re.Match[str]) -> str:
    return f"cpus {int(found[1]) + 1}"


def with_an_event(event: str) -> Callable[[Files], Files | None]:
    """One more thing that can happen, once; None where it already can."""

    def changed(files: Files) -> Files | None:
        if re.search(rf"environment .*\b{event}\b", files.main):
            return None
        more, count = re.subn(r"(?m)^(\s*environment .*)$", rf"\1, {event} <= 1", files.main)
        if count:
            return Files(more)
        return Files(re.sub(r"(?m)^(\s*cpus .*)$", rf"\1\n    environment {event} <= 1", more))

    return changed


SAME: dict[str, Callable[[Files], Files | None]] = {
    "other names": renamed,
    "threads in another order": permuted,
    "a dead variable": with_a_dead_variable,
    "declarations in a file that is used": split,
    "an idle CPU more": with_an_idle_cpu,
}
MORE: dict[str, Callable[[Files], Files | None]] = {
    f"{event} can happen, too": with_an_event(event) for event in ("preempt", "migrate", "signal")
}


# ---- what must be true of two answers -----------------------------------------------------------------


def _plain(seen: Seen) -> Seen:
    """One answer so that the same one is equal: of what is stuck one way is named, be it which it may."""
    stuck = {"stuck"} if seen.verdicts & STUCK else set()
    return seen._replace(verdicts=(seen.verdicts - STUCK) | stuck)


def _in_other_names(seen: Seen, text: str) -> Seen:
    """An answer about the renamed text; what the text says in quotes stays."""
    return seen._replace(
        outcomes=frozenset(tuple(map(_with_names, row)) for row in seen.outcomes),
        failures=frozenset(
            (kind, label if f'"{label}"' in text else _with_names(label))
            for kind, label in seen.failures
        ),
    )


def same(before: Seen, after: Seen) -> bool:
    """Whether two answers are one."""
    return _plain(before) == _plain(after)


def no_more(less: Seen, more: Seen) -> bool:
    """Whether all that one answer has is in the other, which promises no more."""
    levels = zip(less.levels, more.levels, strict=True)
    return (
        less.outcomes <= more.outcomes
        and less.failures <= more.failures
        and all(_LEVELS.index(one) >= _LEVELS.index(other) for one, other in levels)
    )


def broken(text: str) -> tuple[int, list[Broken]]:
    """How many changes of a scenario were looked at, and which of them broke their promise."""
    files, found, count = Files(text), list[Broken](), 0
    plain = asked(files)
    if plain is None:
        return 0, []
    named = [_in_other_names(each, text) for each in plain]
    for table, holds in ((SAME, same), (MORE, no_more)):
        for name, change in table.items():
            other = change(files)
            answers = None if other is None else asked(other)
            if other is None or answers is None:
                continue
            count += 1
            first = named if change is renamed else plain
            found += _differing(name, files, other, first, answers, holds)
    bounds = [plain]
    for bound in (1, 0):
        answers = asked(files, bound)
        if answers is not None:
            count += 1
            name = f"at most {bound} preemptions"
            # Within a bound progress is not asked, and what is missing is not said to be.
            fewer = [each._replace(levels=()) for each in answers]
            more = [each._replace(levels=()) for each in bounds[-1]]
            found += _differing(name, files, files, fewer, more, no_more)
            bounds.append(answers)
    return count, found


def _differing(
    name: str,
    before: Files,
    after: Files,
    first: list[Seen],
    second: list[Seen],
    holds: Callable[[Seen, Seen], bool],
) -> list[Broken]:
    return [
        Broken(name, before, after, f"{one}\n{other}")
        for one, other in zip(first, second, strict=True)
        if not holds(one, other)
    ]
