"""A section that loads for x86-64, in the assembler's AT&T syntax.

Registers: the nine that a call may change, but rcx where a shift has its count in it, and rdx where it
is the CPU's area.
"""

from __future__ import annotations

from ..program import SymbolAddress, section as ir
from ..program.flat import Branch, FlatInstruction, Leave, flatten
from .context import Context, Operands
from .exits import scaled, split, symbol_address
from .loading import Loading, Value

_POOL = ("rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11")
_LETTER = {1: "b", 2: "w", 4: "k", 8: "q"}
_FIRST = {2: "", 4: "e", 8: "r"}
_SUFFIX = {1: "b", 2: "w", 4: "l", 8: "q"}
_CONDITIONS = {
    "==": ("e", "e"),
    "!=": ("ne", "ne"),
    "<": ("b", "l"),
    "<=": ("be", "le"),
    ">": ("a", "g"),
    ">=": ("ae", "ge"),
}
_ARITHMETIC = {"+": "addq", "-": "subq", "*": "imulq", "&": "andq", "|": "orq", "^": "xorq"}
_CHANGES = {"+": "add", "-": "sub", "&": "and", "|": "or", "^": "xor"}


class X86Loading(Loading):
    """Spells instructions for x86-64."""

    most = 14  # of 16: the stack has one, and at -O0 the frame
    own_data = "rdx"

    def __init__(self, context: Context, operands: Operands) -> None:
        assert context.loading is not None
        shifts = any(map(_has_count, flatten(context.loading)))
        without = {"rcx"} if shifts else set()
        without |= {"rdx"} if context.here else set()
        self.pool = tuple(each for each in _POOL if each not in without)
        super().__init__(context, operands)
        self.used |= {"rax"} | without

    def add(self, text: str) -> None:
        """The next line."""
        self.lines.append((text, ""))

    # ---- places -----------------------------------------------------------------------------------

    def place(self, address: ir.Term, bare: bool) -> str:
        """``8(%[opv_percpu], %%rax, 8)``."""
        base, offset = split(address)
        match base:
            case None:
                return self._at(self.in_register(ir.Constant(offset, ir.U64)))
            case ir.Address():
                register, distance = self._variable(symbol_address(base))
                return self._at(register, distance + offset)
            case ir.Binary(operator="+", left=left, right=right) if right.type.size == 8:
                index, scale = scaled(right)
                register, distance = self._start(left)
                by = f", {_spelled(self.in_register(index))}, {scale}"
                return self._at(register, distance + offset, by)
            case _:
                return self._at(self.in_register(base), offset)

    def _at(self, register: str, distance: int = 0, index: str = "") -> str:
        """``index`` is a further register, as it is written."""
        return f"{distance or ''}({_spelled(register)}{index})"

    def _address(self, to: str, symbol: SymbolAddress) -> None:
        self.add(f"leaq {self._at(*self._variable(symbol))}, %%{to}")

    # ---- instructions -----------------------------------------------------------------------------

    def _source(self, value: Value, size: int) -> str:
        """A number or register as an instruction of that size takes it."""
        if isinstance(value, str):
            return _spelled(value, size)
        number = ir.fitted(value, ir.REGISTER_TYPES[f"i{8 * size}"])
        if -(1 << 31) <= number < 1 << 31:
            return f"${number}"
        register = self.scratch()
        self._move(register, value)
        return _spelled(register, size)

    def _move(self, to: str, value: Value) -> None:
        if isinstance(value, str):
            if value != to:
                self.add(f"movq {_spelled(value)}, %%{to}")
            return
        number = ir.fitted(value, ir.I64)
        if number == 0:
            self.add(f"movl $0, {_spelled(to, 4)}")  # the flags stay
        elif -(1 << 31) <= number < 1 << 31:
            self.add(f"movq ${number}, %%{to}")
        else:
            self.add(f"movabsq ${number}, %%{to}")

    def _load(self, to: str, place: str, type: ir.RegisterType, acquire: bool) -> None:
        if type.size == 8:
            self.add(f"movq {place}, %%{to}")
        elif ir.is_signed(type):
            self.add(f"movs{_SUFFIX[type.size]}q {place}, %%{to}")
        elif type.size == 4:
            self.add(f"movl {place}, {_spelled(to, 4)}")
        else:
            self.add(f"movz{_SUFFIX[type.size]}l {place}, {_spelled(to, 4)}")

    def _store(self, place: str, value: Value, size: int, release: bool) -> None:
        self.add(f"mov{_SUFFIX[size]} {self._source(value, size)}, {place}")

    def _change(
        self, operator: str, place: str, value: Value, type: ir.RegisterType, release: bool
    ) -> None:
        suffix = _SUFFIX[type.size]
        if operator not in ir.SHIFTS:
            self.add(f"{_CHANGES[operator]}{suffix} {self._source(value, type.size)}, {place}")
            return
        self.add(f"{_shift(operator, type)}{suffix} {self._count(value, type)}, {place}")

    def _id(self, to: str, offset: int) -> None:
        self.add(f"movl %%fs:{offset or ''}(%[opv_rseq]), {_spelled(to, 4)}")

    def _unary(self, operator: str, to: str) -> None:
        self.add(f"{'negq' if operator == '-' else 'notq'} %%{to}")

    def _arithmetic(self, operator: str, to: str, right: Value) -> None:
        self.add(f"{_ARITHMETIC[operator]} {self._source(right, 8)}, %%{to}")

    def _shift(self, operator: str, to: str, count: Value, type: ir.RegisterType) -> None:
        self.add(f"{_shift(operator, type)}q {self._count(count, type)}, %%{to}")

    def _count(self, count: Value, type: ir.RegisterType) -> str:
        """How far a shift goes: modulo the width of the word, of which processors know 32 and 64."""
        bits = 8 * type.size
        if isinstance(count, int):
            return f"${count % bits}"
        self._move("rcx", count)
        self.add(f"andl ${bits - 1}, %%ecx")
        return "%%cl"

    def _fit(self, to: str, type: ir.RegisterType) -> None:
        if type.size == 8:
            return
        if ir.is_signed(type):
            self.add(f"movs{_SUFFIX[type.size]}q {_spelled(to, type.size)}, %%{to}")
        elif type.size == 4:
            self.add(f"movl {_spelled(to, 4)}, {_spelled(to, 4)}")
        else:
            self.add(f"movz{_SUFFIX[type.size]}l {_spelled(to, type.size)}, {_spelled(to, 4)}")

    def _compare(self, left: str, right: Value) -> None:
        if right == 0:
            self._test(left)
        else:
            self.add(f"cmpq {self._source(right, 8)}, {_spelled(left)}")

    def _test(self, register: str) -> None:
        self.add(f"testq {_spelled(register)}, {_spelled(register)}")

    def _set(self, to: str, condition: str, signed: bool) -> None:
        self.add(f"set{_CONDITIONS[condition][signed]} {_spelled(to, 1)}")
        self.add(f"movzbl {_spelled(to, 1)}, {_spelled(to, 4)}")

    def _choose(self, to: str, then: str) -> None:
        self.add(f"cmovneq {_spelled(then)}, %%{to}")

    def _branch(self, condition: str, signed: bool, target: str) -> None:
        self.add(f"j{_CONDITIONS[condition][signed]} {target}")

    def _jump(self, target: str) -> None:
        self.add(f"jmp {target}")

    def _barrier(self) -> None:
        self.add("lock; addl $0, -128(%%rsp)")


