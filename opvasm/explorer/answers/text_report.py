"""Reports for people: herd's table of outcomes, the verdict, the picture, the reason."""

from __future__ import annotations

from ...report.style import PLAIN, Style
from ...text.scenario_tree import Expectation, Scenario
from ..plan.plan import Plan
from ..schedules.diagram import diagram
from ..search.estimate import MOST_SECONDS, estimate
from ..search.search import Found
from ..setting.options import INTERRUPTED, NATIVE
from ..steps.state import STEP, Decision
from .diagnosis import Diagnosis
from .verdict import HOLDS, INCONCLUSIVE, Outcome, Report, Run

OUTCOMES_SHOWN = 40


def run_lines(report: Report, run: Run, style: Style = PLAIN) -> list[str]:
    """The table of outcomes and the verdict of one configuration."""
    found, scenario = run.found, report.scenario
    lines = [
        f"{style.strong('Scenario ' + scenario.name)}  {run.configuration.describe(scenario)}",
        f"Outcomes {len(found.outcomes)}",
    ]
    lines += _table(run, style)
    good = sum(n for outcome, n in found.outcomes.items() if outcome not in found.bad_outcomes)
    bad = sum(found.outcomes.values()) - good
    often = "Always" if not bad else "Sometimes" if good else "Never"
    if not found.outcomes and found.stopped is None:
        lines[-1] += ": no execution ends" + (
            "" if report.limits.preemptions is None else " within the bound"
        )
    if found.outcomes:
        lines.append(
            f"Observation {scenario.name} {often} {good} {bad}   "
            f"(final states: {good:,} as wanted, {bad:,} not{_elsewhere(run, bad, scenario)})"
        )
    lines.append(_verdict(report, run, style))
    return lines


def _elsewhere(run: Run, bad: int, scenario: Scenario) -> str:
    """What a reader of the counts has to know where no final state is wrong."""
    if bad:
        return ""
    if run.verdicts:
        return "; the failure is in none of them"
    return "" if scenario.conditions else "; no condition asks about them"


def _table(run: Run, style: Style) -> list[str]:
    found = run.found
    names = [column.text for column in found.plan.judge.columns]
    lines = []
    for outcome, count in sorted(found.outcomes.items())[:OUTCOMES_SHOWN]:
        bad = outcome in found.bad_outcomes
        cells = "  ".join(f"{n}={v}" for n, v in zip(names, outcome, strict=True)) or "ended"
        line = f"{'!' if bad else ' '} {count:>5}  {cells}"
        lines.append(style.bad(line) if bad else line)
    if len(found.outcomes) > OUTCOMES_SHOWN:
        lines.append(f"        and {len(found.outcomes) - OUTCOMES_SHOWN} more")
    return lines


def _verdict(report: Report, run: Run, style: Style) -> str:
    found, limits = run.found, report.limits
    verdict = run.verdict
    word = {HOLDS: style.good("holds"), INCONCLUSIVE: style.warning("inconclusive")}.get(
        verdict, style.bad(" and ".join(run.verdicts))
    )
    threads, cpus = len(found.plan.codes), run.configuration.cpus
    what = f"{_count(threads, 'thread')} on {_count(cpus, 'CPU')}"
    rate = found.states / run.seconds if run.seconds > 0 else 0.0
    size = f"{_count(found.states, 'state')}; {_time(run.seconds)}{_engine(found)}"
    if run.stopped is not None:
        waiting = found.states - found.expanded
        # An interrupt asks for an answer now.
        seconds = 0.0 if run.stopped == INTERRUPTED else limits.after(MOST_SECONDS)
        guess = estimate(found.graph, seconds=seconds) if seconds else None
        if guess is not None and guess > found.states:
            size = (
                f"{_count(found.states, 'state')} of at least about {guess:,}; {_time(run.seconds)}"
                f"{_engine(found)}"
            )
        return (
            f"Verdict {word}   stopped by {run.stopped}: {what}; {size}; {rate:,.0f} states a "
            f"second, {waiting:,} states not looked at yet; {_raise(run.stopped)}"
            + ("" if found.growth is None else f"; {found.growth}")
        )
    bound = "every interleaving"
    if limits.preemptions is not None:
        bound = f"bounded: at most {_count(limits.preemptions, 'preemption')}"
    return f"Verdict {word}   {bound} of {what}; sequentially consistent memory; {size}"


def _engine(found: Found) -> str:
    """Which engine it was; and why it was not the C engine, where that was asked for."""
    if found.engine == NATIVE:
        return " in C"
    return " in Python" if found.refused is None else f" in Python, not in C: {found.refused}"


def _raise(stopped: str) -> str:
    if stopped.endswith("states"):
        return "raise --max-states, or bound it with --preemptions 2"
    if stopped.endswith("seconds"):
        return "raise --timeout, or bound it with --preemptions 2"
    if stopped.startswith("the bound"):
        return "raise --preemptions, or leave it out"
    if stopped.endswith("memory"):
        return "raise --max-memory, or bound it with --preemptions 2"
    return "run it again to see the rest"


