"""The struct that says where the data lies, and what makes, shares and gives back its memory."""

from __future__ import annotations

from collections.abc import Iterator

from ..formats.c_words import identifier
from ..light_typing import NamedTuple
from ..program import Area, Data, Symbol, SymbolAddress
from ..text.scenario_tree import OPV, Strategy
from .names import shared_symbols

_STRUCT_END = """\
    unsigned limit;  /* CPUs whose sections are run: all, or 0 */
    unsigned cpus;   /* CPUs that may ever be there */
    unsigned kept;   /* CPUs whose lock is tried at once: all, or 0 where every Nth call is forced */
    unsigned alone;  /* the same, and 0 where sections are run */
    uint32_t step;   /* what an operation under a kept lock adds to its count; 0: none is kept */
    unsigned every;  /* every Nth call takes the fallback; 0: only where it is needed */
    unsigned keep;   /* operations that keep a slow path */
    unsigned usable; /* sections can be run here, and fenced */
};
"""

_ATTACH = """\
/* Uses memory of the caller's, which must hold zeros or what it held before: an element for
 * each of the CPUs. To be called before the first operation. Answers 1 where sections will be"""
_ANSWERS = """\
 * run, 0 where each call takes the fallback: no rseq, no membarrier for it, or forced. */"""
_ANSWERS_WITH_FLAG = """\
 * run, 0 where each call takes the fallback: no rseq, no membarrier for it, or forced; OPV_INVALID
 * where there may be more CPUs than elements. */"""
_ENOUGH_ELEMENTS = """\
    unsigned opv_cpu;
    /* An attempt goes to the element of its thread's CPU without asking how many there are. */
    if (cpus < opv_listed_cpus())
        return OPV_INVALID;"""
_SETTINGS = """\
    opv_m->cpus = cpus;
    opv_m->every = opv_forced();
    opv_m->kept = opv_m->every <= 1 ? cpus : 0;
    opv_m->keep = opv_keep();"""
_FLAGS = """\
    opv_m->alone = opv_m->limit ? 0 : opv_m->kept;
    opv_m->step = opv_m->kept ? (opv_m->limit != 0) - OPV_LEFT : 0;
    for (opv_cpu = 0; opv_cpu < cpus; opv_cpu++) {
        opv_store32(&percpu[opv_cpu].opv.slow, opv_m->limit ? 0 : OPV_FORCED);
        opv_store32(&percpu[opv_cpu].opv.lock, 0);
    }"""
_NO_FLAGS = """\
    opv_m->alone = opv_m->kept;
    opv_m->step = 0 - OPV_LEFT;"""

_CREATE = """\
/* Makes the memory, for every CPU that may ever be there; a negative number where there is
 * none, else what attach answers. */"""
_DESTROY = "/* Gives the memory of create back. No operation may run any more. */"

_FORKED = """\
/* To be called in the child of a fork (pthread_atfork), before its first operation: a thread that held
 * a lock is not there. What it had done by then is either all of its operation or nothing that counts,
 * as long as the vectors are sections; a vector of the lock alone may have been left half done. */
static inline void {prefix}_forked(const struct {prefix} *opv_m)
{{
    unsigned cpu;
    for (cpu = 0; cpu < opv_m->cpus; cpu++)
        if (opv_load32(&opv_m->percpu[cpu].opv.lock) == OPV_TAKEN)
            opv_store32(&opv_m->percpu[cpu].opv.lock, 0);
}}
"""

_COUNTERS = """\
/* What has happened on all CPUs so far; about, while operations run. */
static inline struct opv_counters {prefix}_counters(const struct {prefix} *opv_m)
{{
    struct opv_counters sum = {{ 0, 0, 0, 0, 0 }};
    unsigned cpu;
    for (cpu = 0; cpu < opv_m->cpus; cpu++) {{
        const struct opv_control *one = &opv_m->percpu[cpu].opv;
        uint64_t left = 0, fallbacks;
#if OPV_COUNTERS
        uint32_t count = opv_peek(one);
        sum.busy += count % OPV_LEFT;
        if (opv_load32(&one->slow) & OPV_HELD)
            left = count / OPV_LEFT + 1;
#endif
        sum.attempts += opv_load64(&one->attempts);
        sum.aborts += opv_load64(&one->aborts);
        sum.busy += opv_load64(&one->busy);
        sum.fences += opv_load64(&one->fences);
        fallbacks = opv_load64(&one->fallbacks);
        sum.fallbacks += fallbacks > left ? fallbacks - left : 0; /* a phase may begin meanwhile */
    }}
    return sum;
}}
"""


class Memory(NamedTuple):
    """What the text of these functions depends on."""

    data: Data
    prefix: str
    strategy: Strategy

    @property
    def shared(self) -> bool:
        """Whether there is data that all CPUs share."""
        return bool(shared_symbols(self.data))

    @property
    def has_flag(self) -> bool:
        """Whether sections look at the slow flag."""
        return self.strategy.uses_sections and self.strategy.subscription == "eager"

    @property
    def usable(self) -> str:
        """A C expression: whether the fast path, or the fence of the lock, is there."""
        if self.strategy.uses_sections:
            return f"opv_sections_usable({int(self.strategy.uses_lock)})"
        return "(opv_fence_register() == 0)" if self.strategy.uses_lock else "0"


