"""What aarch64 instructions do to registers, flags and memory, as terms and steps.

What is not here is not lifted.
"""

from __future__ import annotations

from collections.abc import Sequence

from capstone import arm64_const as arm

from ..program import section as ir
from . import flags as of
from .aarch64_operands import OperandsArm, arithmetic_shift
from .aarch64_tables import (
    BINARY,
    CC,
    CHANGES,
    EXCHANGES,
    EXCLUSIVE_LOADS,
    EXCLUSIVE_STORES,
    FETCHES,
    INVERTED,
    LOADS,
    NOTHING,
    SIGNED_LOADS,
    STORES,
)
from .bits import leading_zeros, reversed_bits, reversed_bytes, rotated_right
from .code import Code
from .state import State
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
    operands = OperandsArm(code, state)
    match code.mnemonic:
        case "cbz" | "cbnz":
            value = operands.read(0)
            found = binary("==", value, number(0, value.type.size))
            return found if code.mnemonic == "cbz" else opposite(found)
        case "tbz" | "tbnz":
            found = bit(operands.read(0), number(operands[1].imm, 1))
            return found if code.mnemonic == "tbnz" else opposite(found)
        case name:
            return operands.flag(name.partition(".")[2])


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
        self.name = code.mnemonic
        self.operands = OperandsArm(code, state)

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
            place, _ = self.operands.place()
            self.operands.write(0, wide(state.load_exclusive(place, self.code)))
        elif name in EXCLUSIVE_STORES:
            place, _ = self.operands.place()
            failed = state.store_exclusive(
                place, self.operands.read(1, self.operands.size(1)), self.code
            )
            self.operands.write(0, wide(failed))
        elif name == "clrex":
            state.exclusive = None
        elif name == "mrs":
            if "tpidr_el0" not in self.code.text:
                raise self.operands.unknown()
            self.operands.write(0, state.get("tpidr_el0"))
        else:
            self._arithmetic()

    def _load(self) -> None:
        size = SIGNED_LOADS.get(self.name, 0)
        plain = {"b": 1, "h": 2}.get(self.name[-1], self.operands.size())
        count = size or plain
        place, by, after = self.operands.reached()
        value = self.state.load(place, self.code, count, by)
        full = self.operands.size()
        self.operands.write(
            0, sign_extended(value, full) if size else (value if full == 16 else wide(value))
        )
        self._advance(place.base, after)

    def _store(self) -> None:
        size = {"b": 1, "h": 2}.get(self.name[-1], self.operands.size())
        value = self.operands.read(0) if size == 16 else part(self.operands.read(0), size)
        place, by, after = self.operands.reached()
        self.state.store(place._replace(size=size), value, self.code, by)
        self._advance(place.base, after)

    def _advance(self, base: str, by: int) -> None:
        if by:
            self.state.set(base, add(self.state.get(base), by))

    def _pair(self) -> None:
        place, after = self.operands.place()
        size = self.operands.size()
        places = [
            place._replace(size=size),
            place._replace(size=size, displacement=place.displacement + size),
        ]
        if self.name in ("stp", "stnp"):
            values = [part(self.operands.read(index), size) for index in (0, 1)]
            for at, value in zip(places, values, strict=True):
                self.state.store(at, value, self.code)
        else:
            values = [self.state.load(at, self.code, size) for at in places]
            for index, value in enumerate(values):
                self.operands.write(index, value if size == 16 else wide(value))
        self._advance(place.base, after)

    def _exchange(self) -> None:
        place, _ = self.operands.place()
        size = EXCHANGES[self.name] or self.operands.size()
        expected, replacement = part(self.operands.read(0), size), part(self.operands.read(1), size)
        old = self.state.exchange(place._replace(size=size), expected, replacement, self.code)
        self.operands.write(0, wide(old))

    def _change(self) -> None:
        place, _ = self.operands.place()
        fetches = self.name in FETCHES
        operator, size = FETCHES[self.name] if fetches else CHANGES[self.name]
        size = size or self.operands.size()
        value = part(self.operands.read(0), size)
        if operator == "&":
            value = ir.Unary("~", value, value.type)  # the bits that are cleared are set in it
        wanted = fetches and self.operands.register(1) not in ("xzr", "wzr")
        old = self.state.atomic(operator, place._replace(size=size), value, self.code, wanted)
        if wanted:
            self.operands.write(1, wide(old))

    def _arithmetic(self) -> None:
        name, state = self.name, self.state
        match name:
            case "mov" | "movz":
                if self.operands[1].type == arm.ARM64_OP_REG and self.operands.size() == 16:
                    raise self.operands.unknown()
                self.operands.write(0, self.operands.read(1))
            case "movn":
                value = self.operands.read(1)
                self.operands.write(0, number(~(known(value) or 0), self.operands.size()))
            case "movk":
                shift = self.operands[1].shift.value if self.operands[1].shift.type else 0
                kept = binary(
                    "&", self.operands.read(0), number(~(0xFFFF << shift), self.operands.size())
                )
                self.operands.write(0, binary("|", kept, self.operands.read(1)))
            case "mvn":
                value = self.operands.read(1)
                self.operands.write(0, ir.Unary("~", value, value.type))
            case "neg" | "negs":
                value = self.operands.read(1)
                zero = number(0, value.type.size)
                self.operands.write(0, binary("-", zero, value))
                if name == "negs":
                    state.flags = of.of_compare(zero, value)
            case "cmp":
                state.flags = of.of_compare(self.operands.read(0), self.operands.read(1))
            case "cmn":
                state.flags = self._sum_flags(self.operands.read(0), self.operands.read(1))
            case "tst":
                state.flags = self._bits_flags(
                    binary("&", self.operands.read(0), self.operands.read(1))
                )
            case "asr" | "asrv":
                self.operands.write(0, arithmetic_shift(self.operands.read(1), self._count()))
            case "madd" | "msub":
                product = binary("*", self.operands.read(1), self.operands.read(2))
                operator = "+" if name == "madd" else "-"
                self.operands.write(0, binary(operator, self.operands.read(3), product))
            case "adrp" | "adr":
                self.operands.write(0, number(self.operands[1].imm))
            case "uxtb" | "uxth" | "uxtw":
                size = {"b": 1, "h": 2, "w": 4}[name[-1]]
                self.operands.write(
                    0, part(wide(part(self.operands.read(1), size)), self.operands.size())
                )
            case "sxtb" | "sxth" | "sxtw":
                size = {"b": 1, "h": 2, "w": 4}[name[-1]]
                self.operands.write(
                    0, sign_extended(part(self.operands.read(1, 8), size), self.operands.size())
                )
            case "ubfx" | "ubfiz" | "sbfx" | "sbfiz" | "bfi" | "bfxil":
                self._field()
            case "csel" | "csinc" | "csinv" | "csneg" | "cset" | "csetm" | "cinc" | "cinv" | "cneg":
                self._select()
            case "ccmp":
                self._compare_if()
            case "clz" | "rbit" | "rev" | "rev16" | "rev32":
                self._turn()
            case "ror" | "rorv" | "extr":
                self._rotate()
            case (
                "umaddl" | "smaddl" | "umsubl" | "smsubl" | "umull" | "smull" | "umnegl" | "smnegl"
            ):
                self._long_product()
            case "adc" | "adcs" | "sbc" | "sbcs":
                self._with_carry()
            case "fmov":
                self.operands.write(0, self.operands.read(1))
            case _ if name in BINARY:
                self._binary()
            case _:
                raise self.operands.unknown()

    def _sum_flags(self, first: ir.Term, second: ir.Term) -> of.Flags:
        """Carry is x86's borrow here, the opposite of what an addition gives on aarch64."""
        flags = of.of_sum(first, second, add(first, second))
        return flags._replace(carry=None if flags.carry is None else opposite(flags.carry))

    def _bits_flags(self, result: ir.Term) -> of.Flags:
        """Carry is cleared, which is x86's borrow: conditions hs and lo are those of its opposite."""
        return of.of_result(result)._replace(carry=number(1, 1))

    def _compare_if(self) -> None:
        """A compare where a condition holds, and flags that are known where it does not."""
        when = self.operands.flag(CC.get(self.code.instruction.cc, ""))
        bits = self.operands[2].imm
        otherwise = of.of_number(bits >> 2 & 1, bits >> 3 & 1, not bits >> 1 & 1, bits & 1)
        when = self.state.named("when", when, self.code)
        compared = of.of_compare(self.operands.read(0), self.operands.read(1))
        self.state.flags = of.chosen(when, compared, otherwise)

    def _turn(self) -> None:
        name, state, code = self.name, self.state, self.code
        value = self.operands.read(1)
        match name:
            case "clz":
                self.operands.write(0, leading_zeros(value, state, code))
            case "rbit":
                self.operands.write(0, reversed_bits(value, state, code))
            case _:
                unit = int(name[3:] or 8 * value.type.size) // 8
                self.operands.write(0, reversed_bytes(value, unit, state, code))

    def _rotate(self) -> None:
        times = known(self.operands.read(len(self.operands) - 1))
        if times is None:
            raise self.operands.unknown()
        if self.name != "extr":
            self.operands.write(0, rotated_right(self.operands.read(1), times))
            return
        upper, lower = self.operands.read(1), self.operands.read(2)
        width = 8 * lower.type.size
        if times:
            lower = binary(">>", lower, number(times, 1))
            lower = binary("|", lower, binary("<<", upper, number(width - times, 1)))
        self.operands.write(0, lower)

    def _long_product(self) -> None:
        """A product of two words, added to or taken from what there is."""
        with_sign = self.name[0] == "s"
        first, second = (part(self.operands.read(index, 4), 4) for index in (1, 2))
        sides = [sign_extended(each, 8) if with_sign else wide(each) for each in (first, second)]
        product = binary("*", *sides)
        has_sum = self.name[1:] in ("maddl", "msubl")
        before = self.operands.read(3) if has_sum else number(0, 8)
        minus = self.name[1:] in ("msubl", "mnegl")
        self.operands.write(0, binary("-", before, product) if minus else add(before, product))

    def _with_carry(self) -> None:
        borrow = self.state.flags.condition("b")
        if borrow is None:
            raise self.operands.unknown()
        borrow = self.state.named("borrow", borrow, self.code)
        first, second = self.operands.read(1), self.operands.read(2)
        size = first.type.size
        if self.name.startswith("adc"):
            result = add(add(first, second), convert(opposite(borrow), UNSIGNED[size]))
            flags = of.of_sum(first, second, result, opposite(borrow))
            flags = flags._replace(carry=None if flags.carry is None else opposite(flags.carry))
        else:
            result = binary("-", binary("-", first, second), convert(borrow, UNSIGNED[size]))
            flags = of.of_difference(first, second, result, borrow)
        if self.name.endswith("s"):
            self.state.flags = flags
        self.operands.write(0, result)

    def _count(self) -> ir.Term:
        return part(self.operands.read(2), 1)

    def _binary(self) -> None:
        name, state = self.name, self.state
        operator = BINARY[name]
        first = self.operands.read(1)
        if operator in ir.SHIFTS:
            self.operands.write(0, binary(operator, first, self._count()))
            return
        second = self.operands.read(2)
        if name in INVERTED:
            value = known(second)
            size = second.type.size
            inverted = ir.Unary("~", second, second.type)
            second = number(~value, size) if value is not None else inverted
        result = add(first, second) if operator == "+" else binary(operator, first, second)
        self.operands.write(0, result)
        if name == "subs":
            state.flags = of.of_compare(first, second)
        elif name == "adds":
            state.flags = self._sum_flags(first, second)
        elif name in ("ands", "bics"):
            state.flags = self._bits_flags(result)

    def _field(self) -> None:
        name, size = self.name, self.operands.size()
        low, width = (self.operands[index].imm for index in (2, 3))
        mask = number((1 << width) - 1, size)
        value = self.operands.read(1)
        match name:
            case "ubfx":
                self.operands.write(0, binary("&", binary(">>", value, number(low, 1)), mask))
            case "ubfiz":
                self.operands.write(0, binary("<<", binary("&", value, mask), number(low, 1)))
            case "sbfx" | "sbfiz":
                up = 8 * size - width - (low if name == "sbfx" else 0)
                down = 8 * size - width - (low if name == "sbfiz" else 0)
                raised = binary("<<", value, number(up if name == "sbfx" else 8 * size - width, 1))
                self.operands.write(0, arithmetic_shift(raised, number(down, 1)))
            case "bfi":
                hole = number(~(((1 << width) - 1) << low), size)
                field = binary("<<", binary("&", value, mask), number(low, 1))
                self.operands.write(0, binary("|", binary("&", self.operands.read(0), hole), field))
            case _:
                hole = number(~((1 << width) - 1), size)
                field = binary("&", binary(">>", value, number(low, 1)), mask)
                self.operands.write(0, binary("|", binary("&", self.operands.read(0), hole), field))

    def _select(self) -> None:
        name, size = self.name, self.operands.size()
        when = self.operands.flag(CC.get(self.code.instruction.cc, ""))
        if name in ("cset", "csetm"):
            one = number(1 if name == "cset" else -1, size)
            self.operands.write(0, choose(when, one, number(0, size)))
            return
        first = self.operands.read(1)
        changed = {
            "cinc": add(first, 1),
            "cinv": ir.Unary("~", first, first.type),
            "cneg": binary("-", number(0, size), first),
        }
        if name in changed:
            self.operands.write(0, choose(when, changed[name], first))
            return
        second = self.operands.read(2)
        match name:
            case "csinc":
                second = add(second, 1)
            case "csinv":
                second = ir.Unary("~", second, second.type)
            case "csneg":
                second = binary("-", number(0, size), second)
            case _:
                pass
        self.operands.write(0, choose(when, first, second))
