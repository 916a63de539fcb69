"""What the judge knows of memory and numbers: addresses, places, expressions, what an op does.

Written from docs/explorer.md and grammar/README.md.  Of opvasm only the trees of the parser and the
assembler's relocations are used; where a name lies, what an expression is worth and what an op
computes are said here again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from opvasm.assembler import Assembly
from opvasm.expression import (
    AddressOf,
    Arrow,
    AtCpu,
    Binary,
    Call,
    Expression,
    Index,
    Load,
    Member,
    Name,
    Number,
    OffsetOf,
    SizeOf,
    Unary,
)
from opvasm.program import (
    Area,
    ArgumentValue,
    Array,
    Pointer,
    PoolAddress,
    Scalar,
    SlotAddress,
    Struct,
    SymbolAddress,
    Type,
)
from opvasm.text.scenario_tree import Scenario, Set

from .memory import Fault, Memory

WORD = Scalar("u64", 8, False)
PERCPU, SHARED, OWN, IDS, PAGE = (n << 24 for n in (0x10, 0x20, 0x30, 0x40, 0x50))
STRIDE = 1 << 16


class Place(NamedTuple):
    """Where a number, an array or a struct lies; ``spread`` counts the instances that sum() adds."""

    address: int
    type: Type | None
    every_cpu: bool = False


class Scope(NamedTuple):
    """Who asks: a thread (its number, its CPU, its registers), or nobody (a condition)."""

    state: Any
    thread: int | None = None
    cpu: int | None = None
    registers: Mapping[str, Any] | None = None


def shorten(value: int, size: int) -> int:
    return value & ((1 << 8 * size) - 1)


# What an op makes of the word at p and its immediate.
CHANGES: dict[str, Callable[[int, int], int]] = {
    "add": lambda old, count: old + count,
    "add.release": lambda old, count: old + count,
    "or": lambda old, mask: old | mask,
    "and": lambda old, mask: old & mask,
    "xor": lambda old, mask: old ^ mask,
    "lshift": lambda old, bits: old << bits,
    "rshift": lambda old, bits: old >> bits,
}
COPIES = ("memcpy", "memcpy.release")
COMPARES = {"cmpeq": False, "cmpne": True}  # whether equal operands stop the vector


def _quotient(left: int, right: int) -> int:
    if right == 0:
        raise Fault
    sign = 1 if (left < 0) == (right < 0) else -1
    return sign * (abs(left) // abs(right))


def _bits(count: int) -> int:
    if not 0 <= count <= 1024:
        raise Fault
    return count


OPERATORS: dict[str, Callable[[int, int], int]] = {
    "==": lambda a, b: int(a == b),
    "!=": lambda a, b: int(a != b),
    "<": lambda a, b: int(a < b),
    "<=": lambda a, b: int(a <= b),
    ">": lambda a, b: int(a > b),
    ">=": lambda a, b: int(a >= b),
    "|": lambda a, b: a | b,
    "^": lambda a, b: a ^ b,
    "&": lambda a, b: a & b,
    "<<": lambda a, b: a << _bits(b),
    ">>": lambda a, b: a >> _bits(b),
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": _quotient,
    "%": lambda a, b: a - b * _quotient(a, b),
}


class World:
    """The memory of one configuration, and what names and expressions mean in it."""

    def __init__(self, assembly: Assembly, scenario: Scenario, cpus: int) -> None:
        self.program, self.scenario, self.cpus = assembly.program, scenario, cpus
        self.registered = True
        self.data = self.program.data
        self.order = self.program.abi.model.byteorder
        self.word = self.program.abi.model.word
        self.copies = [(each, n) for each in scenario.threads for n in range(each.count)]
        self.own: dict[tuple[int, str], Place] = {}
        self.own_size: list[int] = []
        for number, (thread, _) in enumerate(self.copies):
            address = OWN + number * STRIDE
            for each in thread.own:
                kind = self._type_named(each.type)
                address = -(-address // _alignment(kind)) * _alignment(kind)
                self.own[number, each.name] = Place(address, kind)
                address += kind.size
            self.own_size.append(address - OWN - number * STRIDE)
        self.memory = Memory(self.program.abi.revision.name)
        for cpu in range(cpus):
            self.memory.add(PERCPU + cpu * STRIDE, self.data.area_size(Area.PERCPU))
        self.memory.add(SHARED, self.data.area_size(Area.SHARED))
        for number in range(len(self.copies)):
            self.memory.add(OWN + number * STRIDE, self.own_size[number])
            self.memory.add(IDS + number * STRIDE, 8)
        for symbol in self.data.symbols.values():
            if symbol.area is Area.PAGE and symbol.page_kind.value != "unmapped":
                self.memory.add(PAGE + symbol.offset, symbol.size, symbol.page_kind.value)
        self.pool = {item.offset: item for item in self.data.pool}

    def _type_named(self, written: Any) -> Type:
        scalars = {
            f"{s}{8 * n}": Scalar(f"{s}{8 * n}", n, s == "i") for n in (1, 2, 4, 8) for s in "ui"
        }
        kind: Type
        if written.name in scalars:
            kind = scalars[written.name]
        elif written.name == "ptr":
            kind = Pointer(written.target.name if written.target else None, self.word)
        else:
            kind = self.data.structs[written.name]
        for count in reversed(written.counts):
            number = self.value(count, Scope(None))
            kind = Array(kind, number, kind.size * number)
        return kind

    # ---- memory -----------------------------------------------------------------------------

    def read(self, state: Any, address: int, size: int) -> bytes:
        return self.memory.read(state.memory, address, size)

    def write(self, state: Any, address: int, data: bytes) -> None:
        self.memory.write(state.memory, address, data)

    def number(self, data: bytes, signed: bool = False) -> int:
        return int.from_bytes(data, self.order, signed=signed)

    def bytes_of(self, value: int, size: int) -> bytes:
        return shorten(value, size).to_bytes(size, self.order)

    def load(self, state: Any, place: Place) -> int:
        kind = place.type or Pointer(None, self.word)
        assert isinstance(kind, Scalar | Pointer)
        signed = isinstance(kind, Scalar) and kind.signed
        return self.number(self.read(state, place.address, kind.size), signed)

    def store(self, state: Any, place: Place, value: int) -> None:
        size = self.word if place.type is None else place.type.size
        self.write(state, place.address, self.bytes_of(value, size))

    def symbol(self, name: str, cpu: int | None) -> int:
        symbol = self.data.symbols[name]
        if symbol.area is Area.PERCPU:
            return PERCPU + (cpu or 0) * STRIDE + symbol.offset
        return (SHARED if symbol.area is Area.SHARED else PAGE) + symbol.offset

    def initial(self) -> bytearray:
        """Memory as declared and as the scenario's init block sets it."""

        class Start(NamedTuple):
            memory: bytearray

        state = Start(bytearray(self.memory.size))
        for symbol in self.data.symbols.values():
            for cpu in range(self.cpus if symbol.area is Area.PERCPU else 1):
                for offset, size, value in symbol.initial:
                    number = self.relocated(value, cpu)
                    self.write(
                        state, self.symbol(symbol.name, cpu) + offset, self.bytes_of(number, size)
                    )
        for number, (thread, _) in enumerate(self.copies):
            cpu = self.value(thread.cpu, Scope(state))
            self.set_ids(state, number, cpu, cpu)
        for setting in self.scenario.init:
            if isinstance(setting, Set):
                value = self.value(setting.value, Scope(state))
                for place in self.instances(setting.place, Scope(state)):
                    self.store(state, place, value)
            else:
                nodes = [self.place(each, Scope(state)) for each in setting.nodes]
                addresses = [each.address for each in nodes]
                for place in self.instances(setting.head, Scope(state)):
                    self.store(state, place, addresses[0])
                for node, following in zip(nodes, [*addresses[1:], 0], strict=True):
                    self.store(state, self.link(node), following)
        return state.memory

    def set_ids(self, state: Any, thread: int, start: int, cpu: int) -> None:
        """cpu_id_start and cpu_id, 4 bytes each."""
        self.write(state, IDS + thread * STRIDE, self.bytes_of(start, 4) + self.bytes_of(cpu, 4))

    # ---- places -----------------------------------------------------------------------------

    def _struct_with(self, field: str | None) -> Struct:
        for each in self.data.structs.values():
            if field is None and any(isinstance(m.type, Pointer) for m in each.members):
                return each
            if field is not None and each.member(field):
                return each
        raise AssertionError(field)

    def link(self, node: Place) -> Place:
        """The first pointer of a struct."""
        kind = node.type if isinstance(node.type, Struct) else self._struct_with(None)
        field = next(m for m in kind.members if isinstance(m.type, Pointer))
        return Place(node.address + field.offset, field.type)

    def place(self, expression: Expression, scope: Scope, cpu: int | None = None) -> Place:
        """Where an expression's memory lies; ``cpu`` is the instance that ``@`` names."""
        match expression:
            case Name(name="cpu_id_start") if scope.thread is not None:
                return Place(IDS + scope.thread * STRIDE, WORD)
            case Name(name="cpu_id") if scope.thread is not None:
                return Place(IDS + scope.thread * STRIDE + 4, Scalar("u32", 4, False))
            case Name(name=name):
                if scope.thread is not None and (scope.thread, name) in self.own:
                    return self.own[scope.thread, name]
                symbol = self.data.symbols[name]
                known = scope.cpu if cpu is None else cpu
                every = symbol.area is Area.PERCPU and known is None
                return Place(self.symbol(name, known), symbol.type, every)
            case AtCpu(base=base, cpu=named):
                return self.place(base, scope, self.value(named, scope))
            case Member(base=Load(address=address), name=name):
                return Place(self.value(address, scope), self._type_named(_Written(name)))
            case Member(base=base, name=name):
                whole = self.place(base, scope, cpu)
                assert isinstance(whole.type, Struct)
                member = whole.type.member(name)
                assert member is not None
                return whole._replace(address=whole.address + member.offset, type=member.type)
            case Arrow(base=base, name=name):
                member = self._struct_with(name).member(name)
                assert member is not None
                return Place(self.value(base, scope) + member.offset, member.type)
            case Index(base=base, position=position):
                whole = self.place(base, scope, cpu)
                assert isinstance(whole.type, Array)
                element, number = whole.type.element, self.value(position, scope)
                return whole._replace(address=whole.address + number * element.size, type=element)
            case Load(address=address):
                return Place(self.value(address, scope), None)
            case _:
                raise AssertionError(expression)

    def instances(self, expression: Expression, scope: Scope) -> list[Place]:
        """A place's instances of every CPU, and every element of an array."""
        one = self.place(expression, scope)
        count = self.cpus if one.every_cpu else 1
        found = []
        for cpu in range(count):
            whole = [Place(one.address + cpu * STRIDE, one.type)]
            while isinstance(whole[0].type, Array):
                whole = [
                    Place(each.address + n * each.type.element.size, each.type.element)
                    for each in whole
                    if isinstance(each.type, Array)
                    for n in range(each.type.count)
                ]
            found += whole
        return found

    # ---- values -----------------------------------------------------------------------------

    def value(self, expression: Expression, scope: Scope) -> int:
        """What an expression is worth: whole numbers of any size."""
        match expression:
            case Number(value=value):
                return value
            case Name(name=name) if scope.thread is not None and scope.registers is not None:
                if name == "current":
                    assert scope.cpu is not None
                    return scope.cpu
                if name in self.data.constants:
                    return self.data.constants[name]
                if name == "mm_cid":
                    assert scope.cpu is not None
                    return scope.cpu if self.registered else 0
                return int(scope.registers.get(name, 0))
            case Name(name=name) if name in self.data.constants:
                return self.data.constants[name]
            case Member(base=Name(name="differs"), name="at") if scope.registers is not None:
                return int(scope.registers.get("$at", 0))
            case Unary(operator=operator, operand=operand):
                value = self.value(operand, scope)
                return {"-": -value, "~": ~value, "!": int(not value), "+": value}[operator]
            case Binary(operator="&&", left=left, right=right):
                return int(bool(self.value(left, scope)) and bool(self.value(right, scope)))
            case Binary(operator="||", left=left, right=right):
                return int(bool(self.value(left, scope)) or bool(self.value(right, scope)))
            case Binary(operator=operator, left=left, right=right):
                value = OPERATORS[operator](self.value(left, scope), self.value(right, scope))
                if abs(value).bit_length() > 2048:
                    raise Fault
                return value
            case AddressOf(place=place):
                return self.place(place, scope).address
            case SizeOf(type=named):
                symbol = self.data.symbols.get(named.name)
                return symbol.size if symbol is not None else self._type_named(named).size
            case OffsetOf(type=named, path=path):
                kind, offset = self._type_named(named), 0
                for name in path:
                    assert isinstance(kind, Struct)
                    member = kind.member(name)
                    assert member is not None
                    kind, offset = member.type, offset + member.offset
                return offset
            case Call(function="sum", arguments=(one,)):
                local = self._local(one, scope)
                if local is not None:
                    return local
                return sum(self.load(scope.state, each) for each in self.instances(one, scope))
            case Call(function="length", arguments=(one,)):
                return len(self.linked(one, scope))
            case Call(function="done", arguments=(Name(name=name),)):
                return sum(
                    scope.state.threads[n].done
                    for n, (thread, _) in enumerate(self.copies)
                    if thread.name == name
                )
            case _:
                local = self._local(expression, scope)
                if local is not None:
                    return local
                return self.load(scope.state, self.place(expression, scope))

    def _local(self, expression: Expression, scope: Scope) -> int | None:
        """``thread.local`` in a condition: of several copies the sum."""
        found = self._locals(expression, scope)
        return sum(found) if found else None

    def _locals(self, expression: Expression, scope: Scope) -> list[int]:
        """The values of ``thread.local`` or of ``thread[1].local``."""
        if scope.thread is not None or not isinstance(expression, Member):
            return []
        match expression.base:
            case Name(name=thread):
                copies = [n for n, (each, _) in enumerate(self.copies) if each.name == thread]
            case Index(base=Name(name=thread), position=Number(value=which)):
                copies = [
                    n
                    for n, pair in enumerate(self.copies)
                    if (pair[0].name, pair[1]) == (thread, which)
                ]
            case _:
                return []
        return [scope.state.threads[n].frames[0].registers.get(expression.name, 0) for n in copies]

    def cell(self, expression: Expression, scope: Scope) -> tuple[int, ...]:
        """What the table of outcomes shows of an expression; nothing where it has no value."""
        if isinstance(expression, Call) and expression.function == "list":
            return tuple(self.linked(expression.arguments[0], scope))
        return tuple(self._locals(expression, scope)) or (self.value(expression, scope),)

    def linked(self, head: Expression, scope: Scope) -> list[int]:
        """The nodes of a list; it ends where it comes back to one, and at an address where none is."""
        found: list[int] = []
        try:
            at = self.load(scope.state, self.place(head, scope))
            while at and at not in found:
                found.append(at)
                at = self.load(scope.state, self.link(Place(at, None)))
        except Fault:
            return found
        return [*found, at] if at else found

    def listed(self, expression: Expression, scope: Scope) -> list[int]:
        """What the right side of a partition holds: lists, locals and places, without zeros."""
        match expression:
            case Binary(operator="+", left=left, right=right):
                return self.listed(left, scope) + self.listed(right, scope)
            case Call(function="list", arguments=(head,)):
                return self.linked(head, scope)
            case _:
                value = self.value(expression, scope)
                return [value] if value else []

    # ---- operands of vectors ------------------------------------------------------------------

    def relocated(self, value: Any, cpu: int, arguments: Mapping[str, int] | None = None) -> int:
        """The number that a field of an op holds."""
        match value:
            case SymbolAddress(symbol=symbol, addend=addend, cpu=named):
                return self.symbol(symbol, cpu if named is None else named) + addend
            case ArgumentValue(parameter=parameter, addend=addend):
                assert arguments is not None
                return arguments[parameter] + addend
            case int():
                return value
            case _:
                raise AssertionError(value)

    def constant(self, value: Any, length: int, cpu: int, run: Any) -> bytes | None:
        """The bytes of an operand that is no place in memory: an argument's own, or a constant's."""
        match value:
            case SlotAddress(parameter=parameter):
                kind = next(each for each in run.vector.parameters if each.name == parameter).type
                return self.bytes_of(run.arguments[parameter], kind.size)[:length]
            case PoolAddress(offset=offset):
                item = self.pool[offset].value
                if isinstance(item, bytes):
                    return item[:length]
                return self.bytes_of(self.relocated(item, cpu), self.pool[offset].size)[:length]
            case _:
                return None


def _alignment(kind: Type) -> int:
    """A value of n bytes lies at a multiple of n, a struct at one of its widest member."""
    if isinstance(kind, Array):
        return _alignment(kind.element)
    if isinstance(kind, Struct):
        return max(_alignment(each.type) for each in kind.members)
    return kind.size


class _Written(NamedTuple):
    """A type that is only a name."""

    name: str
    target: Any = None
    counts: tuple[Any, ...] = ()
