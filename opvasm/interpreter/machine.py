"""A simulated machine that answers cpu_opv as the kernel of a revision does."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache

from ..abi.layout import OP_BYTES
from ..abi.revisions import Abi
from ..binary import decode
from ..errors import Crash
from ..machine import Cpus, Fault, Memory
from ..program import Instruction
from .access import ORDINARY, Observed, access_for
from .entry import check_arguments, outside_user_space
from .errno import EAGAIN, EFAULT, EINVAL
from .events import (
    Called,
    CopiedIn,
    CpuRefused,
    Faulted,
    Finished,
    Moved,
    Observer,
    PinRefused,
    Queried,
    Restarted,
    Returned,
    RunsOffline,
    Started,
    VectorRefused,
    VectorUnreadable,
)
from .pages import Pins
from .placement import place
from .prepared import Prepared, prepare
from .semantics import UserMemory

FIRST_TOUCH_RETRY = "first-touch-retry"

Ops = int | bytes | Prepared | Sequence[Instruction]


@lru_cache(maxsize=1024)
def _prepare_bytes(data: bytes, abi: Abi) -> Prepared:
    """A vector's bytes made ready; the same vector is usually called again and again."""
    return prepare(decode(data, abi, None), abi)


class Machine:
    """Memory, CPUs and a kernel of one revision.

    ``quirks`` names the historic bugs to model (abi.md section 2.8); those that the revision never
    had change nothing.  ``observe``, when set, is told every movement as an event; it must not
    change the machine.  Raises ValueError when the memory's pages are not of the Abi's size.
    """

    __slots__ = ("_access", "abi", "cpus", "memory", "observe", "quirks")

    def __init__(
        self,
        abi: Abi,
        memory: Memory | None = None,
        cpus: Cpus | None = None,
        quirks: Collection[str] = (),
        observe: Observer | None = None,
    ) -> None:
        self.abi = abi
        self.memory = Memory(abi.page_size) if memory is None else memory
        if self.memory.page_size != abi.page_size:
            raise ValueError(f"pages of {self.memory.page_size} bytes, not {abi.page_size}")
        self.cpus = Cpus() if cpus is None else cpus
        self.quirks = frozenset(quirks) & {quirk.name for quirk in abi.revision.quirks}
        self.observe = observe
        self._access = access_for(abi, self.memory)

    def cpu_opv(self, ops: Ops, cpuopcnt: int, cpu: int, flags: int = 0) -> int:
        """The system call: 0, the index + 1 of the compare that stopped it, or a negative errno.

        ``ops`` is the pointer that the caller passes (an address of this machine's memory), or the
        vector itself, which is then readable for the kernel and out of the way of every op: its
        bytes, its instructions, or those made ready with ``prepare``.  The arguments are signed
        32-bit numbers.  Checks come in the kernel's order (abi.md section 2.1).

        Raises ValueError when ``cpuopcnt`` names more ops than the given vector has.
        """
        observe = self.observe
        if observe is not None:
            observe(Called(cpuopcnt, cpu, flags, self.cpus.current))
        ended = check_arguments(self.abi, cpuopcnt, cpu, flags)
        if ended is None:
            result = self._run(ops, cpuopcnt, cpu)
        else:
            if observe is not None:
                observe(ended)
            result = ended.answer if isinstance(ended, Queried) else -ended.errno
        if observe is not None:
            observe(Returned(result))
        return result

    def _run(self, ops: Ops, cpuopcnt: int, cpu: int) -> int:
        """Steps 5 to 12."""
        observe = self.observe
        vector = self._copy_in(ops, cpuopcnt)
        if vector is None:
            return -EFAULT
        if observe is not None:
            observe(CopiedIn(vector.instructions))
        if vector.violation is not None:
            if observe is not None:
                observe(VectorRefused(vector.violation, EINVAL))
            return -EINVAL
        replaced = None
        if observe is not None or not self._is_ordinary(vector):
            pins = Pins(self.abi, self.memory, self.quirks)
            error = self._pin(vector, pins)
            if error:
                return error
            replaced = pins.replaced
        error = self._move(cpu)
        if error:
            return error
        if replaced is not None and FIRST_TOUCH_RETRY in self.quirks:
            return self._retry_with_lost_addresses(vector, replaced)
        return self._execute(vector) if observe is None else self._execute_observed(vector, observe)

    def _copy_in(self, ops: Ops, cpuopcnt: int) -> Prepared | None:
        """The vector, read once before anything else happens (step 5); None when it can't be."""
        length = cpuopcnt * OP_BYTES
        match ops:
            case Prepared():
                if len(ops.instructions) == cpuopcnt:
                    return ops
                given = ops.instructions
            case int():
                try:
                    if length and outside_user_space(self.abi, ops, length):
                        raise Fault(ops, length, False, ops, None)
                    return _prepare_bytes(self.memory.read(ops, length), self.abi)
                except Fault:
                    if self.observe is not None:
                        self.observe(VectorUnreadable(ops, length, EFAULT))
                    return None
            case bytes():
                if len(ops) < length:
                    raise ValueError(f"{cpuopcnt} ops of a vector of {len(ops)} bytes")
                return _prepare_bytes(ops[:length], self.abi)
            case _:
                given = tuple(ops)
        if len(given) < cpuopcnt:
            raise ValueError(f"{cpuopcnt} ops of a vector of {len(given)}")
        return prepare(given[:cpuopcnt], self.abi)

    def _is_ordinary(self, vector: Prepared) -> bool:
        """Whether every operand lies in ordinary memory, of which pinning has nothing to ask."""
        if vector.pages is None:
            return False
        pages = self.memory.pages
        for number in vector.pages:
            page = pages.get(number)
            if page is None or page.kind is not ORDINARY:
                return False
        return True

    def _pin(self, vector: Prepared, pins: Pins) -> int:
        """Pin every operand in order (step 9); 0, or the negative errno of the first refused."""
        for demand in vector.demands:
            outcome = pins.pin(demand)
            if self.observe is not None:
                self.observe(outcome)
            if isinstance(outcome, PinRefused):
                return -outcome.errno
        return 0

    def _move(self, cpu: int) -> int:
        """Go to the CPU (step 10); 0, or the negative errno."""
        if self.observe is None and cpu == self.cpus.current:
            return 0
        outcome = place(self.abi, self.cpus, cpu, self.quirks)
        if self.observe is not None:
            self.observe(outcome)
        match outcome:
            case Moved():
                self.cpus.current = cpu
                return 0
            case RunsOffline():
                return 0
            case CpuRefused():
                return -outcome.errno

    def _retry_with_lost_addresses(self, vector: Prepared, page: int) -> int:
        """The first-touch-retry quirk: the second attempt pins overwritten addresses."""
        first = next(demand for demand in vector.demands if demand.length)
        errno = EAGAIN if first.expect_fault else EFAULT
        if self.observe is not None:
            self.observe(Restarted(page, errno))
        return -errno

    def _execute(self, vector: Prepared) -> int:
        """Run the ops in order (step 12)."""
        access = self._access
        try:
            for index, (run, arguments) in enumerate(vector.steps):
                if run(access, *arguments):
                    return index + 1
        except Fault:
            return -EFAULT
        return 0

    def _execute_observed(self, vector: Prepared, observe: Observer) -> int:
        """Run the ops in order, telling of each."""
        access = Observed(self._access, self.memory, observe)
        for index, instruction in enumerate(vector.instructions):
            observe(Started(index, instruction))
            access.op = index
            try:
                stops = run_op(vector, index, access)
            except Fault as fault:
                observe(
                    Faulted(
                        op=index,
                        address=fault.address,
                        length=fault.length,
                        writes=fault.writes,
                        page=fault.page,
                        kind=fault.kind,
                        errno=EFAULT,
                    )
                )
                return -EFAULT
            observe(Finished(index, stops))
            if stops:
                return index + 1
        return 0


def run_op(vector: Prepared, op: int, memory: UserMemory) -> bool:
    """Run one op of a vector on any memory; True when it stops the vector.

    This is the step function of the explorer and of live programs too: ``memory`` decides what is
    touched and raises Fault where it can't be.  Raises Crash for a vector that the static rules
    refuse.
    """
    if vector.violation is not None:
        raise Crash(f"a refused vector was run: {vector.violation}")
    step = vector.steps[op]
    return step.run(memory, *step.arguments)
