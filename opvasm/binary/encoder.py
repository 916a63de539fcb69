"""From ops whose values are all known to the bytes of ``struct cpu_op[]``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from struct import error as StructError

from ..abi.layout import FieldKind, number_range
from ..abi.revisions import Abi
from ..errors import BindError, Diagnostic
from ..program import Instruction, Value
from .shapes import Shape, shapes_of


def encode(instructions: Iterable[Instruction], abi: Abi) -> bytes:
    """The array of ``struct cpu_op``, as it lies in the memory of the Abi's machine.

    Raises BindError, with every problem of all ops, when a value is not bound, does not fit its
    field, or when an op is not one of the revision's: nothing is ever truncated.
    """
    by_opcode, unknown = (shapes := shapes_of(abi)).by_opcode, shapes.unknown
    chunks: list[bytes] = []
    problems: list[Diagnostic] = []
    for index, instruction in enumerate(instructions):
        shape = by_opcode.get(instruction.opcode, unknown)
        chunk = _pack(instruction, shape)
        if chunk is None:
            problems += _problems(instruction, index, shape, abi)
        else:
            chunks.append(chunk)
    if problems:
        raise BindError(problems)
    return b"".join(chunks)


def _pack(instruction: Instruction, shape: Shape) -> bytes | None:
    """The 32 bytes, or None where something does not fit."""
    opcode, operation, length, addresses, flags, immediate, extra, _, _ = instruction
    if operation is not shape.operation and operation != shape.operation:
        return None
    if (immediate is not None) is not shape.has_immediate:
        return None
    if not shape.flags:
        if any(flags):
            return None
        flags = ()
    try:
        if shape.has_immediate:
            packed = shape.fields.pack(opcode, length, *addresses, immediate, *flags)
        else:
            packed = shape.fields.pack(opcode, length, *addresses, *flags)
    except StructError:
        return None
    return _with_extra(packed, extra, shape) if extra else packed


def _with_extra(packed: bytes, extra: tuple[tuple[int, int], ...], shape: Shape) -> bytes | None:
    changed = bytearray(packed)
    for offset, byte in extra:
        if offset not in shape.unused or not 0 <= byte <= 255:
            return None
        changed[offset] = byte
    return bytes(changed)


def _problems(instruction: Instruction, index: int, shape: Shape, abi: Abi) -> Iterator[Diagnostic]:
    """What keeps an op from being encoded, in words."""

    def error(code: str, message: str, help: str | None = None) -> Diagnostic:
        return Diagnostic("error", code, f"op {index}: {message}", instruction.place, help=help)

    operation = instruction.operation
    if operation != shape.operation:
        if operation is None:
            assert shape.operation is not None
            name = shape.operation.mnemonic
            message = f"opcode {instruction.opcode} is {name} in {abi.revision.name}"
            yield error("OPV105", f"{message}, but the op was given no operands")
        else:
            number = abi.opcode(operation)
            message = f"{operation.mnemonic} is not op {instruction.opcode} of {abi.revision.name}"
            known = "it has no such op" if number is None else f"there it is op {number}"
            yield error("OPV105", message, known)
        return
    operands = operation.operands if operation is not None else ()
    flags = instruction.expect_fault
    if len(instruction.addresses) != len(operands) or len(flags) != len(operands):
        yield error("OPV105", f"takes {len(operands)} operands and as many expect_fault bytes")
        return
    if (instruction.immediate is not None) is not shape.has_immediate:
        wanted = "needs a" if shape.has_immediate else "takes no"
        yield error("OPV105", f"{wanted} value beside its operands")
        return
    values: dict[str, Value] = {"op": instruction.opcode, "len": instruction.length}
    for operand, address, flag in instruction.operands():
        values[operand.name] = address
        values[operand.expect_fault_name] = flag
        if flag and not shape.flags:
            message = f"{abi.revision.name} has no {operand.expect_fault_name} byte"
            yield error("OPV106", message, "leave out the ?, or choose a later revision")
    if operation is not None and operation.immediate is not None:
        assert instruction.immediate is not None
        values[operation.immediate.name] = instruction.immediate
    for field in abi.fields(operation):
        if field.kind is FieldKind.PADDING:
            continue
        value = values[field.name]
        low, high = number_range(field.size, field.kind is FieldKind.SIGNED)
        if not isinstance(value, int):
            yield error("OPV104", f"field {field.name} is not bound: it still holds {value}")
        elif not low <= value <= high:
            yield error(
                "OPV103",
                f"field {field.name} can't hold {value:#x}: its {field.size} bytes take "
                f"{low} to {high:#x}",
            )
    for offset, byte in instruction.extra:
        if offset not in shape.unused:
            yield error("OPV107", f"byte {offset} is in use, so it can't be set on its own")
        elif not 0 <= byte <= 255:
            yield error("OPV103", f"byte {offset} can't hold {byte}: it takes 0 to 255")
