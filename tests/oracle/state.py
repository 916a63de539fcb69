"""One state of a scenario, and what happens to its threads."""

from __future__ import annotations

from typing import Any, NamedTuple

from .bodies import Code
from .memory import Fault
from .steps import Label, Step
from .world import IDS, STRIDE, Scope, World


class Kernel(NamedTuple):
    """Which causes abort a section, rewrite the two ids, kill for an id that was written.

    ``call`` is what becomes of a section that makes a system call in which it is switched out: it
    "aborts", or "goes on"; "kills": any system call inside kills.
    """

    aborts: frozenset[str]
    rewrites: frozenset[str]
    kills: frozenset[str] = frozenset()
    sections: bool = True
    call: str = "goes on"


_ALL = frozenset(("preempt", "migrate", "signal", "membarrier", "trap"))
# A membarrier for one's own CPU is "own fence": its caller comes back as from any system call.
_SWITCHES = frozenset(("preempt", "migrate", "signal", "membarrier", "own fence"))
_MOVED = frozenset(("migrate",))
_LOOKS = frozenset(("migrate", "preempt", "membarrier"))
# The table of booted kernels (docs/kernels.md).
KERNELS = {
    "legacy": Kernel(_ALL, _SWITCHES, call="aborts"),
    "v6_19_x86": Kernel(_ALL, _MOVED),
    "v7_x86_size32": Kernel(_ALL, _SWITCHES),
    "v7_x86_size33": Kernel(_ALL, _MOVED, _MOVED),
    "v6_19_arm64": Kernel(frozenset(), _MOVED),
    "v7_0_arm64_size32": Kernel(frozenset(("signal", "trap")), _SWITCHES),
    "v7_0_arm64_size33": Kernel(frozenset(), _MOVED, _MOVED),
    "v7_1_arm64_size32": Kernel(_ALL, _SWITCHES),
    "v7_1_arm64_size33": Kernel(_ALL, _MOVED, _LOOKS),
    "debug": Kernel(_ALL, _MOVED, _LOOKS, call="kills"),
    "debug_size32": Kernel(_ALL, _SWITCHES, _SWITCHES, call="kills"),
    "no_rseq": Kernel(frozenset(), frozenset(), sections=False),
}
BAD_MEMORY = (
    "it touches memory that it must not touch (SIGSEGV), or computes what has no value (SIGFPE)"
)
# A thread that works on and on in registers is looked at after so many instructions.
MOST_WORK = 500
KILLED = "the kernel kills the process for an id that it has written (SIGSEGV)"


class Setting(NamedTuple):
    """What does not change: memory's layout, the kernel, each thread's name and CPUs, all code.

    ``moves[t]``: thread t's CPU may change between any two of its steps.
    """

    world: World
    kernel: Kernel
    names: list[str]
    allowed: list[range]
    codes: list[Code]
    moves: list[bool]


class Frame:
    """A program and its registers: a thread's own, or a handler's on top of it."""

    def __init__(self, code: int, pc: int = 0, registers: dict[str, Any] | None = None) -> None:
        self.code, self.pc, self.registers = code, pc, registers if registers is not None else {}

    def key(self) -> tuple[Any, ...]:
        """What makes it equal to another."""
        return self.code, self.pc, tuple(sorted(self.registers.items()))

    def set(self, name: str, value: Any) -> None:
        self.registers[name] = value

    def drop(self, name: str) -> None:
        self.registers.pop(name, None)

    def jump(self, label: Label) -> None:
        self.pc = label.at


class Thread:
    """``mode`` is "section", "vector" or "offline" (a vector for a CPU that is off) or nothing.

    ``condemned``: the kernel will kill it when it comes back to its CPU.
    """

    def __init__(
        self, cpu: int, mode: str, frames: list[Frame], done: bool, condemned: bool = False
    ) -> None:
        self.cpu, self.mode, self.frames, self.done = cpu, mode, frames, done
        self.condemned = condemned


