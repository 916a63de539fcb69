"""A section that loads as plain C: what the holder of a CPU's lock runs, one statement an instruction."""

from __future__ import annotations

from collections.abc import Iterator

from ..formats.c_words import identifier
from ..program import Pointer, section as ir
from ..program.flat import ROUNDS, Branch, Leave, Simple, flatten, settled
from .context import Context
from .exits import answers, handed_over, no_code, results_at, step_comment, symbol_address
from .homes import NoCode, read_locals
from .plain import BARRIER, line_marks

# Operators whose value is 0 or 1.
_TRUTHS = (*ir.COMPARES, *ir.LOGIC)


def loading_statements(context: Context) -> Iterator[str]:
    """C statements that set ``opv_result`` and go to ``opv_out`` at the end."""
    assert context.loading is not None
    yield from _Writer(context, context.loading).lines()


class _Writer:
    """Writes one section; its locals have names that begin with ``opv_local_``."""

    def __init__(self, context: Context, section: ir.Section) -> None:
        self.context = context
        self.section = section
        self.code = flatten(section)
        self.answers = answers(section)
        self.results = results_at(self.code, section)
        self.targets = {
            each.step.target
            for each in self.code
            if isinstance(each.step, Branch) and settled(self.code, each.step.target) is None
        }

    def lines(self) -> Iterator[str]:
        """The locals, then the instructions in the order of the text."""
        for name, type in self._locals().items():
            yield f"    {_c_type(type)} {_local(name)} = 0;"
        read = frozenset[str]().union(*(read_locals(each.step) for each in self.code))
        for name in self._locals():
            if name not in read and name not in self.section.results:
                yield f"    (void){_local(name)};"
        for index, each in enumerate(self.code):
            if isinstance(each.step, Leave):
                continue
            if index in self.targets:
                yield f"opv_at_{index}:"
            text = self.statement(each.step)
            if not text:
                continue
            if each.step.place is not None:
                yield f"    /* {step_comment(each.step)} */"
            yield from line_marks(each.step.place, text)

    def _locals(self) -> dict[str, ir.RegisterType]:
        found: dict[str, ir.RegisterType] = {}
        for each in self.code:
            if not isinstance(each.step, Branch | Leave):
                written = ir.written_local(each.step)
                if written is not None:
                    found.setdefault(*written)
        return found

    def statement(self, step: Simple) -> str:
        """One instruction."""
        match step:
            case Branch(condition=None, target=target):
                return self.jump(target)
            case Branch(condition=condition, target=target):
                assert condition is not None
                asked = f"({self.value(condition)})"
                if isinstance(condition, ir.Binary) and condition.operator in _TRUTHS:
                    asked = asked[1:-1].removeprefix("(uint8_t)")
                return f"if {asked} {{ {self.jump(target)} }}"
            case ir.Load(local=local, address=address, type=type, acquire=acquire):
                order = "opv_acquire" if acquire else "opv_load"
                loaded = f"{order}{8 * type.size}({self.place(address, type.size)})"
                loaded = f"({_c_type(type)}){loaded}" if ir.is_signed(type) else loaded
                return self.set(local, loaded)
            case ir.Set(local=local, value=value):
                return self.set(local, self.value(value))
            case ir.Store(address=address, value=value, type=type):
                return self.store(
                    step, self.place(address, type.size), self.value(value), value.type
                )
            case ir.Change(operator=operator, address=address, value=value, type=type):
                place = self.place(address, type.size)
                loaded = f"opv_load{8 * type.size}({place})"
                loaded = f"({_c_type(type)}){loaded}" if ir.is_signed(type) else loaded
                changed = self.joined(operator, loaded, type, value)
                return self.store(step, place, changed, type)
            case ir.Barrier():
                return BARRIER
            case _:
                raise no_code(step)

    def jump(self, index: int) -> str:
        """Where a jump goes: out of the section, or inside."""
        label = settled(self.code, index)
        if label is None:
            return f"goto opv_at_{index};"
        given = [handed_over(self.context, name, _local(name)) for name in self.results[label]]
        if label != ir.OK:
            given.append(f"opv_result = {self.answers[label]};")
        return " ".join([*given, "goto opv_out;"])

    def set(self, local: str, value: str) -> str:
        """A local gets a value."""
        return f"{_local(local)} = {value};"

    def store(
        self, step: ir.Store | ir.Change, place: str, value: str, found: ir.RegisterType
    ) -> str:
        """A store, ordered where it publishes something."""
        order = "commit" if step.commit or step.release else "store"
        bits = 8 * step.type.size
        exact = _c_type(found) == f"uint{bits}_t"
        return f"opv_{order}{bits}({place}, {value if exact else f'(uint{bits}_t){value}'});"

    # ---- values -----------------------------------------------------------------------------------

    def place(self, address: ir.Term, size: int) -> str:
        """A C expression for an address."""
        if isinstance(address, ir.Address):
            return self.context.symbol_address(symbol_address(address), size)
        return f"(void *)(uintptr_t)({self.value(address).removeprefix('(uint64_t)')})"

    def value(self, term: ir.Term) -> str:
        """A C expression of a term's type; a pointer is a uint64_t."""
        match term:
            case ir.Constant(value=value, type=type):
                number = value % (1 << (8 * type.size))
                plain = f"UINT64_C({number:#x})"
                return plain if _c_type(type) == "uint64_t" else f"({_c_type(type)}){plain}"
            case ir.Local(name=name):
                return _local(name)
            case ir.Argument(name=name, type=type):
                address = isinstance(type, Pointer)
                return f"(uint64_t)(uintptr_t){identifier(name)}" if address else identifier(name)
            case ir.Id(name="cpu_id" | "cpu_id_start"):
                return "(uint32_t)(opv_percpu - opv_m->percpu)"
            case ir.Id(name=name):
                raise NoCode(f"{name} is not in every thread's area")
            case ir.Address():
                return f"(uint64_t)(uintptr_t){self.place(term, 0)}"
            case ir.Unary(operator="!", operand=operand):
                return f"(uint8_t)!{self.value(operand)}"
            case ir.Unary(operator=operator, operand=operand, type=type):
                return f"({_c_type(type)})({operator}{self.wide(operand)})"
            case ir.Convert(operand=operand, type=type):
                return f"({_c_type(type)}){self.value(operand)}"
            case ir.Choose(condition=condition, then=then, otherwise=otherwise, type=type):
                sides = f"{self.value(then)} : {self.value(otherwise)}"
                return f"({_c_type(type)})({self.value(condition)} ? {sides})"
            case ir.Binary(operator=operator, left=left, right=right) if operator in ir.LOGIC:
                return f"(uint8_t)({self.value(left)} {operator} {self.value(right)})"
            case ir.Binary(operator=operator, left=left, right=right) if operator in ir.COMPARES:
                other = self.value(right)
                if _c_type(left.type) != _c_type(right.type):
                    other = f"({_c_type(left.type)}){other}"
                return f"(uint8_t)({self.value(left)} {operator} {other})"
            case ir.Binary(operator=operator, left=left, right=right, type=type):
                found = self.joined(operator, self.value(left), left.type, right)
                exact = _c_type(type) == _c_type(left.type)
                return found if exact else f"({_c_type(type)}){found}"

    def wide(self, term: ir.Term) -> str:
        """A value as 64 bits without a sign, in which nothing overflows."""
        return _wide(self.value(term), term.type)

    def joined(self, operator: str, left: str, type: ir.RegisterType, right: ir.Term) -> str:
        """``left operator right`` in the type of the left side."""
        narrow = "" if _c_type(type) == "uint64_t" else f"({_c_type(type)})"
        if operator not in ir.SHIFTS:
            return f"{narrow}({_wide(left, type)} {operator} {self.wide(right)})"
        count = str(8 * type.size - 1)
        if isinstance(right, ir.Constant):
            count = str(right.value % (8 * type.size))
        else:
            count = f"({self.wide(right)} & {count})"
        left = left if operator == ">>" else _wide(left, type)
        return f"{narrow}({left} {operator} {count})"


def _local(name: str) -> str:
    """The C name of a local; that of a loop's rounds is no word of the text."""
    return (
        f"opv_rounds{name.removeprefix(ROUNDS)}" if name.startswith(ROUNDS) else f"opv_local_{name}"
    )


def _wide(text: str, type: ir.RegisterType) -> str:
    return text if _c_type(type) == "uint64_t" else f"(uint64_t){text}"


def _c_type(type: ir.RegisterType) -> str:
    sign = "" if ir.is_signed(type) else "u"
    return f"{sign}int{8 * type.size}_t"
