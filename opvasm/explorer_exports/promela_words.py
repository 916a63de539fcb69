"""The words that a model's processes are written in: shared state, memory, scheduling, calls.

They are macros: labels can be handed to a macro, and Spin 6.5.2 crashes on inlines in inlines.
"""

from __future__ import annotations

from ..kernels.disturbances import Disturbance
from .memory import OWN, TOP, Region
from .promela_numbers import SMALL
from .promela_text import Export
from .refusal import comment


def macro(head: str, text: str) -> list[str]:
    """A macro of several statements."""
    lines = [line for line in text.strip("\n").splitlines() if line.strip()]
    if len(lines) == 1:
        return [f"#define {head} {lines[0].strip()}"]
    return [f"#define {head} \\", *(f"{line} \\" for line in lines[:-1]), lines[-1]]


def words(export: Export) -> list[str]:
    """Everything that stands before the processes, but for the claims."""
    return [*_state(export), *_memory(export), *_scheduling(export), *_calls(export)]


def _state(export: Export) -> list[str]:
    plan, limits = export.plan, export.limits
    threads, slots, cpus = len(plan.names), len(export.slots), export.cpus
    shared = [
        ("byte busy = NOBODY", "the process whose step is under way"),
        ("byte started, finished", "how many threads have"),
        ("bool begun", "memory holds what it holds at first"),
        ("bool failed", "a thread has failed: nothing runs any more"),
        (f"bool ended[{threads}]", "threads"),
        (f"bool handling[{threads}]", "a signal handler runs on top of the thread"),
        (f"byte cpu[{threads}]", "where the thread is"),
        (f"bool in_vector[{threads}]", "preemption is off: its CPU is its own"),
        (f"byte owner[{cpus}] = NOBODY", "the process that has a CPU with preemption off"),
        (f"bool section[{slots}]", "inside a restartable section"),
        (f"bool restart[{slots}]", "the section was aborted; the process will notice"),
        (f"bool inside[{slots}]", "a run is under way"),
        (f"bool lock[{cpus}]", "the slow path's lock of each CPU"),
        (f"bool slow[{cpus}]", "the flag of its holder"),
    ]
    if export.tracks_running:
        shared.append((f"byte running[{cpus}] = NOBODY", "the thread that ran last"))
    shared += [
        (f"int {kind}_left = {limit}", "how often it can still happen")
        for kind, limit in limits.items()
        if limit > 0
    ]
    registers = [text for slot in export.slots for text in slot.registers.values()]
    return [
        f"#define THREADS {threads}",
        f"#define CPUS {cpus}",
        "#define NOBODY 255",
        "",
        *(f"{declared};".ljust(34) + f"/* {meaning} */" for declared, meaning in shared),
        *(f"int {text};" for text in registers),
        "",
    ]


# ---- memory ---------------------------------------------------------------------------------------

OUTSIDE = 'printf("outside\\n"); failed = true; assert(false); goto stop'
EXISTS = """
    if :: NUMBER@(a) :: else ->
        if :: PAGED(a, @) -> outside() :: else -> goto crash fi
    fi
"""
WRITE = "if :: (v) >= 0 && SMALL(v) -> memory_cell = v :: else -> outside() fi"


