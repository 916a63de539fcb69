"""The C functions of one vector: its section, its rare path, and what a user calls."""

from __future__ import annotations

from collections.abc import Iterator

from ..abi.revisions import Abi
from ..formats.c_words import identifier
from ..program import ArgumentValue, Parameter, Vector
from ..source import Span
from ..text.scenario_tree import LOCK, OPV, Strategy
from ..verifier.rseq_rules import section_length
from . import aarch64, opv, plain, x86_64
from .context import Context, Operands
from .names import parameter_text
from .x86_64 import Line

_COLUMN = 52
_LINE = 100
# How a function is handed the CPU: by its number, or by its data.
_CPU = "unsigned opv_cpu"
_AREA = "struct {prefix}_percpu *opv_percpu"


def functions(
    context: Context, strategy: Strategy, abi: Abi, architectures: tuple[str, ...]
) -> Iterator[str]:
    """Everything for one vector, in the order in which C needs it."""
    vector, prefix = context.vector, context.naming.prefix
    name = f"{prefix}_{vector.name}"
    yield f"/* ---- {_signature(vector)} ---- */"
    yield ""
    fallback = strategy.fallback if strategy.uses_sections else strategy.first
    # The rare path has an element's address, however the caller named it.
    rare = context._replace(positions={})
    if strategy.uses_sections:
        for here in (False, True):
            yield from _section(context._replace(here=here), name, architectures)
        if _has_again(context):
            yield from _section(rare._replace(rare=True), name, architectures)
    if fallback == LOCK:
        yield from _locked(rare, strategy, name)
    elif fallback == OPV:
        yield from _called(rare, strategy, name, abi)
    yield from _slow(rare, strategy, name, fallback, _has_again(context))
    yield from _user(context, strategy, name, fallback)


def _has_again(context: Context) -> bool:
    """Whether the rare path has a section of its own."""
    return context.subscribes or bool(context.positions)


def _signature(vector: Vector) -> str:
    parameters = ", ".join(parameter_text(each.type, each.name) for each in vector.parameters)
    place = vector.place
    where = f"  {place.file.name}:{place.line}" if isinstance(place, Span) else ""
    return f"vector {vector.name}({parameters}){where}"


def _head(start: str, context: Context, where: str = _CPU, more: str = "") -> str:
    """The first lines of a function, as far as its parameters; ``where``: the one that says on which CPU."""
    parts = [f"const struct {context.naming.prefix} *opv_m"]
    parts += [where.format(prefix=context.naming.prefix)] if where else []
    parts += [_parameter(context, p) for p in context.vector.parameters]
    parts += [more] if more else []
    line = f"{start}({', '.join(parts)})"
    return line if len(line) <= _LINE else f"{start}(\n    {', '.join(parts)})"


def _parameter(context: Context, parameter: Parameter) -> str:
    if parameter.name in context.positions:
        return f"uint64_t {identifier(parameter.name)}"
    return context.naming.declare(parameter.type, parameter.name)


def _arguments(context: Context, cpu: str | None) -> str:
    """The arguments of a call of a function with the same parameters."""
    parts = ["opv_m"] + ([cpu] if cpu is not None else [])
    return ", ".join([*parts, *(identifier(p.name) for p in context.vector.parameters)])


def _rare_arguments(context: Context, cpu: str) -> str:
    """Those of a call of the rare path, which takes every pointer as one."""
    parts = ["opv_m", cpu]
    for each in context.vector.parameters:
        position = context.positions.get(each.name)
        name = identifier(each.name)
        parts.append(name if position is None else position.address("opv_percpu->", each.name))
    return ", ".join(parts)


def _percpu(context: Context) -> str:
    return f"    struct {context.naming.prefix}_percpu *opv_percpu = &opv_m->percpu[opv_cpu];"


def _unused(context: Context, body: list[str], names: list[str]) -> Iterator[str]:
    """Casts for parameters that a body does not use, so that no compiler warns."""
    text = "\n".join(line for line in body if "/*" not in line or "*/" not in line or ";" in line)
    for name in names:
        if name not in text:
            yield f"    (void){name};"


# ---- the section ------------------------------------------------------------------------------------


