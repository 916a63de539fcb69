"""One op of a vector in Promela: its operands, what it reads and writes, step by step."""

from __future__ import annotations

from collections.abc import Iterator

from ..abi.ops import Effect, Operation
from ..errors import Crash
from ..light_typing import TYPE_CHECKING, NamedTuple, Protocol
from ..program import (
    Area,
    ArgumentValue,
    Instruction,
    PoolAddress,
    SlotAddress,
    SymbolAddress,
    Value,
    Vector,
)
from ..text.scenario_tree import RunVector
from .promela_numbers import LARGEST, SMALL, Term, known

if TYPE_CHECKING:
    from .promela_body import Body


_BITWISE = {Effect.OR: "|", Effect.AND: "&", Effect.XOR: "^"}
CHANGES = frozenset((*_BITWISE, Effect.ADD, Effect.SHIFT_LEFT, Effect.SHIFT_RIGHT))


class Operand(NamedTuple):
    """Memory at ``address``, or, without one, bytes that nobody else sees: ``value``."""

    address: Term | None
    value: Term


class Around(Protocol):
    """What surrounds the ops: a section, a system call or a lock."""

    def step(self) -> None:
        """The next step begins."""

    def after(self, index: int) -> None:
        """An op has ended."""

    def trap_between(self) -> None:
        """The first step of an op has ended."""

    def stop(self, index: int) -> str:
        """A compare stops the vector."""

    def test_flag(self, busy: str) -> None:
        """The lazy look at the lock's flag."""

    def goto(self, result: str) -> str:
        """The jump to a result."""


