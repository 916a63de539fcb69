"""The tree of a section that loads: ``section NAME(parameters) -> results { steps }`` as written.

Places and values are expressions of opvasm.expression; what a name stands for is for the assembler
to say, which makes a Section of opvasm.program of it.
"""

from __future__ import annotations

from ..expression import Expression, TypeName
from ..light_typing import Record
from ..source import Span


class Target(Record):
    """``name`` or ``name: type`` before ``=``: the local that is set."""

    name: str
    type: TypeName | None
    name_span: Span


class LoadStep(Record):
    """``x = load place``."""

    target: Target
    place: Expression
    acquire: bool
    span: Span


class SetStep(Record):
    """``x = value``."""

    target: Target
    value: Expression
    span: Span


class StoreStep(Record):
    """``store place, value``, ``commit place, value`` or ``store place += value``.

    ``operator`` is what stands before ``=``; None where a comma stands.
    """

    commit: bool
    place: Expression
    operator: str | None
    value: Expression
    release: bool
    span: Span


class ExchangeStep(Record):
    """``old = cmpxchg place, expected, replacement``, also as ``old = commit cmpxchg …``."""

    target: Target | None
    commit: bool
    place: Expression
    expected: Expression
    replacement: Expression
    span: Span


class AtomicStep(Record):
    """``old = fetch_add place, value``, also as ``old = commit xchg …``; ``word`` is the first one."""

    target: Target | None
    commit: bool
    word: str
    place: Expression
    value: Expression
    span: Span


class CopyStep(Record):
    """``copy to, from, length``."""

    target: Expression
    source: Expression
    length: Expression
    span: Span


class BarrierStep(Record):
    """``barrier``."""

    span: Span


class SystemCallStep(Record):
    """``syscall`` or ``syscall switches``."""

    switches: bool
    span: Span


class ExitStep(Record):
    """``exit LABEL`` or ``exit LABEL if condition``."""

    label: str
    condition: Expression | None
    label_span: Span
    span: Span


class BreakStep(Record):
    """``break`` or ``break if condition``."""

    condition: Expression | None
    span: Span


class IfStep(Record):
    """``if condition { … } else { … }``."""

    condition: Expression
    then: tuple[SectionStep, ...]
    otherwise: tuple[SectionStep, ...]
    span: Span


class LoopStep(Record):
    """``loop { … }``, or ``loop 4 { … }`` for at most four rounds."""

    times: int | None
    body: tuple[SectionStep, ...]
    span: Span


SectionStep = (
    LoadStep
    | SetStep
    | StoreStep
    | ExchangeStep
    | AtomicStep
    | CopyStep
    | BarrierStep
    | SystemCallStep
    | ExitStep
    | BreakStep
    | IfStep
    | LoopStep
)
