"""Why a configuration fails: the schedule that leads there, the conflict, and the way out."""

from __future__ import annotations

from ..model.judging import VERDICT_OF, trouble_at
from ..schedules.explain import Saved, conflict, saving_decision
from ..schedules.schedule import Replay, fine_decisions, follow
from ..search.explore import explore
from ..search.graph import Graph
from ..search.progress import ENDLESS, Obstacle
from ..search.search import Found
from ..setting.options import INTERRUPTED, Limits, OutOfTime
from ..steps.state import State
from .diagnosis import Diagnosis
from .verdict import Report, Run

EXPLAIN_LIMIT = 50_000
MOST_PREEMPTIONS = 4


def diagnosed(report: Report, every: bool) -> Report:
    """The report with its runs' diagnoses: of ``every`` one that fails, or of the first.

    Where the time is over first, those that are left have none, and ``undiagnosed`` says so.
    """
    runs, found = list(report.runs), False
    try:
        for index, run in enumerate(report.runs):
            if every or not found:
                runs[index] = run._replace(diagnosis=diagnose(run, report.limits))
                found = found or runs[index].diagnosis is not None
    except OutOfTime:
        report = report._replace(undiagnosed=True)
    return report._replace(runs=tuple(runs))


def diagnose(run: Run, limits: Limits, explained: bool = True) -> Diagnosis | None:
    """The diagnosis of a run; None where nothing was found against it.

    Without ``explained`` the conflict and the way out, which take more searches, are left out.
    Raises OutOfTime where the time is over before that is known.
    """
    found = run.found
    if found.failures:
        return _failure(run, limits, explained and run.stopped != INTERRUPTED)
    if found.missing:
        return None
    for answer in run.answers:
        for trouble in answer.troubles:
            return _going_round(run, answer.graph, trouble)
    if ENDLESS in run.verdicts:
        from ..search.progress import endless

        graph, trouble = endless(found.plan, limits)
        return _going_round(run, graph, trouble)
    return None


def _going_round(run: Run, graph: Graph, trouble: Obstacle) -> Diagnosis:
    """The schedule of what repeats, or stands still, for ever."""
    path, cycle = list(trouble.path), list(trouble.cycle)
    replay = follow(run.found.plan, fine_decisions(graph, [*path, *cycle, *cycle, *cycle]))
    if cycle:
        replay = _closed(replay, {each.thread for each in cycle})
    return Diagnosis(trouble.kind, trouble.label, replay, None, None, None, None)


def _closed(replay: Replay, threads: set[int]) -> Replay:
    """A schedule that ends where it has been before, cut to the first time round of all threads."""
    been: dict[State, int] = {replay.initial: 0}
    for index, moment in enumerate(replay.moments):
        first = been.get(moment.state)
        if first is not None:
            round_ = replay.moments[first : index + 1]
            if {each.decision.thread for each in round_} >= threads:
                moments = replay.moments[: index + 1]
                return replay._replace(moments=moments, failing=index, cycle=first)
        been.setdefault(moment.state, index + 1)
    return replay


def _failure(run: Run, limits: Limits, explained: bool) -> Diagnosis:
    found = run.found
    wanted = found.failures[0]
    preemptions, best = None, found
    limits = limits._replace(goes_on=False)
    if found.stopped is None and found.states <= EXPLAIN_LIMIT and limits.preemptions is None:
        for bound in range(MOST_PREEMPTIONS + 1):
            bounded = explore(found.plan, found.reductions, limits._replace(preemptions=bound))
            if bounded.stopped is not None:
                break  # fewer might have done: it is not known how many it needs
            same = [f for f in bounded.failures if f.kind == wanted.kind]
            if same:
                preemptions, best, wanted = bound, bounded, same[0]
                break
    graph = best.graph
    path = graph.path(wanted.state)
    replay = follow(found.plan, fine_decisions(graph, path))
    saved = saved_after = None
    label = _label(replay, wanted.label)
    verdict = VERDICT_OF[wanted.kind]
    if not explained:
        return Diagnosis(verdict, label, replay, None, None, None, preemptions)
    if found.stopped is None and found.states <= EXPLAIN_LIMIT:
        saved, saved_after = _saving(best, limits, wanted.state)
    return Diagnosis(verdict, label, replay, conflict(replay), saved, saved_after, preemptions)


def _label(replay: Replay, wanted: str) -> str:
    """What is wrong where a schedule ends, in its own threads' names.

    The search takes threads that are alike for one another, so its label may name the other one.
    """
    troubles = trouble_at(replay.plan, replay.model, replay.state(replay.failing))
    labels = [each.label for each in troubles]
    return wanted if wanted in labels or not labels else labels[0]


def _saving(best: Found, limits: Limits, state: int) -> tuple[Saved | None, int | None]:
    """The last decision that could have been another, and the moment after which it was made."""
    bound = best.graph.model.bound
    limits = limits._replace(preemptions=bound)
    kept = explore(best.plan, best.reductions._replace(groups=False), limits, keep_edges=True)
    if kept.stopped is not None:
        return None, None
    raw = best.graph.raw_path(state)
    saved = saving_decision(kept, raw)
    if saved is None:
        return None, None
    real = best.graph.real(raw)
    # Both end with what only works out registers; they part where the decision was made.
    before = fine_decisions(best.graph, real[: saved.step])
    after = fine_decisions(best.graph, real[: saved.step + 1])
    parted = (i for i, (one, other) in enumerate(zip(before, after, strict=False)) if one != other)
    return saved, next(parted, min(len(before), len(after)))
