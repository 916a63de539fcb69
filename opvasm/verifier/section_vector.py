"""Whether a section is exactly a vector, and which: the same accesses in the same order.

A vector compares bytes, copies them, and changes a word.  A section is one when each load is used
at once, by an exit that asks whether it is (not) equal to something, or by the next store; when
addresses are those of variables and parameters; and when nothing is computed but a change of the
word that was loaded last.
"""

from __future__ import annotations

from ..abi import ops as op_table
from ..abi.ops import Operation
from ..abi.revisions import Abi
from ..codes import all_codes
from ..light_typing import NamedTuple
from ..program import (
    ArgumentValue,
    Data,
    Instruction,
    PoolAddress,
    PoolItem,
    SlotAddress,
    SymbolAddress,
    Value,
    Vector,
    section as ir,
)
from ..source import Place
from ..text.section_printer import step_line
from .kernel_rules import violations

_CHANGES: dict[str, Operation] = {
    "+": op_table.ADD,
    "-": op_table.ADD,
    "&": op_table.AND,
    "|": op_table.OR,
    "^": op_table.XOR,
    "<<": op_table.LSHIFT,
    ">>": op_table.RSHIFT,
}


class AsVector(NamedTuple):
    """A section as a vector.

    ``data`` is the program's with the constants that the vector's literal pool gained.  ``labels``
    gives for each label of the section the op whose compare stops the vector there.  ``cpu`` is
    the parameter that names the CPU to call cpu_opv for; None is the caller's.
    """

    vector: Vector
    data: Data
    labels: dict[str, tuple[int, ...]]
    cpu: str | None


