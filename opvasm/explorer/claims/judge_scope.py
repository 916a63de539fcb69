"""Names inside conditions and init blocks, which may look at everything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ...expression import Call, Expression, Index, Member, Name, Number
from ...light_typing import NamedTuple
from ...machine.memory import Fault
from ...places import is_every_cpus
from ...program import Array, Pointer, Program, Struct
from ..lowering.meaning import NOTHING, Compiler, Spot, Value, constant_value
from ..steps import terms
from ..steps.code import Code
from ..steps.image import MAIN, Image
from ..steps.step import Kind
from ..steps.terms import Elements, Ended, Length, Memory, Nodes, RegisterOf, Sum, Term

LIST_LIMIT = 4096


class View:
    """A state as conditions see it: what their terms look at."""

    __slots__ = ("byteorder", "image", "local", "memory", "threads")

    def __init__(self, image: Image) -> None:
        self.image = image
        self.byteorder = image.byteorder
        self.local: list[int] = []
        self.memory: bytes | bytearray = b""
        self.threads: tuple[tuple[int, ...], ...] = ()

    def load_number(self, address: int, size: int) -> int:
        """The unsigned number at an address.  Raises Fault."""
        region = self.image.locate(address, size, False)
        if region.store != MAIN:
            raise Fault(address, size, False, address, region.kind)
        start = region.start + address - region.base
        return int.from_bytes(self.memory[start : start + size], self.image.byteorder)


class ThreadLocal(NamedTuple):
    """``thread.local``, or ``thread[copy].local``: which of the thread's ``copies`` are meant."""

    thread: str
    copies: slice
    local: str


def thread_local(expression: Expression) -> ThreadLocal | None:
    """The thread and the local that an expression may name; None where it is something else."""
    match expression:
        case Member(base=Name(name=thread), name=local):
            return ThreadLocal(thread, slice(None), local)
        case Member(base=Index(base=Name(name=thread), position=Number(value=copy)), name=local):
            return ThreadLocal(thread, slice(copy, copy + 1), local)
        case _:
            return None


class ThreadView(NamedTuple):
    """A thread of the text as conditions name it: its copies and its locals."""

    copies: tuple[int, ...]
    locals: tuple[str, ...]
    codes: tuple[Code, ...]


class JudgeScope:
    """Names inside conditions and init blocks: everything may be looked at."""

    reads_memory = True

    def __init__(
        self,
        program: Program,
        image: Image | None,
        names: tuple[str, ...],
        threads: Mapping[str, ThreadView],
        states: bool,
    ) -> None:
        self.program = program
        self.image = image
        self.thread_names = names
        self.threads = threads
        self.states = states
        self.reads_memory = image is not None
        self.cpus = None if image is None else image.cpus

    def value(self, name: str) -> Value | None:
        """A constant."""
        constants = self.program.data.constants
        return constant_value(constants[name]) if name in constants else None

    def own(self, name: str) -> Spot | None:
        """``thread.variable``: memory of a thread's own, where there is one thread of that name."""
        thread, _, variable = name.partition(".")
        view = self.threads.get(thread)
        if self.image is None or view is None or len(view.copies) != 1:
            return None
        number = view.copies[0]
        for each in self.image.own[number]:
            if each.name == variable:
                base = self.image.own_blocks[number].base
                return Spot(terms.Number(base + each.offset), each.type)
        return None

    def member(self, expression: Member) -> Value | None:
        """``thread.local``, ``thread[1].local``; of several copies, the sum."""
        found = self.registers(expression)
        if found is None:
            return None
        return Value(total(RegisterOf(thread, register) for thread, register in found))

    def registers(self, expression: Expression) -> list[tuple[int, int]] | None:
        """The (thread, register) pairs of ``thread.local``; None where it is something else."""
        named = thread_local(expression)
        view = self.threads.get(named.thread) if named else None
        if named is None or view is None or named.local not in view.locals:
            return None
        copies = view.copies[named.copies]
        return [(thread, view.codes[thread].registers[named.local]) for thread in copies]

    def call(self, expression: Call, compiler: Compiler) -> Value | None:
        """``sum(place)``, ``length(place)``, ``done(thread)``."""
        arguments = expression.arguments
        if len(arguments) != 1:
            return None
        match expression.function:
            case "sum":
                return self._sum(arguments[0], compiler)
            case "length":
                nodes = self.nodes(arguments[0], compiler)
                return NOTHING if nodes is None else Value(Length(nodes))
            case "done" if isinstance(arguments[0], Name) and arguments[0].name in self.threads:
                view = self.threads[arguments[0].name]
                return Value(total(Ended(each, _end(view.codes[each])) for each in view.copies))
            case _:
                return None

    def _sum(self, place: Expression, compiler: Compiler) -> Value:
        """The sum over all CPUs of a percpu place, over the elements of an array, or both."""
        found = self.registers(place)
        if found is not None:
            value = self.member(place) if isinstance(place, Member) else None
            return value if value is not None else NOTHING
        every = self.image is not None and is_every_cpus(place, self.program.data.symbols)
        cpus = self.image.cpus if self.image is not None and every else 1
        parts: list[Term] = []
        for cpu in range(cpus):
            spot = compiler.spot(place, constant_value(cpu))
            inner = Spot(spot.address, spot.type.element) if isinstance(spot.type, Array) else spot
            first = compiler.load(inner, place.span).term
            if isinstance(spot.type, Array) and isinstance(first, Memory):
                parts.append(Elements(first.address, first.width, spot.type.count))
            else:
                parts.append(first)
        return Value(total(parts))

    def nodes(self, place: Expression, compiler: Compiler) -> Nodes | None:
        """The list whose head is at a place; None, and a report, where no list can begin there."""
        spot = compiler.spot(place, None)
        struct = self._node_type(spot)
        link = (
            None
            if struct is None
            else next((m.offset for m in struct.members if isinstance(m.type, Pointer)), None)
        )
        if link is None:
            compiler.problem("OPV532", f"`{place.span.text}` is not the head of a list", place.span)
            return None
        return Nodes(spot.address, link, self.program.abi.model.word, LIST_LIMIT)

    def _node_type(self, spot: Spot) -> Struct | None:
        structs = self.program.data.structs
        if isinstance(spot.type, Pointer) and spot.type.target is not None:
            return structs.get(spot.type.target)
        linked = [
            each
            for each in structs.values()
            if any(isinstance(member.type, Pointer) for member in each.members)
        ]
        return linked[0] if len(linked) == 1 else None

    def cpu(self) -> Value | None:
        """A percpu name must say of which CPU, unless there is only one."""
        if self.image is not None and self.image.cpus == 1:
            return constant_value(0)
        return None

    def names(self) -> list[str]:
        """What could have been meant."""
        return [*self.threads]

    def what(self, name: str) -> str | None:
        """A thread stands in front of one of its locals; a constant is a number."""
        view = self.threads.get(name)
        if view is not None:
            copies = len(view.copies)
            if copies > 1 and self.image is not None and self.image.own[view.copies[0]]:
                alone = "conditions name a thread's own memory where one thread alone is called so"
                return f"{copies} threads, and {alone}"
            locals = ", ".join(view.locals)
            return f"a thread, whose locals are {locals}" if locals else "a thread without locals"
        return "a constant" if name in self.program.data.constants else None


def total(parts: Iterable[Term]) -> Term:
    """The sum of terms."""
    found = tuple(parts)
    return found[0] if len(found) == 1 else Sum(found)


def _end(code: Code) -> int:
    """Where a thread has ended."""
    return next(point for point, step in enumerate(code.steps) if step.kind is Kind.END)
