"""The instructions of a section as steps: an abort can come before each.

The instructions are those of the flat form, and a term means what it means in the interpreter.  An
instruction that touches memory twice, or sixteen bytes, is two steps, since other CPUs can come
between; a compare and exchange is one.
"""

from __future__ import annotations

from ...kernels.profiles import ABORTS, CONTINUES, Profile
from ...program import section as ir
from ...program.flat import (
    Branch as FlatBranch,
    Leave,
    Simple,
    assigned,
    flatten,
    settled,
    written_local,
)
from ...text.scenario_tree import RunVector
from ...text.section_printer import instruction_text
from ...verifier.section_vector import AsVector
from ..steps.code import READS, WRITES, Builder
from ..steps.site import Site
from ..steps.step import (
    Action,
    Assign,
    Begin,
    Branch,
    CompareExchange,
    Fail,
    Guard,
    Jump,
    Store,
    Switch,
)
from ..steps.terms import Binary, CurrentCpu, Memory, Number, Register, Term, Width, plus
from .lower_run import Called, VectorBody
from .section_terms import Reader, operation, width_of
from .writer import PLAIN, Exits, Protection, Writer

_HALF = 8  # bytes of a u128 that one access moves
_BYTE = Width(1, False)
EXECUTED, LEFT = "executed", "left"
CALLED = "the kernel kills the process for a system call inside of a section (SIGSEGV)"


class SectionBody:
    """A section, as what a ``run`` runs.

    ``results`` are the registers that take its results, ``labels`` where each way out of it leads;
    ``ids`` is where the thread's ids lie in the state, if it names them.
    """

    def __init__(
        self,
        builder: Builder,
        site: Site,
        section: ir.Section,
        statement: RunVector,
        results: tuple[int, ...],
        prefix: str,
        profile: Profile,
        ids: int | None,
        labels: dict[str, int],
        vector: AsVector | None,
    ) -> None:
        self.builder = builder
        self.site = site
        self.profile = profile
        self.code = flatten(section)
        self.assigned = assigned(self.code)
        self.results = dict(zip(section.results, results, strict=False))
        self.labels = labels
        self.ids = ids
        self.vector = vector
        places = tuple(each.step.place for each in self.code)
        self.writer = Writer(builder, site, statement, section.name, places)
        locals_ = [written[0] for each in self.code if (written := written_local(each.step))]
        register = builder.registers
        self.registers = {
            name: register(f"{prefix}${section.name}.{name}") for name in dict.fromkeys(locals_)
        }
        self.copying = tuple(register(f"{prefix}${each}") for each in ("to", "from", "left"))
        names = (each.name for each in section.parameters)
        self.inputs = dict(zip(names, site.inputs, strict=True))
        self.reader = Reader(
            *(site.image, self.registers, self.inputs, site.cpu),
            None if ids is None else site.image.address(ids),
            profile.registered,
        )

    # ---- what differs from a vector -------------------------------------------------------------

    def entered(self) -> Term:
        """A section is plain code: it looks at cpu_id where it says so."""
        return Number(int(self.profile.registered))

    def called(self) -> Called | None:
        """The vector that it exactly is, called for the CPU that it would compare with cpu_id."""
        if self.vector is None:
            return None
        vector, site = self.vector.vector, self.site
        inputs = tuple(self.inputs[each.name] for each in vector.parameters)
        mine = Site(site.image, vector, site.cpu, inputs, site.attempts, site.pending, site.stopped)
        places = tuple(each.place for each in vector.instructions)
        writer = Writer(self.builder, mine, self.writer.statement, vector.name, places)
        body = VectorBody(writer, self.profile, self.ids)
        exits = {op: self.labels[label] for label, ops in self.vector.labels.items() for op in ops}
        ways = tuple(exits.get(op, self.builder.crash) for op in range(len(vector.instructions)))
        cpu = self.vector.cpu
        chosen: Term = CurrentCpu() if cpu is None else Register(self.inputs[cpu])
        return Called(body, mine, body.site, vector.name, chosen, ways)

    def noted(self) -> tuple[int, ...]:
        """The CPU on which it began."""
        return (self.site.cpu,)

    def exits(self) -> Exits:
        """Where a run of it goes on; what a system call refuses to do was aborted, too."""
        refused = dict.fromkeys(Exits._fields, self.labels[ir.ABORTED])
        return Exits(**refused | {"ok": self.labels[ir.OK], "differs": self.builder.crash})

    def unlocked(self, exits: Exits) -> None:
        """After the unlock: on by the way that the section was left."""
        ways = tuple(self.labels.values())
        self.writer.add(Switch(self.site.stopped, ways), inside=True)

    def write(self, exits: Exits, protection: Protection, late_flag: int | None) -> None:
        """Every instruction; under a lock the way out leads through the unlocking."""
        points = [self.builder.label() for _ in self.code]
        for index, (step, protected) in enumerate(self.code):
            self.builder.here(points[index])
            inside = protection if protected else PLAIN
            if late_flag is not None and _commits(step):
                self.writer.test_flag(late_flag, inside)
            _Instruction(self, points, index, protected, inside).write(
                step, exits, protection.guard is Guard.NONE
            )


