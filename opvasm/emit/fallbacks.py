"""What does the ops of a vector where no section did: the holder of the lock of the CPU, or the system call."""

from __future__ import annotations

from collections.abc import Iterator

from ..abi.revisions import Abi
from ..formats.c_words import identifier
from ..text.scenario_tree import OPV, Strategy
from . import opv, plain
from .context import Context
from .loading_plain import loading_statements
from .signatures import (
    BY_DATA,
    bit_checks,
    call_arguments,
    function_head,
    percpu_line,
    rare_arguments,
    unused,
)


def locked_functions(context: Context, strategy: Strategy, name: str) -> Iterator[str]:
    loads = context.loading is not None
    body = list((loading_statements if loads else plain.statements)(context))
    yield "/* The same as plain C, for the holder of the CPU's lock. */"
    yield function_head(f"OPV_FAST int {name}_ops", context, BY_DATA)
    yield "{"
    yield "    int opv_result = OPV_DONE;"
    parameters = [identifier(p.name) for p in context.vector.parameters]
    yield from unused(context, body, ["opv_m", "opv_percpu", *parameters])
    yield from body
    if any("goto opv_out;" in line for line in body):
        yield "opv_out:"
    yield "    return opv_result;"
    yield "}"
    yield ""
    yield "/* The order is what was proven: the lock, the flag, the fence, the ops, the flag, the lock. While the"
    yield " * flag stays set after a fence no section runs, so the next holder need not fence again; after some"
    yield " * operations it is cleared. */"
    more = "uint32_t opv_found, uint32_t opv_count"
    yield function_head(f"OPV_REST int {name}_locked", context, more=more)
    yield "{"
    yield percpu_line(context)
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
    yield f"    opv_result = {name}_ops({call_arguments(context, 'opv_percpu')});"
    yield "    opv_phase_step(opv_control, opv_count + opv_found);"
    yield "    return opv_result;"
    yield "}"
    yield ""


def kept_lock(context: Context, name: str, here: bool) -> Iterator[str]:
    """The lock where nobody holds it and the slow path is kept: inline, so that it costs a spin lock.

    A call to the rest would cost as much again: the lock's exchange waits for the stores of the call, and
    what is loaded after it for the exchange, so that what the ops need is loaded before.  A section that
    found its flag set ran on a CPU that is there, and the checks had been made.
    """
    alone = " && ".join(["opv_cpu < opv_m->alone", *(f"!({each})" for each in bit_checks(context))])
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
    arguments = rare_arguments(context, "opv_percpu").removeprefix("opv_m")
    yield f"            opv_result = {name}_ops(&opv_known{arguments});"
    yield "            opv_commit32(&opv_control->lock, opv_count);"
    yield "            return opv_result;"
    yield "        }"
    yield "        if (opv_count != OPV_TAKEN + opv_known.step) /* the first or the last of a phase */"
    arguments = rare_arguments(context, "opv_cpu")
    yield f"            return {name}_locked({arguments}, 0, opv_count + OPV_LEFT);"
    if context.subscribes:
        yield "        opv_result = OPV_UNTRIED;"
    yield "    }"
    if context.subscribes:
        yield "opv_rest:"


def call_function(context: Context, strategy: Strategy, name: str, abi: Abi) -> Iterator[str]:
    subscribes = strategy.subscription == "eager" and strategy.first == OPV
    context = context._replace(subscribes=subscribes)
    body = list(opv.statements(context, abi))
    yield "/* The same ops by the system call, on the CPU that was asked for. */"
    yield function_head(f"OPV_RARE int {name}_called", context)
    yield "{"
    if any("opv_percpu" in line for line in body):
        yield percpu_line(context)
    yield "    int opv_result;"
    yield from unused(
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