def _section(context: Context, name: str, architectures: tuple[str, ...]) -> Iterator[str]:
    form = "_here" if context.here else "_again" if context.rare else ""
    where = ", on the CPU that this thread is on" if context.here else ""
    where = ", by the rare path" if context.rare else where
    yield f"/* One attempt{where}. */"
    yield from _head(
        f"OPV_FAST int {name}{form}_section", context, "" if context.here else _CPU
    ).split("\n")
    yield "{"
    first = True
    for macro, architecture, module in (
        ("OPV_X86_64", "x86-64", x86_64),
        ("OPV_AARCH64", "aarch64", aarch64),
    ):
        if architecture not in architectures:
            continue
        operands = Operands()
        lines = list(module.section_lines(context, operands))
        yield f"#{'if' if first else 'elif'} defined({macro})"
        yield from _asm(context, f"{name}{form}", lines, operands, module.clobbers(lines))
        first = False
    yield "#else" if not first else "#if 1"
    names = ["opv_m"] + ([] if context.here else ["opv_cpu"])
    for each in [*names, *(identifier(p.name) for p in context.vector.parameters)]:
        yield f"    (void){each};"
    yield "    return OPV_ABORTED;"
    yield "#endif"
    yield "}"
    yield ""


def _asm(
    context: Context, name: str, lines: list[Line], operands: Operands, clobbers: list[str]
) -> Iterator[str]:
    labels = [f"opv_op{index}" for index in _compares(context.vector)]
    labels += ["opv_busy"] if context.subscribes else []
    labels.append("opv_aborted")
    labels = [each for each in labels if each == "opv_aborted" or _uses(lines, each)]
    needs = {expression for _, expression in operands.inputs.values()}
    if any("opv_percpu" in each for each in needs):
        yield _percpu(context)
    for parameter in context.vector.parameters:
        known = identifier(parameter.name)
        if not any(known in each for each in needs):
            yield f"    (void){known};"
    yield "    __asm__ goto("
    yield "        OPV_TABLES"
    yield from (f'        OPV_EXIT("{each}")' for each in labels)
    yield "        OPV_ENTER"
    for text, why in lines:
        written = f'        "{text}\\n\\t"'
        yield f"{written:<{_COLUMN}} /* {why} */" if why else written
    yield f'        OPV_LEAVE("{name}")'
    yield "        : /* no outputs */"
    inputs = [("opv_rseq", "r", "OPV_RSEQ_OPERAND")]
    inputs += [(key, *value) for key, value in operands.inputs.items()]
    listed = [f'[{key}] "{constraint}"({expression})' for key, constraint, expression in inputs]
    yield f"        : {listed[0]}"
    yield from (f"        , {each}" for each in listed[1:])
    yield "        OPV_UNWIND_OPERAND"
    yield f"        : {', '.join(_quoted(['memory', 'cc', *clobbers]))}"
    yield f"        : {', '.join(labels)});"
    yield "    OPV_EDGE();"
    yield from _after(context)
    yield "    return OPV_DONE;"
    for label in labels:
        yield f"{label}:"
        yield "    OPV_EDGE();"
        match label:
            case "opv_aborted":
                yield "    return OPV_ABORTED;"
            case "opv_busy":
                yield "    return OPV_BUSY;"
            case _:
                yield f"    return {int(label.removeprefix('opv_op')) + 1};"


def _after(context: Context) -> Iterator[str]:
    """The barriers with which a vector ends: an abort after the commit would do the section twice."""
    for index in range(section_length(context.vector), len(context.vector.instructions)):
        yield f"    /* {context.comment(index)}: after the section */"
        yield f"    {plain.BARRIER}"


def _uses(lines: list[Line], label: str) -> bool:
    return any(f"%l[{label}]" in text for text, _ in lines)


def _quoted(names: list[str]) -> list[str]:
    return [f'"{name}"' for name in names]


def _compares(vector: Vector) -> list[int]:
    return [
        index
        for index, instruction in enumerate(vector.instructions)
        if instruction.operation is not None and instruction.operation.is_compare
    ]


# ---- the fallbacks ----------------------------------------------------------------------------------


