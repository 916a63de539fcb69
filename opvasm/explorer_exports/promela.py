"""A scenario as a Promela model: shared state, scheduling, disturbances, threads, claims.

The text is made from the scenario, the vectors and the kernel's profile, not from the explorer's
steps; so a verdict of Spin is a second opinion on the explorer's model, search and reductions.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..explorer.plan.plan import Plan
from ..kernels.disturbances import BUDGETS, DECIDING, SLOT, Disturbance, Way
from ..kernels.profiles import LABELS
from ..light_typing import NamedTuple
from ..text.scenario_tree import RunVector
from .memory import OWN, TOP
from .promela_bag import bag_words
from .promela_body import Body
from .promela_claims import Claims
from .promela_numbers import SMALL
from .promela_run import RunWriter
from .promela_text import Export, Slot
from .promela_words import words
from .refusal import Refusals, comment

# The fields of a kernel's profile that the model follows, and those that no scenario which it takes
# can tell: ids are refused, and neither system calls nor descriptors are in the language.  A rule that
# nobody has put here is refused.
KNOWN_RULES = {
    *LABELS,
    *("registered", "preemption_aborts", "migration_aborts", "membarrier_aborts"),
    *(each.row.aborts for each in DECIDING if each.row.aborts is not None),
    *("id_at_preemption", "id_at_membarrier", "id_at_signal", "id_at_sleep", "id_at_migration"),
    *("system_call_switches", "system_call_stays"),
    *("bad_version", "abort_inside", "bad_signature", "outside"),
}
Strike = tuple[str, str]  # when something can happen, and what it does
COMPILE = "gcc -O1 -w -DSAFETY -DNOREDUCE -DPRINTF -DVECTORSZ=8192 -DMEMLIM=4096 -o pan pan.c"
STEPS_MAX = 1_000_000  # of one schedule
RUN = f"./pan -c0 -n -m{STEPS_MAX}"


class PromelaModel(NamedTuple):
    """A model: its text, and what is needed to read what Spin prints of its final states.

    ``cells`` are the (first byte in the explorer's state, size) of the numbers of memory, in the
    order in which a final state shows them; ``locals`` the (thread, register's name) behind them.
    ``left_out`` says what the model does not check.
    """

    plan: Plan
    text: str
    cells: tuple[tuple[int, int], ...]
    locals: tuple[tuple[int, str], ...]
    left_out: tuple[str, ...]
    export: Export


def promela(plan: Plan) -> PromelaModel:
    """The model of one configuration.

    Raises ExportError with every part of the scenario that Promela, or this export, can't say.
    """
    refusals = Refusals("Promela")
    export = Export(plan, refusals)
    _refuse_environment(plan, refusals)
    refusals.done()
    processes: list[str] = []

    def write_run(body: Body, run: RunVector, again: str | None, leave: str | None) -> None:
        RunWriter(body, run, again, leave).write()

    for slot in export.slots:
        processes += ["", *Body(export, slot, write_run).process()]
    left_out = _left_out(plan)
    text = [
        *_header(export, left_out),
        *words(export),
        *bag_words(export),
        *processes,
        *_environment(export),
    ]
    text += [*_judge(export), *_start(export)]
    refusals.done()
    locals_ = tuple(
        (slot.thread, ("handler." if slot.handles else "") + name)
        for slot in export.slots
        for name in slot.registers
    )
    return PromelaModel(
        plan=plan,
        text="\n".join(text) + "\n",
        cells=tuple((leaf.start, leaf.size) for leaf in export.memory.leaves),
        locals=locals_,
        left_out=left_out,
        export=export,
    )


def _refuse_environment(plan: Plan, refusals: Refusals) -> None:
    for each in plan.scenario.environment:
        match each.kind.row.way:
            case Way.SWITCHES:
                refusals.refuse(each.kind, "the model's CPUs are always online", each.span)
            case Way.FORGETS:
                if each.thread is not None or each.place is not None:
                    why = "the model's sections lose their protection anywhere, in any thread"
                    refusals.refuse(f"{each.kind} with a thread or a place", why, each.span)
            case Way.MIGRATES | Way.BOUNCES | Way.SIGNALS | Way.PREEMPTS | Way.TRAPS | Way.STALLS:
                pass
    refusals.refuse_rules(plan.configuration.profile, KNOWN_RULES, plan.scenario.span)


def _left_out(plan: Plan) -> tuple[str, ...]:
    """What the scenario says and the model does not check."""
    return tuple(f"`{comment(each.span.text)}`" for each in plan.scenario.progress)


def _header(export: Export, left_out: tuple[str, ...]) -> list[str]:
    plan = export.plan
    scenario = plan.scenario
    lines = [
        "/*",
        f" * Scenario {scenario.name}: {comment(scenario.title)}",
        f" * {plan.configuration.describe(scenario)}",
        " *",
        " * Made by opvasm export --promela.  Memory is sequentially consistent.  To check it:",
        " *",
        " *     spin -a FILE",
        f" *     {COMPILE}",
        f" *     {RUN} | tee pan.out",
        " *     grep '^outcome' pan.out | sort -u | wc -l   # as many as explore counts Outcomes",
        " *",
        " * Assertions are the scenario's conditions (a line `broken N` says which) and failures of",
        " * threads (`fail`); `witness N` is what an exists asks for; an invalid end state is a",
        " * deadlock.  `outside` says that a number left the model (2^20, addresses apart): the",
        " * result then says nothing.  Without -c0 pan stops at the first error, which",
        " * `./pan -r -n FILE.trail` shows.",
        " *",
    ]
    if left_out:
        lines.append(f" * Not checked here: {', '.join(left_out)} (progress is not exported).")
    lines += [
        f" * Condition {n}: {comment(c.span.text)}" for n, c in enumerate(scenario.conditions)
    ]
    lines.append(" * Addresses: " + _addresses(export))
    return [*lines, " */"]


def _addresses(export: Export) -> str:
    shown = [f"{leaf.address} {comment(leaf.name)}" for leaf in export.memory.leaves[:24]]
    return ", ".join(shown) + (", ..." if len(export.memory.leaves) > 24 else "")


def _environment(export: Export) -> list[str]:
    """A process that disturbs threads, within its limits."""
    ways: list[str] = []

    def add(kind: Disturbance, found: Iterator[Strike]) -> None:
        budget = BUDGETS[SLOT[kind]]
        limit = export.limits[budget]
        left = f" && {budget}_left > 0" if limit > 0 else ""
        spend = f"{budget}_left--; " if limit > 0 else ""
        for guard, effect in found if limit else ():
            ways.append(f"    :: atomic {{ SETTLED && {guard}{left} -> {spend}{effect} }}")

    for thread in range(len(export.plan.names)):
        for kind in DECIDING:
            add(kind, _of_thread(export, kind, thread))
        for slot in export.slots_of(thread):
            for kind in DECIDING:
                add(kind, _of_slot(export, kind, slot))
    if not ways:
        return []
    return [
        "",
        "/* What disturbs threads besides each other. */",
        "active proctype environment() {",
        "end_quiet:",
        "    do",
        *ways,
        "    :: failed || finished == THREADS -> break",
        "    od",
        "}",
    ]


def _of_thread(export: Export, kind: Disturbance, thread: int) -> Iterator[Strike]:
    """When something that disturbs a thread as a whole can happen, and what it does."""
    free = f"!ended[{thread}] && !in_vector[{thread}]"
    aborts = kind.cause_under(export.profile) is not None
    abort = f"abort_thread_{thread}()"
    match kind.row.way:
        case Way.MIGRATES:
            leaves = export.stops_running(thread) + (f"{abort}; " if aborts else "")
            for cpu in sorted(export.plan.allowed[thread]) if export.cpus > 1 else ():
                yield f"{free} && cpu[{thread}] != {cpu}", f"{leaves}cpu[{thread}] = {cpu}"
        case Way.SIGNALS if thread in export.handled:
            runs = (f"{abort}; " if aborts else "") + f"handling[{thread}] = true"
            yield f"{free} && !handling[{thread}]", runs
        case Way.SIGNALS if aborts:
            slot = export.slots_of(thread)[0].number
            yield f"{free} && section[{slot}]", abort
        case Way.SIGNALS | Way.PREEMPTS | Way.FORGETS:
            pass  # nothing to do; of the process that acts for the thread
        case Way.BOUNCES | Way.SWITCHES | Way.TRAPS | Way.STALLS:
            pass  # along with steps; refused; only that a thread may stand still


def _of_slot(export: Export, kind: Disturbance, slot: Slot) -> Iterator[Strike]:
    """The same of what disturbs a process that acts for a thread, inside of its section."""
    inside, thread = f"section[{slot.number}]", slot.thread
    aborts = kind.cause_under(export.profile) is not None
    match kind.row.way:
        case Way.PREEMPTS if aborts:
            yield inside, f"abort_slot({slot.number})"
        case Way.PREEMPTS if export.tracks_running:
            runs = f"{inside} && running[cpu[{thread}]] == {thread}"
            yield runs, export.stops_running(thread) + "skip"
        case Way.FORGETS:
            yield inside, f"abort_slot({slot.number})" if aborts else f"{inside} = false"
        case Way.MIGRATES | Way.SIGNALS | Way.PREEMPTS:
            pass  # of the thread as a whole; nothing to do
        case Way.BOUNCES | Way.SWITCHES | Way.TRAPS | Way.STALLS:
            pass  # as there


def _judge(export: Export) -> list[str]:
    """A process that looks at the final states."""
    scenario = export.plan.scenario
    final = Claims(export)
    for number, condition in enumerate(scenario.conditions):
        if condition.kind in ("forall", "never", "exists"):
            final.check(condition, number)
    final.show(False)
    stuck = Claims(export)
    stuck.show(True)
    return [
        "",
        "/* Looks at each final state; `timeout` is true when nothing else can go on. */",
        "active proctype judge() {",
        "    if",
        "    :: failed -> skip",
        "    :: finished == THREADS && busy == NOBODY -> d_step {",
        *final.lines.lines,
        "        }",
        "    :: timeout -> d_step {",
        *stuck.lines.lines,
        "        }",
        "    fi",
        "}",
    ]


def _start(export: Export) -> list[str]:
    memory = export.memory
    lines = [f"cpu[{thread}] = {home};" for thread, home in enumerate(export.plan.homes)]
    for leaf in memory.leaves:
        value = memory.initial(leaf)
        if (value >= SMALL and value < OWN) or value >= TOP:
            export.refusals.refuse(
                f"{leaf.name} = {value} at first",
                "numbers are below 2^20 there (Promela counts in 32 bits)",
                export.plan.scenario.span,
            )
        elif value:
            lines.append(f"memory[{leaf.cell}] = {value};  /* {comment(leaf.name)} */")
    return [
        "",
        "init {",
        "    d_step {",
        *(f"        {line}" for line in lines),
        "        begun = true",
        "    }",
        "}",
    ]
