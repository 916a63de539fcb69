"""A ``run`` of a section as steps: an instruction is a step, and an abort can come before each.

The instructions are those of the flat form, and a term means what it means in the interpreter.  An
instruction that touches memory twice, or sixteen bytes, is two steps, since other CPUs can come
between; a compare and exchange is one.
"""

from __future__ import annotations

from collections.abc import Callable

from ...kernels.profiles import Profile
from ...light_typing import NamedTuple
from ...machine.memory import Fault
from ...program import Vector, section as ir
from ...program.flat import (
    Branch,
    Instruction,
    Leave,
    Simple,
    assigned,
    flatten,
    settled,
    written_local,
)
from ...source import Place
from ...text.scenario_tree import OPV, RSEQ, RunVector, Strategy
from ...text.section_printer import instruction_text
from ..steps.code import CPU, READS, WRITES, Builder, Guard, Kind, Label
from ..steps.ids import ID_SIZE, NOT_REGISTERED
from ..steps.image import Image
from ..steps.work import Work
from .lower_op import METHOD_OF
from .lower_run import RunLowering
from .meaning import Value
from .site import Exits, Site

_HALF = 8  # bytes of a u128 that one access moves
_IDS = {"cpu_id_start": 0, "cpu_id": ID_SIZE}


class SectionSite(Site):
    """One ``run`` of a section in the text of one thread: a site whose vector has no ops."""

    def __init__(
        self,
        image: Image,
        section: ir.Section,
        arguments: tuple[Value, ...],
        statement: RunVector,
        results: tuple[int, ...],
        prefix: str,
        builder: Builder,
    ) -> None:
        empty = Vector(section.name, section.parameters, ())
        super().__init__(image, empty, arguments, statement, prefix, builder)
        self.section = section
        self.code: tuple[Instruction, ...] = flatten(section)
        self.results = dict(zip(section.results, results, strict=False))
        self.parameters = dict(
            zip((each.name for each in section.parameters), self.inputs, strict=True)
        )
        locals_ = [written[0] for each in self.code if (written := written_local(each.step))]
        register = builder.registers
        self.registers = {
            name: register(f"{prefix}${section.name}.{name}") for name in dict.fromkeys(locals_)
        }
        self.copying = tuple(register(f"{prefix}${each}") for each in ("to", "from", "left"))

    def place_of(self, op: int) -> Place | None:
        """Where an instruction is written."""
        return self.code[op].step.place


class _Registers:
    """What a section's terms read, of the thread that a Work is stepping."""

    def __init__(self, site: SectionSite, work: Work, ids: int | None, registered: bool) -> None:
        self.site, self.work, self.ids, self.registered = site, work, ids, registered

    def local(self, name: str) -> int:
        """What a local holds."""
        return self.work.local[self.site.registers[name]]

    def argument(self, name: str) -> int:
        """The value of a parameter."""
        return self.work.local[self.site.parameters[name]]

    def area(self, name: str) -> int:
        """A field of the area: of the ids what memory says, where the thread may have written there.

        The kernel may choose any concurrency id that no other running thread has: here it is the
        number of the CPU.  There is one node.
        """
        if name == "node_id":
            return 0
        if name in _IDS and self.ids is not None:
            start = self.ids + _IDS[name]
            return int.from_bytes(
                bytes(self.work.byte(start + each) for each in range(ID_SIZE)),
                self.work.byteorder,
            )
        if not self.registered and name == "cpu_id":
            return NOT_REGISTERED
        return self.work.local[CPU] if self.registered or name == "mm_cid" else 0

    def address(self, symbol: str, cpu: int | None) -> int:
        """The address of a variable; of a CPU that is not there, one where nothing lies."""
        layout, data = self.site.image.layout, self.site.image.program.data
        number = self.work.local[self.site.cpu] if cpu is None else cpu
        return layout.symbol_address(data.symbols[symbol], number)


class _Read(NamedTuple):
    """What a step's terms read: registers, the CPU the thread is on, its ids in memory."""

    registers: frozenset[int]
    uses_cpu: bool
    ids: bool


NOTHING = _Read(frozenset(), False, False)