class _Instruction:
    """Writes one instruction: ``protection`` is that of its steps; ``points`` are of all."""

    def __init__(
        self,
        body: SectionBody,
        points: list[int],
        index: int,
        protected: bool,
        protection: Protection,
    ) -> None:
        self.body = body
        self.points = points
        self.index = index
        self.protected = protected
        self.protection = protection
        self.following = points[min(index + 1, len(points) - 1)]
        self.registers = body.registers
        self.term = body.reader.term
        self.pending = body.site.pending

    def write(self, step: Simple, exits: Exits, locked: bool) -> None:
        """The steps of an instruction; ``locked``: the section is run under a lock."""
        following, term = self.following, self.term
        self.text = f"{self.body.writer.name}[{self.index}] {instruction_text(step)}"
        match step:
            case ir.Load(local=local, type=type, address=address):
                if type.size > _HALF:
                    self._wide_load(self.registers[local], term(address))
                else:
                    value = Memory(term(address), width_of(type))
                    self._done(Assign((self.registers[local],), (value,), following))
            case ir.Set(local=local, value=value_):
                self._done(Assign((self.registers[local],), (term(value_),), following))
            case ir.Store(address=address, type=type, value=value_):
                if type.size > _HALF:
                    self._wide_store(term(address), term(value_))
                else:
                    self._done(Store(term(address), type.size, term(value_), following))
            case ir.Change():
                self._change(step)
            case ir.CompareExchange():
                self._exchange(step)
            case ir.AtomicChange():
                self._atomic(step)
            case ir.Copy():
                self._copy(step)
            case ir.Barrier():
                self._done(Jump(following))
            case ir.SystemCall(switches=switches):
                self._system_call(switches)
            case FlatBranch():
                self._branch(step)
            case Leave(label=label):
                self._leave(label, exits, locked)

    def _done(
        self, action: Action, suffix: str = "", covers: tuple[str, ...] = (EXECUTED,)
    ) -> None:
        """A step with which the instruction is done."""
        self._part(action, suffix, covers)

    def _part(self, action: Action, suffix: str = "", covers: tuple[str, ...] = ()) -> None:
        self.body.writer.add(
            action,
            self.text + suffix,
            self.protection,
            op=self.index if self.protected else None,
            covers=covers if self.protected else (),
            inside=self.protection.guard is Guard.NONE,
        )

    def _here(self, label: int) -> None:
        self.body.builder.here(label)

    def _halves(self) -> list[tuple[int, int, str, int]]:
        """Of sixteen bytes, the lower address first: offset, bits to shift by, text, where to."""
        little = self.body.site.image.byteorder == "little"
        labels = (self.body.builder.label(), self.following)
        return [
            (_HALF * half, 64 * (half if little else 1 - half), f" (half {half + 1})", labels[half])
            for half in (0, 1)
        ]

    def _wide_load(self, register: int, address: Term) -> None:
        for offset, shift, suffix, to in self._halves():
            part: Term = Memory(plus(address, Number(offset)), Width(_HALF, False))
            if shift:
                part = Binary("<<", part, Number(shift))
            if offset:
                part = Binary("|", Register(register), part)
            self._done(Assign((register,), (part,), to), suffix)
            if not offset:
                self._here(to)

    def _wide_store(self, address: Term, value: Term) -> None:
        for offset, shift, suffix, to in self._halves():
            half = Binary(">>", value, Number(shift)) if shift else value
            self._done(Store(plus(address, Number(offset)), _HALF, half, to), suffix)
            if not offset:
                self._here(to)

    def _change(self, step: ir.Change) -> None:
        """Read, then write: other CPUs can come between."""
        address, type, middle = self.term(step.address), step.type, self.body.builder.label()
        found = Memory(address, width_of(type))
        operand = step.value
        changed = operation(step.operator, found, self.term(operand), type, operand.type)
        self._part(Assign((self.pending,), (changed,), middle), READS)
        self._here(middle)
        self._done(Store(address, type.size, Register(self.pending), self.following), WRITES)

    def _exchange(self, step: ir.CompareExchange) -> None:
        self._done(
            CompareExchange(
                address=self.term(step.address),
                width=width_of(step.type),
                expected=self.term(step.expected),
                replacement=self.term(step.replacement),
                found=() if step.local is None else (self.registers[step.local],),
                to=self.following,
            )
        )

    def _atomic(self, step: ir.AtomicChange) -> None:
        """A compare and exchange that expects what is there, all in one step."""
        address, type = self.term(step.address), step.type
        found = Memory(address, width_of(type))
        value = self.term(step.value)
        if step.operator is not None:
            value = operation(step.operator, found, value, type, step.value.type)
        self._done(
            CompareExchange(
                address=address,
                width=width_of(type),
                expected=found,
                replacement=value,
                found=() if step.local is None else (self.registers[step.local],),
                to=self.following,
            )
        )

    def _copy(self, step: ir.Copy) -> None:
        """Byte by byte: a byte is read, then written."""
        to, source, left = self.body.copying
        head, byte, middle = (self.body.builder.label() for _ in range(3))
        what = tuple(self.term(each) for each in (step.target, step.source, step.length))
        self._part(Assign(self.body.copying, what, head))
        self._here(head)
        self._done(Branch(Register(left), byte, self.following), covers=("", EXECUTED))
        self._here(byte)
        read = Memory(Register(source), _BYTE)
        one, last = Number(1), plus(Register(to), Number(-1))
        values = (read, plus(Register(to), one), plus(Register(source), one))
        fewer = Binary("-", Register(left), one)
        self._part(Assign((self.pending, *self.body.copying), (*values, fewer), middle), READS)
        self._here(middle)
        self._part(Store(last, 1, Register(self.pending), head), WRITES)

    def _system_call(self, switches: bool) -> None:
        """What becomes of a section that calls the kernel, by the kernel's profile.

        Where it goes on though the thread is switched out, it is in no section for the others until
        it comes back; it keeps the CPU on which it began.
        """
        builder, profile = self.body.builder, self.body.profile
        rule = profile.system_call_switches if switches else profile.system_call_stays
        if self.protection.guard is not Guard.SECTION or (rule == CONTINUES and not switches):
            self._done(Jump(self.following))
        elif rule == ABORTS:
            self._part(Jump(self.protection.abort, leaves=True))
        elif rule == CONTINUES:
            away = builder.label()
            self._part(Jump(away, leaves=True))
            self._here(away)
            back = Begin(Number(1), (), self.following, builder.crash)
            self.body.writer.add(back, f"{self.text} (returns)", op=self.index, inside=True)
        else:
            killed = builder.label()
            self._part(Jump(killed, leaves=True))
            self._here(killed)
            self.body.writer.add(Fail(), CALLED, op=self.index, inside=True)

    def _branch(self, step: FlatBranch) -> None:
        """A jump; one that leaves the section is a step: an abort can come just before it."""
        target = self.points[step.target]
        leaves = self.protected and settled(self.body.code, step.target) is not None
        went = LEFT if leaves else EXECUTED
        if step.condition is None:
            self._done(Jump(target, leaves), covers=(went,))
        else:
            condition = self.term(step.condition)
            branch = Branch(condition, target, self.following, leaves)
            self._done(branch, covers=(went, EXECUTED))

    def _leave(self, label: str, exits: Exits, locked: bool) -> None:
        """The end of a way: the results are taken, and the run goes on by the label."""
        body = self.body
        given = [
            (register, Register(self.registers[name]))
            for name, register in body.results.items()
            if name in body.assigned[self.index]
        ]
        registers, values = [each for each, _ in given], [value for _, value in given]
        if locked:
            registers.append(body.site.stopped)
        numbers: list[Term] = [Number([*body.labels].index(label))] if locked else []
        goal = exits.differs if locked else body.labels[label]
        body.writer.add(Assign(tuple(registers), (*values, *numbers), goal), inside=locked)


def _commits(step: Simple) -> bool:
    return not isinstance(step, FlatBranch | Leave) and ir.is_commit(step)
