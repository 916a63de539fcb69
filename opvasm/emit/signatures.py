"""Heads and calls of the C functions of a vector, and what several of them ask."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..formats.c_words import identifier
from ..program import ArgumentValue, Parameter, Vector
from .context import Context

_LINE = 100
# How a function is handed the CPU: by its number, or by its data.
BY_NUMBER = "unsigned opv_cpu"
BY_DATA = "struct {prefix}_percpu *opv_percpu"


def function_head(start: str, context: Context, where: str = BY_NUMBER, more: str = "") -> str:
    """The first lines of a function, as far as its parameters; ``where``: the one that says on which CPU."""
    parts = [f"const struct {context.naming.prefix} *opv_m"]
    parts += [where.format(prefix=context.naming.prefix)] if where else []
    parts += [declared(context, p) for p in context.vector.parameters]
    parts += [more] if more else []
    line = f"{start}({', '.join(parts)})"
    return line if len(line) <= _LINE else f"{start}(\n    {', '.join(parts)})"


def declared(context: Context, parameter: Parameter) -> str:
    if parameter.name in context.positions:
        return f"uint64_t {identifier(parameter.name)}"
    return context.naming.declare(parameter.type, parameter.name)


def call_arguments(context: Context, cpu: str | None) -> str:
    """The arguments of a call of a function with the same parameters."""
    parts = ["opv_m"] + ([cpu] if cpu is not None else [])
    return ", ".join([*parts, *(identifier(p.name) for p in context.vector.parameters)])


def rare_arguments(context: Context, cpu: str) -> str:
    """Those of a call of the rare path, which takes every pointer as one."""
    parts = ["opv_m", cpu]
    for each in context.vector.parameters:
        position = context.positions.get(each.name)
        name = identifier(each.name)
        parts.append(name if position is None else position.address("opv_percpu->", each.name))
    return ", ".join(parts)


def percpu_line(context: Context) -> str:
    return f"    struct {context.naming.prefix}_percpu *opv_percpu = &opv_m->percpu[opv_cpu];"


def unused(context: Context, body: list[str], names: list[str]) -> Iterator[str]:
    """Casts for parameters that a body does not use, so that no compiler warns."""
    text = "\n".join(line for line in body if "/*" not in line or "*/" not in line or ";" in line)
    for name in names:
        if not mentions(text, name):
            yield f"    (void){name};"


def mentions(text: str, name: str) -> bool:
    """Whether a C text has this name, and not only a longer one with it inside."""
    return re.search(rf"\b{name}\b", text) is not None


def bit_checks(context: Context) -> Iterator[str]:
    """What must not hold: the kernel refuses a shift by a word's width or more; C and processors do not."""
    for instruction in context.vector.instructions:
        operation = instruction.operation
        if operation is None or not operation.shifts:
            continue
        if isinstance(instruction.immediate, ArgumentValue):
            limit = 8 * instruction.length
            yield f"{context.immediate(instruction)} >= {limit}"


def compare_indexes(vector: Vector) -> list[int]:
    return [
        index
        for index, instruction in enumerate(vector.instructions)
        if instruction.operation is not None and instruction.operation.is_compare
    ]
