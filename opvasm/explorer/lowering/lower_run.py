"""A ``run`` statement as steps: the one vector as a section, as a system call, under a lock.

All three run the ops by the interpreter's own functions.  An op that touches memory twice (reads
here, writes there) is two steps wherever somebody else may come between.
"""

from __future__ import annotations

from collections.abc import Callable

from ...interpreter.events import CpuRefused
from ...interpreter.placement import place
from ...kernels.profiles import Profile
from ...machine.cpus import Cpus
from ...text.scenario_tree import LOCK, Strategy
from ..steps.code import CPU, GUARD, Builder, Guard, Kind, Label
from ..steps.ids import ID_SIZE
from ..steps.work import Work
from .lower_op import OpLowering, writes
from .meaning import Value
from .site import Exits, Site


class RunLowering(OpLowering):
    """Writes the steps of one ``run`` for one strategy."""

    def __init__(
        self,
        site: Site,
        strategy: Strategy,
        profile: Profile,
        builder: Builder,
        cpus: int,
        ids: int | None,
    ) -> None:
        self.site = site
        self.strategy = strategy
        self.profile = profile
        self.builder = builder
        self.cpus = cpus
        self.ids = ids
        self.name = site.vector.name
        self.entering: tuple[int, ...] = ()  # registers that an attempt sets as it begins

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
        """Attempts as a restartable section, then the fallback (model.md section 2.4)."""
        site, strategy, build = self.site, self.strategy, self.builder
        attempt, lost, fallback, inside = Label(), Label(), Label(), Label()
        attempts, cpu, limit = site.attempts, site.cpu, strategy.attempts

        def decide(work: Work) -> Label:
            return attempt if work.local[attempts] < limit else fallback

        self.add(Kind.LOCAL, decide, (attempt, fallback), "", reads=(attempts,))
        build.here(attempt)

        def begin(work: Work) -> Label:
            if not self._enters(work):
                return lost
            work.local[GUARD] = Guard.SECTION
            return inside

        self.add(
            *(Kind.BEGIN, begin, (inside, lost), f"begin {self.name}"),
            reads=(cpu,),
            writes=self.entering,
        )
        build.here(inside)
        waiting = Label()
        busy = fallback if strategy.fallback == LOCK else waiting
        if strategy.subscription == "eager":
            self._look_at_flag(busy, Guard.SECTION, lost)
        # Looked at between the last load and the commit, which is what lazy means.
        late = busy if strategy.subscription == "lazy" else None
        self._body(exits, Guard.SECTION, lost, late)
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
        outcome = {"again": exits.again, "fault": exits.fault, "invalid": exits.invalid}

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
        self._body(exits, Guard.VECTOR, None, None)
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

            fence = kind is Kind.FENCE
            self.add(kind, run, (after,), text, reads=(cpu,), cpu=cpu, inside=True, own_too=fence)
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
            case _:
                pass
        inner = exits._replace(differs=failed)
        self._body(inner, Guard.NONE, None, None)

        def finish(work: Work) -> Label:
            work.local[stopped] = -1
            return done

        self.add(Kind.LOCAL, finish, (done,), "", writes=(stopped,), inside=True)
        build.here(failed)
        build.here(done)
        step(Kind.ACCESS, "slow = 0", flag(0))
        step(Kind.ACCESS, "unlock", lambda work: work.set_byte(image.lock_word(work.local[cpu]), 0))

        self._unlocked(exits)

    def _unlocked(self, exits: Exits) -> None:
        """After the unlock: on by the result."""
        stopped = self.site.stopped

        def leave(work: Work) -> Label:
            return exits.ok if work.local[stopped] < 0 else exits.differs

        self.add(Kind.LOCAL, leave, (exits.ok, exits.differs), "", reads=(stopped,), inside=True)

    def _enters(self, work: Work) -> bool:
        """Whether an attempt finds that it is where it has to be, as librseq's code asks."""
        chosen, ids = work.local[self.site.cpu], self.ids
        if not self.profile.registered:
            return False
        if ids is None:
            return work.local[CPU] == chosen
        # What the ids say, which the thread may have overwritten.
        start, number = (
            int.from_bytes(work.memory[at : at + ID_SIZE], work.byteorder)
            for at in (ids, ids + ID_SIZE)
        )
        named = self.site.statement.cpu is not None
        return number == chosen and (named or start == chosen)

    def _body(
        self, exits: Exits, scope: Guard, abort: Label | None, late_flag: Label | None
    ) -> None:
        """What is run: the ops of the vector, in order.

        ``late_flag`` is where a section goes that finds the flag set just before its last store.
        """
        instructions = self.site.vector.instructions
        last = max((i for i, each in enumerate(instructions) if writes(each)), default=None)
        for index, instruction in enumerate(instructions):
            flag = late_flag if index == last else None
            self._op(index, instruction, exits, scope, abort, flag)

    def _wait(self, again: Label) -> None:
        """Wait until the holder has cleared the flag, then start over."""
        cpu = self.site.cpu
        self.add(Kind.WAIT, lambda _: again, (again,), "wait for slow", reads=(cpu,), cpu=cpu)