def _memory(export: Export) -> list[str]:
    memory = export.memory
    regions = [region for region in memory.regions if region.leaves]
    cell = "0"
    for region in regions:
        found = f"{region.first} + ((a) - {region.base}) / {region.granule}"
        cell = f"((a) >= {region.base} -> {found} : {cell})"
    paged = [f"((a) >= {each.base} && (a) + (n) <= {each.pages_end})" for each in memory.regions]
    lines = [
        f"int memory[{max(memory.cells, 1)}];",
        *(f"/* {leaf.cell}: {comment(leaf.name)}, at {leaf.address} */" for leaf in memory.leaves),
        "/* The cell of an address; whether a page is there; whether a number of a size begins. */",
        f"#define CELL(a) ({cell})",
        f"#define PAGED(a, n) ({' || '.join(paged) or 'false'})",
    ]
    for size in (1, 2, 4, 8):
        tests = [test for region in regions for test in _numbers(region, size)]
        lines.append(f"#define NUMBER{size}(a) ({' || '.join(tests) or 'false'})")
    lines += [
        f"#define SMALL(v) (((v) > -{SMALL} && (v) < {SMALL}) || ((v) >= {OWN} && (v) < {TOP}))",
        "/* What the model has no room for: the result says nothing. */",
        *macro("outside()", OUTSIDE),
        *macro("small_enough(v)", "if :: SMALL(v) :: else -> outside() fi"),
    ]
    for size in (1, 2, 4, 8):
        masked = f"memory_cell = (v) & {(1 << 8 * size) - 1}"
        lines += [
            *macro(f"write{size}(memory_cell, v)", masked if size <= 2 else WRITE),
            *macro(f"exists{size}(a)", EXISTS.replace("@", str(size))),
            *macro(f"read{size}(a, into)", f"exists{size}(a); into = memory[CELL(a)]"),
            *macro(f"store{size}(a, v)", f"exists{size}(a); write{size}(memory[CELL(a)], v)"),
        ]
    return [*lines, ""]


def _numbers(region: Region, size: int) -> list[str]:
    """Tests whether an address is that of a number of this size in a region."""
    if region.uniform == size:
        inside = f"(a) >= {region.base} && (a) < {region.base + region.size}"
        return [f"({inside} && ((a) - {region.base}) % {size} == 0)"]
    return [f"(a) == {leaf.address}" for leaf in region.leaves if leaf.size == size]


# ---- scheduling -----------------------------------------------------------------------------------

STEP = """
    release(s);
    atomic { failed || (MAY_RUN(s, t) && (when)) ->
        if :: failed -> goto stop :: else fi;
        busy = s; runs_on(cpu[t], t) }
"""
STEP_INSIDE = """
    release(s);
    atomic { failed || MAY_RUN(s, t) ->
        if :: failed -> goto stop :: else fi;
        busy = s;
        if :: restart[s] -> restart[s] = false; inside[s] = false; goto lost :: else fi;
        runs_on(cpu[t], t) }
"""
LOOK = """
    release(s);
    atomic { failed || MAY_RUN(s, t) ->
        if :: failed -> goto stop :: else fi;
        busy = s }
"""
BOUNCE = """
    release(s);
    if
    :: atomic { failed || (MAY_RUN(s, t) && (when)) ->
        if :: failed -> goto stop :: else fi;
        busy = s; runs_on(cpu[t], t) }
    :: atomic { SETTLED && FREE(cpu[t], s) && (starts)@ -> busy = s; runs_on(cpu[t], t);
        move; goto again }
    fi
"""


def _scheduling(export: Export) -> list[str]:
    """Who may take a step, and what that does to the others of the CPU."""
    handled = "".join(f" && ((s) != {t} || !handling[{t}])" for t in sorted(export.handled))
    settled = "".join(f" && !restart[{slot.number}]" for slot in export.slots)
    release = "busy = NOBODY"
    if export.watched:
        release = "d_step { if :: AT_REST -> claims() :: else fi; busy = NOBODY }"
    lines = [
        "/* A CPU is free for a process unless another thread has it with preemption off. */",
        "#define EXISTS(c) ((c) >= 0 && (c) < CPUS)",
        "#define FREE(c, s) (EXISTS(c) -> (owner[c] == NOBODY || owner[c] == (s)) : true)",
        f"#define MAY_RUN(s, t) (busy == NOBODY && FREE(cpu[t], s){handled})",
        "#define SETTLED (busy == NOBODY && started == THREADS && !failed)",
        f"#define AT_REST (started == THREADS{settled})",
        "/* The section of a process restarts: it will find itself at its abort handler. */",
        *macro("abort_slot(o)", "section[o] = false; restart[o] = true"),
        "/* A thread runs on a CPU: the sections of all others there restart. */",
        *macro("runs_on(c, t)", _runs_on(export)),
        "/* The step before has ended: others may come. */",
        *macro("release(s)", release),
        "/* The next step of process s of thread t begins; `when` is what it waits for. */",
        *macro("step(s, t, when)", STEP),
        "/* The same inside a section, which may have been aborted. */",
        *macro("step_inside(s, t, lost)", STEP_INSIDE),
        "/* Reading the number of the CPU disturbs nobody. */",
        *macro("look(s, t)", LOOK),
    ]
    for thread in range(len(export.plan.names)):
        aborts = " ".join(
            f"if :: section[{s.number}] -> abort_slot({s.number}) :: else fi;"
            for s in export.slots_of(thread)
        )
        lines += macro(f"abort_thread_{thread}()", f"{aborts} skip")
    return [*lines, ""]


