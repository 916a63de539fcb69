"""The C functions of one vector: its section, its rare path, and what a user calls."""

from __future__ import annotations

from collections.abc import Iterator

from ..abi.revisions import Abi
from ..formats.c_words import identifier
from ..program import section as ir
from ..source import Span
from ..text.scenario_tree import LOCK, OPV, Strategy
from .attempt import section_function
from .context import Context
from .exits import answers, constant_name
from .fallbacks import call_function, kept_lock, locked_functions
from .names import parameter_text
from .rare import rare_function
from .signatures import (
    BY_NUMBER,
    bit_checks,
    call_arguments,
    compare_indexes,
    function_head,
    percpu_line,
    rare_arguments,
)


def functions(
    context: Context, strategy: Strategy, abi: Abi, architectures: tuple[str, ...]
) -> Iterator[str]:
    """Everything for one vector, in the order in which C needs it."""
    vector, prefix = context.vector, context.naming.prefix
    name = f"{prefix}_{vector.name}"
    yield f"/* ---- {_signature(context)} ---- */"
    yield ""
    if context.loading is not None:
        yield from _constants(context, context.loading)
    fallback = strategy.fallback if strategy.uses_sections else strategy.first
    # The rare path has an element's address, however the caller named it.
    rare = context._replace(positions={})
    if strategy.uses_sections:
        for here in (False, True):
            yield from section_function(context._replace(here=here), name, architectures)
        if _has_again(context):
            yield from section_function(rare._replace(rare=True), name, architectures)
    if fallback == LOCK:
        yield from locked_functions(rare, strategy, name)
    elif fallback == OPV:
        yield from call_function(rare, strategy, name, abi)
    yield from rare_function(rare, strategy, name, fallback, _has_again(context))
    for here in (False, True):
        yield from _user(context._replace(here=here), strategy, name, fallback)


def _has_again(context: Context) -> bool:
    """Whether the rare path has a section of its own."""
    return context.subscribes or bool(context.positions)


def _signature(context: Context) -> str:
    named = context.vector if context.loading is None else context.loading
    parameters = ", ".join(parameter_text(each.type, each.name) for each in named.parameters)
    place = named.place
    where = f"  {place.file.name}:{place.line}" if isinstance(place, Span) else ""
    if context.loading is None:
        return f"vector {named.name}({parameters}){where}"
    results = ", ".join(context.loading.results)
    return f"section {named.name}({parameters}){f' -> {results}' if results else ''}{where}"


def _constants(context: Context, section: ir.Section) -> Iterator[str]:
    """The names of what a section's functions answer where it is left by a label."""
    if not answers(section):
        return
    prefix = context.naming.prefix
    names = [
        f"{constant_name(prefix, section, label)} = {number}"
        for label, number in answers(section).items()
    ]
    yield f"enum {prefix}_{section.name}_exit {{ {', '.join(names)} }};"
    yield ""


def _answers(context: Context) -> str:
    """What a user is told of the numbers besides 0."""
    if context.loading is None:
        return "".join(f"; {i + 1}: op {i} differed" for i in compare_indexes(context.vector))
    return "".join(f"; {number}: {label}" for label, number in answers(context.loading).items())


def _user(context: Context, strategy: Strategy, name: str, fallback: str | None) -> Iterator[str]:
    """What a user calls, on one CPU's data; where ``context.here`` on that of the CPU it runs on."""
    here = context.here
    # The rare path needs the CPU's data where the lock is tried inline, or an element has an address there.
    needs_area = fallback == LOCK or bool(context.positions)
    where = "the CPU that this thread is on" if here else "opv_cpu"
    yield f"/* {context.vector.name} on {where}. 0: done{_answers(context)}; or a negative opv_result. */"
    start = f"OPV_FAST int {name}{'_here' if here else ''}"
    yield function_head(start, context, "" if here else BY_NUMBER)
    yield "{"
    if needs_area:
        yield "    unsigned opv_cpu;" if here else percpu_line(context)
    yield from _element_checks(context)
    if strategy.uses_sections:
        yield from _first_attempt(context, name)
    elif fallback == LOCK:
        yield "    int opv_result;"
    if here and needs_area:
        yield "    opv_cpu = opv_current_cpu();"
        yield percpu_line(context)
    if fallback == LOCK:
        yield from kept_lock(context, name, here)
    call = rare_arguments(context, "opv_current_cpu()" if here and not needs_area else "opv_cpu")
    yield f"    return {name}_slow({call}, {'opv_result' if strategy.uses_sections else 'OPV_UNTRIED'});"
    yield "}"
    yield ""


def _element_checks(context: Context) -> Iterator[str]:
    for each in context.vector.parameters:
        if each.name in context.positions:
            count = context.positions[each.name].elements
            yield f"    if (OPV_UNLIKELY({identifier(each.name)} >= {count}u))"
            yield "        return OPV_INVALID;"


def _first_attempt(context: Context, name: str) -> Iterator[str]:
    # A section goes on where its thread's area has the number that was asked for; where sections
    # look at a flag that sends them away. The form for this CPU checks the limit inside.
    limit = "OPV_MAY_BE_CPU(opv_cpu)" if context.subscribes else "opv_cpu < opv_m->limit"
    conditions = [] if context.here else [limit]
    conditions += [f"!({each})" for each in bit_checks(context)]
    yield "    int opv_result = OPV_UNTRIED;"
    yield f"    if (OPV_LIKELY({' && '.join(conditions)})) {{" if conditions else "    {"
    if context.here:
        yield "        OPV_COUNT_ATTEMPT(&opv_m->percpu[opv_current_cpu() % opv_m->cpus].opv);"
    else:
        yield "        OPV_COUNT_FIRST(opv_m, opv_cpu);"
    arguments = call_arguments(context, None if context.here else "opv_cpu")
    form = "_here" if context.here else ""
    yield f"        opv_result = {name}{form}_section({arguments});"
    yield "        if (OPV_LIKELY(opv_result >= 0))"
    yield "            return opv_result;"
    yield "    }"
