"""A ``run`` statement as steps: the one vector as a section, as a system call, under a lock.

A section that loads is run the same way, but by the system call only where it is exactly a vector; what
differs is its Body.
"""

from __future__ import annotations

from ...kernels.profiles import Profile
from ...light_typing import NamedTuple, Protocol
from ...text.scenario_tree import LOCK, Strategy
from ..steps.ids import ID_SIZE
from ..steps.site import Site
from ..steps.step import (
    Action,
    Assign,
    Begin,
    Branch,
    Enter,
    Fence,
    FenceVector,
    Guard,
    Jump,
    Lock,
    Store,
    Switch,
    Wait,
)
from ..steps.terms import Binary, CurrentCpu, Number, Register, Term, WrittenId, plus
from .lower_op import write_ops
from .writer import PLAIN, Exits, Protection, Writer


class Called(NamedTuple):
    """What the system call runs in place of a body: its vector, and the CPU that it is called for.

    ``number`` is the index of the vector's site.  ``cpu`` is None where the CPU was chosen before.
    ``ways`` says for each op whose compare may fail where the run goes on; where there are none it goes
    on by ``differs``.
    """

    body: Body
    site: Site
    number: int
    name: str
    cpu: Term | None = None
    ways: tuple[int, ...] = ()


class Body(Protocol):
    """What is run, be it a vector or a section."""

    def called(self) -> Called | None:
        """What the system call runs; None where it can run nothing of this kind."""

    def entered(self) -> Term:
        """Whether an attempt finds that it is where it has to be."""

    def noted(self) -> tuple[int, ...]:
        """The registers that take the CPU as an attempt begins."""

    def write(self, exits: Exits, protection: Protection, late_flag: int | None) -> None:
        """The ops or instructions; ``late_flag``: where to if the flag is set before the commit."""

    def unlocked(self, exits: Exits) -> None:
        """After the unlock: on by the result."""


class VectorBody:
    """The ops of a vector.  ``ids`` is where the thread's ids lie in the state, if it names them."""

    def __init__(self, writer: Writer, profile: Profile, ids: int | None) -> None:
        self.writer = writer
        self.profile = profile
        self.ids = ids
        builder = writer.builder
        builder.sites.append(writer.site)
        self.site = len(builder.sites) - 1

    def entered(self) -> Term:
        """What librseq's code asks: cpu_id is the CPU, and cpu_id_start if that chose the CPU."""
        chosen: Term = Register(self.writer.site.cpu)
        if not self.profile.registered:
            return Number(0)
        if self.ids is None:
            return Binary("==", CurrentCpu(), chosen)
        # What the ids say, which the thread may have overwritten.
        right: Term = Binary("==", WrittenId(self.ids + ID_SIZE), chosen)
        if self.writer.statement.cpu is None:
            right = Binary("&&", right, Binary("==", WrittenId(self.ids), chosen))
        return right

    def called(self) -> Called:
        """The same ops."""
        return Called(self, self.writer.site, self.site, self.writer.name)

    def noted(self) -> tuple[int, ...]:
        """The CPU was chosen before."""
        return ()

    def write(self, exits: Exits, protection: Protection, late_flag: int | None) -> None:
        """Op by op."""
        write_ops(self.writer, self.site, exits, protection, late_flag)

    def unlocked(self, exits: Exits) -> None:
        """A compare has failed, or none."""
        stopped = Binary("<", Register(self.writer.site.stopped), Number(0))
        self.writer.add(Branch(stopped, exits.ok, exits.differs), inside=True)


