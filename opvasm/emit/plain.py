"""A vector as plain C: what the holder of a CPU's lock runs, one statement an op, to be stepped."""

from __future__ import annotations

from collections.abc import Iterator

from ..abi.ops import (
    ADD,
    ADD_RELEASE,
    AND,
    CMPEQ,
    CMPNE,
    LSHIFT,
    MB,
    MEMCPY,
    MEMCPY_RELEASE,
    OR,
    RSHIFT,
    WORD_LENGTHS,
    XOR,
)
from ..program import Instruction, Value
from ..source import Place, Span
from .context import Context

LINE_MARK = "\x00line "
"""Begins a line that header.py turns into a #line; what follows is ``NUMBER "FILE"`` or ``back``."""

BARRIER = "OPV_BARRIER();"
"""A full barrier, mb."""

_CHANGES = {"add": "+", "add.release": "+", "or": "|", "and": "&", "xor": "^"}


def statements(context: Context) -> Iterator[str]:
    """C statements that set ``opv_result`` and go to ``opv_out`` where a compare differs."""
    for index, instruction in enumerate(context.vector.instructions):
        yield f"    /* {context.comment(index)} */"
        yield from line_marks(instruction.place, _statement(context, index, instruction))


def line_marks(place: Place | None, statement: str) -> Iterator[str]:
    """A statement between the marks that make its line that of the text."""
    if isinstance(place, Span):
        yield f'{LINE_MARK}{place.line} "{_escaped(place.file.name)}"'
    yield f"    {statement}"
    if isinstance(place, Span):
        yield f"{LINE_MARK}back"


def _statement(context: Context, index: int, instruction: Instruction) -> str:
    operation, length = instruction.operation, instruction.length
    commit = context.is_last_store(index)
    match operation:
        case _ if operation is CMPEQ or operation is CMPNE:
            return _compare(context, index, instruction, operation is CMPEQ)
        case _ if operation is MEMCPY or operation is MEMCPY_RELEASE:
            target, source = instruction.addresses
            to = context.address(target, length)
            if length in WORD_LENGTHS:
                store = "commit" if commit or operation is MEMCPY_RELEASE else "store"
                bits = 8 * length
                return f"opv_{store}{bits}({to}, {_value(context, source, length)});"
            return f"memcpy({to}, {context.address(source, length)}, {length});"
        case _ if operation in (ADD, ADD_RELEASE, OR, AND, XOR):
            assert operation is not None
            sign = _CHANGES[operation.mnemonic]
            return _change(context, instruction, sign, context.immediate(instruction), commit)
        case _ if operation is LSHIFT or operation is RSHIFT:
            sign = "<<" if operation is LSHIFT else ">>"
            return _change(context, instruction, sign, context.immediate(instruction), commit)
        case _ if operation is MB:
            return BARRIER
        case _:
            raise ValueError(f"op {index} has no code in C")


def _compare(context: Context, index: int, instruction: Instruction, equal: bool) -> str:
    first, second = instruction.addresses
    length = instruction.length
    if length in WORD_LENGTHS:
        one, two = _value(context, first, length), _value(context, second, length)
        condition = f"{one} {'!=' if equal else '=='} {two}"
    else:
        call = (
            f"memcmp({context.address(first, length)}, {context.address(second, length)}, {length})"
        )
        condition = f"{call} {'!=' if equal else '=='} 0"
    return f"if ({condition}) {{ opv_result = {index + 1}; goto opv_out; }}"


def _change(
    context: Context, instruction: Instruction, sign: str, number: str, commit: bool
) -> str:
    (place,) = instruction.addresses
    bits = 8 * instruction.length
    address = context.address(place, instruction.length)
    store = "commit" if commit else "store"
    loaded = f"(uint64_t)opv_load{bits}({address})"
    return f"opv_{store}{bits}({address}, (uint{bits}_t)({loaded} {sign} {number}));"


def _value(context: Context, value: Value, length: int) -> str:
    word = context.word(value, length)
    if word is None:
        return f"opv_load{8 * length}({context.address(value, length)})"
    number = context.number(word, length)
    return number if length == 8 else f"(uint{8 * length}_t){number}"


def _escaped(name: str) -> str:
    return name.replace("\\", "\\\\").replace('"', '\\"')