def _runs_on(export: Export) -> str:
    lines = ["    running[c] = t;"] if export.tracks_running else []
    if export.profile.preemption_aborts:
        lines += [
            f"    if :: (t) != {s.thread} && section[{s.number}] && cpu[{s.thread}] == (c) -> "
            f"abort_slot({s.number}) :: else fi;"
            for s in export.slots
        ]
    return "\n".join([*lines, "    skip"])


# ---- sections and calls -----------------------------------------------------------------------------

TRAP = """
    if :: section[s]@ section[s] = false; inside[s] = false; goto lost
    :: else fi
"""
ENTER = "cpu[t] = c; owner[c] = s; in_vector[t] = true; inside[s] = true; runs_on(c, t)"
EMPTY_VECTOR = (
    "if :: EXISTS(c) && (cpu[t] == (c) || (((may) >> (c)) & 1)) -> cpu[t] = c; runs_on(c, t) "
    ":: else fi"
)
LEAVE = "owner[cpu[t]] = NOBODY; in_vector[t] = false; inside[s] = false"


def _calls(export: Export) -> list[str]:
    """Sections, cpu_opv, membarrier, and the empty vector that is the fence for vectors."""
    trap = TRAP.replace("@", export.spending(Disturbance.STEPPED))
    lines = [
        *macro("enter_section(s)", "section[s] = true; inside[s] = true"),
        *macro("leave_section(s)", "section[s] = false; inside[s] = false"),
        "/* A single-step trap inside a section. */",
        *macro("trap(s, lost)", trap),
        "/* cpu_opv moves its caller to the CPU, which preempts the thread that is there. */",
        *macro("enter_vector(s, t, c)", ENTER),
        *macro("leave_vector(s, t)", LEAVE),
        *macro("empty_vector(c, t, may)", EMPTY_VECTOR),
    ]
    if export.bounces:
        not_handling = "".join(
            f" && ((s) != {t} || !handling[{t}])" for t in sorted(export.handled)
        )
        bounce = BOUNCE.replace("@ ->", not_handling + export.spending(Disturbance.MIGRATE))
        lines += [
            "/* The CPU may be lost between the move and the start: EAGAIN, on another CPU. */",
            *macro("step_or_bounce(s, t, when, starts, move, again)", bounce),
        ]
    fence = []
    for slot in export.slots if export.profile.membarrier_aborts else ():
        thread, number = slot.thread, slot.number
        runs = f" && running[cpu[{thread}]] == {thread}" if export.tracks_running else ""
        fence.append(
            f"    if :: (t) != {thread} && section[{number}] && cpu[{thread}] == (c){runs} -> "
            f"abort_slot({number}) :: else fi;"
        )
    return [
        *lines,
        "/* membarrier restarts the sections of siblings that run; it waits for no vector. */",
        *macro("membarrier(c, t)", "\n".join([*fence, "    skip"])),
        "",
    ]