def memory_lines(memory: Memory) -> Iterator[str]:
    """The struct and its functions, in the order in which C needs them."""
    for text in _texts(memory):
        yield from text.split("\n")


def _texts(memory: Memory) -> Iterator[str]:
    yield from _struct(memory)
    yield from _attach(memory)
    yield from _create(memory)
    yield from _destroy(memory)
    if memory.strategy.uses_lock:
        yield _FORKED.format(prefix=memory.prefix)
    yield _COUNTERS.format(prefix=memory.prefix)


def _struct(memory: Memory) -> Iterator[str]:
    prefix = memory.prefix
    yield "/* Where the data lies. The functions only read it. */"
    yield f"struct {prefix} {{"
    yield f"    struct {prefix}_percpu *percpu; /* one for each CPU */"
    if memory.shared:
        yield f"    struct {prefix}_shared *shared;"
    yield _STRUCT_END


def _attach(memory: Memory) -> Iterator[str]:
    prefix = memory.prefix
    yield _ATTACH
    yield _ANSWERS_WITH_FLAG if memory.has_flag else _ANSWERS
    shared = f", struct {prefix}_shared *shared" if memory.shared else ""
    yield f"static inline int {prefix}_attach(struct {prefix} *opv_m,"
    yield f"    struct {prefix}_percpu *percpu{shared}, unsigned cpus)"
    yield "{"
    if memory.has_flag:
        yield _ENOUGH_ELEMENTS
    yield from _places(memory)
    yield _SETTINGS
    yield f"    opv_m->usable = (unsigned){memory.usable};"
    yield "    opv_m->limit = opv_m->usable && opv_m->every == 0 ? cpus : 0;"
    yield _FLAGS if memory.has_flag else _NO_FLAGS
    yield from _touched(memory)
    yield "    return opv_m->limit != 0;"
    yield "}"
    yield ""


def _places(memory: Memory) -> Iterator[str]:
    yield "    opv_m->percpu = percpu;"
    if memory.shared:
        yield "    opv_m->shared = shared;"


def _touched(memory: Memory) -> Iterator[str]:
    if OPV not in (memory.strategy.first, memory.strategy.fallback):
        return
    yield "    opv_touch(percpu, cpus * sizeof(*percpu));"
    if memory.shared:
        yield "    opv_touch(shared, sizeof(*shared));"


def _create(memory: Memory) -> Iterator[str]:
    prefix = memory.prefix
    yield _CREATE
    yield f"static inline int {prefix}_create(struct {prefix} *opv_m)"
    yield "{"
    yield "    unsigned cpus = opv_possible_cpus(), opv_cpu;"
    yield f"    struct {prefix}_percpu *percpu ="
    yield f"        (struct {prefix}_percpu *)opv_allocate(cpus * sizeof(*percpu));"
    if memory.shared:
        yield f"    struct {prefix}_shared *shared ="
        yield f"        (struct {prefix}_shared *)opv_allocate(sizeof(*shared));"
    yield f"    if (!percpu{' || !shared' if memory.shared else ''})"
    yield "        return -ENOMEM;"
    yield from _places(memory)
    yield from list(_initial_values(memory.data)) or ["    (void)opv_cpu;"]
    yield f"    return {prefix}_attach(opv_m, percpu{', shared' if memory.shared else ''}, cpus);"
    yield "}"
    yield ""


def _destroy(memory: Memory) -> Iterator[str]:
    yield _DESTROY
    yield f"static inline void {memory.prefix}_destroy(struct {memory.prefix} *opv_m)"
    yield "{"
    yield "    (void)munmap(opv_m->percpu, opv_m->cpus * sizeof(*opv_m->percpu));"
    if memory.shared:
        yield "    (void)munmap(opv_m->shared, sizeof(*opv_m->shared));"
    yield "    memset(opv_m, 0, sizeof(*opv_m));"
    yield "}"
    yield ""


def _initial_values(data: Data) -> Iterator[str]:
    for area, base in ((Area.PERCPU, "percpu[opv_cpu]"), (Area.SHARED, "shared[0]")):
        lines = [
            f"        opv_store{8 * size}((char *)&{base}.{identifier(symbol.name)} + {offset}, "
            f"(uint{8 * size}_t){_initial(value, data)});"
            for symbol in data.symbols.values()
            if symbol.area is area
            for offset, size, value in symbol.initial
        ]
        if lines and area is Area.PERCPU:
            yield "    for (opv_cpu = 0; opv_cpu < cpus; opv_cpu++) {"
            yield from lines
            yield "    }"
        elif lines:
            yield "    opv_cpu = 0;"
            yield "    {"
            yield "        (void)opv_cpu;"
            yield from lines
            yield "    }"


def _initial(value: object, data: Data) -> str:
    if isinstance(value, int):
        return f"UINT64_C({value % (1 << 64):#x})"
    assert isinstance(value, SymbolAddress)
    symbol: Symbol = data.symbols[value.symbol]
    base = "shared[0]"
    if symbol.area is Area.PERCPU:
        base = f"percpu[{'opv_cpu' if value.cpu is None else value.cpu}]"
    return f"(uintptr_t)((char *)&{base}.{identifier(symbol.name)} + {value.addend})"
