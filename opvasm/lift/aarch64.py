"""What aarch64 instructions do to registers, flags and memory, as terms and steps.

What is not here is not lifted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from capstone import arm64_const as arm

from ..program import section as ir
from . import flags as of
from .aarch64_tables import (
    BINARY,
    CC,
    CHANGES,
    CONDITIONS,
    EXCHANGES,
    EXCLUSIVE_LOADS,
    EXCLUSIVE_STORES,
    EXTENSIONS,
    FETCHES,
    INVERTED,
    LOADS,
    NOTHING,
    SIGNED_LOADS,
    SIZES,
    STORES,
)
from .code import Code, Memory
from .decode_aarch64 import full_name
from .state import NotLifted, State
from .terms import (
    UNSIGNED,
    add,
    binary,
    bit,
    choose,
    convert,
    known,
    number,
    opposite,
    part,
    sign_extended,
    wide,
)


def condition(code: Code, state: State) -> ir.Term:
    """When a branch is taken.  Raises NotLifted."""
    each = Instruction(code, state)
    match code.mnemonic:
        case "cbz" | "cbnz":
            value = each.read(0)
            found = binary("==", value, number(0, value.type.size))
            return found if code.mnemonic == "cbz" else opposite(found)
        case "tbz" | "tbnz":
            found = bit(each.read(0), number(each.operands[1].imm, 1))
            return found if code.mnemonic == "tbnz" else opposite(found)
        case name:
            return each.flag(name.partition(".")[2])


def execute(code: Code, state: State) -> None:
    """Do what an instruction does.  Raises NotLifted."""
    Instruction(code, state).execute()


def kept(code: Code) -> frozenset[str]:
    """The registers that an instruction changes a part of, or perhaps not at all."""
    if code.mnemonic.startswith(("movk", "bfi", "bfxil", "cas")):
        return code.writes
    text = code.text.partition(" ")[2].partition(",")[0].strip()
    return code.writes if text not in code.writes and text[:1] not in "wq" else frozenset()


def untried(codes: Sequence[Code], at: int) -> str:
    """Why an exclusive store is not lifted, which may fail for no reason; "" for anything else.

    It is only where its failure leads back to its load, and all is tried again.
    """
    code = codes[at]
    if code.mnemonic not in EXCLUSIVE_STORES:
        return ""
    status = code.text.partition(" ")[2].partition(",")[0]
    loads = [each for each in codes[:at] if each.mnemonic in EXCLUSIVE_LOADS]
    after = codes[at + 1] if at + 1 < len(codes) else None
    if (
        after is not None
        and after.text.split(",")[0] == f"cbnz {status}"
        and after.target is not None
        and loads
        and codes[0].address <= after.target <= loads[-1].address
    ):
        return ""
    return f"`{code.text}`: an exclusive store whose failure does not lead back to its load"


class Instruction:
    """One instruction while its effect is worked out."""

    def __init__(self, code: Code, state: State) -> None:
        self.code = code
        self.state = state
        self.operands: list[Any] = code.instruction.operands
        self.name = code.mnemonic

    def unknown(self) -> NotLifted:
        """The refusal of an instruction."""
        return NotLifted(f"`{self.code.text}` is not known to the lifter", self.code.address)

    def flag(self, name: str) -> ir.Term:
        """A condition by its name."""
        found = self.state.flags.condition(CONDITIONS.get(name, ""))
        if found is None:
            what = f"{self.code.text}: what the flags are is not known there"
            raise NotLifted(what, self.code.address)
        return found

    # ---- operands ---------------------------------------------------------------------------------

    def register(self, index: int) -> str:
        """The name of a register operand."""
        return str(self.code.instruction.reg_name(self.operands[index].reg))

    def size(self, index: int = 0) -> int:
        """The bytes of a register operand."""
        name = self.register(index)
        return 8 if name in ("sp", "fp", "lr", "xzr") else SIZES[name[0]]

    def read(self, index: int, size: int | None = None) -> ir.Term:
        """The value of a register or number, shifted or extended as the operand says."""
        operand = self.operands[index]
        width = self.size() if size is None else size
        if operand.type == arm.ARM64_OP_IMM:
            shift = operand.shift.value if operand.shift.type else 0
            return number(operand.imm << shift, width)
        if operand.type != arm.ARM64_OP_REG:
            raise self.unknown()
        name = self.register(index)
        if name in ("xzr", "wzr"):
            return number(0, width)
        value = part(self.state.get(full_name(name)), self.size(index))
        return self._modified(operand, value, width)

    def _modified(self, operand: Any, value: ir.Term, width: int) -> ir.Term:
        if operand.ext in EXTENSIONS:
            size, with_sign = EXTENSIONS[operand.ext]
            low = part(value, min(size, value.type.size))
            value = sign_extended(low, width) if with_sign else part(wide(low), width)
        if operand.shift.type and operand.shift.value:
            count = number(operand.shift.value, 1)
            match operand.shift.type:
                case arm.ARM64_SFT_LSL:
                    return binary("<<", value, count)
                case arm.ARM64_SFT_LSR:
                    return binary(">>", value, count)
                case arm.ARM64_SFT_ASR:
                    return self._arithmetic_shift(value, count)
                case _:
                    raise self.unknown()
        return value

    def _arithmetic_shift(self, value: ir.Term, count: ir.Term) -> ir.Term:
        with_sign = convert(value, ir.I32 if value.type.size == 4 else ir.I64)
        return convert(binary(">>", with_sign, count), value.type)

    def write(self, index: int, value: ir.Term) -> None:
        """Set a register; the rest of it becomes zero."""
        name = self.register(index)
        if name in ("xzr", "wzr"):
            return
        if name[0] in "bhsd" and name[1:].isdigit():
            raise self.unknown()
        size = self.size(index)
        self.state.set(full_name(name), value if size == 16 else wide(part(value, size)))

    def place(self) -> tuple[Memory, int]:
        """The memory operand, and what is added to its base afterwards."""
        found = [each for each in self.operands if each.type == arm.ARM64_OP_MEM]
        places = [*self.code.stores, *self.code.loads]
        if len(found) != 1 or not places or found[0].ext in EXTENSIONS:
            raise self.unknown()
        memory = found[0].mem
        if not self.code.instruction.writeback:
            return places[0], 0
        if self.code.instruction.post_index:
            after = memory.disp or next(
                (each.imm for each in self.operands[-1:] if each.type == arm.ARM64_OP_IMM), 0
            )
            return places[0]._replace(displacement=0), after
        return places[0], memory.disp

    def _extended_place(self) -> tuple[ir.Term | None, int]:
        """An address whose index is extended from 32 bits."""
        found = next((each for each in self.operands if each.type == arm.ARM64_OP_MEM), None)
        if found is None:
            raise self.unknown()
        if found.ext not in EXTENSIONS:
            return None, 0
        size, with_sign = EXTENSIONS[found.ext]
        named = self.code.instruction.reg_name
        index = part(self.state.get(full_name(named(found.mem.index))), size)
        value = sign_extended(index, 8) if with_sign else wide(index)
        if found.shift.value:
            value = binary("*", value, number(1 << found.shift.value))
        base = self.state.get(full_name(named(found.mem.base)))
        return self.state.unmarked(add(base, value)), size

    # ---- what they do -----------------------------------------------------------------------------

    def execute(self) -> None:
        """The effect of the instruction."""
        name, state = self.name, self.state
        if name in NOTHING:
            return
        if name in ("dmb", "dsb"):
            state.emit(ir.Barrier(), self.code)
        elif name in LOADS or name in SIGNED_LOADS:
            self._load()
        elif name in STORES:
            self._store()
        elif name in ("ldp", "stp", "ldnp", "stnp"):
            self._pair()
        elif name in EXCHANGES:
            self._exchange()
        elif name in CHANGES or name in FETCHES:
            self._change()
        elif name in EXCLUSIVE_LOADS:
            place, _ = self.place()
            self.write(0, wide(state.load_exclusive(place, self.code)))
        elif name in EXCLUSIVE_STORES:
            place, _ = self.place()
            failed = state.store_exclusive(place, self.read(1, self.size(1)), self.code)
            self.write(0, wide(failed))
        elif name == "clrex":
            state.exclusive = None
        elif name == "mrs":
            if "tpidr_el0" not in self.code.text:
                raise self.unknown()
            self.write(0, state.get("tpidr_el0"))
        else:
            self._arithmetic()

    def _load(self) -> None:
        size = SIGNED_LOADS.get(self.name, 0)
        plain = {"b": 1, "h": 2}.get(self.name[-1], self.size())
        count = size or plain
        term, _ = self._extended_place()
        if term is not None:
            value = self._loaded(term, count)
            after = 0
            base = ""
        else:
            place, after = self.place()
            base = place.base
            value = self.state.load(place, self.code, count)
        full = self.size()
        self.write(
            0, sign_extended(value, full) if size else (value if full == 16 else wide(value))
        )
        self._advance(base, after)

    def _loaded(self, address: ir.Term, size: int) -> ir.Term:
        name = self.state.budget.fresh("loaded")
        self.state.emit(ir.Load(name, address, UNSIGNED[size]), self.code)
        return ir.Local(name, UNSIGNED[size])

    def _store(self) -> None:
        size = {"b": 1, "h": 2}.get(self.name[-1], self.size())
        name = self.register(0)
        if name[0] in "bhsd" and name[1:].isdigit():
            raise self.unknown()
        value = self.read(0) if size == 16 else part(self.read(0), size)
        term, _ = self._extended_place()
        if term is not None:
            self.state.emit(ir.Store(term, value, UNSIGNED[size]), self.code)
            return
        place, after = self.place()
        self.state.store(place._replace(size=size), value, self.code)
        self._advance(place.base, after)

    def _advance(self, base: str, by: int) -> None:
        if by:
            self.state.set(base, add(self.state.get(base), by))

    def _pair(self) -> None:
        place, after = self.place()
        size = self.size()
        places = [
            place._replace(size=size),
            place._replace(size=size, displacement=place.displacement + size),
        ]
        if self.name in ("stp", "stnp"):
            values = [part(self.read(index), size) for index in (0, 1)]
            for at, value in zip(places, values, strict=True):
                self.state.store(at, value, self.code)
        else:
            values = [self.state.load(at, self.code, size) for at in places]
            for index, value in enumerate(values):
                self.write(index, value if size == 16 else wide(value))
        self._advance(place.base, after)

    def _exchange(self) -> None:
        place, _ = self.place()
        size = EXCHANGES[self.name] or self.size()
        expected, replacement = part(self.read(0), size), part(self.read(1), size)
        old = self.state.exchange(place._replace(size=size), expected, replacement, self.code)
        self.write(0, wide(old))

    def _change(self) -> None:
        place, _ = self.place()
        fetches = self.name in FETCHES
        operator, size = FETCHES[self.name] if fetches else CHANGES[self.name]
        size = size or self.size()
        value = part(self.read(0), size)
        if operator == "&":
            value = ir.Unary("~", value, value.type)  # the bits that are cleared are set in it
        wanted = fetches and self.register(1) not in ("xzr", "wzr")
        old = self.state.atomic(operator, place._replace(size=size), value, self.code, wanted)
        if wanted:
            self.write(1, wide(old))

    def _arithmetic(self) -> None:
        name, state = self.name, self.state
        match name:
            case "mov" | "movz":
                if self.operands[1].type == arm.ARM64_OP_REG and self.size() == 16:
                    raise self.unknown()
                self.write(0, self.read(1))
            case "movn":
                value = self.read(1)
                self.write(0, number(~(known(value) or 0), self.size()))
            case "movk":
                shift = self.operands[1].shift.value if self.operands[1].shift.type else 0
                kept = binary("&", self.read(0), number(~(0xFFFF << shift), self.size()))
                self.write(0, binary("|", kept, self.read(1)))
            case "mvn":
                value = self.read(1)
                self.write(0, ir.Unary("~", value, value.type))
            case "neg" | "negs":
                value = self.read(1)
                zero = number(0, value.type.size)
                self.write(0, binary("-", zero, value))
                if name == "negs":
                    state.flags = of.of_compare(zero, value)
            case "cmp":
                state.flags = of.of_compare(self.read(0), self.read(1))
            case "cmn":
                result = add(self.read(0), self.read(1))
                state.flags = of.arithmetic(result)
            case "tst":
                state.flags = of.of_result(binary("&", self.read(0), self.read(1)))
            case "asr" | "asrv":
                self.write(0, self._arithmetic_shift(self.read(1), self._count()))
            case "madd" | "msub":
                product = binary("*", self.read(1), self.read(2))
                operator = "+" if name == "madd" else "-"
                self.write(0, binary(operator, self.read(3), product))
            case "adrp" | "adr":
                self.write(0, number(self.operands[1].imm))
            case "uxtb" | "uxth" | "uxtw":
                size = {"b": 1, "h": 2, "w": 4}[name[-1]]
                self.write(0, part(wide(part(self.read(1), size)), self.size()))
            case "sxtb" | "sxth" | "sxtw":
                size = {"b": 1, "h": 2, "w": 4}[name[-1]]
                self.write(0, sign_extended(part(self.read(1, 8), size), self.size()))
            case "ubfx" | "ubfiz" | "sbfx" | "sbfiz" | "bfi" | "bfxil":
                self._field()
            case "csel" | "csinc" | "csinv" | "csneg" | "cset" | "csetm" | "cinc":
                self._select()
            case _ if name in BINARY:
                self._binary()
            case _:
                raise self.unknown()

    def _count(self) -> ir.Term:
        return part(self.read(2), 1)

    def _binary(self) -> None:
        name, state = self.name, self.state
        operator = BINARY[name]
        first = self.read(1)
        if operator in ir.SHIFTS:
            self.write(0, binary(operator, first, self._count()))
            return
        second = self.read(2)
        if name in INVERTED:
            value = known(second)
            size = second.type.size
            inverted = ir.Unary("~", second, second.type)
            second = number(~value, size) if value is not None else inverted
        result = add(first, second) if operator == "+" else binary(operator, first, second)
        self.write(0, result)
        if name == "subs":
            state.flags = of.of_compare(first, second)
        elif name == "adds":
            # Carry is x86's borrow here, the opposite of what an addition gives on aarch64.
            state.flags = of.arithmetic(result)
        elif name in ("ands", "bics"):
            # After these aarch64 clears carry: its conditions hs and lo are those of no borrow's opposite.
            state.flags = of.of_result(result)._replace(carry=number(1, 1))

    def _field(self) -> None:
        name, size = self.name, self.size()
        low, width = (self.operands[index].imm for index in (2, 3))
        mask = number((1 << width) - 1, size)
        value = self.read(1)
        match name:
            case "ubfx":
                self.write(0, binary("&", binary(">>", value, number(low, 1)), mask))
            case "ubfiz":
                self.write(0, binary("<<", binary("&", value, mask), number(low, 1)))
            case "sbfx" | "sbfiz":
                up = 8 * size - width - (low if name == "sbfx" else 0)
                down = 8 * size - width - (low if name == "sbfiz" else 0)
                raised = binary("<<", value, number(up if name == "sbfx" else 8 * size - width, 1))
                self.write(0, self._arithmetic_shift(raised, number(down, 1)))
            case "bfi":
                hole = number(~(((1 << width) - 1) << low), size)
                field = binary("<<", binary("&", value, mask), number(low, 1))
                self.write(0, binary("|", binary("&", self.read(0), hole), field))
            case _:
                hole = number(~((1 << width) - 1), size)
                field = binary("&", binary(">>", value, number(low, 1)), mask)
                self.write(0, binary("|", binary("&", self.read(0), hole), field))

    def _select(self) -> None:
        name, size = self.name, self.size()
        when = self.flag(CC.get(self.code.instruction.cc, ""))
        if name in ("cset", "csetm"):
            one = number(1 if name == "cset" else -1, size)
            self.write(0, choose(when, one, number(0, size)))
            return
        first = self.read(1)
        if name == "cinc":
            self.write(0, choose(when, add(first, 1), first))
            return
        second = self.read(2)
        match name:
            case "csinc":
                second = add(second, 1)
            case "csinv":
                second = ir.Unary("~", second, second.type)
            case "csneg":
                second = binary("-", number(0, size), second)
            case _:
                pass
        self.write(0, choose(when, first, second))
