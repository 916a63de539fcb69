"""A run of a section that loads, instruction by instruction: as a section, by the call, or under the lock.

Written from grammar/README.md ("Sections") and docs/explorer.md ("Sections that load").  The steps
are those that the assembler made of the text; what a value is worth is said here again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opvasm.program import section as ir
from opvasm.text.scenario_tree import RunVector, Strategy

from .runs import Body, Run
from .steps import Label, State, Steps

LOCAL = "$l."
REFUSED = ("again", "fault", "invalid", "offline")
CALLED = "the kernel kills the process for a system call inside of a section (SIGSEGV)"


class SectionRun(Run):
    """``results = run SECTION(…)``: a Run whose ops are the steps of a section."""

    def __init__(
        self,
        code: Steps,
        body: Body,
        strategy: Strategy,
        statement: RunVector,
        leave: Label | None,
        again: Label,
    ) -> None:
        self.code, self.world, self.body, self.statement = code, code.world, body, statement
        self.section = code.world.program.sections[statement.vector]
        self.vector: Any = self.section  # its name and parameters
        self.results = Label()
        self.rounds = 0
        self.called = False
        self.asked = _asked(self.section)
        code.emit(self._begin_run)
        if strategy.first == "lock":
            self._locked(strategy)
        else:  # whatever else the strategy says, a section is entered as one
            fallback = Label()
            self._section(strategy, fallback)
            code.here(fallback)
            if strategy.fallback == "lock":
                self._locked(strategy)
            elif strategy.fallback == "opv":
                self.called = True
                self._call(strategy)
            else:
                code.emit(lambda s, t: self._end(s, t, ir.ABORTED))
        self._results(leave, again)

    # ---- attempts -------------------------------------------------------------------------------

    def _section(self, strategy: Strategy, fallback: Label) -> None:
        code, attempt, aborted, wait = self.code, Label(), Label(), Label()
        lock = strategy.fallback == "lock"
        code.here(attempt)

        def begin(s: State, t: int) -> None:
            """The CPU of percpu places is the one on which the attempt begins."""
            top = s.top(t)
            top.set("$cpu", s.threads[t].cpu)
            if not s.kernel.sections:
                top.jump(aborted)
                return
            top.set("$inside", 1)
            s.threads[t].mode = "section"

        code.emit(begin, access=True)

        def look() -> None:
            def flag(s: State, t: int) -> None:
                if s.flags[s.top(t).registers["$cpu"]]:
                    s.threads[t].mode = ""
                    s.top(t).drop("$inside")
                    self._forget(s, t)
                    s.top(t).jump(fallback if lock else wait)

            code.emit(flag, access=True, abort=aborted)

        if strategy.subscription == "eager":
            look()

        def left(s: State, t: int, label: str) -> None:
            s.threads[t].mode = ""
            self._leave(s, t, label)

        self._steps(left, aborted, look if strategy.subscription == "lazy" else None)
        code.here(aborted)

        def again(s: State, t: int) -> None:
            top = s.top(t)
            self._forget(s, t)
            for name in ("$cpu", "$inside"):
                top.drop(name)
            top.set("$tried", top.registers.get("$tried", 0) + 1)
            if top.registers["$tried"] < strategy.attempts:
                top.jump(attempt)
            else:
                top.drop("$tried")
                top.jump(fallback)

        code.emit(again)
        if strategy.subscription != "none" and not lock:
            code.here(wait)
            self._wait(attempt)

    # ---- by the call, and under the lock ----------------------------------------------------------
    #
    # The kernel runs a vector of the same accesses in the same order.  So the section's own steps are
    # done here where nobody takes the CPU away; no vector is made.

    def _choose(self) -> None:
        """The call is for the CPU that the section compares with cpu_id, else for the thread's own."""
        if not self.called or self.asked is None:
            super()._choose()
            return
        name = self.asked[1]
        self.code.emit(
            lambda s, t: s.top(t).set("$cpu", dict(s.top(t).registers["$arguments"])[name])
        )

    def _refused(self, s: State, t: int) -> str | None:
        """The generator hands over no bad addresses."""
        return self._refused_cpu(s, t, s.top(t).registers["$cpu"])

    def _end(self, s: State, t: int, result: str, at: int = 0) -> None:
        """What the call refuses is aborted, as a section that never got to its commit."""
        super()._end(s, t, ir.ABORTED if result in REFUSED else result, at)

    def _ops(self, differs: Any, *_: Any, **__: Any) -> None:
        """The way out leads out of the vector, or through the unlocking."""

        def left(s: State, t: int, label: str) -> None:
            at = s.top(t).registers.get("$at")
            self._take(s, t, label)
            differs(s, t, 0)
            s.top(t).set("$result", label)
            if self.called and label == ir.OK:
                s.success.add(t)
            self._put_back(s, t, at)

        self._steps(left, None, None)

    def _leave(self, s: State, t: int, label: str) -> None:
        at = s.top(t).registers.get("$at")
        self._take(s, t, label)
        self._end(s, t, label)
        self._put_back(s, t, at)

    def _put_back(self, s: State, t: int, at: int | None) -> None:
        """``differs.at`` is a vector's."""
        if at is None:
            s.top(t).drop("$at")
        else:
            s.top(t).set("$at", at)

    def _take(self, s: State, t: int, label: str) -> None:
        """The results, where they are set (the generator sets them on every way)."""
        for name, result in zip(self.statement.results, self.section.results, strict=False):
            if LOCAL + result in s.top(t).registers:
                s.top(t).set(name, s.top(t).registers[LOCAL + result])
        self._forget(s, t)

    def _forget(self, s: State, t: int) -> None:
        for name in [each for each in s.top(t).registers if each.startswith(LOCAL)]:
            s.top(t).drop(name)

    # ---- steps ----------------------------------------------------------------------------------

    def _steps(
        self,
        left: Callable[[State, int, str], None],
        abort: Label | None,
        before_commit: Callable[[], None] | None,
    ) -> None:
        self.left, self.abort, self.before_commit = left, abort, before_commit
        self._block(self.section.body, None)

    def _emit(self, run: Callable[[State, int], None], access: bool = False) -> None:
        self.code.emit(run, access=access, abort=self.abort)

    def _jump(self, label: Label) -> None:
        self._emit(lambda s, t: s.top(t).jump(label))

    def _block(self, body: tuple[ir.Step, ...], after: Label | None) -> None:
        for number, step in enumerate(body):
            if ir.is_commit(step):
                if self.before_commit is not None:
                    self.before_commit()
                self._commit(step, body[number + 1 :])
                return
            self._step(step, after)

    def _commit(self, step: ir.Step, tail: tuple[ir.Step, ...]) -> None:
        """The commit; what follows it in its block is done with registers, outside of the section."""
        if isinstance(step, ir.Change):
            self._read(step.address, step.type, "$old")
        left, inside = self.left, self.abort is not None

        def run(s: State, t: int) -> None:
            self._write(s, t, step)
            if inside:
                s.threads[t].mode = ""
            for each in tail:
                if isinstance(each, ir.Set):
                    self._set(s, t, each.local, self.worth(each.value, s, t))
                if isinstance(each, ir.Exit):
                    assert each.condition is not None
                    if self.worth(each.condition, s, t):
                        left(s, t, each.label)
                        return
            left(s, t, ir.OK)

        self._emit(run, access=True)

    def _system_call(self, switches: bool, aborted: Label) -> None:
        """Switched out in it, the thread is in no section for the others, until it comes back."""

        def call(s: State, t: int) -> None:
            if s.kernel.call == "kills":
                s.fail(t, CALLED)
            elif switches:
                s.threads[t].mode = ""
                if s.kernel.call == "aborts":
                    s.top(t).drop("$inside")
                    s.top(t).jump(aborted)
                    s.aborted = True

        def comes_back(s: State, t: int) -> None:
            s.threads[t].mode = "section"

        self._emit(call, access=True)
        if switches:
            self.code.emit(comes_back, access=True)

    def _write(self, s: State, t: int, step: ir.Step) -> None:
        """What a store, a change or a compare and exchange does to memory."""
        assert isinstance(step, ir.Store | ir.Change | ir.CompareExchange | ir.AtomicChange)
        address, size = self.worth(step.address, s, t), step.type.size
        match step:
            case ir.Store(value=value):
                number = self.worth(value, s, t)
            case ir.Change(operator=operator, value=value):
                old = s.top(t).registers[LOCAL + "$old"]
                number = _joined(operator, old, self.worth(value, s, t), step.type)
            case ir.AtomicChange(operator=operator, value=value):
                old = _fit(self.world.number(self.world.read(s, address, size)), step.type)
                number = self.worth(value, s, t)
                if operator is not None:
                    number = _joined(operator, old, number, step.type)
                if step.local is not None:
                    self._set(s, t, step.local, old)
            case ir.CompareExchange():
                old = _fit(self.world.number(self.world.read(s, address, size)), step.type)
                number = old
                if old == _fit(self.worth(step.expected, s, t), step.type):
                    number = self.worth(step.replacement, s, t)
                    self.world.write(s, address, self.world.bytes_of(number, size))
                if step.local is not None:
                    self._set(s, t, step.local, old)
                return
        self.world.write(s, address, self.world.bytes_of(number, size))

    def _read(self, address: ir.Term, type: ir.RegisterType, local: str) -> None:
        def read(s: State, t: int) -> None:
            data = self.world.read(s, self.worth(address, s, t), type.size)
            self._set(s, t, local, _fit(self.world.number(data), type))

        self._emit(read, access=True)

    def _set(self, s: State, t: int, local: str, value: int) -> None:
        s.top(t).set(LOCAL + local, value)

    def _step(self, step: ir.Step, after: Label | None) -> None:
        match step:
            case ir.Load(local=local, address=address, type=type):
                self._read(address, type, local)
            case ir.Set(local=local, value=value):
                self._emit(lambda s, t: self._set(s, t, local, self.worth(value, s, t)))
            case ir.Store() | ir.CompareExchange() | ir.AtomicChange():
                self._emit(lambda s, t: self._write(s, t, step), access=True)
            case ir.Change(address=address, type=type):
                self._read(address, type, "$old")
                self._emit(lambda s, t: self._write(s, t, step), access=True)
            case ir.Copy():
                self._copy(step)
            case ir.Barrier():
                pass
            case ir.SystemCall(switches=switches):
                if self.abort is not None:  # under the lock there is no section
                    self._system_call(switches, self.abort)
            case ir.Exit() if self.called and self.asked is not None and step is self.asked[0]:
                pass  # the kernel has taken the thread to that CPU
            case ir.Exit(label=label, condition=condition):
                left = self.left

                def leave(s: State, t: int) -> None:
                    if condition is None or self.worth(condition, s, t):
                        left(s, t, label)

                self._emit(leave)
            case ir.Break(condition=condition):
                assert after is not None

                def stop(s: State, t: int) -> None:
                    assert after is not None
                    if condition is None or self.worth(condition, s, t):
                        s.top(t).jump(after)

                self._emit(stop)
            case ir.If(condition=condition, then=then, otherwise=otherwise):
                no, end = Label(), Label()
                self._emit(lambda s, t: None if self.worth(condition, s, t) else s.top(t).jump(no))
                self._block(then, after)
                self._jump(end)
                self.code.here(no)
                self._block(otherwise, after)
                self.code.here(end)
            case ir.Loop(body=body, times=times):
                self._loop(body, times)

    def _loop(self, body: tuple[ir.Step, ...], times: int | None) -> None:
        start, end, count = Label(), Label(), f"$round{self.rounds}"
        self.rounds += 1
        if times is not None:
            self._emit(lambda s, t: self._set(s, t, count, times))
        self.code.here(start)
        if times is not None:

            def round_(s: State, t: int) -> None:
                left = s.top(t).registers[LOCAL + count]
                if left:
                    self._set(s, t, count, left - 1)
                else:
                    s.top(t).jump(end)

            self._emit(round_)
        self._block(body, end)
        self._jump(start)
        self.code.here(end)

    def _copy(self, step: ir.Copy) -> None:
        """A byte is read, then written, from the first to the last."""
        start, end = Label(), Label()

        def begin(s: State, t: int) -> None:
            for name, term in (("to", step.target), ("from", step.source), ("n", step.length)):
                self._set(s, t, f"${name}", self.worth(term, s, t))

        def more(s: State, t: int) -> None:
            if not s.top(t).registers[LOCAL + "$n"]:
                s.top(t).jump(end)

        def fetch(s: State, t: int) -> None:
            at = s.top(t).registers[LOCAL + "$from"]
            self._set(s, t, "$byte", self.world.read(s, at, 1)[0])

        def put(s: State, t: int) -> None:
            registers = s.top(t).registers
            at = registers[LOCAL + "$to"]
            self.world.write(s, at, bytes((registers[LOCAL + "$byte"],)))
            for name, by in (("to", 1), ("from", 1), ("n", -1)):
                self._set(s, t, f"${name}", registers[LOCAL + f"${name}"] + by)
            s.top(t).drop(LOCAL + "$byte")

        self._emit(begin)
        self.code.here(start)
        self._emit(more)
        self._emit(fetch, access=True)
        self._emit(put, access=True)
        self._jump(start)
        self.code.here(end)

    # ---- values ---------------------------------------------------------------------------------

    def worth(self, term: ir.Term, s: State, t: int) -> int:
        """A value of a fixed width, in the range of its type."""
        registers = s.top(t).registers
        match term:
            case ir.Constant(value=value, type=type):
                return _fit(value, type)
            case ir.Local(name=name, type=type):
                return _fit(registers[LOCAL + name], type)
            case ir.Argument(name=name, type=type):
                return _fit(dict(registers["$arguments"])[name], type)
            case ir.Id(name=name, type=type):
                start, cpu = s.ids(t)
                known = {"cpu_id_start": start, "cpu_id": cpu, "node_id": 0}
                return _fit(known.get(name, s.threads[t].cpu), type)
            case ir.Address(symbol=symbol, addend=addend, cpu=cpu):
                on = registers["$cpu"] if cpu is None else self.worth(cpu, s, t)
                return self.world.symbol(symbol, on) + addend
            case ir.Unary(operator="!", operand=operand):
                return int(self.worth(operand, s, t) == 0)
            case ir.Unary(operator="-", operand=operand, type=type):
                return _fit(-self.worth(operand, s, t), type)
            case ir.Unary(operand=operand, type=type):
                return _fit(-self.worth(operand, s, t) - 1, type)
            case ir.Binary(operator=operator, left=left, right=right, type=type):
                first, second = self.worth(left, s, t), self.worth(right, s, t)
                return _fit(_joined(operator, first, second, left.type), type)
            case ir.Convert(operand=operand, type=type):
                return _fit(self.worth(operand, s, t), type)
            case ir.Choose(condition=condition, then=then, otherwise=otherwise):
                return self.worth(then if self.worth(condition, s, t) else otherwise, s, t)