class SectionLowering(RunLowering):
    """Writes the steps of one ``run`` of a section for one strategy."""

    def __init__(
        self,
        site: SectionSite,
        strategy: Strategy,
        profile: Profile,
        builder: Builder,
        cpus: int,
        ids: int | None,
        labels: dict[str, Label],
    ) -> None:
        entered = strategy._replace(first=RSEQ) if strategy.first == OPV else strategy
        super().__init__(site, entered, profile, builder, cpus, ids)
        self.place = site
        self.entering = (site.cpu,)
        self.assigned = assigned(site.code)
        self.labels = labels
        self.numbers = {label: number for number, label in enumerate(labels)}

    # ---- what differs from a vector -------------------------------------------------------------

    def _enters(self, work: Work) -> bool:
        """A section is plain code: it looks at cpu_id where it says so."""
        work.local[self.place.cpu] = work.local[CPU]
        return self.profile.registered

    def _body(
        self, exits: Exits, scope: Guard, abort: Label | None, late_flag: Label | None
    ) -> None:
        """Every instruction; under a lock the way out leads through the unlocking."""
        points = [Label() for _ in self.place.code]
        for index, (step, protected) in enumerate(self.place.code):
            self.builder.here(points[index])
            inside = protected and scope is Guard.SECTION
            point = _Point(
                *(index, points, scope if protected else Guard.NONE, abort if inside else None),
                exits.crash,
                protected,
            )
            if late_flag is not None and _commits(step):
                self._look_at_flag(late_flag, point.scope, point.abort)
            self._instruction(step, point, scope, exits)

    def _unlocked(self, exits: Exits) -> None:
        """Behind the lock: on by the way that the section was left."""
        stopped, ways = self.place.stopped, [*self.labels.values()]

        def leave(work: Work) -> Label:
            return ways[work.local[stopped]]

        self.add(Kind.LOCAL, leave, tuple(ways), "", reads=(stopped,), inside=True)

    # ---- instructions ---------------------------------------------------------------------------

    def _instruction(self, step: Simple, point: _Point, scope: Guard, exits: Exits) -> None:
        match step:
            case ir.Load():
                self._load(step, point)
            case ir.Set():
                self._set(step, point)
            case ir.Store():
                self._store(step, point)
            case ir.Change():
                self._change(step, point)
            case ir.CompareExchange():
                self._exchange(step, point)
            case ir.Copy():
                self._copy(step, point)
            case ir.Barrier():
                self._node(Kind.LOCAL, point, lambda _: point.following, NOTHING, step)
            case Branch():
                self._branch(step, point)
            case Leave():
                self._leave(step, point, scope, exits)

    def _load(self, step: ir.Load, point: _Point) -> None:
        register, read = self.place.registers[step.local], self._read(step.address)
        signed, size = ir.is_signed(step.type), step.type.size
        if size > _HALF:
            self._wide(step, step.address, point, None, register)
            return

        def load(work: Work) -> Label:
            data = work.load(self._value(step.address, work), size)
            work.local[register] = int.from_bytes(data, work.byteorder, signed=signed)
            return self._did(work, point)

        self._node(Kind.ACCESS, point, load, read, step, writes=(register,))

    def _set(self, step: ir.Set, point: _Point) -> None:
        register, read = self.place.registers[step.local], self._read(step.value)

        def compute(work: Work) -> Label:
            work.local[register] = self._value(step.value, work)
            return self._did(work, point)

        self._node(self._quiet(read), point, compute, read, step, writes=(register,))

    def _store(self, step: ir.Store, point: _Point) -> None:
        if step.type.size > _HALF:
            self._wide(step, step.address, point, step.value, None)
            return
        read = self._read(step.address, step.value)

        def store(work: Work) -> Label:
            address, value = self._value(step.address, work), self._value(step.value, work)
            work.store_number(address, step.type.size, value)
            return self._did(work, point)

        self._node(Kind.ACCESS, point, store, read, step)

    def _wide(
        self,
        step: ir.Load | ir.Store,
        address: ir.Term,
        point: _Point,
        value: ir.Term | None,
        register: int | None,
    ) -> None:
        """Sixteen bytes: two accesses of eight, the lower address first."""
        read = self._read(address) if value is None else self._read(address, value)
        order = self.place.image.byteorder
        for half in (0, 1):
            following = Label() if half == 0 else point.following
            shift = 64 * (half if order == "little" else 1 - half)

            def access(
                work: Work, half: int = half, shift: int = shift, following: Label = following
            ) -> Label:
                place = self._value(address, work) + _HALF * half
                if value is not None:
                    work.store_number(place, _HALF, self._value(value, work) >> shift)
                else:
                    assert register is not None
                    kept = work.local[register] if half else 0
                    work.local[register] = kept | work.load_number(place, _HALF) << shift
                return self._did(work, point, following)

            also = (register,) if register is not None and half else ()
            self._node(
                *(Kind.ACCESS, point, access, read._replace(registers=read.registers | {*also})),
                *(step, f" (half {half + 1})"),
                writes=() if register is None else (register,),
                targets=(following,),
            )
            if half == 0:
                self.builder.here(following)

    def _change(self, step: ir.Change, point: _Point) -> None:
        """Read, then write: other CPUs can come between."""
        read, pending = self._read(step.address, step.value), self.place.pending
        middle, type = Label(), step.type

        def fetch(work: Work) -> Label:
            found = work.load_number(self._value(step.address, work), type.size)
            value = self._value(step.value, work)
            work.local[pending] = ir.apply(step.operator, ir.fitted(found, type), value, type)
            return middle

        def finish(work: Work) -> Label:
            work.store_number(self._value(step.address, work), type.size, work.local[pending])
            return self._did(work, point)

        self._node(
            *(Kind.ACCESS, point, fetch, read, step, READS), writes=(pending,), targets=(middle,)
        )
        self.builder.here(middle)
        again = self._read(step.address)
        again = again._replace(registers=again.registers | {pending})
        self._node(Kind.ACCESS, point, finish, again, step, WRITES)

    def _exchange(self, step: ir.CompareExchange, point: _Point) -> None:
        read = self._read(step.address, step.expected, step.replacement)
        register = None if step.local is None else self.place.registers[step.local]
        type = step.type

        def exchange(work: Work) -> Label:
            place = self._value(step.address, work)
            wanted = ir.fitted(self._value(step.expected, work), type)
            found = ir.fitted(work.load_number(place, type.size), type)
            if found == wanted:
                work.store_number(place, type.size, self._value(step.replacement, work))
            if register is not None:
                work.local[register] = found
            return self._did(work, point)

        writes = () if register is None else (register,)
        self._node(Kind.ACCESS, point, exchange, read, step, writes=writes)

    def _copy(self, step: ir.Copy, point: _Point) -> None:
        """Byte by byte: a byte is read, then written."""
        to, source, left = self.place.copying
        pending = self.place.pending
        head, body, middle = Label(), Label(), Label()
        read = self._read(step.target, step.source, step.length)

        def begin(work: Work) -> Label:
            values = [self._value(each, work) for each in (step.target, step.source, step.length)]
            for register, value in zip(self.place.copying, values, strict=True):
                work.local[register] = value
            return head

        def ask(work: Work) -> Label:
            return body if work.local[left] else self._did(work, point)

        def fetch(work: Work) -> Label:
            work.local[pending] = work.load_number(work.local[source], 1)
            return middle

        def finish(work: Work) -> Label:
            work.store_number(work.local[to], 1, work.local[pending])
            work.local[to] += 1
            work.local[source] += 1
            work.local[left] -= 1
            return head

        def only(*registers: int) -> _Read:
            return _Read(frozenset(registers), False, False)

        self._node(
            self._quiet(read), point, begin, read, step, writes=self.place.copying, targets=(head,)
        )
        self.builder.here(head)
        self._node(Kind.LOCAL, point, ask, only(left), step, targets=(body, point.following))
        self.builder.here(body)
        self._node(
            *(Kind.ACCESS, point, fetch, only(source), step, READS),
            writes=(pending,),
            targets=(middle,),
        )
        self.builder.here(middle)
        self._node(
            *(Kind.ACCESS, point, finish, only(to, source, left, pending), step, WRITES),
            writes=self.place.copying,
            targets=(head,),
        )

    def _branch(self, step: Branch, point: _Point) -> None:
        """A jump; one that leaves the section is a step: an abort can come just before it."""
        target = point.points[step.target]
        leaves = point.protected and settled(self.place.code, step.target) is not None
        condition = step.condition
        read = NOTHING if condition is None else self._read(condition)

        def go(work: Work) -> Label:
            if condition is not None and not self._value(condition, work):
                return self._did(work, point)
            self._cover(work, point, "left" if leaves else "executed")
            return target

        inside = leaves and point.scope is Guard.SECTION
        kind = Kind.ACCESS if inside else self._quiet(read)
        targets = (target,) if condition is None else (target, point.following)
        self._node(kind, point, go, read, step, targets=targets)

    def _leave(self, step: Leave, point: _Point, scope: Guard, exits: Exits) -> None:
        """The end of a way: the results are taken, and the run goes on by the label."""
        locked = scope is Guard.NONE
        given = [
            (self.place.results[name], self.place.registers[name])
            for name in self.place.results
            if name in self.assigned[point.index]
        ]
        goal = exits.differs if locked else self.labels[step.label]
        number, stopped = self.numbers[step.label], self.place.stopped

        def leave(work: Work) -> Label:
            values = [work.local[source] for _, source in given]
            for (target, _), value in zip(given, values, strict=True):
                work.local[target] = value
            if locked:
                work.local[stopped] = number
            return goal

        writes = (*(target for target, _ in given), *((stopped,) if locked else ()))
        reads = tuple(source for _, source in given)
        self.add(Kind.LOCAL, leave, (goal,), "", reads=reads, writes=writes, inside=locked)

    # ---- nodes ----------------------------------------------------------------------------------

    def _value(self, term: ir.Term, work: Work) -> int:
        return ir.evaluate(term, _Registers(self.place, work, self.ids, self.profile.registered))

    def _quiet(self, read: _Read) -> Kind:
        """Work in registers; reading an id that the thread may have written is an access."""
        if read.ids:
            return Kind.ACCESS
        return Kind.CURRENT if read.uses_cpu else Kind.LOCAL

    def _read(self, *terms: ir.Term) -> _Read:
        site, found = self.place, {self.place.cpu}
        uses_cpu = ids = False
        for term in (part for each in terms for part in ir.every_term(each)):
            match term:
                case ir.Local(name=name):
                    found.add(site.registers[name])
                case ir.Argument(name=name):
                    found.add(site.parameters[name])
                case ir.Id(name=name):
                    uses_cpu = uses_cpu or name != "node_id"
                    ids = ids or (name in _IDS and self.ids is not None)
                case _:
                    pass
        return _Read(frozenset(found), uses_cpu, ids)

    def _did(self, work: Work, point: _Point, following: Label | None = None) -> Label:
        self._cover(work, point, "executed")
        return point.following if following is None else following

    def _cover(self, work: Work, point: _Point, what: str) -> None:
        if point.protected:
            work.covered.add((self.name, point.index, METHOD_OF[point.scope], what))

    def _node(
        self,
        kind: Kind,
        point: _Point,
        run: Callable[[Work], Label],
        read: _Read,
        step: Simple,
        suffix: str = "",
        *,
        writes: tuple[int, ...] = (),
        targets: tuple[Label, ...] | None = None,
    ) -> None:

        def guarded(work: Work) -> Label:
            try:
                return run(work)
            except Fault:
                return point.crash

        goes = (point.following,) if targets is None else targets
        text = instruction_text(step)
        self.add(
            kind,
            guarded if kind is Kind.ACCESS else run,
            (*goes, point.crash) if kind is Kind.ACCESS else goes,
            f"{self.name}[{point.index}] {text}{suffix}",
            reads=read.registers,
            writes=writes,
            scope=point.scope,
            abort=point.abort,
            operation=(self.name, point.index) if point.protected else None,
            inside=point.scope is Guard.NONE,
            uses_cpu=read.uses_cpu,
        )


def _commits(step: Simple) -> bool:
    return not isinstance(step, Branch | Leave) and ir.is_commit(step)


class _Point:
    """Where an instruction stands: its index, what protects it, where an abort and a crash lead."""

    def __init__(
        self,
        index: int,
        points: list[Label],
        scope: Guard,
        abort: Label | None,
        crash: Label,
        protected: bool,
    ) -> None:
        self.index = index
        self.points = points
        self.scope = scope
        self.abort = abort
        self.crash = crash
        self.protected = protected
        self.following = points[index + 1] if index + 1 < len(points) else crash