class NoVector(Exception):
    """A section that is not a vector; the reason is a clause, ``place`` that of the step that has no op."""

    def __init__(self, reason: str, place: Place | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.place = place


def as_vector(section: ir.Section, data: Data, abi: Abi) -> AsVector:
    """The vector that a section is.  Raises NoVector with the reason where it is none."""
    return _ToVector(section, data, abi).convert()


class _Loaded(NamedTuple):
    """A local that holds what was just read: its address and size."""

    address: ir.Term
    size: int


class _ToVector:
    def __init__(self, section: ir.Section, data: Data, abi: Abi) -> None:
        self.section = section
        self.data = data
        self.abi = abi
        self.instructions: list[Instruction] = []
        self.pool: list[PoolItem] = list(data.pool)
        self.labels: dict[str, list[int]] = {}
        self.cpu: str | None = None
        self.values: dict[str, ir.Term] = {}  # what a local is known to be
        self.loaded: dict[str, _Loaded] = {}  # read, and nothing else read or written since

    def convert(self) -> AsVector:
        """Go through the steps."""
        section = self.section
        if section.results:
            raise NoVector(f"it gives {', '.join(section.results)} to its caller")
        for step in section.body:
            try:
                self.step(step)
            except NoVector as problem:
                text = f"`{_text(step)}`"
                reason = problem.reason if text in problem.reason else f"{text}: {problem.reason}"
                raise NoVector(reason, step.place) from None
        limit = self.abi.revision.vector_length_max
        if not 0 < len(self.instructions) <= limit:
            count = len(self.instructions)
            raise NoVector(f"it would have {count} ops, and a vector has 1 to {limit}")
        refused = next(violations(self.instructions, self.abi), None)
        if refused is not None:
            raise NoVector(f"cpu_opv would refuse it: {all_codes()[refused.code].title}")
        parameters = tuple(each for each in section.parameters if each.name != self.cpu)
        vector = Vector(
            section.name, parameters, tuple(self.instructions), section.verified, section.place
        )
        data = self.data._replace(pool=tuple(self.pool))
        labels = {name: tuple(ops) for name, ops in self.labels.items()}
        return AsVector(vector, data, labels, self.cpu)

    def step(self, step: ir.Step) -> None:
        """One step."""
        match step:
            case ir.Load(acquire=True):
                raise NoVector(f"`{_text(step)}` is ordered, and no op reads with acquire order")
            case ir.Load(local=local, address=address, type=type):
                if len(self.loaded) == 2:
                    raise NoVector(f"`{_text(step)}` reads what no op compares or copies at once")
                self.values.pop(local, None)
                self.loaded[local] = _Loaded(address, type.size)
            case ir.Set(local=local, value=ir.Id(name="cpu_id") as value):
                self.values[local] = value
            case ir.Set(local=local, value=value):
                self.values[local] = self.known(value)
            case ir.Exit(label=label, condition=condition) if condition is not None:
                self.exit(step, label, condition)
            case ir.Store():
                self.store(step)
            case ir.Change(operator=operator, address=address, value=value, type=type):
                self.only(step)
                self.change(operator, address, value, type.size, step.release)
            case ir.Copy(target=target, source=source, length=ir.Constant(value=length)):
                self.only(step)
                self.add(op_table.MEMCPY, length, (self.address(target), self.address(source)))
            case ir.Barrier():
                self.only(step)
                self.add(op_table.MB, 0, ())
            case ir.SystemCall():
                raise NoVector("the kernel runs a vector, which makes no system call")
            case ir.AtomicChange():
                raise NoVector("no op reads and writes a word in one step for every CPU")
            case ir.CompareExchange():
                raise NoVector("no op compares and exchanges in one step for every CPU")
            case ir.Copy():
                raise NoVector("the length of a copy is a value, and an op's is a number")
            case _:
                raise NoVector(f"`{_text(step)}`: a vector's ops follow one another")

    # ---- steps --------------------------------------------------------------------------------

    def exit(self, step: ir.Step, label: str, condition: ir.Term) -> None:
        """A compare that stops the vector."""
        match condition:
            case ir.Binary(operator="!=" | "==" as operator, left=left, right=right):
                pass
            case _:
                raise NoVector(f"`{_text(step)}`: a compare asks only whether bytes are equal")
        if self.asks_for_the_cpu(operator, left, right):
            return
        order = list(self.loaded)
        terms = sorted((left, right), key=lambda t: _rank(t, order))  # an op reads a, then b
        sides = [self.side(each) for each in terms]
        used = [each for each in sides if isinstance(each, _Loaded)]
        if len(used) != len(self.loaded) or not used:
            raise NoVector(f"`{_text(step)}` compares what was not read just before")
        size = used[0].size
        operands = [self.operand(each, size) for each in sides]
        self.labels.setdefault(label, []).append(len(self.instructions))
        operation = op_table.CMPEQ if operator == "!=" else op_table.CMPNE
        self.add(operation, size, tuple(operands))
        # What is equal from here on may stand for what was read.
        known = {
            mine.name: None if self.reads_memory(other) else self.known(other)
            for mine, other in ((left, right), (right, left))
            if isinstance(mine, ir.Local) and mine.name in self.loaded
        }
        self.loaded.clear()
        for name, value in known.items():
            if operator == "!=" and value is not None:
                self.values[name] = value

    def asks_for_the_cpu(self, operator: str, left: ir.Term, right: ir.Term) -> bool:
        """``exit moved if cpu_id != cpu``: the vector is called for that CPU."""
        sides = [
            self.known(each) if not self.reads_memory(each) else each for each in (left, right)
        ]
        ids = [each for each in sides if isinstance(ir.bare(each), ir.Id)]
        if not ids:
            return False
        given = [bare for each in sides if isinstance(bare := ir.bare(each), ir.Argument)]
        if operator != "!=" or len(given) != 1 or self.instructions or self.loaded:
            raise NoVector("it does with cpu_id what no vector can")
        if self.cpu not in (None, given[0].name):
            raise NoVector("it compares cpu_id with two parameters")
        self.cpu = given[0].name
        return True

    def store(self, step: ir.Store) -> None:
        """A copy, or a change of the word that was just read."""
        size = step.type.size
        match step.value:
            case ir.Binary(operator=operator, left=ir.Local(name=name), right=right) if (
                name in self.loaded and operator in _CHANGES and len(self.loaded) == 1
            ):
                if self.address(self.loaded[name].address) != self.address(step.address):
                    raise NoVector(f"`{_text(step)}` stores elsewhere what it has computed")
                self.loaded.clear()
                self.change(operator, step.address, right, size, step.release)
                return
            case _:
                pass
        side = self.side(step.value)
        if len(self.loaded) != isinstance(side, _Loaded):
            raise NoVector(f"`{_text(step)}` stands between a load and its use")
        operation = op_table.MEMCPY_RELEASE if step.release else op_table.MEMCPY
        self.add(operation, size, (self.address(step.address), self.operand(side, size)))
        self.loaded.clear()

    def change(
        self, operator: str, address: ir.Term, value: ir.Term, size: int, release: bool
    ) -> None:
        """An op on a word."""
        operation = _CHANGES[operator]
        if release:
            if operation is not op_table.ADD:
                raise NoVector(f"there is no `{operation.mnemonic}` with release order")
            operation = op_table.ADD_RELEASE
        known = self.known(value)
        match known:
            case ir.Constant(value=number, type=type):
                immediate: Value = number & ((1 << (8 * type.size)) - 1)
                if operator in ("+", "-"):
                    signed = ir.fitted(number, ir.REGISTER_TYPES[f"i{8 * type.size}"])
                    immediate = -signed if operator == "-" else signed
            case ir.Argument(name=name) if operator != "-":
                immediate = ArgumentValue(self.value_of(name))
            case _:
                raise NoVector(
                    f"no op takes a {'negated ' if operator == '-' else ''}value as its count"
                )
        self.add(operation, size, (self.address(address),), immediate)

    def only(self, step: ir.Step) -> None:
        """Nothing that was read waits for its use."""
        if self.loaded:
            raise NoVector(f"`{_text(step)}` stands between a load and its use")

    # ---- values and places --------------------------------------------------------------------

    def reads_memory(self, term: ir.Term) -> bool:
        return any(isinstance(e, ir.Local) and e.name in self.loaded for e in ir.every_term(term))

    def known(self, term: ir.Term) -> ir.Term:
        """A value without locals."""
        match term:
            case ir.Local(name=name) if name in self.values:
                return self.values[name]
            case ir.Constant() | ir.Argument() | ir.Address() | ir.Id():
                return term
            case ir.Convert(operand=operand, type=type):
                inner = self.known(operand)
                if isinstance(inner, ir.Constant):
                    return ir.Constant(ir.fitted(inner.value, type), type)
                return inner if inner.type.size == type.size else term._replace(operand=inner)
            case ir.Binary(operator="+" | "-", left=left, right=right):
                return term._replace(left=self.known(left), right=self.known(right))
            case ir.Local(name=name):
                raise NoVector(f"{name} was read before, and an op reads for itself")
            case _:
                raise NoVector("it computes what no op computes")

    def side(self, term: ir.Term) -> ir.Term | _Loaded:
        """A side of a compare or copy: what was just read, or a value."""
        if isinstance(term, ir.Local) and term.name in self.loaded:
            return self.loaded[term.name]
        return self.known(term)

    def operand(self, side: ir.Term | _Loaded, size: int) -> Value:
        """The address of an operand's bytes: memory, an argument's slot, a constant of the pool."""
        if isinstance(side, _Loaded):
            if side.size != size:
                raise NoVector("it compares or copies values of two sizes")
            return self.address(side.address)
        match side:
            case ir.Argument(name=name, type=type) if type.size == size:
                return SlotAddress(self.value_of(name))
            case ir.Constant(value=value):
                number = value & ((1 << (8 * size)) - 1)
                return self.constant(size, number.to_bytes(size, self.abi.model.byteorder))
            case ir.Address():
                return self.constant(size, self.symbol(side))
            case _:
                raise NoVector("a value that it stores or compares is computed")

    def constant(self, size: int, value: bytes | Value) -> PoolAddress:
        """A place in the literal pool."""
        for item in self.pool:
            if item.size == size and item.value == value:
                return PoolAddress(item.offset)
        end = max((item.offset + item.size for item in self.pool), default=0)
        offset = -(-end // size) * size
        self.pool.append(PoolItem(offset, size, value))
        return PoolAddress(offset)

    def address(self, term: ir.Term) -> Value:
        """An address that an op can hold: of a variable, a parameter plus a constant, a number."""
        match term:
            case ir.Address():
                return self.symbol(term)
            case ir.Constant(value=value):
                return value
            case ir.Argument(name=name):
                return ArgumentValue(self.value_of(name))
            case ir.Binary(operator="+" | "-" as sign, left=left, right=ir.Constant(value=value)):
                distance = ir.fitted(value, ir.I64)
                base = self.address(left)
                moved = distance if sign == "+" else -distance
                if isinstance(base, int):
                    return base + moved
                if isinstance(base, ArgumentValue | SymbolAddress):
                    return base._replace(addend=base.addend + moved)
                raise NoVector("it computes an address")
            case ir.Local(name=name) if name in self.values:
                return self.address(self.values[name])
            case ir.Local(name=name):
                raise NoVector(f"an address comes from {name}, which it has loaded")
            case _:
                raise NoVector("it computes an address")

    def value_of(self, name: str) -> str:
        """A parameter that an op takes; that of the CPU is none of the vector's, which is called for it."""
        if name == self.cpu:
            raise NoVector(f"{name} is the CPU that it asks for, and a value too")
        return name

    def symbol(self, term: ir.Address) -> SymbolAddress:
        """The address of a variable; of the CPU that the vector runs on, or of one by number."""
        cpu = None if term.cpu is None else ir.bare(self.known(term.cpu))
        match cpu:
            case None | ir.Id(name="cpu_id" | "cpu_id_start"):
                return SymbolAddress(term.symbol, term.addend)
            case ir.Argument(name=name) if name == self.cpu:
                return SymbolAddress(term.symbol, term.addend)
            case ir.Constant(value=value):
                return SymbolAddress(term.symbol, term.addend, value)
            case _:
                raise NoVector("it names a CPU by a value")

    def add(
        self,
        operation: Operation,
        length: int,
        addresses: tuple[Value, ...],
        immediate: Value | None = None,
    ) -> None:
        """The next op."""
        opcode = self.abi.opcode(operation)
        if opcode is None:
            name = self.abi.revision.name
            raise NoVector(f"the revision {name} has no {operation.mnemonic}")
        flags = (0,) * len(addresses)
        self.instructions.append(
            Instruction(opcode, operation, length, addresses, flags, immediate)
        )


def _rank(term: ir.Term, order: list[str]) -> int:
    """What was loaded first comes first, and values stand where they are."""
    loaded = isinstance(term, ir.Local) and term.name in order
    return order.index(term.name) if loaded and isinstance(term, ir.Local) else len(order)


def _text(step: ir.Step) -> str:
    match step:
        case ir.If():
            return "if"
        case ir.Loop():
            return "loop"
        case _:
            return step_line(step)
