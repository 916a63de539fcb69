"""One op of a vector as steps, and how every step of a run is written down."""

from __future__ import annotations

from collections.abc import Callable

from ...abi import ops as op_table
from ...abi.ops import Access
from ...interpreter.prepared import Step
from ...interpreter.semantics import SEMANTICS
from ...machine.memory import Fault
from ...program import Instruction, PoolAddress, SlotAddress
from ...source import Place, Span
from ...text.scenario_tree import LOCK, OPV, RSEQ
from ..steps.code import READS, WRITES, Builder, Guard, Kind, Label, Node
from ..steps.work import Work
from .site import Exits, Site

METHOD_OF = {Guard.NONE: LOCK, Guard.SECTION: RSEQ, Guard.VECTOR: OPV}
ZERO_ADDRESS = -1  # stands for a byte that is zero; never a real address


class OpLowering:
    """Writes the steps of single ops."""

    site: Site
    builder: Builder
    name: str

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
        stores = writes(instruction)
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
                if not bound.steps:  # cpu_opv refuses such a vector; nobody refuses a section
                    return trouble
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
                Kind.ACCESS,
                guarded(act),
                (*targets, trouble),
                text + suffix,
                reads=(*site.needed, *reads),
                writes=written,
                scope=scope,
                abort=abort,
                operation=operation,
                inside=scope is Guard.NONE,
            )

        if not stores:

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
        own_too: bool = False,
        uses_cpu: bool = False,
    ) -> None:
        """One node, placed at the statement's span or its op's."""
        place_: Place = self.site.statement.span
        if operation is not None:
            place_ = self.site.place_of(operation[1]) or place_
        self.builder.add(
            Node(
                kind,
                run,
                targets,
                text,
                reads=reads,
                writes=writes,
                scope=scope,
                abort=abort,
                cpu_register=cpu,
                operation=operation,
                place=place_,
                counted=not inside and scope is Guard.NONE,
                own_too=own_too,
                uses_cpu=uses_cpu,
            )
        )


def writes(instruction: Instruction) -> bool:
    return any(Access.WRITE in operand.access for operand, _, _ in instruction.operands())