def unfinished_lines(report: Report, style: Style = PLAIN) -> list[str]:
    """What was left out at the end of the time or an interrupt: configurations, a failure's schedule."""
    lines: list[str] = []
    if not (report.not_begun or report.undiagnosed):
        return lines
    if report.not_begun:
        if not report.runs:  # nothing else has named it
            lines.append(style.strong(f"Scenario {report.scenario.name}"))
        lines.append(f"{style.warning('Not begun')} {not_begun_text(report)}")
    if report.undiagnosed:
        text = "the schedule of a failure could not be worked out in time"
        lines.append(f"{style.warning('Not shown')} {text}: {_stopped(report)}")
    return lines


def not_begun_text(report: Report) -> str:
    """How many configurations were not begun, which is the first, and why; there is at least one."""
    count = _count(len(report.not_begun), "configuration")
    first = report.not_begun[0].describe(report.scenario)
    return f"{count}, from {first} on: {_stopped(report)}"


def _stopped(report: Report) -> str:
    if report.interrupted:
        return f"stopped by {INTERRUPTED}"
    return f"stopped after {report.limits.time_text()}; raise --timeout"


def answer_lines(run: Run) -> list[str]:
    """The level of progress of each claim."""
    lines = []
    for answer in run.answers:
        who = answer.claim.thread or "every thread"
        lines.append(
            f"Progress {who}: {_level(answer.level)} (claimed: {_level(answer.claim.level)})"
        )
    return lines


def _level(level: str) -> str:
    return level.replace("_", "-") if level != "none" else "no progress"


def diagnosis_lines(
    plan: Plan, diagnosis: Diagnosis, style: Style = PLAIN, width: int | None = None
) -> list[str]:
    """The picture of a failing schedule, ``width`` characters wide, and why it fails."""
    lines = diagram(diagnosis.replay, style, width)
    lines.append(f"      {style.bad(diagnosis.label)}" + _broken(diagnosis))
    if diagnosis.replay.cycle is not None:
        repeated = len(diagnosis.replay.moments) - diagnosis.replay.cycle
        lines.append(f"      ~ the last {_count(repeated, 'step')} repeat for ever")
    return lines + [f"{word:<5} {text}" for word, text in reasons(plan, diagnosis)]


def reasons(plan: Plan, diagnosis: Diagnosis) -> list[tuple[str, str]]:
    """Why a schedule fails, what else could have been done, what it needs: words and sentences."""
    found = []
    why = why_text(plan, diagnosis)
    if why is not None:
        found.append(("Why", why))
    if diagnosis.saved is not None and diagnosis.saved_after is not None:
        after = diagnosis.saved_after
        where = "At the start" if after == 0 else f"After step {after}"
        taken, instead = (
            _decision(plan, each) for each in (diagnosis.saved.taken, diagnosis.saved.instead)
        )
        text = f"{where} {taken}; if {instead} instead, it could still end well"
        found.append(("Else", text))
    if diagnosis.preemptions is not None:
        found.append(("Needs", _count(diagnosis.preemptions, "preemption")))
    return found


def _broken(diagnosis: Diagnosis) -> str:
    return "  violated" if diagnosis.verdict == "fails" else ""


def why_text(plan: Plan, diagnosis: Diagnosis) -> str | None:
    """The accesses that a failure comes from, in a sentence; None where none was found."""
    conflict = diagnosis.conflict
    if conflict is None:
        return None
    names, image = plan.names, plan.image
    steps = [access.moment + 1 for access in conflict.accesses]
    who = [names[access.thread] for access in conflict.accesses]
    start, end = conflict.accesses[-1].range
    what = image.describe(start, end - start, names)
    match conflict.kind:
        case "lost":
            return (
                f"{who[0]} read {what} at step {steps[0]}; {who[1]} wrote it at step {steps[1]}; "
                f"{who[2]} then wrote what it had made of the old value at step {steps[2]}"
            )
        case "stale":
            first, last = conflict.accesses[0].range
            read = image.describe(first, last - first, names)
            return (
                f"{who[0]} read {read} at step {steps[0]}; {who[1]} wrote it at step {steps[1]}; "
                f"{who[2]} still relied on the old value when it wrote {what} at step {steps[2]}"
            )
        case "half seen":
            first, last = conflict.accesses[0].range
            published = image.describe(first, last - first, names)
            return (
                f"{who[1]} saw {published} at step {steps[1]} as {who[0]} had written it at step "
                f"{steps[0]}, and read {what} at step {steps[2]}, before {who[3]} wrote it at step "
                f"{steps[3]}"
            )
        case _:
            did = ["wrote" if access.writes else "read" for access in conflict.accesses]
            return f"{who[0]} {did[0]} {what} at step {steps[0]}, {who[1]} {did[1]} it at step {steps[1]}"


def _decision(plan: Plan, decision: Decision) -> str:
    name = plan.names[decision.thread] if decision.thread >= 0 else ""
    if decision.kind == STEP:
        return f"{name} went on"
    return decision.kind.row.instead.format(thread=name, cpu=decision.argument)


def expectation_text(expectation: Expectation | None) -> str:
    """An expectation as it was written."""
    if expectation is None:
        return "holds (nothing else is expected)"
    return expectation.span.text.removeprefix("expect ").strip()


def outcome_line(outcome: Outcome, style: Style = PLAIN) -> str:
    """Whether an expectation was met."""
    word = {True: style.good("ok"), False: style.bad("NOT MET"), None: style.warning("open")}
    return f"Expect {expectation_text(outcome.expectation)}: {word[outcome.met]} ({outcome.reason})"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