def _locked(context: Context, strategy: Strategy, name: str) -> Iterator[str]:
    body = list(plain.statements(context))
    yield "/* The same ops as plain C, for the holder of the CPU's lock. */"
    yield from _head(f"OPV_FAST int {name}_ops", context, _AREA).split("\n")
    yield "{"
    yield "    int opv_result = OPV_DONE;"
    parameters = [identifier(p.name) for p in context.vector.parameters]
    yield from _unused(context, body, ["opv_m", "opv_percpu", *parameters])
    yield from body
    if plain.needs_out(context):
        yield "opv_out:"
    yield "    return opv_result;"
    yield "}"
    yield ""
    yield "/* The order is what was proven: the lock, the flag, the fence, the ops, the flag, the lock. While the"
    yield " * flag stays set after a fence no section runs, so the next holder need not fence again; after some"
    yield " * operations it is cleared. */"
    more = "uint32_t opv_found, uint32_t opv_count"
    yield from _head(f"OPV_REST int {name}_locked", context, more=more).split("\n")
    yield "{"
    yield _percpu(context)
    yield "    struct opv_control *opv_control = &opv_percpu->opv;"
    yield "    int opv_result;"
    yield "    if (opv_count == OPV_TAKEN) /* not by this thread, so far */"
    yield "        opv_count = opv_lock(&opv_control->lock);"
    yield "    if (!(opv_control->slow & OPV_HELD)) {"
    yield "        opv_store32(&opv_control->slow, opv_control->slow | OPV_HELD);"
    if strategy.fence == "vector":
        yield "        /* A vector of no ops runs there after all others; the stock kernel has no vectors. */"
        yield "        if (opv_cpu_opv((void *)0, 0, opv_cpu) == OPV_NO_CALL && opv_m->usable)"
    else:
        yield "        if (opv_m->usable)"
    yield "            opv_fence(opv_cpu);"
    yield "        opv_count = opv_phase_begin(opv_control, opv_m->keep, opv_count);"
    yield "    }"
    yield f"    opv_result = {name}_ops({_arguments(context, 'opv_percpu')});"
    yield "    opv_phase_step(opv_control, opv_count + opv_found);"
    yield "    return opv_result;"
    yield "}"
    yield ""


def _kept(context: Context, name: str, checks: list[str], here: bool) -> Iterator[str]:
    """The lock where nobody holds it and the slow path is kept: inline, so that it costs a spin lock.

    A call to the rest would cost as much again: the lock's exchange waits for the stores of the call, and
    what is loaded after it for the exchange, so that what the ops need is loaded before.  A section that
    found its flag set ran on a CPU that is there, and the checks had been made.
    """
    alone = " && ".join(["opv_cpu < opv_m->alone", *(f"!({each})" for each in checks)])
    if context.subscribes:
        # Two questions and not one of both answers: so the code of the first one falls into the lock's.
        kept = "opv_cpu < opv_m->kept" if here else "opv_m->step != 0"
        yield "    if (opv_result == OPV_BUSY) {"
        yield f"        if (OPV_UNLIKELY(!({kept})))"
        yield "            goto opv_rest;"
        yield f"    }} else if (OPV_LIKELY(!({alone})))"
        yield "        goto opv_rest;"
        yield "    {"
    else:
        yield f"    if ({alone}) {{"
    yield f"        const struct {context.naming.prefix} opv_known = *opv_m;"
    yield "        struct opv_control *opv_control = &opv_percpu->opv;"
    yield "        uint32_t opv_count = opv_try_lock(&opv_control->lock) + opv_known.step;"
    yield "        if (OPV_LIKELY((int32_t)opv_count >= 0)) {"
    arguments = _rare_arguments(context, "opv_percpu").removeprefix("opv_m")
    yield f"            opv_result = {name}_ops(&opv_known{arguments});"
    yield "            opv_commit32(&opv_control->lock, opv_count);"
    yield "            return opv_result;"
    yield "        }"
    yield "        if (opv_count != OPV_TAKEN + opv_known.step) /* the first or the last of a phase */"
    arguments = _rare_arguments(context, "opv_cpu")
    yield f"            return {name}_locked({arguments}, 0, opv_count + OPV_LEFT);"
    if context.subscribes:
        yield "        opv_result = OPV_UNTRIED;"
    yield "    }"
    if context.subscribes:
        yield "opv_rest:"


