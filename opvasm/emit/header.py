"""The whole header: head, runtime, data, functions, in the order in which C needs them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping

from ..formats.c_words import identifier
from ..light_typing import NamedTuple
from ..program import Area, Data, PoolItem, Program, Symbol, SymbolAddress, Vector
from ..text.printer import Speller
from ..text.scenario_tree import LOCK, OPV, Strategy
from .context import Context
from .functions import functions
from .names import Naming, area_lines, shared_symbols, struct_lines
from .plain import LINE_MARK
from .positions import Position

ARCHITECTURES = ("x86-64", "aarch64")

# The text is C that C++ takes, too. Warnings that ask C++ (or old C) for something else are not for its reader.
_TOLERATED = (
    "#pragma GCC diagnostic push",
    "#if defined(__cplusplus)",
    '# pragma GCC diagnostic ignored "-Wold-style-cast"',
    '# pragma GCC diagnostic ignored "-Wzero-as-null-pointer-constant"',
    "# if !defined(__clang__)",
    '#  pragma GCC diagnostic ignored "-Wuseless-cast"',
    "# endif",
    "#else",
    '# pragma GCC diagnostic ignored "-Wdeclaration-after-statement"',
    "#endif",
    "#if defined(__clang__)",
    '# pragma GCC diagnostic ignored "-Wused-but-marked-unused"',
    "#endif",
    "",
)


class Request(NamedTuple):
    """What to emit.

    ``head`` are lines for the comment at the top; ``includes`` the user's own headers, as they stand
    in an #include; ``file_name`` the header's own name, for its #line directives; ``positions`` the
    parameters, by name, that are handed over as the number of an array's element.
    """

    program: Program
    vectors: tuple[Vector, ...]
    strategy: Strategy
    naming: Naming
    architectures: tuple[str, ...] = ARCHITECTURES
    includes: tuple[str, ...] = ()
    head: tuple[str, ...] = ()
    file_name: str = "header.h"
    positions: Mapping[str, Position] = {}


def header(request: Request) -> str:
    """The text of the header.  What can't be emitted was refused before (refusals.py)."""
    lines = list(_lines(request))
    return "\n".join(_numbered(lines, request.file_name)) + "\n"


def runtime_text() -> str:
    """The part that all headers share: a program with two that differ in it is not compiled."""
    with open(f"{__file__.removesuffix('header.py')}runtime.h", encoding="utf-8") as file:
        text = file.read()
    number = f"{zlib.crc32(text.encode()):#010x}"
    return (
        f"#if defined(OPV_RUNTIME) && OPV_RUNTIME != {number}\n"
        '# error "two headers by two versions of opvasm: emit both again by one"\n'
        "#endif\n" + text.replace("#define OPV_RUNTIME 1\n", f"#define OPV_RUNTIME {number}\n")
    )


def _lines(request: Request) -> Iterator[str]:
    program, naming = request.program, request.naming
    prefix = naming.prefix
    guard = f"OPV_{prefix.upper()}_H"
    yield "/*"
    yield from (f" * {line}".rstrip().replace("*/", "* /") for line in request.head)
    yield " */"
    yield f"#ifndef {guard}"
    yield f"#define {guard}"
    yield ""
    yield from _TOLERATED
    yield from runtime_text().rstrip("\n").split("\n")
    yield ""
    if request.includes:
        yield from (f"#include {each}" for each in request.includes)
        yield ""
    yield "/* ---- data ---- */"
    yield ""
    yield from struct_lines(program.data, naming)
    yield from area_lines(program.data, naming)
    yield from _memory(program.data, request)
    yield from _pool(program.data, naming)
    for vector in request.vectors:
        speller = Speller(program.abi, program.data, vector)
        subscribes = request.strategy.uses_sections and request.strategy.subscription == "eager"
        own = {p.name for p in vector.parameters}
        context = Context(vector, program.data, naming, speller, subscribes=subscribes)
        context = context._replace(
            positions={name: each for name, each in request.positions.items() if name in own}
        )
        yield from functions(context, request.strategy, program.abi, request.architectures)
    yield "#pragma GCC diagnostic pop"
    yield f"#endif /* {guard} */"