def _shift(operator: str, type: ir.RegisterType) -> str:
    if operator == "<<":
        return "shl"
    return "sar" if ir.is_signed(type) else "shr"


def _has_count(each: FlatInstruction) -> bool:
    """Whether an instruction shifts by what is known only when it runs."""
    step = each.step
    if isinstance(step, Leave) or (isinstance(step, Branch) and step.condition is None):
        return False
    if isinstance(step, ir.Change) and step.operator in ir.SHIFTS:
        return not isinstance(step.value, ir.Constant)
    terms = (step.condition,) if isinstance(step, Branch) else ir.terms_of(step)
    return any(
        isinstance(part, ir.Binary)
        and part.operator in ir.SHIFTS
        and not isinstance(part.right, ir.Constant)
        for term in terms
        if term is not None
        for part in ir.every_term(term)
    )


def _spelled(register: str, size: int = 8) -> str:
    """``%%eax``, ``%%r8d``, ``%k[p_by]``."""
    if register.startswith("["):
        return f"%{_LETTER[size]}{register}"
    if register[1:].isdigit():
        return f"%%{register}" + {1: "b", 2: "w", 4: "d", 8: ""}[size]
    letters = register[1:]
    if size == 1:
        return f"%%{letters}l" if letters in ("si", "di") else f"%%{letters[0]}l"
    return f"%%{_FIRST[size]}{letters}"
