"""The body of a thread, or of its signal handler, as a Promela process.

A process takes the turn (``step``) before each access to memory that the explorer's page calls a
step, and keeps it until the next: whatever it works out in between nobody can tell from a part of
that step.
"""

from __future__ import annotations

from collections.abc import Callable

from ..explorer.setting.statements import ids_in, names_in, walk
from ..explorer.steps.code import CRASH
from ..expression import Expression, Member, Name
from ..program import Pointer
from ..source import Span
from ..text.scenario_tree import (
    Compute,
    Fence,
    If,
    Leave,
    LoadPlace,
    Loop,
    RunVector,
    Statement,
    StorePlace,
)
from .promela_numbers import LOCAL_BOUND, Numbers, Place, Term, known
from .promela_text import Export, Lines, Slot
from .refusal import Refusals, comment

WriteRun = Callable[["Body", RunVector, str | None, str | None], None]


class Body(Numbers):
    """Writes one process."""

    def __init__(self, export: Export, slot: Slot, write_run: WriteRun) -> None:
        super().__init__(export.program, export.memory, export.refusals)
        self.export = export
        self.slot = slot
        self.write_run = write_run
        self.lines = Lines(1)
        self.variables: list[str] = []
        self.fixed = export.fixed_cpu(slot.thread)
        self.types: dict[str, Pointer] = {}
        self.pointers: set[str] = set()
        self.runs = 0
        self._loops = 0
        self.span = export.plan.scenario.span
        self._infer()

    # ---- names ------------------------------------------------------------------------------------

    def local(self, name: str) -> Term | None:
        """A local of the thread, or ``current``."""
        if name in self.slot.registers:
            pointer = name in self.pointers
            kind = self.types.get(name)
            return Term(self.slot.registers[name], LOCAL_BOUND, kind, None, False, pointer)
        return self.here() if name == "current" else None

    def here(self) -> Term:
        """The CPU that the thread is on."""
        if self.fixed is not None:
            return known(self.fixed)
        return Term(f"cpu[{self.slot.thread}]", self.export.cpus, uses_cpu=True)

    def own(self, name: str) -> Place | None:
        """A variable of the thread's own memory."""
        thread = self.slot.thread
        for variable in self.export.plan.image.own[thread]:
            if variable.name == name:
                address = self.memory.own(thread, variable.offset)
                return Place(known(address, None, True), variable.type)
        return None

    def cpu(self) -> Term | None:
        """A percpu name means the instance of the CPU the thread is on."""
        return self.here()

    def other(self, expression: Expression) -> Term | None:
        """``differs.at``."""
        match expression:
            case Member(base=Name(name="differs"), name="at"):
                return Term(self.variable("stopped"), 16)
            case _:
                return None

    def variable(self, name: str) -> str:
        """A number of the process's own, declared where it is first used."""
        if name not in self.variables:
            self.variables.append(name)
        return name

    def _infer(self) -> None:
        """Which locals may hold addresses, and of what: from what is assigned to them."""
        loud, self.refusals = self.refusals, Refusals("")
        for _ in range(len(self.slot.registers) + 1):
            for statement in walk(self.slot.body):
                match statement:
                    case LoadPlace(name=name, place=place):
                        kind = self.place(place, None).type
                        pointer = isinstance(kind, Pointer)
                    case Compute(name=name, value=value):
                        term = self.value(value)
                        kind, pointer = term.type, term.pointer
                    case _:
                        continue
                if pointer:
                    self.pointers.add(name)
                if isinstance(kind, Pointer) and kind.target and name not in self.types:
                    self.types[name] = kind
        self.refusals = loud

    # ---- the process ------------------------------------------------------------------------------

    def process(self) -> list[str]:
        """The whole process, as lines."""
        slot, out = self.slot, self.lines
        number, thread = slot.number, slot.thread
        if slot.handles:
            out.depth = 2
        self.block(slot.body, None)
        out.label("finish")
        if slot.handles:
            out.add(f"handling[{thread}] = false;", f"release({number});", "goto idle;")
        else:
            if thread in self.export.handled:
                out.add("/* a signal can still come after the last access */", self.step())
            out.add(f"ended[{thread}] = true; finished++; release({number});", "goto stop;")
        out.label("crash")
        text = f"thread {slot.name}: {CRASH}"
        out.add(f'printf("fail {text}\\n"); failed = true; assert(false);')
        out.label("stop")
        if slot.handles:
            begin = [
                "idle:",
                "end_idle:",
                f"    atomic {{ failed || (busy == NOBODY && handling[{thread}]) ->",
                "        if :: failed -> goto stop :: else fi;",
                f"        busy = {number} }};",
                *(f"    {each} = 0;" for each in sorted({*slot.registers.values()})),
            ]
        else:
            begin = [f"    atomic {{ begun && busy == NOBODY -> busy = {number}; started++ }};"]
        kind = "handler" if slot.handles else "thread"
        name = self.export.names.give(kind, (self.export.plan.names[thread],))
        declared = [f"    int {each};" for each in sorted(self.variables)]
        return [f"active proctype {name}() {{", *declared, *begin, *out.lines, "}"]

    def say(self, span: Span) -> None:
        """The statement's own text, as a comment."""
        self.span = span
        self.lines.add(f"/* {comment(span.text)} */")

    def step(self, ready: str = "true") -> str:
        """The next step begins: others may have come before."""
        return f"step({self.slot.number}, {self.slot.thread}, {ready});"

    def look(self) -> None:
        """Reading the number of the CPU is a moment of its own where the thread may be moved."""
        if self.export.migrates:
            self.lines.add(f"look({self.slot.number}, {self.slot.thread});")

    def block(self, statements: tuple[Statement, ...], leave: str | None) -> None:
        """Statements one after the other."""
        restarts: dict[int, str] = {}
        for index, statement in enumerate(statements):
            if isinstance(statement, RunVector) and any(
                a.action == "retry" for a in statement.arms
            ):
                first = repeats_from(statements, index)
                if first not in restarts:
                    restarts[first] = f"again_{self._number()}"
        backs = {
            index: restarts[repeats_from(statements, index)]
            for index, statement in enumerate(statements)
            if isinstance(statement, RunVector) and repeats_from(statements, index) in restarts
        }
        for index, statement in enumerate(statements):
            if index in restarts:
                self.lines.label(restarts[index])
            self.statement(statement, backs.get(index), leave)

    def _number(self) -> int:
        self._loops += 1
        return self._loops

    def statement(self, statement: Statement, again: str | None, leave: str | None) -> None:
        """One statement; ``again`` is where retry goes, ``leave`` where break does."""
        match statement:
            case LoadPlace(name=name, place=expression, span=span):
                self.say(span)
                place = self.place(self._allowed(expression), None)
                self.lines.add(self.step())
                self.read(place.address, self._unsigned(place, span), self.slot.registers[name])
            case StorePlace(place=expression, value=value, span=span):
                self.say(span)
                place = self.place(self._allowed(expression), None)
                size = self._unsigned(place, span)
                self.lines.add(self.step())
                self.write(place.address, size, self.value(value))
            case Compute(name=name, value=value, span=span):
                self.say(span)
                term = self.value(value)
                if term.uses_cpu:
                    self.look()
                self.assign(self.slot.registers[name], term)
            case If():
                self._if(statement, leave)
            case Loop():
                self._loop(statement)
            case Leave(kind=kind, span=span):
                self.leave(kind, span, leave)
            case Fence():
                self._fence(statement)
            case RunVector(vector=called, span=span) if called in self.program.sections:
                why = "the model has vectors only, and no registers of fixed width"
                self.refusals.refuse(f"the section {called}", why, span)
            case RunVector(span=span):
                self.say(Span(span.file, span.start, _first_line(span)))
                self.write_run(self, statement, again, leave)

    def _allowed(self, expression: Expression) -> Expression:
        own = [each.name for each in self.export.plan.image.own[self.slot.thread]]
        why = "the model's threads have no ids that the kernel writes"
        for name in ids_in(expression, own):
            self.refusals.refuse(name, why, expression.span)
        return expression

    def _unsigned(self, place: Place, span: Span) -> int:
        size, signed = self.width(place)
        if signed:
            self.refusals.refuse("signed memory", "the model's memory holds unsigned numbers", span)
        return size

    def assign(self, register: str, term: Term) -> None:
        """A local gets a value; one that could be too large is asserted not to be."""
        self.lines.add(f"{register} = {term.text};")
        if term.constant is None and term.bound > LOCAL_BOUND:
            self.lines.add(f"small_enough({register});")

    def read(self, address: Term, size: int, into: str) -> None:
        """A number of memory; the thread ends where nothing is mapped."""
        cell = self.cell(address, size)
        if cell is not None:
            self.lines.add(f"{into} = {cell};")
            return
        spot = self.variable("spot")
        self.lines.add(f"{spot} = {address.text};", f"read{size}({spot}, {into}); {spot} = 0;")

    def write(self, address: Term, size: int, value: Term) -> None:
        """A store to memory."""
        cell = self.cell(address, size)
        if cell is not None:
            self.lines.add(f"write{size}({cell}, {value.text});")
            return
        spot = self.variable("spot")
        self.lines.add(
            f"{spot} = {address.text};", f"store{size}({spot}, {value.text}); {spot} = 0;"
        )

    def cell(self, address: Term, size: int) -> str | None:
        """The cell of an address that is known; None where it is found out at run time."""
        if address.constant is None:
            return None
        leaf = self.memory.by_address.get(address.constant)
        if leaf is not None and leaf.size == size:
            return f"memory[{leaf.cell}] /* {comment(leaf.name)} */"
        if any(r.base <= address.constant < r.base + r.size for r in self.memory.regions):
            self.refusals.refuse(
                f"an access of {size} bytes to a part of a number, or to several",
                "the model's memory consists of whole numbers",
                self.span,
            )
        return None

    def _if(self, statement: If, leave: str | None) -> None:
        condition = self.value(statement.condition)
        out = self.lines
        out.add(f"/* if {comment(statement.condition.span.text)} */")
        if condition.uses_cpu:
            self.look()
        out.add("if", f":: {condition.text} ->")
        for body in (statement.then, statement.otherwise):
            out.depth += 1
            self.block(body, leave)
            out.add("skip")
            out.depth -= 1
            if body is statement.then:
                out.add(":: else ->")
        out.add("fi;")

    def _loop(self, statement: Loop) -> None:
        out, number = self.lines, self._number()
        after = f"after_{number}"
        if statement.times is None:
            out.add("do", ":: true ->")
        else:
            count = self.variable(f"round_{number}")
            out.add(f"{count} = 0;", "do", f":: {count} < {statement.times} -> {count}++;")
        out.depth += 1
        self.block(statement.body, after)
        out.add("skip")
        out.depth -= 1
        if statement.times is not None:
            out.add(":: else -> break")
        out.add("od;")
        out.label(after)
        if statement.times is not None:
            out.add(f"round_{number} = 0;")

    def leave(self, kind: str, span: Span, leave: str | None) -> None:
        """``return``, ``break`` or ``fail``."""
        match kind:
            case "return":
                self.lines.add("goto finish;")
            case "break":
                self.lines.add(f"goto {leave or 'finish'};")
            case _:
                self.fail("the thread says fail")

    def fail(self, text: str) -> None:
        """The thread has failed, and with it the scenario."""
        text = f"thread {self.slot.name}: {text}".replace('"', "'").replace("%", "%%")
        self.lines.add(f'printf("fail {text}\\n"); failed = true; assert(false); goto stop;')

    def _fence(self, statement: Fence) -> None:
        self.say(statement.span)
        number, thread = self.slot.number, self.slot.thread
        if statement.cpu is None:
            targets = [known(cpu) for cpu in range(self.export.cpus)]
        else:
            targets = [self.value(statement.cpu)]
        for target in targets:
            if target.uses_cpu:
                self.look()
            to = target.text
            if target.constant is None:
                to = self.variable("fenced")
                self.lines.add(f"{to} = {target.text};")
            if statement.kind == "membarrier":
                self.lines.add(self.step(), f"membarrier({to}, {thread});")
            else:
                may = self.export.allowed_mask(thread)
                call = f"empty_vector({to}, {thread}, {may});"
                self.lines.add(self.step(f"FREE({to}, {number})"), call)


def repeats_from(statements: tuple[Statement, ...], run: int) -> int:
    """Where ``retry`` of a run goes: the loads and computations directly before it that can be
    done twice, which is when none of them reads what it or a later one of them assigns."""
    first = run
    assigned: set[str] = set()
    while first > 0:
        match statements[first - 1]:
            case LoadPlace(name=name, place=expression) | Compute(name=name, value=expression):
                assigned.add(name)
                if names_in(expression) & assigned:
                    return first
                first -= 1
            case _:
                break
    return first


def _first_line(span: Span) -> int:
    end = span.text.find("{")
    return span.end if end < 0 else span.start + end
