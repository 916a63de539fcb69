"""A ``run`` statement as steps: the one vector as a section, as a system call, under a lock.

All three run the ops by the interpreter's own functions.  An op that touches memory twice (reads
here, writes there) is two steps wherever somebody else may come between.
"""

from __future__ import annotations

from collections.abc import Callable

from ..abi import ops as op_table
from ..abi.ops import Access
from ..abi.revisions import Abi
from ..binding import bind, parameter_range, slot_bytes
from ..errors import BindError
from ..interpreter.errno import EAGAIN
from ..interpreter.events import CpuRefused, Pinned
from ..interpreter.pages import Pins
from ..interpreter.placement import place
from ..interpreter.prepared import Step, prepare
from ..interpreter.semantics import SEMANTICS
from ..light_typing import NamedTuple
from ..machine.cpus import Cpus
from ..machine.memory import Fault
from ..program import Instruction, PoolAddress, SlotAddress, Vector
from ..source import Span
from ..text.scenario_tree import LOCK, OPV, RSEQ, RunVector, Strategy
from .code import CPU, GUARD, READS, WRITES, Builder, Guard, Kind, Label, Node
from .image import Image
from .meaning import Value
from .profiles import Profile
from .work import Work

METHOD_OF = {Guard.NONE: LOCK, Guard.SECTION: RSEQ, Guard.VECTOR: OPV}
ZERO_ADDRESS = -1  # stands for a byte that is zero; never a real address


class Bound(NamedTuple):
    """A vector for one CPU and one set of arguments: its ops ready to run, or what refuses it."""

    steps: tuple[Step, ...]
    slots: bytes
    refused: str | None


class Site:
    """One ``run`` in the text of one thread, with what is known before anything runs."""

    def __init__(
        self,
        image: Image,
        vector: Vector,
        arguments: tuple[Value, ...],
        statement: RunVector,
        prefix: str,
        builder: Builder,
    ) -> None:
        self.image = image
        self.abi: Abi = image.program.abi
        self.vector = vector
        self.arguments = arguments
        self.statement = statement
        register = builder.registers
        self.cpu = register(f"{prefix}$cpu")
        self.attempts = register(f"{prefix}$attempts")
        self.pending = register(f"{prefix}$pending")
        self.stopped = register(f"{prefix}$at")
        self.inputs = tuple(
            register(f"{prefix}${index}") for index in range(len(vector.parameters))
        )
        self.needed = (self.cpu, *self.inputs)
        self._bound: dict[tuple[int, ...], Bound] = {}

    def bound(self, work: Work) -> Bound:
        """The vector as it is for the CPU and arguments in the registers."""
        local = work.local
        key = tuple([local[register] for register in self.needed])
        found = self._bound.get(key)
        if found is None:
            found = self._bound[key] = self._bind(key[0], key[1:])
        return found

    def _bind(self, cpu: int, values: tuple[int, ...]) -> Bound:
        """Bind and check as the kernel does before anything runs (abi.md section 2.1, 5 to 9)."""
        arguments = {}
        for parameter, value in zip(self.vector.parameters, values, strict=True):
            low, high = parameter_range(parameter)
            arguments[parameter.name] = (value - low) % (high - low + 1) + low
        try:
            program, layout = self.image.program, self.image.layout
            instructions = bind(self.vector, program, layout, cpu, arguments)
            slots = slot_bytes(self.vector, self.abi, arguments)
        except BindError:
            return Bound((), b"", "fault")
        prepared = prepare(instructions, self.abi)
        if prepared.violation is not None:
            return Bound((), slots, "invalid")
        pins = Pins(self.abi, self.image.template.copy(), frozenset())
        for demand in prepared.demands:
            pinned = pins.pin(demand)
            if not isinstance(pinned, Pinned):
                return Bound(prepared.steps, slots, "again" if pinned.errno == EAGAIN else "fault")
        return Bound(prepared.steps, slots, None)


class Exits(NamedTuple):
    """Where a run goes on, by its result."""

    ok: Label
    differs: Label
    again: Label
    fault: Label
    invalid: Label
    offline: Label
    aborted: Label
    crash: Label


