"""Where the fields of an op stand in its statement, so that a finding can point at one of them."""

from __future__ import annotations

from ..abi.ops import Operation
from ..expression import Number
from ..source import Place, Span
from ..text.tree import OpStatement


def parts_of(statement: OpStatement, operation: Operation) -> tuple[tuple[str, Place], ...]:
    """The places by the header's names, as Instruction.parts lists them."""
    mnemonic = statement.mnemonic_span
    suffix = Span(mnemonic.file, mnemonic.start + len(operation.mnemonic), mnemonic.end)
    parts: list[tuple[str, Place]] = [("op", Span(mnemonic.file, mnemonic.start, suffix.start))]
    if suffix.start < suffix.end:
        parts.append(("len", suffix))
    names = [operand.name for operand in operation.operands]
    if operation.immediate is not None:
        names.append(operation.immediate.name)
    given = statement.operands
    for name, operand in zip(names, given, strict=False):
        if operand.may_fault:
            value, mark = _split(operand.span)
            parts += [(name, value), (f"expect_fault_{name}", mark)]
        else:
            parts.append((name, operand.span))
    if len(given) > len(names):
        parts.append(("len", given[-1].span))
    if statement.extra:
        flags = {each.expect_fault_offset: each.expect_fault_name for each in operation.operands}
        for byte in statement.extra:
            if isinstance(byte.offset, Number):
                offset = byte.offset.value
                parts.append((flags.get(offset, f"byte {offset}"), byte.span))
        first = statement.extra[0].span
        braces = first.file.text.rfind("{", statement.span.start, first.start)
        parts.append(("extra", Span(first.file, braces, statement.span.end)))
    return tuple(parts)


def _split(span: Span) -> tuple[Span, Span]:
    """An operand without its mark, and the mark."""
    text = span.text
    mark = span.start + text.rfind("?")
    end = span.start + len(text[: mark - span.start].rstrip())
    return Span(span.file, span.start, end), Span(span.file, mark, mark + 1)
