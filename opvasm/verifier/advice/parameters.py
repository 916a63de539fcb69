"""Advice about a vector's parameters."""

from __future__ import annotations

from collections.abc import Iterator

from ...codes import advice as codes
from ...errors import Diagnostic
from ...program import ArgumentValue, SlotAddress
from ..places import vector_place
from ..subject import Subject


def unused_parameter(subject: Subject) -> Iterator[Diagnostic]:
    """A parameter that no op uses."""
    vector = subject.vector
    if not vector.parameters:
        return
    used = set()
    for instruction in vector.instructions:
        for value in (*instruction.addresses, instruction.immediate):
            if isinstance(value, (ArgumentValue, SlotAddress)):
                used.add(value.parameter)
    for parameter in vector.parameters:
        if parameter.name not in used:
            yield Diagnostic(
                "warning",
                codes.UNUSED_PARAMETER,
                f"no op of {vector.name} uses the parameter {parameter.name}",
                parameter.place or vector_place(vector, subject.name),
                (),
                "leave it out, or use it where a name is written twice",
            )