class State:
    """One state, to be changed by one step; ``key`` is what makes it equal to another."""

    def __init__(self, setting: Setting, key: tuple[Any, ...] | None = None) -> None:
        self.setting, self.kernel = setting, setting.kernel
        self.aborted, self.success = False, set[int]()
        if key is None:
            return
        self.memory = bytearray(key[0])
        self.threads = [
            Thread(cpu, mode, [Frame(c, pc, dict(registers)) for c, pc, registers in frames], *rest)
            for cpu, mode, frames, *rest in key[1]
        ]
        self.online, self.budget, self.locks, self.flags, self.running = map(list, key[2:7])
        self.failures: set[str] = set(key[7])

    def key(self) -> tuple[Any, ...]:
        threads = tuple(
            (
                each.cpu,
                each.mode,
                tuple(frame.key() for frame in each.frames),
                each.done,
                each.condemned,
            )
            for each in self.threads
        )
        lists = map(tuple, (self.online, self.budget, self.locks, self.flags, self.running))
        return (bytes(self.memory), threads, *lists, tuple(sorted(self.failures)))

    def top(self, thread: int) -> Frame:
        return self.threads[thread].frames[-1]

    def scope(self, thread: int) -> Scope:
        return Scope(self, thread, self.threads[thread].cpu, self.top(thread).registers)

    def fail(self, thread: int, why: str) -> None:
        self.failures.add(f"thread {self.setting.names[thread]}: {why}")

    def step(self, thread: int) -> Step:
        frame = self.top(thread)
        return self.setting.codes[frame.code].steps[frame.pc]

    def end(self, thread: int) -> None:
        """A program is at its end: a handler returns, a thread is done."""
        one = self.threads[thread]
        if len(one.frames) > 1:
            one.frames.pop()
        else:
            one.done = True

    def may_run_on(self, thread: int, cpu: int) -> bool:
        """Whether a call may ask for a CPU: the one that the thread is on, and those it is allowed."""
        return cpu == self.threads[thread].cpu or cpu in self.setting.allowed[thread]

    def free(self, thread: int, cpu: int) -> bool:
        """Whether no other thread is inside a vector on that CPU."""
        return not any(
            each.mode == "vector" and each.cpu == cpu
            for number, each in enumerate(self.threads)
            if number != thread
        )

    def mutex_held(self) -> bool:
        return any(each.mode == "offline" for each in self.threads)

    # ---- what happens to threads -----------------------------------------------------------------

    def strike(
        self, thread: int, cause: str, moved_from: int | None = None, by_a_thread: bool = False
    ) -> None:
        """A thread is interrupted: inside a section it goes to its abort handler.

        The kernel has written the CPU that the thread was on into its ids.  It looks at them when the
        thread comes back: one that has lost its CPU to another thread (``by_a_thread``) lives till then.
        """
        one = self.threads[thread]
        before = one.cpu if moved_from is None else moved_from
        if one.done:
            return
        if cause == "preempt" and self.running[one.cpu] == thread:
            self.running[one.cpu] = None
        if one.mode == "section" and cause in self.kernel.aborts:
            abort = self.step(thread).abort
            assert abort is not None
            one.mode = ""
            self.top(thread).drop("$inside")
            self.top(thread).jump(abort)
            self.aborted = True
        if cause in self.kernel.kills and self.ids(thread) != (before, before):
            if not self.at_its_end(thread):
                if by_a_thread:
                    one.condemned = True
                else:
                    self.fail(thread, KILLED)
        elif cause in self.kernel.rewrites:
            self.setting.world.set_ids(self, thread, one.cpu, one.cpu)

    def worked_out(self, thread: int, certain: bool = False) -> State:
        """This state after a thread's work in registers: at its next step, or where it comes by again.

        ``certain``: only what surely comes of it, whatever happens to the thread's CPU meanwhile.
        """
        ahead = State(self.setting, self.key())
        seen: set[Any] = set()
        one = ahead.threads[thread]
        while not ahead.failures and not one.done:
            step = ahead.step(thread)
            if step.access or (certain and step.reads_cpu and self.setting.moves[thread]):
                break
            here = tuple(frame.key() for frame in one.frames)
            if here in seen or len(seen) > MOST_WORK:
                break
            seen.add(here)
            ahead.do(thread, step)
        return ahead

    def do(self, thread: int, step: Step) -> None:
        """What an instruction does to its own thread, and to memory."""
        self.top(thread).pc += 1
        try:
            step.run(self, thread)
        except Fault:
            self.fail(thread, BAD_MEMORY)

    def at_its_end(self, thread: int) -> bool:
        """Whether a thread has only its end before it: it comes back to no instruction then."""
        ahead = self.worked_out(thread)
        if ahead.failures or ahead.threads[thread].done:
            return not ahead.failures
        return (
            ahead.step(thread) is self.setting.codes[ahead.threads[thread].frames[0].code].steps[-1]
        )

    def failed(self) -> set[str]:
        """The failures of all threads, also of those that still have to work out that they fail."""
        found = set(self.failures)
        for number, each in enumerate(self.threads):
            if not each.done and not self.step(number).access:
                found |= self.worked_out(number, certain=True).failures
        return found

    def runs_on(self, thread: int, cpu: int) -> None:
        """A thread runs on a CPU: the others there have lost it."""
        for number, each in enumerate(self.threads):
            if number != thread and each.cpu == cpu:
                self.strike(number, "preempt", by_a_thread=True)
        if "preempt" not in self.kernel.aborts:
            self.running[cpu] = thread

    def move(self, thread: int, cpu: int) -> None:
        """A call of cpu_opv moves its caller, who preempts whoever runs there."""
        self.migrate(thread, cpu)
        self.runs_on(thread, cpu)

    def migrate(self, thread: int, cpu: int) -> None:
        """A thread finds itself on a CPU, maybe another one."""
        before = self.threads[thread].cpu
        if cpu != before:
            self.threads[thread].cpu = cpu
            self.strike(thread, "migrate", before)

    def membarrier(self, thread: int, cpu: int, own: bool) -> None:
        """The sections of the other threads that run on a CPU restart.

        Where losing the CPU aborts, those that do not run have been restarted before.
        """
        if not 0 <= cpu < len(self.online) or not self.online[cpu]:
            return
        for number, each in enumerate(self.threads):
            runs = "preempt" in self.kernel.aborts or self.running[cpu] == number
            if number != thread and each.cpu == cpu and runs and not each.condemned:
                self.strike(number, "membarrier")
        if own and cpu == self.threads[thread].cpu and len(self.threads) > 1:
            self.strike(thread, "own fence")

    def ids(self, thread: int) -> tuple[int, int]:
        """A thread's cpu_id_start and cpu_id."""
        world, first = self.setting.world, IDS + thread * STRIDE
        return world.number(world.read(self, first, 4)), world.number(
            world.read(self, first + 4, 4)
        )