class RunLowering:
    """Writes the steps of one ``run`` for one strategy."""

    def __init__(
        self, site: Site, strategy: Strategy, profile: Profile, builder: Builder, cpus: int
    ) -> None:
        self.site = site
        self.strategy = strategy
        self.profile = profile
        self.builder = builder
        self.cpus = cpus
        self.name = site.vector.name

    def write(self, chosen: Value, exits: Exits) -> None:
        """The whole run: arguments, CPU, the attempts, the fallback."""
        site, build = self.site, self.builder
        again, dispatch = Label(), Label()
        getters = tuple(value.get for value in site.arguments)
        inputs, attempts, cpu = site.inputs, site.attempts, site.cpu

        def take(work: Work) -> Label:
            local = work.local
            values = [get(work) for get in getters]
            for register, value in zip(inputs, values, strict=True):
                local[register] = value
            local[attempts] = 0
            return again

        reads = frozenset().union(*(value.registers for value in site.arguments))
        uses = any(value.uses_cpu for value in site.arguments)
        self.add(
            Kind.CURRENT if uses else Kind.LOCAL, take, (again,), f"run {self.name}",
            reads=reads, writes=(*inputs, attempts),
        )  # fmt: skip
        build.here(again)

        def choose(work: Work) -> Label:
            work.local[cpu] = chosen.get(work)
            return dispatch

        kind = Kind.CURRENT if chosen.uses_cpu else Kind.LOCAL
        self.add(kind, choose, (dispatch,), "", reads=chosen.registers, writes=(cpu,))
        build.here(dispatch)
        match self.strategy.first:
            case "rseq":
                self._sections(again, exits)
            case "opv":
                self._system_call(again, exits)
            case _:
                self._locked(exits)

    def _sections(self, again: Label, exits: Exits) -> None:
        """Attempts as a restartable section, then the fallback (explore.md section 2.4)."""
        site, strategy, build = self.site, self.strategy, self.builder
        attempt, lost, fallback, inside = Label(), Label(), Label(), Label()
        attempts, cpu, limit = site.attempts, site.cpu, strategy.attempts

        def decide(work: Work) -> Label:
            return attempt if work.local[attempts] < limit else fallback

        self.add(Kind.LOCAL, decide, (attempt, fallback), "", reads=(attempts,))
        build.here(attempt)
        registered = self.profile.registered

        def begin(work: Work) -> Label:
            local = work.local
            if not registered or local[CPU] != local[cpu]:
                return lost
            local[GUARD] = Guard.SECTION
            return inside

        self.add(Kind.BEGIN, begin, (inside, lost), f"begin {self.name}", reads=(cpu,))
        build.here(inside)
        waiting = Label()
        busy = fallback if strategy.fallback == LOCK else waiting
        last_store = max(
            (i for i, each in enumerate(site.vector.instructions) if _writes(each)), default=None
        )
        if strategy.subscription == "eager":
            self._look_at_flag(busy, Guard.SECTION, lost)
        for index, instruction in enumerate(site.vector.instructions):
            if index == last_store and strategy.subscription == "lazy":
                # Looked at between the last load and the commit, which is what lazy means.
                self._op(index, instruction, exits, Guard.SECTION, lost, late_flag=busy)
            else:
                self._op(index, instruction, exits, Guard.SECTION, lost)
        self.jump(exits.ok)
        build.here(lost)

        def count(work: Work) -> Label:
            work.local[attempts] += 1
            return again

        self.add(Kind.LOCAL, count, (again,), "", reads=(attempts,), writes=(attempts,))
        if strategy.subscription != "none" and busy is waiting:
            build.here(waiting)
            self._wait(again)
        build.here(fallback)
        match strategy.fallback:
            case None:
                self.jump(exits.aborted)
            case "opv":
                self._system_call(again, exits)
            case _:
                self._locked(exits)

    def _system_call(self, again: Label, exits: Exits) -> None:
        """cpu_opv: move to the CPU, preemption off, the ops in order (abi.md 2.5, 3.8)."""
        site, build = self.site, self.builder
        inside, waiting = Label(), Label()
        cpu, abi, cpus = site.cpu, self.site.abi, self.cpus
        subscribed = self.strategy.subscription == "eager"
        outcome = {name: getattr(exits, name) for name in ("again", "fault", "invalid", "offline")}

        def enter(work: Work) -> Label:
            local = work.local
            target = local[cpu]
            if target < 0:
                return exits.invalid
            bound = site.bound(work)
            if bound.refused is not None:
                return outcome[bound.refused]
            caller = Cpus(cpus, work.online, work.allowed, local[CPU])
            match place(abi, caller, target, frozenset()):
                case CpuRefused():
                    exists = target < cpus and target not in work.online
                    return exits.offline if exists else exits.invalid
                case _ if target not in work.online:
                    local[GUARD] = Guard.OFFLINE
                case _:
                    local[CPU] = target
                    local[GUARD] = Guard.VECTOR
            return inside

        targets = (inside, exits.again, exits.fault, exits.invalid, exits.offline)
        self.add(Kind.ENTER, enter, targets, f"cpu_opv {self.name}", reads=site.needed, cpu=cpu)
        build.here(inside)
        if subscribed:
            self._look_at_flag(waiting, Guard.VECTOR, None)
        for index, instruction in enumerate(site.vector.instructions):
            self._op(index, instruction, exits, Guard.VECTOR, None)
        self.jump(exits.ok)
        if subscribed:
            build.here(waiting)
            self._wait(again)

    def _locked(self, exits: Exits) -> None:
        """The slow path: lock, flag, fence, the same ops as ordinary code, flag, unlock."""
        site, build, image = self.site, self.builder, self.site.image
        cpu, stopped = site.cpu, site.stopped
        done, failed = Label(), Label()

        def step(kind: Kind, text: str, action: Callable[[Work], None]) -> None:
            after = Label()

            def run(work: Work) -> Label:
                action(work)
                return after

            self.add(kind, run, (after,), text, reads=(cpu,), cpu=cpu, inside=True)
            build.here(after)

        def take(work: Work) -> None:
            work.set_byte(image.lock_word(work.local[cpu]), 1)

        def flag(value: int) -> Callable[[Work], None]:
            return lambda work: work.set_byte(image.slow_flag(work.local[cpu]), value)

        lock, valid = Label(), Label()
        cpus = self.cpus

        def check(work: Work) -> Label:
            return valid if 0 <= work.local[cpu] < cpus else exits.invalid

        self.add(Kind.LOCAL, check, (valid, exits.invalid), "", reads=(cpu,))
        build.here(valid)

        def locking(work: Work) -> Label:
            take(work)
            return lock

        self.add(Kind.LOCK, locking, (lock,), "lock", reads=(cpu,), cpu=cpu)
        build.here(lock)
        step(Kind.ACCESS, "slow = 1", flag(1))
        match self.strategy.fence:
            case "membarrier":
                step(Kind.FENCE, "membarrier", lambda _: None)
            case "vector":
                step(Kind.FENCE_VECTOR, "empty vector", lambda _: None)
        inner = exits._replace(differs=failed)
        for index, instruction in enumerate(site.vector.instructions):
            self._op(index, instruction, inner, Guard.NONE, None)

        def finish(work: Work) -> Label:
            work.local[stopped] = -1
            return done

        self.add(Kind.LOCAL, finish, (done,), "", writes=(stopped,), inside=True)
        build.here(failed)
        build.here(done)
        step(Kind.ACCESS, "slow = 0", flag(0))
        step(Kind.ACCESS, "unlock", lambda work: work.set_byte(image.lock_word(work.local[cpu]), 0))

        def leave(work: Work) -> Label:
            return exits.ok if work.local[stopped] < 0 else exits.differs

        self.add(Kind.LOCAL, leave, (exits.ok, exits.differs), "", reads=(stopped,), inside=True)

    def _look_at_flag(self, busy: Label, scope: Guard, abort: Label | None) -> None:
        """The test of the slow-path flag: in a vector it is one more compare at its head."""
        image, cpu, clear = self.site.image, self.site.cpu, Label()
        compare = SEMANTICS[op_table.CMPEQ]

        def look(work: Work) -> Label:
            address = image.lock_base + 2 * work.local[cpu] + 1
            work.served = (ZERO_ADDRESS, b"\0")
            stops = compare(work, 1, address, ZERO_ADDRESS)
            work.served = None
            return busy if stops else clear

        self.add(
            Kind.ACCESS, look, (clear, busy), "test slow", reads=(cpu,), scope=scope, abort=abort
        )
        self.builder.here(clear)

    def _wait(self, again: Label) -> None:
        """Wait until the holder has cleared the flag, then start over."""
        cpu = self.site.cpu
        self.add(Kind.WAIT, lambda _: again, (again,), "wait for slow", reads=(cpu,), cpu=cpu)

    def _op(
        self,
        index: int,
        instruction: Instruction,
        exits: Exits,
        scope: Guard,
        abort: Label | None,
        late_flag: Label | None = None,
    ) -> None:
        """One op of the vector: one step, or two where it touches shared memory twice."""
        site, build = self.site, self.builder
        memory = [
            operand
            for operand, value, _ in instruction.operands()
            if not isinstance(value, SlotAddress | PoolAddress)
        ]
        writes = _writes(instruction)
        twice = len(memory) == 2 or any(each.access is Access.READ_WRITE for each in memory)
        mnemonic = "" if instruction.operation is None else instruction.operation.mnemonic
        written = instruction.place.text if isinstance(instruction.place, Span) else mnemonic
        text = f"{self.name}[{index}] {written}"
        following = Label()
        pending, stopped = site.pending, site.stopped
        operation = (self.name, index)
        trouble = exits.fault if scope is Guard.VECTOR else exits.crash
        way = (self.name, index, METHOD_OF[scope])

        def guarded(act: Callable[[Work, Step], Label]) -> Callable[[Work], Label]:
            def run(work: Work) -> Label:
                bound = site.bound(work)
                work.slots = bound.slots
                work.pool = site.image.pools[work.local[site.cpu]]
                try:
                    return act(work, bound.steps[index])
                except Fault:
                    return trouble

            return run

        def node(
            act: Callable[[Work, Step], Label],
            targets: tuple[Label, ...],
            suffix: str = "",
            reads: tuple[int, ...] = (),
            written: tuple[int, ...] = (),
        ) -> None:
            self.add(
                Kind.ACCESS, guarded(act), (*targets, trouble), text + suffix,
                reads=(*site.needed, *reads), writes=written, scope=scope, abort=abort,
                operation=operation, inside=scope is Guard.NONE,
            )  # fmt: skip

        if not writes:

            def compare(work: Work, step: Step) -> Label:
                if step.run(work, *step.arguments):
                    work.local[stopped] = index
                    work.covered.add((*way, "compare failed"))
                    return exits.differs
                work.covered.add((*way, "executed"))
                return following

            if twice:
                middle = Label()

                def fetch(work: Work, step: Step) -> Label:
                    data = work.load(step.arguments[1], step.arguments[0])
                    work.local[pending] = int.from_bytes(data, "little")
                    return middle

                def compare_fetched(work: Work, step: Step) -> Label:
                    length, first = step.arguments[0], step.arguments[1]
                    work.served = (first, work.local[pending].to_bytes(length, "little"))
                    try:
                        return compare(work, step)
                    finally:
                        work.served = None

                node(fetch, (middle,), READS, written=(pending,))
                build.here(middle)
                node(compare_fetched, (following, exits.differs), "", (pending,), (stopped,))
            else:
                node(compare, (following, exits.differs), "", (), (stopped,))
            build.here(following)
            return

        if twice or late_flag is not None:
            middle = Label()

            def prepare_store(work: Work, step: Step) -> Label:
                work.redirect = {}
                try:
                    step.run(work, *step.arguments)
                    length, target = step.arguments[0], step.arguments[1]
                    data = bytearray(length)
                    for address, stored in work.redirect.items():
                        data[address - target : address - target + len(stored)] = stored
                finally:
                    work.redirect = None
                work.local[pending] = int.from_bytes(data, "little")
                return middle

            def finish_store(work: Work, step: Step) -> Label:
                length, target = step.arguments[0], step.arguments[1]
                work.store(target, work.local[pending].to_bytes(length, "little"))
                work.covered.add((*way, "executed"))
                return following

            node(prepare_store, (middle,), READS, written=(pending,))
            build.here(middle)
            if late_flag is not None:
                self._look_at_flag(late_flag, scope, abort)
            node(finish_store, (following,), WRITES, (pending,))
        else:

            def store(work: Work, step: Step) -> Label:
                step.run(work, *step.arguments)
                work.covered.add((*way, "executed"))
                return following

            node(store, (following,))
        build.here(following)

    def jump(self, target: Label) -> None:
        """Go on somewhere else."""
        self.add(Kind.LOCAL, lambda _: target, (target,), "")

    def add(
        self,
        kind: Kind,
        run: Callable[[Work], Label],
        targets: tuple[Label, ...],
        text: str,
        *,
        reads: tuple[int, ...] | frozenset[int] = (),
        writes: tuple[int, ...] = (),
        scope: Guard = Guard.NONE,
        abort: Label | None = None,
        cpu: int = -1,
        operation: tuple[str, int] | None = None,
        inside: bool = False,
    ) -> None:
        """One node, placed at the statement's span or its op's."""
        place_ = self.site.statement.span
        if operation is not None:
            place_ = self.site.vector.instructions[operation[1]].place or place_  # type: ignore[assignment]
        self.builder.add(
            Node(
                kind, run, targets, text, reads=reads, writes=writes, scope=scope, abort=abort,
                cpu_register=cpu, operation=operation, place=place_,
                counted=not inside and scope is Guard.NONE,
            )  # fmt: skip
        )


def _writes(instruction: Instruction) -> bool:
    return any(Access.WRITE in operand.access for operand, _, _ in instruction.operands())
