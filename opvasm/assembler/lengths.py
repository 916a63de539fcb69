"""How many bytes an op touches: as it is written, else as the operands' types say."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ..errors import Note
from ..expression import Load
from ..program import Pointer, Scalar
from ..text.names import type_text
from ..text.tree import Literal, Operand, OpStatement, Text
from .operands import ResolvedOperand
from .scope import Scope
from .types import number_text

LENGTH_MAX = (1 << 32) - 1


def written_length(
    operand: Operand, suffix: int | None, scope: Scope, parameters: Collection[str]
) -> int | None:
    """The length that stands after the other operands; ``suffix`` is the mnemonic's."""
    span = operand.span
    if operand.may_fault or isinstance(operand.value, Literal | Text):
        scope.problems.error(
            "OPV015",
            f"`{span.text}` is not a length",
            span,
            help="the last operand is a number of bytes",
        )
        return None
    length = scope.evaluate(operand.value, "a length in bytes", parameters)
    if length is None:
        return None
    if not 0 <= length <= LENGTH_MAX:
        scope.problems.error(
            "OPV019",
            f"{number_text(length)} is not a length",
            span,
            help=f"the field len holds 0 to {LENGTH_MAX}",
        )
        return None
    if suffix is not None and suffix != length:
        scope.problems.error(
            "OPV021",
            f"the mnemonic says {suffix} bytes, this {length}",
            span,
            help="write one of them",
        )
        return None
    return length


def agrees(operand: Operand, resolved: ResolvedOperand, length: int, scope: Scope) -> bool:
    """Whether a length that is written can be that of an operand.

    ``[address]`` is memory whatever lies there: for it, what is written wins over the type.
    """
    type, span = resolved.type, resolved.span
    if type is None or length == type.size or isinstance(operand.value, Load):
        return True
    if isinstance(type, Scalar | Pointer):
        place = span.text.rstrip("? \t")
        help = f"it is a {type_text(type)}"
        if not isinstance(resolved.literal, Literal):
            help += f"; `[&{place}]` is the same place without a type"
        scope.problems.error(
            "OPV021",
            f"`{place}` has {type.size} bytes, the op {length}",
            span,
            help=help,
        )
        return False
    if length > type.size:
        scope.problems.error(
            "OPV021",
            f"`{span.text}` has only {type.size} bytes, the op {length}",
            span,
            help=f"it is a {type_text(type)}",
        )
        return False
    return True


def common_length(
    statement: OpStatement, mnemonic: str, resolved: Sequence[ResolvedOperand], scope: Scope
) -> int | None:
    """The one size of the operands, where no length is written; reported where there is none."""
    typed = [each for each in resolved if each.type is not None]
    sizes = {each.type.size for each in typed if each.type is not None}
    if not sizes:
        sizes = {each.size for each in resolved if each.size is not None}
    if len(sizes) == 1:
        return sizes.pop()
    if not typed:
        scope.problems.error(
            "OPV020",
            f"how many bytes does this `{mnemonic}` touch?",
            statement.mnemonic_span,
            help=f"write `{mnemonic}.u64`, or the number of bytes as a further operand",
        )
        return None
    first, second = typed[0], typed[1]
    assert first.type is not None
    assert second.type is not None
    scope.problems.error(
        "OPV021",
        f"`{second.span.text}` has {second.type.size} bytes, `{first.span.text}` has"
        f" {first.type.size}",
        second.span,
        (Note(f"this is a {type_text(first.type)}", first.span),),
        "both must be of one size; or write the length as a further operand",
    )
    return None