class OpWriter:
    """Writes the ops of one ``run``; what stands around them is its user's.

    ``arguments`` is what each parameter stands for, ``chosen`` the CPU that the run is for.
    """

    def __init__(
        self,
        body: Body,
        statement: RunVector,
        arguments: dict[str, Term],
        chosen: Term,
        around: Around,
    ) -> None:
        self.body = body
        self.export = body.export
        self.statement = statement
        self.vector: Vector = body.program.vectors[statement.vector]
        self.arguments = arguments
        self.chosen = chosen
        self.around = around

    def operand(self, value: Value, size: int, instruction: Instruction) -> Operand:
        """An operand of ``size`` bytes."""
        memory = self.body.memory
        match value:
            case SymbolAddress(symbol=name, addend=addend, cpu=cpu):
                symbol = self.body.program.data.symbols[name]
                if symbol.area is Area.PAGE:
                    self._refuse(instruction, f"{name}, a page", "the model has no pages")
                    return Operand(known(0), known(0))
                if symbol.area is Area.SHARED or cpu is not None:
                    return Operand(known(memory.symbol(symbol, cpu or 0) + addend), known(0))
                base = memory.symbol(symbol, 0) + addend
                if self.chosen.constant is not None:
                    return Operand(known(base + self.chosen.constant * memory.stride), known(0))
                text = f"({base} + {self.chosen.text} * {memory.stride})"
                return Operand(Term(text, LARGEST), known(0))
            case ArgumentValue(parameter=name, addend=addend):
                return Operand(self._plus(self.arguments[name], addend), known(0))
            case SlotAddress(parameter=name, addend=addend):
                parameter = self.vector.parameter(name)
                assert parameter is not None
                if addend or parameter.type.size != size:
                    self._refuse(
                        instruction,
                        f"{size} bytes of the argument {name}",
                        "the model knows an argument's number only as a whole",
                    )
                term = self.arguments[name]
                if size <= 2:  # bytes know no sign
                    term = term._replace(
                        text=f"({term.text} & {(1 << 8 * size) - 1})", constant=None
                    )
                return Operand(None, term)
            case PoolAddress(offset=offset):
                return Operand(None, self._constant(offset, size, instruction))
            case _:
                self._refuse(
                    instruction, "an absolute address", "the model places memory elsewhere"
                )
                return Operand(known(0), known(0))

    def _plus(self, term: Term, addend: int) -> Term:
        if not addend:
            return term
        if term.constant is not None:
            return known(term.constant + addend)
        return term._replace(text=f"({term.text} + {addend})", bound=term.bound + abs(addend))

    def _constant(self, offset: int, size: int, instruction: Instruction) -> Term:
        image = self.export.plan.image
        pools = image.pools
        if self.chosen.constant is not None and 0 <= self.chosen.constant < len(pools):
            pools = [pools[self.chosen.constant]]
        found = {int.from_bytes(pool[offset : offset + size], image.byteorder) for pool in pools}
        number = self.body.memory.number(min(found))
        if len(found) > 1 or not (number < SMALL or number != min(found)):
            what = "an address of the CPU's own" if len(found) > 1 else f"the number {number}"
            self._refuse(instruction, what, "constants in a vector are below 2^20 there")
        return known(number)

    def _refuse(self, instruction: Instruction, construct: str, why: str) -> None:
        place = instruction.place or self.statement.span
        self.body.refusals.refuse(construct, why, place)

    # ---- the op -----------------------------------------------------------------------------------

    def op(self, index: int, instruction: Instruction, late_flag: str | None) -> None:
        """One op.  ``late_flag``: where a lazy subscriber goes that finds the flag set."""
        operation, size = instruction.operation, instruction.length
        out = self.body.lines
        if operation is None:
            return
        out.add(f"/* {self.vector.name}[{index}] {operation.mnemonic} */")
        if operation.effect is Effect.BARRIER:
            self.around.step()
            self.around.after(index)
            return
        if size not in (1, 2, 4, 8):
            self._refuse(
                instruction,
                f"an op on {size} bytes",
                "the model's memory consists of whole numbers",
            )
            return
        operands = [
            self.operand(value, size, instruction) for _, value, _ in instruction.operands()
        ]
        match operation.effect:
            case Effect.COMPARE_EQUAL:
                self._compare(index, "!=", size, operands)
            case Effect.COMPARE_DIFFERENT:
                self._compare(index, "==", size, operands)
            case Effect.COPY:
                self._copy(index, size, operands[0], operands[1], late_flag)
            case effect if effect in CHANGES:
                self._change(index, instruction, operation, operands[0], late_flag)
            case _:
                self._refuse(
                    instruction, f"the op {operation.mnemonic}", "the model has no words for it"
                )

    def _compare(self, index: int, operator: str, size: int, operands: list[Operand]) -> None:
        """A compare, which stops the vector when ``operator`` holds between its operands."""
        out, body = self.body.lines, self.body
        pending = body.variable("pending")
        memory = [each for each in operands if each.address is not None]
        texts = [each.value.text for each in operands if each.address is None]
        if len(memory) == 2:
            self.around.step()
            self._read(memory[0], size, body.variable("first"))
            self.around.trap_between()
            texts.append("first")
        self.around.step()
        if memory:
            self._read(memory[-1], size, pending)
            texts.append(pending)
        forget = "first = 0; " if len(memory) == 2 else ""
        condition = f"{texts[0]} {operator} {texts[-1]}"
        out.add(f"if :: {condition} -> {forget}{self.around.stop(index)} :: else fi;")
        if forget:
            out.add(forget.strip())
        self.around.after(index)

    def _copy(
        self, index: int, size: int, to: Operand, source: Operand, late_flag: str | None
    ) -> None:
        out = self.body.lines
        pending = self.body.variable("pending")
        value = source.value.text
        if source.address is not None or late_flag is not None:
            self.around.step()
            if source.address is not None:
                self._read(source, size, pending)
                value = pending
            self._exists(to, size)
            self.around.trap_between()
            if late_flag is not None:
                self.around.test_flag(late_flag)
        self.around.step()
        self._write(to, size, value)
        self.around.after(index)
        out.add(f"{pending} = 0;")

    def _change(
        self,
        index: int,
        instruction: Instruction,
        operation: Operation,
        place: Operand,
        late_flag: str | None,
    ) -> None:
        out, size = self.body.lines, instruction.length
        pending = self.body.variable("pending")
        self.around.step()
        self._read(place, size, pending)
        amount = self._immediate(instruction, operation)
        mask = f" & {(1 << 8 * size) - 1}" if size <= 2 else ""
        match operation.effect:
            case Effect.ADD:
                out.add(f"{pending} = ({pending} + {amount.text}){mask};")
            case Effect.OR | Effect.AND | Effect.XOR as bitwise:
                out.add(f"{pending} = ({pending} {_BITWISE[bitwise]} {amount.text}){mask};")
            case Effect.SHIFT_LEFT:
                self._shift_left(pending, amount.constant or 0, size)
            case Effect.SHIFT_RIGHT:
                bits = amount.constant or 0
                out.add(f"{pending} = {pending} >> {bits};" if bits < 31 else f"{pending} = 0;")
            case effect:
                raise Crash(f"{effect.name} is among CHANGES")
        self.around.trap_between()
        if late_flag is not None:
            self.around.test_flag(late_flag)
        self.around.step()
        self._write(place, size, pending)
        self.around.after(index)
        out.add(f"{pending} = 0;")

    def _shift_left(self, pending: str, bits: int, size: int) -> None:
        out = self.body.lines
        if size <= 2:
            kept = ((1 << 8 * size) - 1) >> bits
            out.add(f"{pending} = ({pending} & {kept}) << {bits};")
        else:  # what leaves the model's numbers is asserted not to be there
            kept = (SMALL - 1) >> min(bits, 30)
            out.add(f"if :: {pending} > {kept} -> outside() :: else fi;")
            if bits < 20:
                out.add(f"{pending} = {pending} << {bits};")

    def _immediate(self, instruction: Instruction, operation: Operation) -> Term:
        """The count, mask or number of bits, as a signed number."""
        value, size = instruction.immediate, instruction.length
        if isinstance(value, ArgumentValue):
            if operation.shifts:
                self._refuse(
                    instruction, "a shift by an argument", "the model shifts by constants only"
                )
                return known(0)
            return self._plus(self.arguments[value.parameter], value.addend)
        number = value if isinstance(value, int) else 0
        if not isinstance(value, int):
            self._refuse(instruction, "an address as a number", "the model has other addresses")
        bits = 8 * size if operation.effect in _BITWISE else 64
        number &= (1 << bits) - 1
        if number >> (bits - 1):
            number -= 1 << bits
        if not -SMALL < number < SMALL and size > 2:
            self._refuse(
                instruction,
                f"the number {value}",
                "numbers are below 2^20 there (Promela has 32 bits)",
            )
            return known(0)
        return known(number)

    # ---- memory -----------------------------------------------------------------------------------

    def _read(self, operand: Operand, size: int, into: str) -> None:
        assert operand.address is not None
        self.body.read(operand.address, size, into)

    def _write(self, operand: Operand, size: int, value: str) -> None:
        assert operand.address is not None
        self.body.write(operand.address, size, Term(value, LARGEST))

    def _exists(self, operand: Operand, size: int) -> None:
        """A destination that is not there is noticed when the op begins."""
        assert operand.address is not None
        if self.body.cell(operand.address, size) is None:
            self.body.lines.add(f"exists{size}({operand.address.text});")

    def check_operands(self) -> None:
        """Before a vector starts every page that it names must be there, else EFAULT."""
        for test in self.pages():
            self.body.lines.add(f"if :: {test} :: else -> {self.around.goto('fault')} fi;")

    def pages(self) -> Iterator[str]:
        """Tests whether the pages are there that are not known to be."""
        for instruction in self.vector.instructions:
            for _, value, _ in instruction.operands():
                if isinstance(value, SlotAddress | PoolAddress):
                    continue
                found = self.operand(value, instruction.length, instruction).address
                if found is not None and found.constant not in self.body.memory.by_address:
                    yield f"PAGED({found.text}, {instruction.length})"
