"""One thread as a process of a C litmus test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..abi.ops import Effect
from ..explorer.setting.statements import ids_in, walk
from ..expression import Expression
from ..program import (
    ArgumentValue,
    Instruction,
    PoolAddress,
    SlotAddress,
    SymbolAddress,
    Value,
    Vector,
)
from ..source import Span
from ..text.scenario_tree import Arm, Compute, If, LoadPlace, Loop, RunVector, Statement, StorePlace
from .litmus_words import HerdNumbers
from .promela_numbers import LOCAL_BOUND, Place, Term, known
from .promela_text import Export, Slot

CHOICES_MAX = 12
UNROLLED_MAX = 4
_COMPARES = {Effect.COMPARE_EQUAL: "==", Effect.COMPARE_DIFFERENT: "!="}  # to go on
_CHANGES = {Effect.ADD: "+", Effect.OR: "|", Effect.AND: "&", Effect.XOR: "^"}


def variable(export: Export, cell: int) -> str:
    """The name of a cell: the reader's, as far as C allows."""
    leaf = next(each for each in export.memory.leaves if each.cell == cell)
    text = "".join(each if each.isalnum() and each.isascii() else "_" for each in leaf.name)
    return f"v{cell}_{text.strip('_')}"


class LitmusBody(HerdNumbers):
    """Writes one process.

    ``retried`` are registers that are 0 when each run that is retried has succeeded at once;
    ``failed`` are registers that are 1 when a run ended in a way that is a failure.
    """

    def __init__(self, export: Export, slot: Slot) -> None:
        super().__init__(export.program, export.memory, export.refusals)
        self.export = export
        self.slot = slot
        self.out: list[str] = []
        self.declared: list[str] = []
        self.cells: set[int] = set()
        self.locks: set[int] = set()
        self.retried: list[str] = []
        self.failed: list[str] = []
        self.runs = 0
        self.depth = 1
        self.span = export.plan.scenario.span
        self.home = export.plan.homes[slot.thread]

    # ---- names ------------------------------------------------------------------------------------

    def register(self, local: str) -> str:
        """The register of a local."""
        return self.declare(f"r_{local}")

    def declare(self, name: str) -> str:
        """A register, declared where it is first used."""
        if name not in self.declared:
            self.declared.append(name)
        return name

    def local(self, name: str) -> Term | None:
        """A local of the thread, or the CPU that it is on."""
        if name in self.slot.registers:
            return Term(self.register(name), LOCAL_BOUND)
        return known(self.home) if name == "current" else None

    def own(self, name: str) -> Place | None:
        """A variable of the thread's own memory."""
        for own in self.export.plan.image.own[self.slot.thread]:
            if own.name == name:
                address = self.memory.own(self.slot.thread, own.offset)
                return Place(known(address, None, True), own.type)
        return None

    def cpu(self) -> Term | None:
        """A percpu name means the instance of the CPU the thread is on."""
        return known(self.home)

    def add(self, line: str) -> None:
        """A line at the current depth."""
        self.out.append("\t" * self.depth + line)

    def refuse(self, construct: str, why: str, span: Span | None = None) -> None:
        """A part of the thread that a litmus test can't say."""
        self.refusals.refuse(construct, why, span or self.span)

    # ---- statements -------------------------------------------------------------------------------

    def write(self) -> None:
        """The whole process.  Locals that are read before anything is assigned to them are 0."""
        for name in self.slot.registers:
            self.add(f"{self.register(name)} = 0;")
        before = len(self.out)
        self.block(self.slot.body)
        zeros = [f"\t{name} = 0;" for name in (*self.retried, *self.failed)]
        self.out[before:before] = zeros

    def block(self, statements: tuple[Statement, ...]) -> None:
        """Statements one after the other; what follows a `return` is inside a condition."""
        depth = self.depth
        for statement in statements:
            self.span = statement.span
            match statement:
                case LoadPlace(name=name, place=expression):
                    place = self._place(expression)
                    size = self.width(place)[0]
                    with self._alone_on(self.home):
                        self.read(place.address, size, self.register(name))
                case StorePlace(place=expression, value=value):
                    place = self._place(expression)
                    size = self.width(place)[0]
                    with self._alone_on(self.home):
                        self.store(place.address, size, self.value(value).text, False)
                case Compute(name=name, value=value):
                    self.add(f"{self.register(name)} = {self.value(value).text};")
                case If(condition=condition, then=then, otherwise=otherwise):
                    self.add(f"if ({self.value(condition).text}) {{")
                    self._inside(then)
                    if otherwise:
                        self.add("} else {")
                        self._inside(otherwise)
                    self.add("}")
                case RunVector():
                    self._run(statement)
                case Loop(times=int() as count, body=body) if count <= UNROLLED_MAX:
                    for _ in range(count):
                        self.block(body)
                case _:
                    self.refuse(
                        f"`{statement.span.text.split(chr(10))[0]}`",
                        "its processes have no jumps, remote fences, or loops of more than"
                        f" {UNROLLED_MAX} rounds",
                    )
        self._close(depth)

    def _close(self, depth: int) -> None:
        while self.depth > depth:
            self.depth -= 1
            self.add("}")

    def _inside(self, statements: tuple[Statement, ...]) -> None:
        self.depth += 1
        self.block(statements)
        if not statements:  # herd7 reads no empty block
            self.add(f"{self.declare('nothing')} = 0;")
        self.depth -= 1

    def _place(self, expression: Expression) -> Place:
        own = [each.name for each in self.export.plan.image.own[self.slot.thread]]
        for name in ids_in(expression, own):
            self.refuse(name, "its processes have no ids", expression.span)
        return self.place(expression, None)

    # ---- memory -----------------------------------------------------------------------------------

    def _choices(self, address: Term, size: int) -> list[tuple[str, str]]:
        """The conditions and variables of the places that an address may be of."""
        if address.constant is not None:
            leaf = self.memory.by_address.get(address.constant)
            if leaf is None or leaf.size != size:
                self.refuse("a part of a number", "its variables are whole numbers")
                return []
            self.cells.add(leaf.cell)
            return [("", variable(self.export, leaf.cell))]
        found = [leaf for leaf in self.memory.leaves if leaf.size == size]
        if len(found) > CHOICES_MAX:
            self.refuse(
                f"an address that may be one of {len(found)}",
                f"each place is a choice, and there are at most {CHOICES_MAX}",
            )
            return []
        self.cells.update(leaf.cell for leaf in found)
        return [
            (f"{address.text} == {leaf.address}", variable(self.export, leaf.cell))
            for leaf in found
        ]

    def _choose(self, address: Term, size: int, access: str) -> None:
        """An access (``@`` stands for the variable) to whichever place the address is of."""
        for number, (condition, name) in enumerate(self._choices(address, size)):
            if not condition:
                self.add(access.replace("@", name))
                return
            self.add(f"{'if' if not number else '} else if'} ({condition}) {{")
            self.depth += 1
            self.add(access.replace("@", name))
            self.depth -= 1
        self.add("}")

    def read(self, address: Term, size: int, into: str) -> None:
        """A load."""
        self._choose(address, size, f"{into} = READ_ONCE(*@);")

    def store(self, address: Term, size: int, value: str, release: bool) -> None:
        """A store."""
        if release:
            self._choose(address, size, f"smp_store_release(@, {value});")
        else:
            self._choose(address, size, f"WRITE_ONCE(*@, {value});")

    # ---- runs -------------------------------------------------------------------------------------

    def _run(self, statement: RunVector) -> None:
        """The ops in order, and what its arms say of a compare that differed.

        Nothing disturbs a process, so that no other result than ``ok`` and ``differs`` comes out.
        """
        vector = self.program.vectors.get(statement.vector)
        if vector is None:
            why = "a litmus test can't be cut off and begun again"
            self.refuse(f"the section {statement.vector}", why, statement.span)
            return
        target = known(self.home) if statement.cpu is None else self.value(statement.cpu)
        cpu = target.constant
        if cpu is None or not 0 <= cpu < self.export.cpus or not vector.verified:
            self.refuse("this run", "its CPU must be a number that exists, its vector verified")
            return
        differs = next((each for each in statement.arms if "differs" in each.results), None)
        done, before, after = self._outcome(vector, differs)
        if before:
            self.add(before)
        arguments = {
            parameter.name: self.value(given)
            for parameter, given in zip(vector.parameters, statement.arguments, strict=True)
        }
        with self._alone_on(cpu):
            depth = self.depth
            for instruction in vector.instructions:
                self._op(instruction, arguments, cpu)
            if after:
                self.add(after)
            self._close(depth)
        for arm in statement.arms:
            if arm.results == ("ok",):
                self._succeeded(arm, done)
        if differs is not None:
            self._differed(differs, done)

    def _outcome(self, vector: Vector, differs: Arm | None) -> tuple[str | None, str, str]:
        """The register that is 1 after success, and what stands before and after the ops.

        A run that is retried must succeed at once, which the filter asks for: retries are cut.
        """
        compares = any(
            each.operation is not None and each.operation.is_compare for each in vector.instructions
        )
        number, self.runs = self.runs, self.runs + 1
        if not compares:
            return None, "", ""
        if differs is not None and differs.action == "retry":
            missed = self.declare(f"retried_{number}")
            self.retried.append(missed)
            return None, f"{missed} = {missed} + 1;", f"{missed} = {missed} - 1;"
        done = self.declare(f"done_{number}")
        if differs is None or differs.action == "fail":
            failed = self.declare(f"failed_{number}")
            self.failed.append(failed)
            return done, f"{failed} = {failed} + 1;", f"{failed} = {failed} - 1;"
        return done, f"{done} = 0;", f"{done} = 1;"

    def _succeeded(self, arm: Arm, done: str | None) -> None:
        if arm.action != "block":
            self.refuse(f"`{arm.span.text}`", "its processes have no jumps", arm.span)
        elif done is None:
            self.block(arm.body)
        else:
            self.add(f"if ({done} == 1) {{")
            self._inside(arm.body)
            self.add("}")

    def _differed(self, arm: Arm, done: str | None) -> None:
        if done is None or arm.action in ("retry", "fail"):
            return
        if arm.action == "block":
            self.add(f"if ({done} == 0) {{")
            self._inside(arm.body)
            self.add("}")
        elif arm.action == "return" and self.depth == 1:
            self.add(f"if ({done} == 1) {{")  # what follows; the block is closed at its end
            self.depth += 1
            self.add(f"{self.declare('nothing')} = 0;")
        else:
            self.refuse(f"`{arm.span.text}`", "its processes have no jumps", arm.span)

    @contextmanager
    def _alone_on(self, cpu: int) -> Iterator[None]:
        """Around what no other thread of a CPU comes between: a vector, a section, an access."""
        shared = self._shared(cpu)
        if shared:
            self.locks.add(cpu)
            self.add(f"spin_lock(cpu{cpu});")
            self.add("smp_mb__after_spinlock();")
        yield
        if shared:
            self.add(f"spin_unlock(cpu{cpu});")

    def _shared(self, cpu: int) -> bool:
        """Whether another thread may run a vector on a CPU."""
        homes = self.export.plan.homes
        calls = [
            slot.thread
            for slot in self.export.slots
            for each in walk(slot.body)
            if isinstance(each, RunVector) and (each.cpu is not None or homes[slot.thread] == cpu)
        ]
        return any(thread != self.slot.thread for thread in calls)

    def _op(self, instruction: Instruction, arguments: dict[str, Term], cpu: int) -> None:
        operation, size = instruction.operation, instruction.length
        if operation is None or any(instruction.expect_fault):
            self.refuse("this op", "it knows no faults and no unknown ops")
            return
        effect, release = operation.effect, operation.release
        if effect is Effect.BARRIER:
            self.add("smp_mb();")
            return
        operands = [
            self._operand(value, size, arguments, cpu) for _, value, _ in instruction.operands()
        ]
        if effect in _COMPARES:
            texts = [self._loaded(operand, size, f"t{i}") for i, operand in enumerate(operands)]
            self.add(f"if ({texts[0]} {_COMPARES[effect]} {texts[1]}) {{")
            self.depth += 1
        elif effect is Effect.COPY:
            value = self._loaded(operands[1], size, "t1")
            assert operands[0][0] is not None
            self.store(operands[0][0], size, value, release)
        elif effect in _CHANGES:
            value = self._loaded(operands[0], size, "t0")
            given = instruction.immediate
            amount = known(given if isinstance(given, int) else 0)
            if isinstance(given, ArgumentValue):
                amount = arguments[given.parameter]
                if given.addend:
                    amount = amount._replace(text=f"({amount.text} + {given.addend})")
            if amount.constant is not None and not -LOCAL_BOUND < amount.constant < LOCAL_BOUND:
                self.refuse(f"the number {amount.constant}", "its numbers are below 2^23")
            assert operands[0][0] is not None
            text = f"{value} {_CHANGES[effect]} {amount.text}"
            self.store(operands[0][0], size, text, release)
        elif operation.shifts:
            self.refuse(operation.mnemonic, "its C has no shifts")
        else:
            self.refuse(operation.mnemonic, "this export has no C for it")

    def _operand(
        self, value: Value, size: int, arguments: dict[str, Term], cpu: int
    ) -> tuple[Term | None, Term]:
        """An operand's address, or its value where nobody else sees it."""
        match value:
            case SymbolAddress(symbol=name, addend=addend, cpu=named):
                symbol = self.program.data.symbols[name]
                base = self.memory.symbol(symbol, cpu if named is None else named)
                return known(base + addend), known(0)
            case ArgumentValue(parameter=name, addend=addend):
                term = arguments[name]
                if addend and term.constant is not None:
                    return known(term.constant + addend), known(0)
                text = f"({term.text} + {addend})" if addend else term.text
                return term._replace(text=text), known(0)
            case SlotAddress(parameter=name):
                return None, arguments[name]
            case PoolAddress(offset=offset):
                pool = self.export.plan.image.pools[cpu]
                number = int.from_bytes(pool[offset : offset + size], self.memory.image.byteorder)
                return None, known(self.memory.number(number))
            case _:
                self.refuse("an absolute address", "its variables have no addresses")
                return None, known(0)

    def _loaded(self, operand: tuple[Term | None, Term], size: int, name: str) -> str:
        address, value = operand
        if address is None:
            return value.text
        register = self.declare(name)
        self.read(address, size, register)
        return register
