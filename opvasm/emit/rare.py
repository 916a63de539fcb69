"""The rare path of a vector: checks, more attempts, the fallback."""

from __future__ import annotations

from collections.abc import Iterator

from ..text.scenario_tree import LOCK, OPV, Strategy
from .context import Context
from .signatures import bit_checks, call_arguments, function_head

_BEFORE_ATTEMPTS = """\
    opv_result = opv_m->every ? OPV_UNTRIED : opv_first;
    if (!opv_m->usable || opv_thread_joins(&opv_result) < 0)
        goto opv_fallback;
    if (opv_m->every == 1)
        goto opv_fallback;
    if (opv_m->every
        && __atomic_add_fetch(&opv_percpu->opv.calls, 1, __ATOMIC_RELAXED) % opv_m->every == 0)
        goto opv_fallback;"""
_BUSY_GOES_ON = """\
            opv_found = 1;
            goto opv_fallback;"""
_BUSY_WAITS = """\
            OPV_COUNT(&opv_percpu->opv, busy);
            while (__atomic_load_n(&opv_percpu->opv.slow, __ATOMIC_ACQUIRE))
                (void)sched_yield();
            opv_attempt = 0;"""


def rare_function(
    context: Context, strategy: Strategy, name: str, fallback: str | None, has_again: bool
) -> Iterator[str]:
    """``NAME_slow``; ``has_again``: sections of the rare path are a form of their own."""
    yield "/* Whatever is not done by the first attempt: checks, more attempts, the fallback. */"
    head = function_head(f"OPV_REST int {name}_slow", context, more="int opv_first")
    yield head
    yield "{"
    yield f"    struct {context.naming.prefix}_percpu *opv_percpu;"
    if strategy.uses_sections:
        yield "    unsigned opv_attempt = 0;"
    if fallback == LOCK and strategy.uses_sections:
        yield "    unsigned opv_found = 0; /* 1: only because somebody else holds the slow path */"
    if fallback != LOCK or strategy.uses_sections:
        yield "    int opv_result;"
    for invalid in ("opv_cpu >= opv_m->cpus", *bit_checks(context)):
        yield f"    if ({invalid})"
        yield "        return OPV_INVALID;"
    yield "    opv_percpu = &opv_m->percpu[opv_cpu];"
    if strategy.uses_sections:
        yield _BEFORE_ATTEMPTS
        yield from _attempts(context, strategy, f"{name}{'_again' if has_again else ''}", fallback)
        yield "opv_fallback:"
    else:
        yield "    (void)opv_first;"
    yield from _fallback(context, strategy, name, fallback)
    yield "}"
    yield ""


def _attempts(
    context: Context, strategy: Strategy, section: str, fallback: str | None
) -> Iterator[str]:
    yield "    for (;;) {"
    yield "        if (opv_result == OPV_BUSY) {"
    yield _BUSY_GOES_ON if fallback == LOCK else _BUSY_WAITS
    yield "        } else if (opv_result == OPV_ABORTED) {"
    yield "            OPV_COUNT(&opv_percpu->opv, aborts);"
    yield f"            if (++opv_attempt >= {strategy.attempts})"
    yield "                break;"
    yield "        }"
    yield "        OPV_COUNT_ATTEMPT(&opv_percpu->opv);"
    yield f"        opv_result = {section}_section({call_arguments(context, 'opv_cpu')});"
    yield "        if (opv_result >= 0)"
    yield "            return opv_result;"
    yield "    }"


def _fallback(
    context: Context, strategy: Strategy, name: str, fallback: str | None
) -> Iterator[str]:
    arguments = call_arguments(context, "opv_cpu")
    if fallback == LOCK:
        found = "opv_found" if strategy.uses_sections else "0"
        yield "    (void)opv_percpu;"
        yield f"    return {name}_locked({arguments}, {found}, OPV_TAKEN);"
        return
    yield "    OPV_COUNT(&opv_percpu->opv, fallbacks);"
    if fallback != OPV:
        yield "    return OPV_ABORTED;"
    elif strategy.first == OPV and strategy.subscription == "eager":
        yield "    for (;;) {"
        yield f"        opv_result = {name}_called({arguments});"
        yield "        if (opv_result != OPV_BUSY)"
        yield "            return opv_result;"
        yield "        while (__atomic_load_n(&opv_percpu->opv.slow, __ATOMIC_ACQUIRE))"
        yield "            (void)sched_yield();"
        yield "    }"
    else:
        yield f"    opv_result = {name}_called({arguments});"
        yield "    return opv_result;"