def _called(context: Context, strategy: Strategy, name: str, abi: Abi) -> Iterator[str]:
    subscribes = strategy.subscription == "eager" and strategy.first == OPV
    context = context._replace(subscribes=subscribes)
    body = list(opv.statements(context, abi))
    yield "/* The same ops by the system call, on the CPU that was asked for. */"
    yield from _head(f"OPV_RARE int {name}_called", context).split("\n")
    yield "{"
    if any("opv_percpu" in line for line in body):
        yield _percpu(context)
    yield "    int opv_result;"
    yield from _unused(
        context, body, ["opv_m", *(identifier(p.name) for p in context.vector.parameters)]
    )
    yield from body
    if context.subscribes:
        yield "    if (opv_result == 1)"
        yield "        return OPV_BUSY;"
        yield "    if (opv_result > 1)"
        yield "        opv_result--;"
    yield "    return opv_result;"
    yield "}"
    yield ""


# ---- the rare path ----------------------------------------------------------------------------------


def _slow(
    context: Context, strategy: Strategy, name: str, fallback: str | None, has_again: bool
) -> Iterator[str]:
    first = "int opv_first"
    prefix = context.naming.prefix
    yield "/* Whatever is not done by the first attempt: checks, more attempts, the fallback. */"
    yield from _head(f"OPV_REST int {name}_slow", context, more=first).split("\n")
    yield "{"
    yield f"    struct {prefix}_percpu *opv_percpu;"
    if strategy.uses_sections:
        yield "    unsigned opv_attempt = 0;"
    if fallback == LOCK and strategy.uses_sections:
        yield "    unsigned opv_found = 0; /* 1: only because somebody else holds the slow path */"
    if fallback != LOCK or strategy.uses_sections:
        yield "    int opv_result;"
    yield "    if (opv_cpu >= opv_m->cpus)"
    yield "        return OPV_INVALID;"
    for check in _bit_checks(context):
        yield f"    {check}"
        yield "        return OPV_INVALID;"
    yield "    opv_percpu = &opv_m->percpu[opv_cpu];"
    if not strategy.uses_sections:
        yield "    (void)opv_first;"
    else:
        arguments = _arguments(context, "opv_cpu")
        yield "    opv_result = opv_m->every ? OPV_UNTRIED : opv_first;"
        yield "    if (!opv_m->usable || opv_thread_joins(&opv_result) < 0)"
        yield "        goto opv_fallback;"
        yield "    if (opv_m->every == 1)"
        yield "        goto opv_fallback;"
        yield "    if (opv_m->every"
        yield "        && __atomic_add_fetch(&opv_percpu->opv.calls, 1, __ATOMIC_RELAXED) % opv_m->every == 0)"
        yield "        goto opv_fallback;"
        yield "    for (;;) {"
        yield "        if (opv_result == OPV_BUSY) {"
        if fallback == LOCK:
            yield "            opv_found = 1;"
            yield "            goto opv_fallback;"
        else:
            yield "            OPV_COUNT(&opv_percpu->opv, busy);"
            yield "            while (__atomic_load_n(&opv_percpu->opv.slow, __ATOMIC_ACQUIRE))"
            yield "                (void)sched_yield();"
            yield "            opv_attempt = 0;"
        yield "        } else if (opv_result == OPV_ABORTED) {"
        yield "            OPV_COUNT(&opv_percpu->opv, aborts);"
        yield f"            if (++opv_attempt >= {strategy.attempts})"
        yield "                break;"
        yield "        }"
        yield "        OPV_COUNT_ATTEMPT(&opv_percpu->opv);"
        again = "_again" if has_again else ""
        yield f"        opv_result = {name}{again}_section({arguments});"
        yield "        if (opv_result >= 0)"
        yield "            return opv_result;"
        yield "    }"
        yield "opv_fallback:"
    match fallback:
        case "lock":
            found = "opv_found" if strategy.uses_sections else "0"
            yield "    (void)opv_percpu;"
            yield f"    return {name}_locked({_arguments(context, 'opv_cpu')}, {found}, OPV_TAKEN);"
        case "opv":
            yield "    OPV_COUNT(&opv_percpu->opv, fallbacks);"
            if strategy.first == OPV and strategy.subscription == "eager":
                yield "    for (;;) {"
                yield f"        opv_result = {name}_called({_arguments(context, 'opv_cpu')});"
                yield "        if (opv_result != OPV_BUSY)"
                yield "            return opv_result;"
                yield "        while (__atomic_load_n(&opv_percpu->opv.slow, __ATOMIC_ACQUIRE))"
                yield "            (void)sched_yield();"
                yield "    }"
            else:
                yield f"    opv_result = {name}_called({_arguments(context, 'opv_cpu')});"
                yield "    return opv_result;"
        case _:
            yield "    OPV_COUNT(&opv_percpu->opv, fallbacks);"
            yield "    return OPV_ABORTED;"
    yield "}"
    yield ""


