"""What the 32 bytes of an op hold beside its fields: ``{ 26: 0x0a }`` and ``.raw``."""

from __future__ import annotations

from ..abi.layout import OP_BYTES
from ..abi.ops import Operation
from ..program import Instruction
from ..text.tree import OpStatement, Text
from .scope import Scope
from .types import number_text

RAW = ".raw"


def extra_bytes(
    statement: OpStatement, operation: Operation, flags: tuple[int, ...], scope: Scope
) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...]]:
    """The expect_fault bytes and the unused bytes of an op, with those in braces put in."""
    problems = scope.problems
    flag_at: dict[int, int] = {}
    if scope.abi.revision.expect_fault:
        flag_at = {each.expect_fault_offset: i for i, each in enumerate(operation.operands)}
    allowed = sorted({*scope.abi.unused(operation), *flag_at})
    given = {offset for offset, index in flag_at.items() if flags[index]}
    new_flags = list(flags)
    extra: list[tuple[int, int]] = []
    for part in statement.extra:
        offset = scope.evaluate(part.offset, "an offset in bytes")
        value = scope.evaluate(part.value, "a byte")
        if offset is None or value is None:
            continue
        if not 0 <= offset < OP_BYTES:
            problems.error(
                "OPV029",
                f"an op has no byte {number_text(offset)}",
                part.offset.span,
                help=f"it has the bytes 0 to {OP_BYTES - 1}",
            )
        elif offset not in allowed:
            problems.error(
                "OPV029",
                f"byte {offset} belongs to a field",
                part.offset.span,
                help=f"free are {', '.join(map(str, allowed))}",
            )
        elif offset in given:
            problems.error("OPV029", f"byte {offset} has its value already", part.offset.span)
        elif not 0 <= value <= 255:
            problems.error(
                "OPV019",
                f"{number_text(value)} does not fit into a byte",
                part.value.span,
                help="it holds 0 to 255",
            )
        elif offset in flag_at:
            new_flags[flag_at[offset]] = value
        elif value:
            extra.append((offset, value))
        given.add(offset)
    return tuple(new_flags), tuple(sorted(extra))


def directive(statement: OpStatement, scope: Scope) -> Instruction | None:
    """``.raw "32 bytes in hexadecimal"``: an op by its bytes, as they lie in memory."""
    problems = scope.problems
    if statement.mnemonic != RAW:
        problems.error(
            "OPV012",
            f"`{statement.mnemonic}` is unknown",
            statement.mnemonic_span,
            help=f"the only directive is {RAW}",
        )
        return None
    data = None
    if len(statement.operands) == 1 and not statement.extra:
        data = _hexadecimal(statement.operands[0].value)
    if data is None or len(data) != OP_BYTES:
        found = "" if data is None else f", not of {len(data)}"
        problems.error(
            "OPV028",
            f"`{RAW}` takes a text of {OP_BYTES} bytes{found}",
            statement.span,
            help=f'write {2 * OP_BYTES} hexadecimal digits in quotes: {RAW} "0a000000 …"',
        )
        return None
    from ..binary import decode  # only here: texts seldom hold raw ops

    (instruction,) = decode(data, scope.abi)
    return instruction._replace(place=statement.span)


def _hexadecimal(value: object) -> bytes | None:
    if not isinstance(value, Text):
        return None
    try:
        return bytes.fromhex(value.value.decode("ascii"))
    except ValueError:
        return None
