"""A run of a vector, by each strategy: as a section, by cpu_opv, under the lock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from opvasm.program import Instruction, Vector
from opvasm.text.scenario_tree import Arm, RunVector, Statement, Strategy

from .memory import Fault
from .steps import Label, State, Steps
from .world import CHANGES, COMPARES, COPIES


class Running(NamedTuple):
    """A run under way: its arguments and the CPU it was given."""

    vector: Vector
    arguments: Mapping[str, int]
    cpu: int


class Body(Protocol):
    """What writes the statements of arms."""

    def block(self, body: tuple[Statement, ...], leave: Label | None) -> None:
        """A block of statements."""

    def leave(self, kind: str, leave: Label | None, again: Label) -> None:
        """``return``, ``break``, ``retry`` or ``fail``."""


class Run:
    """``run VECTOR(…)``: the steps of every way in which its strategy may run the vector."""

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
        self.vector = code.world.program.vectors[statement.vector]
        self.results = Label()
        code.emit(self._begin_run, reads_cpu=any(map(code.reads_cpu, statement.arguments)))
        fallback = Label()
        match strategy.first:
            case "rseq":
                self._section(strategy, fallback)
                code.here(fallback)
                match strategy.fallback:
                    case "opv":
                        self._call(strategy)
                    case "lock":
                        self._locked(strategy)
                    case _:
                        code.emit(lambda s, t: self._end(s, t, "aborted"))
            case "opv":
                self._call(strategy)
            case _:
                self._locked(strategy)
        self._results(leave, again)

    def _begin_run(self, s: State, t: int) -> None:
        """The arguments are worked out once."""
        values = [self.world.value(each, s.scope(t)) for each in self.statement.arguments]
        names = [each.name for each in self.vector.parameters]
        s.top(t).set("$arguments", tuple(zip(names, values, strict=True)))

    def _choose(self) -> None:
        """The CPU, named or the thread's own, is read anew for each attempt and each fallback."""

        def choose(s: State, t: int) -> None:
            on = self.statement.cpu
            s.top(t).set(
                "$cpu", s.threads[t].cpu if on is None else self.world.value(on, s.scope(t))
            )

        on = self.statement.cpu
        self.code.emit(choose, reads_cpu=on is None or self.code.reads_cpu(on))

    def _running(self, s: State, t: int) -> Running:
        registers = s.top(t).registers
        return Running(self.vector, dict(registers["$arguments"]), registers["$cpu"])

    def _end(self, s: State, t: int, result: str, at: int = 0) -> None:
        """The run ends with a result."""
        top = s.top(t)
        for name in ("$arguments", "$cpu", "$tried", "$a", "$b", "$inside", "$result"):
            top.drop(name)
        top.set("$result", result)
        if result == "differs":
            top.set("$at", at)
        if result == "ok":
            s.success.add(t)
        top.jump(self.results)

    def _results(self, leave: Label | None, again: Label) -> None:
        code, after = self.code, Label()
        code.here(self.results)
        arms = [(each, Label()) for each in self.statement.arms]

        def dispatch(s: State, t: int) -> None:
            result = s.top(t).registers["$result"]
            s.top(t).drop("$result")
            for arm, label in arms:
                if result in arm.results:
                    s.top(t).jump(label)
                    return
            if result == "ok":
                s.top(t).jump(after)
                return
            s.fail(t, f"run {self.vector.name} ended with {result}, which no arm handles")

        code.emit(dispatch)
        for arm, label in arms:
            code.here(label)
            self._arm(arm, leave, again)
            code.go(after)
        code.here(after)

    def _arm(self, arm: Arm, leave: Label | None, again: Label) -> None:
        if arm.action == "block":
            self.body.block(arm.body, leave)
        else:
            self.body.leave(arm.action, leave, again)

    # ---- the ops, one access at a time ----------------------------------------------------------

    def _ops(
        self,
        differs: Callable[[State, int, int], None],
        abort: Label | None = None,
        before_commit: Callable[[], None] | None = None,
        fault: Callable[[State, int], None] | None = None,
    ) -> None:
        """The accesses of all ops; what runs directly before the last store stands before it."""
        world = self.world

        def emit(run: Callable[[State, int], None], access: bool, number: int) -> None:
            """One of an op's steps.  Nobody but cpu_opv checks ops, or answers a fault with a result."""

            def checked(s: State, t: int) -> None:
                try:
                    if self._mistaken(self._running(s, t)):
                        raise Fault
                    run(s, t)
                except Fault:
                    if fault is None:
                        raise
                    fault(s, t)

            op = (self.vector.name, number) if access else None
            self.code.emit(checked, access=access, abort=abort, op=op)

        stores = [
            n
            for n, each in enumerate(self.vector.instructions)
            if _mnemonic(each) in (*CHANGES, *COPIES)
        ]
        last = stores[-1] if stores else -1
        for number, op in enumerate(self.vector.instructions):
            mnemonic = _mnemonic(op)
            if mnemonic == "mb":
                continue
            reads = op.addresses[1:] if mnemonic in COPIES else op.addresses
            for name, value in zip(("$a", "$b"), reads, strict=False):

                def read(
                    s: State, t: int, op: Instruction = op, name: str = name, value: Any = value
                ) -> None:
                    run = self._running(s, t)
                    data = world.constant(value, op.length, run.cpu, run)
                    if data is None:
                        data = world.read(
                            s, world.relocated(value, run.cpu, run.arguments), op.length
                        )
                    s.top(t).set(name, data)

                probe = Running(self.vector, {each.name: 0 for each in self.vector.parameters}, 0)
                memory = world.constant(value, op.length, 0, probe) is None
                emit(read, memory, number)
            if mnemonic in COMPARES:

                def compare(
                    s: State, t: int, number: int = number, stops: bool = COMPARES[mnemonic]
                ) -> None:
                    equal = s.top(t).registers["$a"] == s.top(t).registers["$b"]
                    s.top(t).drop("$a")
                    s.top(t).drop("$b")
                    if equal is stops:
                        differs(s, t, number)

                emit(compare, False, number)
                continue
            if number == last and before_commit is not None:
                before_commit()

            def write(s: State, t: int, op: Instruction = op, mnemonic: str = mnemonic) -> None:
                run = self._running(s, t)
                address = world.relocated(op.addresses[0], run.cpu, run.arguments)
                data = s.top(t).registers["$a"]
                if mnemonic in CHANGES:
                    immediate = world.relocated(op.immediate, run.cpu, run.arguments)
                    data = world.bytes_of(
                        CHANGES[mnemonic](world.number(data), immediate), op.length
                    )
                s.top(t).drop("$a")
                world.write(s, address, data)

            emit(write, True, number)

    def _mistaken(self, run: Running) -> bool:
        """Whether an op breaks a rule of its own: a shift by as many bits as its word has, or more."""
        for op in self.vector.instructions:
            if _mnemonic(op) in ("lshift", "rshift"):
                bits = self.world.relocated(op.immediate, run.cpu, run.arguments)
                if bits >= 8 * op.length:
                    return True
        return False

    # ---- as a restartable section ---------------------------------------------------------------

    def _section(self, strategy: Strategy, fallback: Label) -> None:
        code, attempt, aborted, wait = self.code, Label(), Label(), Label()
        code.here(attempt)
        self._choose()

        def begin(s: State, t: int) -> None:
            top = s.top(t)
            chosen, (start, cpu_id) = top.registers["$cpu"], s.ids(t)
            right = chosen == s.threads[t].cpu == cpu_id
            if s.kernel.sections and right and (self.statement.cpu is not None or start == chosen):
                top.set("$inside", 1)
                s.threads[t].mode = "section"
            else:
                top.jump(aborted)

        code.emit(begin, access=True)

        def leave(s: State, t: int, at: int) -> None:
            s.threads[t].mode = ""
            self._end(s, t, "differs", at)

        def look() -> None:
            def flag(s: State, t: int) -> None:
                if s.flags[s.top(t).registers["$cpu"]]:
                    s.threads[t].mode = ""
                    s.top(t).drop("$a")
                    s.top(t).drop("$inside")
                    s.top(t).jump(fallback if strategy.fallback == "lock" else wait)

            code.emit(flag, access=True, abort=aborted)

        if strategy.subscription == "eager":
            look()
        self._ops(leave, aborted, look if strategy.subscription == "lazy" else None)
        last = len(code.steps) - 1

        def done(s: State, t: int) -> None:
            s.threads[t].mode = ""
            self._end(s, t, "ok")

        self._after(last, done)
        code.here(aborted)

        def again(s: State, t: int) -> None:
            top = s.top(t)
            for name in ("$a", "$b", "$cpu", "$inside"):
                top.drop(name)
            top.set("$tried", top.registers.get("$tried", 0) + 1)
            if top.registers["$tried"] < strategy.attempts:
                top.jump(attempt)
            else:
                top.drop("$tried")
                top.jump(fallback)

        code.emit(again)
        if strategy.subscription != "none" and strategy.fallback != "lock":
            code.here(wait)
            self._wait(attempt)

    def _wait(self, again: Label) -> None:
        """Until the flag is clear; then once more."""

        def clear(s: State, t: int) -> None:
            s.top(t).drop("$cpu")
            s.top(t).jump(again)

        self.code.emit(
            clear, access=True, ready=lambda s, t: not s.flags[s.top(t).registers["$cpu"]]
        )

    def _after(self, number: int, more: Callable[[State, int], None]) -> None:
        """What follows a section's or vector's last instruction belongs to that instruction."""
        step = self.code.steps[number]
        self.code.emit(lambda s, t: None)  # never reached: nothing else has the number that follows

        def run(s: State, t: int) -> None:
            before = s.top(t)
            step.run(s, t)
            if before.pc == number + 1 and not s.failures:
                more(s, t)

        self.code.steps[number] = step._replace(run=run)

    # ---- by cpu_opv -----------------------------------------------------------------------------

    def _call(self, strategy: Strategy) -> None:
        code, call, wait, eager = self.code, Label(), Label(), strategy.subscription == "eager"
        code.here(call)
        self._choose()

        def target(s: State, t: int) -> int:
            return int(s.top(t).registers["$cpu"])

        refused = self._refused

        def ready(s: State, t: int) -> bool:
            cpu = target(s, t)
            if 0 <= cpu < self.world.cpus and not s.online[cpu]:
                return not s.mutex_held()
            return bool(s.free(t, cpu))

        def enter(s: State, t: int) -> None:
            result = refused(s, t)
            if result:
                self._end(s, t, result)
                return
            s.top(t).set("$inside", 1)
            if s.online[target(s, t)]:
                s.move(t, target(s, t))
                s.threads[t].mode = "vector"
            else:
                s.threads[t].mode = "offline"

        def lost(s: State, t: int) -> int:
            """The CPU that the vector is for, when a move to it may be lost."""
            return -1 if refused(s, t) or not s.online[target(s, t)] else target(s, t)

        code.emit(
            enter,
            access=True,
            ready=ready,
            call=lost,
            lose=lambda s, t: self._end(s, t, "again"),
            moves=True,
        )
        entered = len(code.steps) - 1

        def leave(s: State, t: int, at: int) -> None:
            s.threads[t].mode = ""
            self._end(s, t, "differs", at)

        def done(s: State, t: int) -> None:
            s.threads[t].mode = ""
            self._end(s, t, "ok")

        if eager:

            def flag(s: State, t: int) -> None:
                if s.flags[target(s, t)]:
                    s.threads[t].mode = ""
                    s.top(t).drop("$inside")
                    s.top(t).jump(wait)

            code.emit(flag, access=True)

        def fault(s: State, t: int) -> None:
            s.threads[t].mode = ""
            self._end(s, t, "fault")

        self._ops(leave, fault=fault)
        last = len(code.steps) - 1
        if last == entered:
            step = code.steps[entered]

            def only(s: State, t: int) -> None:
                step.run(s, t)
                if s.threads[t].mode:
                    done(s, t)

            code.steps[entered] = step._replace(run=only)
        else:
            self._after(last, done)
        if eager:
            code.here(wait)
            self._wait(call)

    def _refused(self, s: State, t: int) -> str | None:
        """A CPU below 0 and the ops' own rules first, then operands, then the CPU."""
        run = self._running(s, t)
        if run.cpu < 0 or self._mistaken(run):
            return "invalid"
        for op in self.vector.instructions:
            stores = _mnemonic(op) in (*CHANGES, *COPIES)
            pairs = zip(op.addresses, op.expect_fault, strict=True)
            for number, (value, expected) in enumerate(pairs):
                if self.world.constant(value, op.length, run.cpu, run) is not None:
                    continue
                address = self.world.relocated(value, run.cpu, run.arguments)
                if self.world.memory.refuses(address, op.length, stores and number == 0):
                    return "again" if expected else "fault"
        return self._refused_cpu(s, t, run.cpu)

    def _refused_cpu(self, s: State, t: int, cpu: int) -> str | None:
        """A CPU that is not there, that the thread may not be on, or that is offline."""
        if not 0 <= cpu < self.world.cpus or not s.may_run_on(t, cpu):
            return "invalid"
        if not s.online[cpu] and not self.world.program.abi.revision.offline_path:
            return "offline"
        return None

    # ---- under the lock ---------------------------------------------------------------------------

    def _locked(self, strategy: Strategy) -> None:
        code, unlock = self.code, Label()
        self._choose()

        def cpu(s: State, t: int) -> int:
            return int(s.top(t).registers["$cpu"])

        def exists(s: State, t: int) -> None:
            if not 0 <= cpu(s, t) < self.world.cpus:
                self._end(s, t, "invalid")

        code.emit(exists)

        def acquire(s: State, t: int) -> None:
            s.top(t).set("$inside", 1)
            s.locks[cpu(s, t)] = t

        code.emit(acquire, access=True, ready=lambda s, t: s.locks[cpu(s, t)] is None)

        def set_flag(s: State, t: int) -> None:
            s.flags[cpu(s, t)] = 1

        code.emit(set_flag, access=True)
        match strategy.fence:
            case "membarrier":
                code.emit(lambda s, t: s.membarrier(t, cpu(s, t), True), access=True)
            case "vector":
                code.empty_vector(cpu)
            case _:
                pass

        def differs(s: State, t: int, at: int) -> None:
            s.top(t).set("$at", at)
            s.top(t).set("$result", "differs")
            s.top(t).jump(unlock)

        self._ops(differs)
        code.here(unlock)

        def clear(s: State, t: int) -> None:
            s.flags[cpu(s, t)] = 0

        def release(s: State, t: int) -> None:
            s.locks[cpu(s, t)] = None
            registers = s.top(t).registers
            self._end(s, t, registers.get("$result", "ok"), registers.get("$at", 0))

        code.emit(clear, access=True)
        code.emit(release, access=True)


def _mnemonic(op: Instruction) -> str:
    assert op.operation is not None
    return op.operation.mnemonic
