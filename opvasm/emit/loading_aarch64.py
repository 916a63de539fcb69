"""A section that loads for aarch64.

Registers: those that a call may change, but the linker's x16 and x17, and x13 where it is the CPU's
area. x14 is an address that is too far for an offset.
"""

from __future__ import annotations

from ..program import SymbolAddress, section as ir
from .aarch64 import number_lines, offset_lines
from .context import Context, Operands
from .exits import scaled, split, symbol_address
from .loading import Loading, Value

_POOL = ("x9", "x10", "x11", "x12", "x15", "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7")
_LETTER = {1: "b", 2: "h", 4: "", 8: ""}
_CONDITIONS = {
    "==": ("eq", "eq"),
    "!=": ("ne", "ne"),
    "<": ("lo", "lt"),
    "<=": ("ls", "le"),
    ">": ("hi", "gt"),
    ">=": ("hs", "ge"),
}
_ARITHMETIC = {"+": "add", "-": "sub", "*": "mul", "&": "and", "|": "orr", "^": "eor"}


class Aarch64Loading(Loading):
    """Spells instructions for aarch64."""

    pool = _POOL
    most = 24
    own_data = "x13"

    def __init__(self, context: Context, operands: Operands) -> None:
        super().__init__(context, operands)
        self.used |= {"x11", "x14"} | ({"x13"} if context.here else set())

    def add(self, text: str) -> None:
        """The next line."""
        self.lines.append((text, ""))

    # ---- places -----------------------------------------------------------------------------------

    def place(self, address: ir.Term, bare: bool) -> str:
        """``[x13, #16]``; the register of a bare one has the whole address."""
        base, offset = split(address)
        match base:
            case None:
                return self._at(self.in_register(ir.Constant(offset, ir.U64)))
            case ir.Address():
                register, distance = self._variable(symbol_address(base))
                return self._reach(register, distance + offset, bare)
            case ir.Binary(operator="+", left=left, right=right) if right.type.size == 8:
                index, scale = scaled(right)
                start, distance = self._start(left)
                by = self.in_register(index)
                to = self.scratch()
                shift = f", lsl #{scale.bit_length() - 1}" if scale > 1 else ""
                self.add(f"add {to}, {_spelled(start)}, {_spelled(by)}{shift}")
                return self._reach(to, distance + offset, bare)
            case _:
                return self._reach(self.in_register(base), offset, bare)

    def _at(self, register: str, distance: int = 0) -> str:
        return f"[{_spelled(register)}{f', #{distance}' if distance else ''}]"

    def _reach(self, register: str, distance: int, bare: bool) -> str:
        if not distance:
            return self._at(register)
        if not bare and -256 <= distance < 256:
            return self._at(register, distance)
        self.lines += offset_lines("x14", _spelled(register), distance)
        return "[x14]"

    def _address(self, to: str, symbol: SymbolAddress) -> None:
        register, distance = self._variable(symbol)
        if distance:
            self.lines += offset_lines(to, _spelled(register), distance)
        else:
            self._move(to, register)

    # ---- instructions -----------------------------------------------------------------------------

    def _register(self, value: Value) -> str:
        """A register that holds a value, for an instruction that takes no number."""
        if value == 0:
            return "xzr"
        if isinstance(value, str):
            return value
        register = self.scratch()
        self._move(register, value)
        return register

    def _move(self, to: str, value: Value) -> None:
        if isinstance(value, int):
            self.lines += number_lines(to, value % (1 << 64))
        elif value != to:
            self.add(f"mov {to}, {_spelled(value)}")

    def _load(self, to: str, place: str, type: ir.RegisterType, acquire: bool) -> None:
        letter = _LETTER[type.size]
        if acquire:
            self.add(f"ldar{letter} {_spelled(to, type.size)}, {place}")
            if ir.is_signed(type):
                self._fit(to, type)
        elif ir.is_signed(type) and type.size < 8:
            self.add(f"ldrs{letter or 'w'} {to}, {place}")
        else:
            self.add(f"ldr{letter} {_spelled(to, type.size)}, {place}")

    def _store(self, place: str, value: Value, size: int, release: bool) -> None:
        register = _spelled(self._register(value), size)
        self.add(f"{'stlr' if release else 'str'}{_LETTER[size]} {register}, {place}")

    def _change(
        self, operator: str, place: str, value: Value, type: ir.RegisterType, release: bool
    ) -> None:
        word = self.scratch()
        self._load(word, place, type, False)
        if operator in ir.SHIFTS:
            self._shift(operator, word, value, type)
        else:
            self._arithmetic(operator, word, value)
        self._store(place, word, type.size, release)

    def _id(self, to: str, offset: int) -> None:
        self.add(f"ldr {_spelled(to, 4)}, [%[opv_rseq], #{offset}]")

    def _unary(self, operator: str, to: str) -> None:
        self.add(f"{'neg' if operator == '-' else 'mvn'} {to}, {to}")

    def _arithmetic(self, operator: str, to: str, right: Value) -> None:
        if isinstance(right, int) and operator in "+-" and 0 <= right < 4096:
            self.add(f"{_ARITHMETIC[operator]} {to}, {to}, #{right}")
        else:
            self.add(f"{_ARITHMETIC[operator]} {to}, {to}, {_spelled(self._register(right))}")

    def _shift(self, operator: str, to: str, count: Value, type: ir.RegisterType) -> None:
        bits = 8 * type.size
        name = "lsl" if operator == "<<" else "asr" if ir.is_signed(type) else "lsr"
        if isinstance(count, int):
            self.add(f"{name} {to}, {to}, #{count % bits}")
            return
        by = self.scratch()
        self.add(f"and {by}, {_spelled(count)}, #{bits - 1}")
        self.add(f"{name} {to}, {to}, {by}")

    def _fit(self, to: str, type: ir.RegisterType) -> None:
        if type.size == 8:
            return
        narrow = _spelled(to, 4)
        if ir.is_signed(type):
            self.add(f"sxt{_LETTER[type.size] or 'w'} {to}, {narrow}")
        elif type.size == 4:
            self.add(f"mov {narrow}, {narrow}")
        else:
            self.add(f"uxt{_LETTER[type.size]} {narrow}, {narrow}")

    def _compare(self, left: str, right: Value) -> None:
        if isinstance(right, int) and 0 <= right < 4096:
            self.add(f"cmp {_spelled(left)}, #{right}")
        else:
            self.add(f"cmp {_spelled(left)}, {_spelled(self._register(right))}")

    def _test(self, register: str) -> None:
        self.add(f"cmp {_spelled(register)}, #0")

    def _set(self, to: str, condition: str, signed: bool) -> None:
        self.add(f"cset {to}, {_CONDITIONS[condition][signed]}")

    def _choose(self, to: str, then: str) -> None:
        self.add(f"csel {to}, {_spelled(then)}, {to}, ne")

    def _branch(self, condition: str, signed: bool, target: str) -> None:
        self.add(f"b.{_CONDITIONS[condition][signed]} {target}")

    def _jump(self, target: str) -> None:
        self.add(f"b {target}")

    def _barrier(self) -> None:
        self.add("dmb ish")


def _spelled(register: str, size: int = 8) -> str:
    """``w9``, ``x9``, ``%x[p_by]``."""
    if register.startswith("["):
        return f"%{'x' if size == 8 else 'w'}{register}"
    return register if size == 8 else f"w{register[1:]}"
