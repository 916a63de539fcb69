"""A ``run`` in Promela: the one vector as a section, as a system call, under a lock.

What each op does is said here once more, from abi.md section 3 (``opvasm explain``), and nothing of
how the explorer or the interpreter run it is used.
"""

from __future__ import annotations

from ..binding import parameter_range
from ..program import Instruction, Parameter, Vector
from ..source import Span
from ..text.scenario_tree import LOCK, OPV, RESULTS, RSEQ, Arm, Leave, RunVector
from ..verifier.rseq_rules import section_length
from .promela_body import Body
from .promela_numbers import LOCAL_BOUND, Term, known
from .promela_operand import OpWriter

SECTION, VECTOR, HELD = RSEQ, OPV, LOCK


class RunWriter:
    """Writes one ``run`` statement of one process."""

    def __init__(
        self, body: Body, statement: RunVector, again: str | None, leave: str | None
    ) -> None:
        self.body = body
        self.export = body.export
        self.statement = statement
        self.restart = again
        self.leave = leave
        self.vector: Vector = body.program.vectors[statement.vector]
        self.section = section_length(self.vector)
        body.runs += 1
        self.prefix = f"run_{body.runs}"
        self.slot, self.thread = body.slot.number, body.slot.thread
        self.strategy = self.export.strategies[self.thread]
        self.used: list[str] = []
        self.scope = HELD
        self.arguments = self._arguments()
        self.chosen = self._chosen()
        self.ops = OpWriter(body, statement, self.arguments, self.chosen, self)

    # ---- arguments and CPU ------------------------------------------------------------------------

    def _arguments(self) -> dict[str, Term]:
        """What each parameter stands for in the ops."""
        found: dict[str, Term] = {}
        for index, (parameter, given) in enumerate(
            zip(self.vector.parameters, self.statement.arguments, strict=True)
        ):
            term = self.body.value(given)
            if term.constant is None:
                name = self.body.variable(f"argument_{index}")
                found[parameter.name] = term._replace(text=name, bound=LOCAL_BOUND, uses_cpu=False)
            else:
                found[parameter.name] = self._wrapped(parameter, term.constant, given.span)
        return found

    def _wrapped(self, parameter: Parameter, number: int, span: Span) -> Term:
        """A constant argument as its parameter's type holds it."""
        low, high = parameter_range(parameter)
        wrapped = (number - low) % (high - low + 1) + low
        if wrapped != number and parameter.type.size > 4:
            return known(number)  # the same bytes: all that an op looks at
        if not -LOCAL_BOUND < wrapped < LOCAL_BOUND:
            self.body.refusals.refuse(
                f"the argument {wrapped}", "numbers are below 2^23 there", span
            )
        return known(wrapped)

    def _chosen(self) -> Term:
        """The CPU that the run is for."""
        given = self.statement.cpu
        term = self.body.here() if given is None else self.body.value(given)
        if term.constant is not None:
            return term
        return Term(self.body.variable("chosen"), LOCAL_BOUND)

    def write(self) -> None:
        """Arguments, CPU, the attempts, the fallback, then what follows each result."""
        self.check()
        out, body = self.body.lines, self.body
        for index, (parameter, given) in enumerate(
            zip(self.vector.parameters, self.statement.arguments, strict=True)
        ):
            term = body.value(given)
            if term.constant is None:
                if term.uses_cpu:
                    body.look()
                name = f"argument_{index}"
                out.add(f"{name} = {term.text};")
                size, signed = parameter.type.size, getattr(parameter.type, "signed", False)
                self.fit(name, size, signed)
        if self.strategy.first == RSEQ:
            out.add(f"{body.variable('attempts')} = 0;")
        out.label(f"{self.prefix}_choose")
        if self.chosen.constant is None:
            term = body.here() if self.statement.cpu is None else body.value(self.statement.cpu)
            if term.uses_cpu:
                body.look()
            out.add(f"chosen = {term.text};")
        match self.strategy.first:
            case "rseq":
                self._sections()
            case "opv":
                self._system_call()
            case _:
                self._locked()
        self._results()

    def fit(self, name: str, size: int, signed: bool) -> None:
        """An argument as its parameter's type holds it."""
        out = self.body.lines
        if size <= 2:
            bits, half = 8 * size, 1 << (8 * size - 1)
            if signed:
                out.add(f"{name} = (({name} + {half}) & {(1 << bits) - 1}) - {half};")
            else:
                out.add(f"{name} = {name} & {(1 << bits) - 1};")
        else:
            out.add(f"small_enough({name});")
            if size == 4 and not signed:
                out.add(f"if :: {name} < 0 -> outside() :: else fi;")

    def goto(self, result: str) -> str:
        """The jump to what follows a result."""
        if result not in self.used:
            self.used.append(result)
        return f"goto {self.prefix}_{result}"

    # ---- the three ways ---------------------------------------------------------------------------

    def _sections(self) -> None:
        """Attempts as a restartable section, then the fallback."""
        out, strategy, body = self.body.lines, self.strategy, self.body
        lost, fallback = f"{self.prefix}_lost", f"{self.prefix}_fallback"
        out.add(f"if :: attempts < {strategy.attempts} :: else -> goto {fallback} fi;")
        out.add("/* begin: the store to rseq_cs, and is this the CPU? */", body.step())
        if not self.export.profile.registered:
            out.add(f"goto {lost};  /* no rseq under this kernel */")
        elif body.fixed is None or body.fixed != self.chosen.constant:
            out.add(f"if :: {body.here().text} == {self.chosen.text} :: else -> goto {lost} fi;")
        self.scope = SECTION
        out.add(f"enter_section({self.slot});")
        self._trap()
        waiting = f"{self.prefix}_waiting"
        busy = fallback if strategy.fallback == LOCK else waiting
        ops = self.vector.instructions[: self.section]
        stores = [i for i, op in enumerate(ops) if self.stores(op)]
        if strategy.subscription == "eager":
            self.test_flag(busy)
        for index, instruction in enumerate(ops):
            late = strategy.subscription == "lazy" and stores[-1:] == [index]
            self.ops.op(index, instruction, busy if late else None)
        self._leave_scope()
        out.add(self.goto("ok") + ";")
        out.label(lost)
        out.add(f"attempts++; goto {self.prefix}_choose;")
        if strategy.subscription != "none" and busy == waiting:
            out.label(waiting)
            self._wait()
        out.label(fallback)
        match strategy.fallback:
            case None:
                out.add(self.goto("aborted") + ";")
            case "opv":
                self._system_call()
            case _:
                self._locked()

    def _system_call(self) -> None:
        """cpu_opv: the operands are checked, the thread moves, preemption is off."""
        out, body, cpus = self.body.lines, self.body, self.export.cpus
        chosen, slot, thread = self.chosen.text, self.slot, self.thread
        out.add(f"/* cpu_opv on {chosen} */")
        ready = f"FREE({chosen}, {slot})"
        bounces = self.export.bounces
        if bounces:
            starts, move = self._bounce()
            label = f"{self.prefix}_again"
            out.add(f"step_or_bounce({slot}, {thread}, {ready}, {starts}, {move}, {label});")
            self.goto("again")
        else:
            out.add(body.step(ready))
        inside = self.chosen.constant is not None and 0 <= self.chosen.constant < cpus
        if not inside:
            out.add(f"if :: {chosen} < 0 -> {self.goto('invalid')} :: else fi;")
        self.ops.check_operands()
        if not inside:
            out.add(f"if :: {chosen} >= {cpus} -> {self.goto('invalid')} :: else fi;")
        allowed = self.export.plan.allowed[thread]
        stays = body.fixed is not None and body.fixed == self.chosen.constant
        if allowed != frozenset(range(cpus)) and not stays:
            mask = self.export.allowed_mask(thread)
            out.add(
                f"if :: cpu[{thread}] == {chosen} || (({mask} >> {chosen}) & 1) :: "
                f"else -> {self.goto('invalid')} fi;"
            )
        self.scope = VECTOR
        out.add(f"enter_vector({slot}, {thread}, {chosen});")
        waiting = f"{self.prefix}_flagged"
        subscribed = self.strategy.subscription == "eager"
        if subscribed:
            self.test_flag(waiting)
        for index, instruction in enumerate(self.vector.instructions):
            self.ops.op(index, instruction, None)
        self._leave_scope()
        out.add(self.goto("ok") + ";")
        if subscribed:
            out.label(waiting)
            self._wait()

    def _bounce(self) -> tuple[str, str]:
        """Whether a vector would start, with another CPU to lose it to, and that move."""
        cpus, thread, chosen = self.export.cpus, self.thread, self.chosen.text
        allowed = sorted(self.export.plan.allowed[thread])
        mask = self.export.allowed_mask(thread)
        others = " || ".join(f"{chosen} != {cpu}" for cpu in allowed)
        tests = [
            f"{chosen} >= 0 && {chosen} < {cpus}",
            f"(cpu[{thread}] == {chosen} || (({mask} >> {chosen}) & 1))",
            f"({others})",
            *self.ops.pages(),
        ]
        left = self.export.stops_running(thread)
        ways = " ".join(f":: {chosen} != {cpu} -> {left}cpu[{thread}] = {cpu}" for cpu in allowed)
        return " && ".join(tests), f"if {ways} fi"

    def _locked(self) -> None:
        """The lock of the CPU, its flag, the fence, the ops as ordinary code, and back."""
        out, body = self.body.lines, self.body
        chosen, slot, thread = self.chosen.text, self.slot, self.thread
        stopped = body.variable("stopped")
        if self.chosen.constant is None or not 0 <= self.chosen.constant < self.export.cpus:
            out.add(
                f"if :: {chosen} < 0 || {chosen} >= {self.export.cpus} -> "
                f"{self.goto('invalid')} :: else fi;"
            )
        self.scope = HELD
        out.add("/* the lock */", body.step(f"!lock[{chosen}]"))
        out.add(f"lock[{chosen}] = true; inside[{slot}] = true;")
        out.add(body.step(), f"slow[{chosen}] = true;")
        match self.strategy.fence:
            case "membarrier":
                out.add(body.step(), f"membarrier({chosen}, {thread});")
            case "vector":
                call = f"empty_vector({chosen}, {thread}, {self.export.allowed_mask(thread)});"
                out.add(body.step(f"FREE({chosen}, {slot})"), call)
            case _:
                pass
        for index, instruction in enumerate(self.vector.instructions):
            self.ops.op(index, instruction, None)
        out.add(f"{stopped} = -1;")
        out.label(f"{self.prefix}_unlock")
        out.add(body.step(), f"slow[{chosen}] = false;", body.step(), f"lock[{chosen}] = false;")
        out.add(f"inside[{slot}] = false;")
        out.add(f"if :: {stopped} < 0 -> {self.goto('ok')} :: else -> {self.goto('differs')} fi;")

    # ---- inside -----------------------------------------------------------------------------------

    def step(self) -> None:
        """The next step of an op: inside a section it may find that the section was restarted."""
        if self.scope == SECTION:
            lost = f"{self.prefix}_lost"
            self.body.lines.add(f"step_inside({self.slot}, {self.thread}, {lost});")
        else:
            self.body.lines.add(self.body.step())

    def after(self, index: int) -> None:
        """What follows the last step of an op."""
        inside = self.section if self.scope == SECTION else len(self.vector.instructions)
        if index + 1 < inside:
            self._trap()

    def _trap(self) -> None:
        stepped = self.thread in self.export.plan.stepped
        aborts = self.export.profile.signal_aborts
        if self.scope == SECTION and stepped and aborts and self.section:
            self.body.lines.add(f"trap({self.slot}, {self.prefix}_lost);")

    def trap_between(self) -> None:
        """A trap between the two steps of one op."""
        self._trap()

    def _leave_scope(self) -> None:
        match self.scope:
            case "rseq":
                self.body.lines.add(f"leave_section({self.slot});")
            case "opv":
                self.body.lines.add(f"leave_vector({self.slot}, {self.thread});")
            case _:
                pass

    def stop(self, index: int) -> str:
        """Statements for a compare that stops the vector at an op."""
        stopped = self.body.variable("stopped")
        match self.scope:
            case "rseq":
                way = f"leave_section({self.slot}); {self.goto('differs')}"
            case "opv":
                way = f"leave_vector({self.slot}, {self.thread}); {self.goto('differs')}"
            case _:
                way = f"goto {self.prefix}_unlock"
        return f"{stopped} = {index}; {way}"

    def test_flag(self, busy: str) -> None:
        """The test of the slow-path flag, a step of its own."""
        out = self.body.lines
        self.step()
        leave = "section" if self.scope == SECTION else "vector"
        arguments = f"{self.slot}" if self.scope == SECTION else f"{self.slot}, {self.thread}"
        out.add(
            f"if :: slow[{self.chosen.text}] -> leave_{leave}({arguments}); goto {busy} "
            ":: else fi;"
        )
        self._trap()

    def _wait(self) -> None:
        out = self.body.lines
        out.add(self.body.step(f"!slow[{self.chosen.text}]"), f"goto {self.prefix}_choose;")

    # ---- results ----------------------------------------------------------------------------------

    def _results(self) -> None:
        """Where each result goes on; one that no arm names ends the thread with a failure."""
        out, body = self.body.lines, self.body
        arms: dict[str, Arm] = {}
        for arm in self.statement.arms:
            for result in arm.results:
                arms.setdefault(result, arm)
        after = f"{self.prefix}_after"
        kept = [
            each
            for each in body.variables
            if each.startswith(("argument_", "chosen", "attempts", "pending"))
        ]
        forget = " ".join(f"{each} = 0;" for each in kept)
        written: dict[int, str] = {}
        for result in RESULTS:
            if result not in self.used:
                continue
            out.label(f"{self.prefix}_{result}")
            found = arms.get(result)
            if found is not None and id(found) in written:
                out.add(f"goto {written[id(found)]};")
                continue
            if found is not None:
                written[id(found)] = f"{self.prefix}_{result}"
            if forget:
                out.add(f"d_step {{ {forget} }};")
            match found:
                case None if result == "ok":
                    out.add(f"goto {after};")
                case None:
                    body.fail(f"run {self.vector.name} ended with {result}, which no arm handles")
                case Arm(action="retry"):
                    out.add(f"goto {self.restart};")
                case Arm(action="block", body=statements):
                    out.depth += 1
                    body.block(statements, self.leave)
                    out.depth -= 1
                    out.add(f"goto {after};")
                case Arm(action=action, span=span):
                    body.statement(Leave(action, span), None, self.leave)
        out.label(after)

    def check(self) -> None:
        """Refuse what the model can't say of the vector's ops."""
        refuse = self.body.refusals.refuse
        if not self.vector.verified:
            refuse(
                f"{self.vector.name}, an unverified vector",
                "the model does not know the kernel's static rules",
                self.vector.place or self.statement.span,
            )
        for instruction in self.vector.instructions:
            where = instruction.place or self.statement.span
            if instruction.operation is None:
                refuse("an unknown op", "the model has only the ops of the table", where)
            elif any(instruction.expect_fault):
                refuse("`?` (expect_fault)", "the model knows no EAGAIN for a fault", where)

    @staticmethod
    def stores(instruction: Instruction) -> bool:
        """Whether an op writes to memory."""
        return any(operand.access.writes for operand, _, _ in instruction.operands())