def _bit_checks(context: Context) -> Iterator[str]:
    """The kernel refuses a shift by a word's width or more; C and processors do something else."""
    for instruction in context.vector.instructions:
        operation = instruction.operation
        if operation is None or not operation.shifts:
            continue
        if isinstance(instruction.immediate, ArgumentValue):
            limit = 8 * instruction.length
            yield f"if ({context.immediate(instruction)} >= {limit})"


def _user(context: Context, strategy: Strategy, name: str, fallback: str | None) -> Iterator[str]:
    compares = _compares(context.vector)
    answers = "0: done" + "".join(f"; {i + 1}: op {i} differed" for i in compares)
    checks = [check.removeprefix("if (").removesuffix(")") for check in _bit_checks(context)]
    for here in (False, True):
        form = "_here" if here else ""
        where = "the CPU that this thread is on" if here else "opv_cpu"
        yield f"/* {context.vector.name} on {where}. {answers}; or a negative opv_result. */"
        yield from _head(f"OPV_FAST int {name}{form}", context, "" if here else _CPU).split("\n")
        yield "{"
        needs_area = fallback == LOCK or bool(context.positions)
        if here and needs_area:
            yield "    unsigned opv_cpu;"
        elif needs_area:
            yield _percpu(context)
        for each in context.vector.parameters:
            if each.name in context.positions:
                count = context.positions[each.name].elements
                yield f"    if (OPV_UNLIKELY({identifier(each.name)} >= {count}u))"
                yield "        return OPV_INVALID;"
        if strategy.uses_sections:
            # A section goes on where its thread's area has the number that was asked for; where sections
            # look at a flag that sends them away. The form for this CPU checks the limit inside.
            limit = "OPV_MAY_BE_CPU(opv_cpu)" if context.subscribes else "opv_cpu < opv_m->limit"
            first = "" if here else limit
            condition = " && ".join(filter(None, [first, *(f"!({each})" for each in checks)]))
            yield "    int opv_result = OPV_UNTRIED;"
            if not condition:
                yield "    {"
            else:
                yield f"    if (OPV_LIKELY({condition})) {{"
            if here:
                yield "        OPV_COUNT_ATTEMPT(&opv_m->percpu[opv_current_cpu() % opv_m->cpus].opv);"
            else:
                yield "        OPV_COUNT_FIRST(opv_m, opv_cpu);"
            arguments = _arguments(context, None if here else "opv_cpu")
            yield f"        opv_result = {name}{form}_section({arguments});"
            yield "        if (OPV_LIKELY(opv_result >= 0))"
            yield "            return opv_result;"
            yield "    }"
        elif fallback == LOCK:
            yield "    int opv_result;"
        if here and needs_area:
            yield "    opv_cpu = opv_current_cpu();"
            yield _percpu(context)
        if fallback == LOCK:
            yield from _kept(context, name, checks, here)
        cpu = "opv_current_cpu()" if here and not needs_area else "opv_cpu"
        call = _rare_arguments(context, cpu)
        call += ", opv_result" if strategy.uses_sections else ", OPV_UNTRIED"
        yield f"    return {name}_slow({call});"
        yield "}"
        yield ""
