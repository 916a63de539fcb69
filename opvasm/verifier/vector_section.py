"""A vector as a section that loads: its ops as the instructions of one attempt.

A compare is loads and an exit, a copy a load and a store, an op on a word one instruction.  Longer
operands are compared and stored in pieces of a word; longer copies are copied byte by byte, which is
the same unless the ranges overlap.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..abi.layout import ByteOrder
from ..abi.ops import WORD_LENGTHS, Effect
from ..program import (
    ArgumentValue,
    Instruction,
    Pointer,
    PoolAddress,
    Program,
    SlotAddress,
    SymbolAddress,
    Value,
    Vector,
    section as ir,
)
from .rseq_rules import section_length

DIFFERS = "differs"
_OPERATORS = {
    Effect.ADD: "+",
    Effect.OR: "|",
    Effect.AND: "&",
    Effect.XOR: "^",
    Effect.SHIFT_LEFT: "<<",
    Effect.SHIFT_RIGHT: ">>",
}


class NoSection(Exception):
    """A vector that plain code can't do; the reason is a clause."""


def as_section(vector: Vector, program: Program) -> ir.Section:
    """The section that does a vector's work; a compare that stops it leaves by ``differs``.

    Raises NoSection for a vector that expects a fault, writes to its own arguments, or has bytes
    that are not an op.
    """
    return _ToSection(vector, program).convert()