def _asked(section: ir.Section) -> tuple[ir.Exit, str] | None:
    """``exit moved if cpu_id != cpu``, and the name of the parameter that is the CPU."""
    for step in section.body:
        match step:
            case ir.Exit(
                condition=ir.Binary(
                    operator="!=", left=ir.Id(name="cpu_id"), right=ir.Argument(name=name)
                )
            ):
                return step, name
            case _:
                pass
    return None


def _fit(value: int, type: ir.RegisterType) -> int:
    """A number as that many bits hold it; with a sign, the upper half counts below zero."""
    size = 1 << 8 * type.size
    value %= size
    return value - size if getattr(type, "signed", False) and value >= size // 2 else value


def _joined(operator: str, a: int, b: int, type: ir.RegisterType) -> int:
    bits = 8 * type.size
    b_here = _fit(b, type)
    match operator:
        case "+":
            found = a + b
        case "-":
            found = a - b
        case "*":
            found = a * b
        case "&":
            found = a & b
        case "|":
            found = a | b
        case "^":
            found = a ^ b
        case "<<":
            found = a * 2 ** (b % bits)
        case ">>":
            found = a // 2 ** (b % bits)
        case "==":
            return int(a == b_here)
        case "!=":
            return int(a != b_here)
        case "<":
            return int(a < b_here)
        case "<=":
            return int(a <= b_here)
        case ">":
            return int(a > b_here)
        case ">=":
            return int(a >= b_here)
        case "&&":
            return int(a != 0 and b != 0)
        case _:
            return int(a != 0 or b != 0)
    return _fit(found, type)
