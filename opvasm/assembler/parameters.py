"""The parameters of a vector or section."""

from __future__ import annotations

from ..program import Parameter, Pointer, Scalar
from ..source import Span
from ..text.names import type_text
from ..text.tree import SectionDefinition, VectorDefinition
from .places import UNKNOWN, Parameters
from .scope import Scope
from .types import aligned


def parameters_of(definition: VectorDefinition | SectionDefinition, scope: Scope) -> Parameters:
    """The parameters, whose slots lie one after the other like the locals of a C function."""
    parameters: Parameters = {}
    offset = 0
    for field in definition.parameters:
        if field.name in parameters:
            first = parameters[field.name].place
            assert isinstance(first, Span)
            scope.declared.defined_twice(field.name, field.name_span, first)
            continue
        type = scope.type_of(field.type)
        if type is not None and not isinstance(type, Scalar | Pointer):
            scope.problems.error(
                "OPV016",
                f"a parameter can't be a {type_text(type)}",
                field.type.span,
                help="arguments are numbers and pointers; hand a pointer in: `ptr<T>`",
            )
            type = None
        if type is None:
            type = UNKNOWN
        offset = aligned(offset, type.size)
        parameters[field.name] = Parameter(field.name, type, offset, field.name_span)
        offset += type.size
    return parameters