def _memory(data: Data, request: Request) -> Iterator[str]:
    prefix = request.naming.prefix
    shared = bool(shared_symbols(data))
    fences = int(request.strategy.uses_sections and request.strategy.uses_lock)
    yield "/* Where the data lies. The functions only read it. */"
    yield f"struct {prefix} {{"
    yield f"    struct {prefix}_percpu *percpu; /* one for each CPU */"
    if shared:
        yield f"    struct {prefix}_shared *shared;"
    yield "    unsigned limit;  /* CPUs whose sections are run: all, or 0 */"
    yield "    unsigned cpus;   /* CPUs that may ever be there */"
    yield "    unsigned kept;   /* CPUs whose lock is tried at once: all, or 0 where every Nth call is forced */"
    yield "    unsigned alone;  /* the same, and 0 where sections are run */"
    yield "    uint32_t step;   /* what an operation under a kept lock adds to its count; 0: none is kept */"
    yield "    unsigned every;  /* every Nth call takes the fallback; 0: only where it is needed */"
    yield "    unsigned keep;   /* operations that keep a slow path */"
    yield "    unsigned usable; /* sections can be run here, and fenced */"
    yield "};"
    yield ""
    parameter = f", struct {prefix}_shared *shared" if shared else ""
    yield "/* Uses memory of the caller's, which must hold zeros or what it held before: an element for"
    yield " * each of the CPUs. To be called before the first operation. Answers 1 where sections will be"
    if request.strategy.uses_sections and request.strategy.subscription == "eager":
        yield " * run, 0 where each call takes the fallback: no rseq, no membarrier for it, or forced; OPV_INVALID"
        yield " * where there may be more CPUs than elements. */"
    else:
        yield " * run, 0 where each call takes the fallback: no rseq, no membarrier for it, or forced. */"
    yield f"static inline int {prefix}_attach(struct {prefix} *opv_m,"
    yield f"    struct {prefix}_percpu *percpu{parameter}, unsigned cpus)"
    yield "{"
    if request.strategy.uses_sections and request.strategy.subscription == "eager":
        yield "    unsigned opv_cpu;"
        yield "    /* An attempt goes to the element of its thread's CPU without asking how many there are. */"
        yield "    if (cpus < opv_listed_cpus())"
        yield "        return OPV_INVALID;"
    yield "    opv_m->percpu = percpu;"
    if shared:
        yield "    opv_m->shared = shared;"
    yield "    opv_m->cpus = cpus;"
    yield "    opv_m->every = opv_forced();"
    yield "    opv_m->kept = opv_m->every <= 1 ? cpus : 0;"
    yield "    opv_m->keep = opv_keep();"
    usable = f"opv_sections_usable({fences})" if request.strategy.uses_sections else "0"
    if request.strategy.uses_lock and not request.strategy.uses_sections:
        usable = "(opv_fence_register() == 0)"
    yield f"    opv_m->usable = (unsigned){usable};"
    yield "    opv_m->limit = opv_m->usable && opv_m->every == 0 ? cpus : 0;"
    if request.strategy.uses_sections and request.strategy.subscription == "eager":
        yield "    opv_m->alone = opv_m->limit ? 0 : opv_m->kept;"
        yield "    opv_m->step = opv_m->kept ? (opv_m->limit != 0) - OPV_LEFT : 0;"
    else:
        yield "    opv_m->alone = opv_m->kept;"
        yield "    opv_m->step = 0 - OPV_LEFT;"
    if request.strategy.uses_sections and request.strategy.subscription == "eager":
        yield "    for (opv_cpu = 0; opv_cpu < cpus; opv_cpu++) {"
        yield "        opv_store32(&percpu[opv_cpu].opv.slow, opv_m->limit ? 0 : OPV_FORCED);"
        yield "        opv_store32(&percpu[opv_cpu].opv.lock, 0);"
        yield "    }"
    if OPV in (request.strategy.first, request.strategy.fallback):
        yield "    opv_touch(percpu, cpus * sizeof(*percpu));"
        if shared:
            yield "    opv_touch(shared, sizeof(*shared));"
    yield "    return opv_m->limit != 0;"
    yield "}"
    yield ""
    yield "/* Makes the memory, for every CPU that may ever be there; a negative number where there is"
    yield " * none, else what attach answers. */"
    yield f"static inline int {prefix}_create(struct {prefix} *opv_m)"
    yield "{"
    yield "    unsigned cpus = opv_possible_cpus(), opv_cpu;"
    yield f"    struct {prefix}_percpu *percpu ="
    yield f"        (struct {prefix}_percpu *)opv_allocate(cpus * sizeof(*percpu));"
    if shared:
        yield f"    struct {prefix}_shared *shared ="
        yield f"        (struct {prefix}_shared *)opv_allocate(sizeof(*shared));"
        yield "    if (!percpu || !shared)"
    else:
        yield "    if (!percpu)"
    yield "        return -ENOMEM;"
    yield "    opv_m->percpu = percpu;"
    if shared:
        yield "    opv_m->shared = shared;"
    body = list(_initial_values(data))
    if body:
        yield from body
    else:
        yield "    (void)opv_cpu;"
    yield f"    return {prefix}_attach(opv_m, percpu{', shared' if shared else ''}, cpus);"
    yield "}"
    yield ""
    yield "/* Gives the memory of create back. No operation may run any more. */"
    yield f"static inline void {prefix}_destroy(struct {prefix} *opv_m)"
    yield "{"
    yield "    (void)munmap(opv_m->percpu, opv_m->cpus * sizeof(*opv_m->percpu));"
    if shared:
        yield "    (void)munmap(opv_m->shared, sizeof(*opv_m->shared));"
    yield "    memset(opv_m, 0, sizeof(*opv_m));"
    yield "}"
    yield ""
    yield from _forked(request)
    yield "/* What has happened on all CPUs so far; about, while operations run. */"
    yield f"static inline struct opv_counters {prefix}_counters(const struct {prefix} *opv_m)"
    yield "{"
    yield "    struct opv_counters sum = { 0, 0, 0, 0, 0 };"
    yield "    unsigned cpu;"
    yield "    for (cpu = 0; cpu < opv_m->cpus; cpu++) {"
    yield "        const struct opv_control *one = &opv_m->percpu[cpu].opv;"
    yield "        uint64_t left = 0, fallbacks;"
    yield "#if OPV_COUNTERS"
    yield "        uint32_t count = opv_peek(one);"
    yield "        sum.busy += count % OPV_LEFT;"
    yield "        if (opv_load32(&one->slow) & OPV_HELD)"
    yield "            left = count / OPV_LEFT + 1;"
    yield "#endif"
    for each in ("attempts", "aborts", "busy", "fences"):
        yield f"        sum.{each} += opv_load64(&one->{each});"
    yield "        fallbacks = opv_load64(&one->fallbacks);"
    yield "        sum.fallbacks += fallbacks > left ? fallbacks - left : 0; /* a phase may begin meanwhile */"
    yield "    }"
    yield "    return sum;"
    yield "}"
    yield ""


