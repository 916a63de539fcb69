"""Values and places of sections as text that reads back as the same terms."""

from __future__ import annotations

from ..expression import PRECEDENCE
from ..light_typing import NamedTuple
from ..program import Array, Data, Pointer, Scalar, Struct, Type, section as ir
from .names import Inside, number_text, type_text

_TIGHTEST = 20
# How far before something an address is written as `x - 8` and not as a number near 2 ** 64.
_NEAR = 1 << 20


class TermSpeller(NamedTuple):
    """Writes terms.

    ``data`` gives offsets their names: ``slab->begin`` for ``[slab + 8].u16``, where the type of
    ``slab`` says so.  ``word`` is the size of a pointer in bytes.
    """

    data: Data | None
    word: int

    # ---- values -------------------------------------------------------------------------------

    def value(self, term: ir.Term, bare: bool = False, precedence: int = 0) -> str:
        """A value.  ``bare``: a constant takes its type from what stands beside it."""
        match term:
            case ir.Constant(value=value, type=type):
                text = number_text(value)
                return text if bare else f"{_type_name(type)}({text})"
            case ir.Local(name=name) | ir.Argument(name=name) | ir.Id(name=name):
                return name
            case ir.Address():
                return self._inside(term).address()
            case ir.Unary(operator=operator, operand=operand):
                return (
                    f"{operator}{self.value(operand, bare=operator == '!', precedence=_TIGHTEST)}"
                )
            case ir.Convert(operand=operand, type=type):
                return f"{_type_name(type)}({self.value(operand)})"
            case ir.Choose(condition=condition, then=then, otherwise=otherwise):
                first = self.value(then, bare=not isinstance(otherwise, ir.Constant))
                return (
                    f"choose({self.value(condition, True)}, {first}, {self.value(otherwise, True)})"
                )
            case ir.Binary():
                return self._binary(term, precedence)

    def _binary(self, term: ir.Binary, precedence: int) -> str:
        operator, left, right = term.operator, term.left, term.right
        if operator == "+" and isinstance(right, ir.Constant) and right.type.size == self.word:
            back = (1 << (8 * self.word)) - right.value
            if 0 < back <= _NEAR:  # a distance backwards
                operator, right = "-", right._replace(value=back)
        own = PRECEDENCE[operator]
        logic = operator in ir.LOGIC
        constant = isinstance(right, ir.Constant) or operator in ir.SHIFTS
        first = self.value(left, bare=logic or not constant, precedence=own)
        second = self.value(right, bare=True, precedence=own + 1)
        ordered = operator in ("<", "<=", ">", ">=") and not isinstance(right, ir.Constant)
        if ordered and ir.is_signed(left.type) != ir.is_signed(right.type):
            second = f"{_type_name(left.type)}({self.value(right)})"
        text = f"{first} {operator} {second}"
        return f"({text})" if own < precedence else text

    def inferred(self, term: ir.Term) -> ir.RegisterType | None:
        """The type that the assembler gives a value; None for a literal, which has none."""
        match term:
            case ir.Constant():
                return None
            case ir.Unary(operator=operator, operand=operand):
                return ir.U8 if operator == "!" else self.inferred(operand) or operand.type
            case ir.Choose(then=then, otherwise=otherwise):
                return self.inferred(then) or self.inferred(otherwise) or term.type
            case ir.Binary(operator=operator, left=left, right=right):
                first = self.inferred(left) or self.inferred(right) or left.type
                second = self.inferred(right) or first
                return ir.binary_type(operator, first, second, self.word)
            case ir.Convert(type=Pointer(size=size)) | ir.Address(type=Pointer(size=size)):
                return Pointer(None, size)
            case _:
                return term.type

    # ---- places -------------------------------------------------------------------------------

    def place(self, address: ir.Term, type: ir.RegisterType) -> tuple[str, ir.RegisterType]:
        """The place of a type at an address, and the type that the assembler finds there."""
        flat = _flat(address)
        named = self._named(flat, type)
        if named is not None:
            return named, type
        found = Pointer(None, type.size) if isinstance(type, Pointer) else type
        return f"[{self.address(address)}].{_type_name(type)}", found

    def address(self, address: ir.Term) -> str:
        """An address as a value; a number is one of the machine's words."""
        return self.value(address, bare=True)

    def memory(self, address: ir.Term) -> str:
        """The memory at an address, whatever its type: for copies."""
        return f"[{self.address(address)}]"

    def _inside(self, term: ir.Address) -> Inside:
        """The variable, or the part of one, of an address."""
        on = "" if term.cpu is None else f"@{self._cpu(term.cpu)}"
        symbol = self.data.symbols.get(term.symbol) if self.data is not None else None
        return Inside(term.symbol, None if symbol is None else symbol.type, term.addend, on)

    def _cpu(self, cpu: ir.Term) -> str:
        text = self.value(cpu, bare=True)
        simple = isinstance(cpu, ir.Constant | ir.Local | ir.Argument | ir.Id)
        return text if simple else f"({text})"

    def _named(self, flat: _Flat, type: ir.RegisterType) -> str | None:
        """``head``, ``slots[i].value@c``, ``node->next``: where types lead to exactly this."""
        base, data = flat.base, self.data
        if data is None:
            return None
        match base:
            case ir.Address(symbol=symbol, cpu=cpu):
                known = data.symbols.get(symbol)
                if known is None or known.type is None:
                    return None
                path = self._path(known.type, flat.offset, flat.indexes, type)
                on = "" if cpu is None else f"@{self._cpu(cpu)}"
                return None if path is None else f"{symbol}{path}{on}"
            case ir.Local(type=Pointer(target=str(target))) | ir.Argument(
                type=Pointer(target=str(target))
            ):
                struct = data.structs.get(target)
                if struct is None:
                    scalar = ir.REGISTER_TYPES.get(target)
                    exact = scalar == type and not flat.offset and not flat.indexes
                    return f"[{base.name}]" if exact else None
                path = self._path(struct, flat.offset, flat.indexes, type)
                return f"{base.name}->{path.removeprefix('.')}" if path else None
            case _:
                return None

    def _path(
        self, declared: Type, offset: int, indexes: tuple[_Index, ...], wanted: ir.RegisterType
    ) -> str | None:
        """From a type to a field of exactly the wanted type, with indexes that are not known yet."""
        match declared:
            case Scalar() | Pointer():
                return "" if declared == wanted and not offset and not indexes else None
            case Struct(members=members):
                for member in members:
                    if member.offset <= offset < member.offset + member.type.size:
                        inner = self._path(member.type, offset - member.offset, indexes, wanted)
                        return None if inner is None else f".{member.name}{inner}"
                return None
            case Array(element=element, count=count):
                if indexes and indexes[0].stride == element.size:
                    inner = self._path(element, offset, indexes[1:], wanted)
                    return None if inner is None else f"[{self._index(indexes[0].term)}]{inner}"
                index, rest = divmod(offset, element.size)
                if not 0 <= index < count:
                    return None
                inner = self._path(element, rest, indexes, wanted)
                return None if inner is None else f"[{index}]{inner}"

    def _index(self, term: ir.Term) -> str:
        """An index; the assembler makes it as wide as an address itself."""
        if isinstance(term, ir.Convert) and term.type.size == self.word:
            inner = term.operand
            signed = ir.is_signed(inner.type)
            if inner.type.size < self.word and signed == ir.is_signed(term.type):
                return self.value(inner)
        return self.value(term)


class _Index(NamedTuple):
    """An index that is a value: ``term`` times ``stride`` bytes."""

    term: ir.Term
    stride: int


class _Flat(NamedTuple):
    """An address taken apart: a base, the indexes in their order, and a constant distance."""

    base: ir.Term
    indexes: tuple[_Index, ...]
    offset: int


def _flat(address: ir.Term) -> _Flat:
    match address:
        case ir.Address(addend=addend):
            return _Flat(address, (), addend)
        case ir.Binary(operator="+" | "-" as sign, left=left, right=ir.Constant(value=value)):
            base, indexes, offset = _flat(left)
            return _Flat(base, indexes, offset + value if sign == "+" else offset - value)
        case ir.Binary(operator="+", left=left, right=right):
            base, indexes, offset = _flat(left)
            stride, term = 1, right
            match right:
                case ir.Binary(operator="*", left=times, right=ir.Constant(value=stride)):
                    term = times
                case _:
                    pass
            return _Flat(base, (*indexes, _Index(term, stride)), offset)
        case _:
            return _Flat(address, (), 0)


def _type_name(type: ir.RegisterType) -> str:
    return "ptr" if isinstance(type, Pointer) else type_text(type)
