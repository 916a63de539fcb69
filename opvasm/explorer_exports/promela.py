"""A scenario as a Promela model: shared state, scheduling, disturbances, threads, claims.

The text is made from the scenario, the vectors and the kernel's profile, not from the explorer's
steps; so a verdict of Spin is a second opinion on the explorer's model, search and reductions.
"""

from __future__ import annotations

from ..explorer.plan.plan import Plan
from ..kernels.disturbances import Disturbance
from ..kernels.profiles import LABELS
from ..light_typing import NamedTuple
from ..text.scenario_tree import RunVector
from .memory import OWN, TOP
from .promela_bag import bag_words
from .promela_body import Body
from .promela_claims import Claims
from .promela_numbers import SMALL
from .promela_run import RunWriter
from .promela_text import Export
from .promela_words import words
from .refusal import Refusals, comment

# The fields of a kernel's profile that the model follows, and those that no scenario which it takes
# can tell: ids are refused, and neither system calls nor descriptors are in the language.  A rule that
# nobody has put here is refused.
KNOWN_RULES = {
    *LABELS,
    *("registered", "preemption_aborts", "migration_aborts", "membarrier_aborts"),
    "signal_aborts",
    *("id_at_preemption", "id_at_membarrier", "id_at_signal", "id_at_sleep", "id_at_migration"),
    *("system_call_switches", "system_call_stays"),
    *("bad_version", "abort_inside", "bad_signature", "outside"),
}
COMPILE = "gcc -O1 -w -DSAFETY -DNOREDUCE -DPRINTF -DVECTORSZ=8192 -DMEMLIM=4096 -o pan pan.c"
RUN = "./pan -c0 -n -m1000000"


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
        match each.kind:
            case Disturbance.HOTPLUG:
                refusals.refuse("hotplug", "the model's CPUs are always online", each.span)
            case Disturbance.UNPROTECTED:
                if each.thread is not None or each.place is not None:
                    why = "the model's sections lose their protection anywhere, in any thread"
                    refusals.refuse("unprotected with a thread or a place", why, each.span)
            case Disturbance.MIGRATE | Disturbance.BOUNCE | Disturbance.SIGNAL:
                pass
            case Disturbance.PREEMPT | Disturbance.CHECKPOINT:
                pass
            case Disturbance.STEPPED | Disturbance.STALLED:
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
    plan, limits = export.plan, export.limits
    ways: list[str] = []

    def way(kind: Disturbance, guard: str, effect: str) -> None:
        limit = limits[kind]
        if not limit:
            return
        left = f" && {kind}_left > 0" if limit > 0 else ""
        spend = f"{kind}_left--; " if limit > 0 else ""
        ways.append(f"    :: atomic {{ SETTLED && {guard}{left} -> {spend}{effect} }}")

    for thread in range(len(plan.names)):
        slots = [slot.number for slot in export.slots_of(thread)]
        free = f"!ended[{thread}] && !in_vector[{thread}]"
        for cpu in sorted(plan.allowed[thread]):
            if export.cpus > 1:
                way(
                    Disturbance.MIGRATE,
                    f"{free} && cpu[{thread}] != {cpu}",
                    export.stops_running(thread)
                    + (f"abort_thread_{thread}(); " if export.profile.migration_aborts else "")
                    + f"cpu[{thread}] = {cpu}",
                )
        if thread in export.handled:
            way(
                Disturbance.SIGNAL,
                f"{free} && !handling[{thread}]",
                (f"abort_thread_{thread}(); " if export.profile.signal_aborts else "")
                + f"handling[{thread}] = true",
            )
        elif export.profile.signal_aborts:
            way(Disturbance.SIGNAL, f"{free} && section[{slots[0]}]", f"abort_thread_{thread}()")
        for slot in slots:
            if export.profile.preemption_aborts:
                way(Disturbance.PREEMPT, f"section[{slot}]", f"abort_slot({slot})")
            elif export.tracks_running:
                runs = f"section[{slot}] && running[cpu[{thread}]] == {thread}"
                way(Disturbance.PREEMPT, runs, export.stops_running(thread) + "skip")
            way(Disturbance.CHECKPOINT, f"section[{slot}]", f"section[{slot}] = false")
            way(Disturbance.UNPROTECTED, f"section[{slot}]", f"section[{slot}] = false")
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