class RunLowering:
    """Writes the steps of one ``run`` for one strategy."""

    def __init__(self, writer: Writer, body: Body, strategy: Strategy, cpus: int) -> None:
        self.writer = writer
        self.body = body
        self.strategy = strategy
        self.cpus = cpus
        self.site = writer.site
        self.builder = writer.builder
        self.name = writer.name
        self.cpu: Term = Register(writer.site.cpu)

    def write(self, chosen: Term, arguments: tuple[Term, ...], exits: Exits) -> None:
        """The whole run: arguments, CPU, the attempts, the fallback."""
        site, build = self.site, self.builder
        again, dispatch = build.label(), build.label()
        taken = (*arguments, Number(0))
        self._quiet(Assign((*site.inputs, site.attempts), taken, again), f"run {self.name}")
        build.here(again)
        self._quiet(Assign((site.cpu,), (chosen,), dispatch))
        build.here(dispatch)
        match self.strategy.first:
            case "rseq":
                self._sections(again, exits)
            case "opv":
                self._system_call(again, exits)
            case _:
                self._locked(exits)

    def _quiet(self, action: Action, text: str = "") -> None:
        self.writer.add(action, text)

    def _sections(self, again: int, exits: Exits) -> None:
        """Attempts as a restartable section, then the fallback (model.md section 2.4)."""
        site, strategy, build = self.site, self.strategy, self.builder
        attempt, lost, fallback, inside = (build.label() for _ in range(4))
        attempts: Term = Register(site.attempts)
        left = Binary("<", attempts, Number(strategy.attempts))
        self._quiet(Branch(left, attempt, fallback))
        build.here(attempt)
        begin = Begin(self.body.entered(), self.body.noted(), inside, lost)
        self.writer.add(begin, f"begin {self.name}")
        build.here(inside)
        waiting = build.label()
        busy = fallback if strategy.fallback == LOCK else waiting
        protection = Protection(Guard.SECTION, lost)
        if strategy.subscription == "eager":
            self.writer.test_flag(busy, protection)
        # Looked at between the last load and the commit, which is what lazy means.
        late = busy if strategy.subscription == "lazy" else None
        self.body.write(exits, protection, late)
        self._jump(exits.ok)
        build.here(lost)
        self._quiet(Assign((site.attempts,), (plus(attempts, Number(1)),), again))
        if strategy.subscription != "none" and busy is waiting:
            build.here(waiting)
            self._wait(again)
        build.here(fallback)
        match strategy.fallback:
            case None:
                self._jump(exits.aborted)
            case "opv":
                self._system_call(again, exits)
            case _:
                self._locked(exits)

    def _jump(self, label: int) -> None:
        self._quiet(Jump(label))

    def _system_call(self, again: int, exits: Exits) -> None:
        """cpu_opv: move to the CPU, preemption off, the ops in order (abi.md 2.5, 3.8)."""
        build, called = self.builder, self.body.called()
        if called is None:
            self._jump(exits.aborted)
            return
        site, inside, waiting, failed = called.site, *(build.label() for _ in range(3))
        if called.cpu is not None:
            following = build.label()
            self._quiet(Assign((site.cpu,), (called.cpu,), following))
            build.here(following)
        subscribed = self.strategy.subscription == "eager"
        self.writer.add(
            Enter(
                site=called.number,
                cpu=site.cpu,
                needed=site.needed,
                to=inside,
                again=exits.again,
                fault=exits.fault,
                invalid=exits.invalid,
                offline=exits.offline,
            ),
            f"cpu_opv {called.name}",
        )
        build.here(inside)
        if subscribed:
            self.writer.test_flag(waiting, Protection(Guard.VECTOR))
        differs = failed if called.ways else exits.differs
        called.body.write(exits._replace(differs=differs), Protection(Guard.VECTOR), None)
        self._jump(exits.ok)
        if called.ways:
            build.here(failed)
            self._quiet(Switch(site.stopped, called.ways))
        if subscribed:
            build.here(waiting)
            self._wait(again)

    def _locked(self, exits: Exits) -> None:
        """The slow path: lock, flag, fence, the same ops as ordinary code, flag, unlock."""
        site, build, writer = self.site, self.builder, self.writer
        done, failed, valid = build.label(), build.label(), build.label()
        exists = Binary(
            "&&", Binary("<=", Number(0), self.cpu), Binary("<", self.cpu, Number(self.cpus))
        )
        self._quiet(Branch(exists, valid, exits.invalid))
        build.here(valid)
        lock = build.label()
        self.writer.add(Lock(site.cpu, lock), "lock")
        build.here(lock)
        self._set("slow = 1", writer.flag_address(), 1)
        following = build.label()
        match self.strategy.fence:
            case "membarrier":
                writer.add(Fence(site.cpu, True, following), "membarrier", inside=True)
            case "vector":
                writer.add(FenceVector(site.cpu, False, following), "empty vector", inside=True)
            case _:
                pass
        build.here(following)
        self.body.write(exits._replace(differs=failed), PLAIN, None)
        writer.add(Assign((site.stopped,), (Number(-1),), done), inside=True)
        build.here(failed)
        build.here(done)
        self._set("slow = 0", writer.flag_address(), 0)
        self._set("unlock", writer.flag_address(0), 0)
        self.body.unlocked(exits)

    def _set(self, text: str, address: Term, value: int) -> None:
        """One of the two bytes of a lock."""
        following = self.builder.label()
        self.writer.add(Store(address, 1, Number(value), following), text, inside=True)
        self.builder.here(following)

    def _wait(self, again: int) -> None:
        """Wait until the holder has cleared the flag, then start over."""
        self.writer.add(Wait(self.site.cpu, again), "wait for slow")