def _forked(request: Request) -> Iterator[str]:
    """What a child does first: threads that held a lock are not there, and nobody would give it back."""
    if not uses_lock(request.strategy):
        return
    prefix = request.naming.prefix
    yield "/* To be called in the child of a fork (pthread_atfork), before its first operation: a thread that held"
    yield " * a lock is not there. What it had done by then is either all of its operation or nothing that counts,"
    yield " * as long as the vectors are sections; a vector of the lock alone may have been left half done. */"
    yield f"static inline void {prefix}_forked(const struct {prefix} *opv_m)"
    yield "{"
    yield "    unsigned cpu;"
    yield "    for (cpu = 0; cpu < opv_m->cpus; cpu++)"
    yield "        if (opv_load32(&opv_m->percpu[cpu].opv.lock) == OPV_TAKEN)"
    yield "            opv_store32(&opv_m->percpu[cpu].opv.lock, 0);"
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


def _pool(data: Data, naming: Naming) -> Iterator[str]:
    """The literal pool, for constants that are not a word: its addresses stand in none of them."""
    if not data.pool:
        return
    image = bytearray(data.pool_size)
    for item in data.pool:
        image[item.offset : item.offset + item.size] = pool_bytes(item)
    yield "/* Constants that are compared or copied as memory. */"
    yield (
        f"static const unsigned char {naming.prefix}_pool[{len(image)}]"
        " __attribute__((aligned(16), unused)) = {"
    )
    for start in range(0, len(image), 12):
        yield "    " + " ".join(f"{byte:#04x}," for byte in image[start : start + 12])
    yield "};"
    yield ""


def pool_bytes(item: PoolItem) -> bytes:
    """A constant's bytes; zeros for one that is an address, which code makes on the spot."""
    match item.value:
        case bytes(raw):
            return raw
        case int(number):
            return (number % (1 << (8 * item.size))).to_bytes(item.size, "little")
        case _:
            return bytes(item.size)


def _numbered(lines: list[str], file_name: str) -> Iterator[str]:
    """Line marks as #line directives, which can be switched off."""
    count = 0
    for line in lines:
        if not line.startswith(LINE_MARK):
            count += 1
            yield line
            continue
        what = line.removeprefix(LINE_MARK)
        # The directive names the line after its own; after it come the #endif and that line.
        target = f'{count + 4} "{file_name}"' if what == "back" else what
        yield "#if !defined(OPV_NO_SOURCE_LINES)"
        yield f"#line {target}"
        yield "#endif"
        count += 3


def uses_lock(strategy: Strategy) -> bool:
    """Whether a strategy ever takes the lock of a CPU."""
    return LOCK in (strategy.first, strategy.fallback)