class _ToSection:
    def __init__(self, vector: Vector, program: Program) -> None:
        self.vector = vector
        self.program = program
        self.order: ByteOrder = program.abi.model.byteorder
        self.pointer = Pointer(None, program.abi.model.word)
        self.locals = 0

    def convert(self) -> ir.Section:
        """Op by op; the last one is the commit where it is one store of a word.

        Barriers at the vector's end are left out, since they come after the section.
        """
        steps: list[ir.Step] = []
        length = section_length(self.vector)
        for index, op in enumerate(self.vector.instructions[:length]):
            steps += self.op(index, op, index == length - 1)
        if not (steps and ir.is_commit(steps[-1])):
            steps.append(ir.Exit(ir.OK, place=self.vector.place))
        return ir.Section(
            name=self.vector.name,
            parameters=self.vector.parameters,
            results=(),
            body=tuple(steps),
            verified=self.vector.verified,
            place=self.vector.place,
        )

    def op(self, index: int, op: Instruction, last: bool) -> Iterator[ir.Step]:
        """The steps of an op."""
        if op.operation is None:
            raise NoSection(f"op {index} is not an op of this revision")
        if any(op.expect_fault):
            raise NoSection(f"op {index} expects a fault, which ends a section's thread")
        place, remark = op.place, f"op {index}"
        match op.operation.effect:
            case Effect.COMPARE_EQUAL | Effect.COMPARE_DIFFERENT:
                yield from self.compare(op, remark)
            case Effect.COPY:
                yield from self.copy(op, last, remark)
            case Effect.BARRIER:
                yield ir.Barrier(place, remark)
            case effect:
                if effect not in _OPERATORS:
                    raise NoSection(
                        f"{op.operation.mnemonic}, op {index}, has no words in a section"
                    )
                if op.length not in WORD_LENGTHS:
                    raise NoSection(f"op {index} changes {op.length} bytes, which are no word")
                type = ir.REGISTER_TYPES[f"u{8 * op.length}"]
                address = self.address(op.addresses[0])
                value = self.immediate(op.immediate, type)
                yield ir.Change(
                    operator=_OPERATORS[effect],
                    address=address,
                    value=value,
                    type=type,
                    commit=last,
                    release=op.operation.release,
                    place=place,
                    remark=remark,
                )

    def compare(self, op: Instruction, remark: str) -> Iterator[ir.Step]:
        assert op.operation is not None
        unequal: ir.Term | None = None
        for offset, size in _pieces(op.length):
            sides: list[ir.Term] = []
            for value in op.addresses:
                yield from self.read(value, offset, size, op, remark, sides)
            differ = ir.Binary("!=", sides[0], sides[1], ir.U8)
            unequal = differ if unequal is None else ir.Binary("||", unequal, differ, ir.U8)
        if unequal is None:
            unequal = ir.Constant(0, ir.U8)
        stops = unequal
        if op.operation.effect is Effect.COMPARE_DIFFERENT:
            stops = ir.Unary("!", unequal, ir.U8)
        yield ir.Exit(DIFFERS, stops, op.place, remark)

    def copy(self, op: Instruction, last: bool, remark: str) -> Iterator[ir.Step]:
        assert op.operation is not None
        target, source = op.addresses
        if isinstance(target, SlotAddress):
            raise NoSection("it writes to its own argument")
        word = op.length in WORD_LENGTHS
        if not word and not isinstance(source, SlotAddress | PoolAddress):
            length = ir.Constant(op.length, self.pointer)
            yield ir.Copy(self.address(target), self.address(source), length, op.place, remark)
            return
        for offset, size in _pieces(op.length):
            sides: list[ir.Term] = []
            yield from self.read(source, offset, size, op, remark, sides)
            type = ir.REGISTER_TYPES[f"u{8 * size}"]
            at, commit = _moved(self.address(target), offset, self.pointer), last and word
            release = op.operation.release
            yield ir.Store(at, sides[0], type, commit, release, op.place, remark)

    def read(
        self,
        value: Value,
        offset: int,
        size: int,
        op: Instruction,
        remark: str,
        found: list[ir.Term],
    ) -> Iterator[ir.Step]:
        """A piece of an operand: of memory it is loaded, of an argument or constant it is known."""
        type = ir.REGISTER_TYPES[f"u{8 * size}"]
        match value:
            case SlotAddress(parameter=name, addend=addend):
                found.append(self.argument(name, addend + offset, type))
            case PoolAddress(offset=start):
                found.append(self.constant(start, offset, type))
            case _:
                local = f"t{self.locals}"
                self.locals += 1
                address = _moved(self.address(value), offset, self.pointer)
                yield ir.Load(local, address, type, False, op.place, remark)
                found.append(ir.Local(local, type))

    def argument(self, name: str, at: int, type: ir.RegisterType) -> ir.Term:
        """Some bytes of an argument, as they lie in its slot."""
        parameter = self.vector.parameter(name)
        assert parameter is not None
        whole: ir.Term = ir.Argument(name, parameter.type)
        if at + type.size > parameter.type.size:
            raise NoSection(f"it reads beyond its argument {name}")
        unsigned = ir.REGISTER_TYPES[f"u{8 * parameter.type.size}"]
        if parameter.type != unsigned:
            whole = ir.Convert(whole, unsigned)
        after = parameter.type.size - at - type.size
        skipped = at if self.order == "little" else after
        if skipped:
            whole = ir.Binary(">>", whole, ir.Constant(8 * skipped, ir.U8), unsigned)
        return whole if type == unsigned else ir.Convert(whole, type)

    def constant(self, start: int, at: int, type: ir.RegisterType) -> ir.Term:
        """Some bytes of the literal pool."""
        item = next(each for each in self.program.data.pool if each.offset == start)
        value = item.value
        if isinstance(value, SymbolAddress) and at == 0 and type.size == item.size:
            return ir.Convert(self.address(value), type)
        if isinstance(value, int):
            value = (value % (1 << 8 * item.size)).to_bytes(item.size, self.order)
        if not isinstance(value, bytes):
            raise NoSection("it takes an address apart")
        return ir.Constant(int.from_bytes(value[at : at + type.size], self.order), type)

    def immediate(self, value: Value | None, type: ir.RegisterType) -> ir.Term:
        match value:
            case int():
                return ir.Constant(ir.fitted(value, type), type)
            case ArgumentValue(parameter=name, addend=addend):
                parameter = self.vector.parameter(name)
                assert parameter is not None
                term: ir.Term = ir.Convert(ir.Argument(name, parameter.type), type)
                if addend:
                    term = ir.Binary("+", term, ir.Constant(ir.fitted(addend, type), type), type)
                return term
            case _:
                raise NoSection("its count is an address")

    def address(self, value: Value) -> ir.Term:
        """Where an operand lies."""
        match value:
            case int():
                return ir.Constant(value, self.pointer)
            case SymbolAddress(symbol=symbol, addend=addend, cpu=cpu):
                on = None if cpu is None else ir.Constant(cpu, ir.U32)
                return ir.Address(symbol, addend, on, self.pointer)
            case ArgumentValue(parameter=name, addend=addend):
                parameter = self.vector.parameter(name)
                assert parameter is not None
                return _moved(ir.Argument(name, parameter.type), addend, self.pointer)
            case SlotAddress() | PoolAddress():
                raise NoSection("it writes to an argument or a constant")


def _pieces(length: int) -> Iterator[tuple[int, int]]:
    """Offsets and sizes of the words of a range, the largest first."""
    offset = 0
    while offset < length:
        size = next(each for each in (8, 4, 2, 1) if each <= length - offset)
        yield offset, size
        offset += size


def _moved(address: ir.Term, offset: int, pointer: Pointer) -> ir.Term:
    if not offset:
        return address
    if isinstance(address, ir.Address):
        return address._replace(addend=address.addend + offset)
    return ir.Binary("+", address, ir.Constant(ir.fitted(offset, pointer), pointer), pointer)
