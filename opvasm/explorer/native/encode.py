"""A plan as the bytes that the C engine reads: source/load.c has the same order.

What the engine can't do is Refused, with the reason.
"""

from __future__ import annotations

from struct import Struct

from ...abi.ops import Effect
from ...errors import Crash
from ...kernels.disturbances import BUDGETS, DECIDING, SLOT, Cause, Disturbance, Way
from ...kernels.profiles import KEPT, KILLS, LABELS, REWRITTEN, Profile, unknown_rules
from ...light_typing import NamedTuple
from ...text.scenario_tree import RSEQ
from ..claims.conditions import AddressesOf
from ..plan.plan import Plan
from ..steps.code import Code
from ..steps.site import Bound
from ..steps.state import STEP, Going
from ..steps.step import (
    METHOD_OF,
    NOWHERE,
    REGISTERS,
    Assign,
    Begin,
    Branch,
    CompareExchange,
    End,
    Enter,
    Fail,
    Fence,
    FenceVector,
    Guard,
    HandlerReturn,
    Jump,
    Lock,
    Pause,
    Phase,
    RunOp,
    Step,
    Store,
    Switch,
    Wait,
)
from ..steps.terms import (
    Binary,
    Fitted,
    Nodes,
    Number,
    Register,
    Term,
    Unary,
    Width,
    every_term,
)
from ..steps.work import Covered
from .built import LAYOUT_VERSION, Refused
from .instructions import InstructionWriter, Op

MOST_THREADS, MOST_CPUS, MOST_CLAIMS, MOST_MEMORY = 16, 8, 64, 1 << 20
# What happens next, by its numbers.
KINDS: tuple[Disturbance | Going, ...] = (STEP, *DECIDING)
_ID_EVENTS = ("preemption", "membarrier", "signal", "sleep", "migration")
_RULES = {KEPT: 0, REWRITTEN: 1, KILLS: 2}
# How they disturb, and why a section restarts (each word once), by theirs.
WAYS = tuple(each for each in Way if each.decides)
CAUSES = tuple({each.word: each for each in Cause}.values())
# The fields of a kernel's profile that are told to the engine, those that lowering has followed, and
# those that no scenario can tell.  A rule that nobody has put here is refused.
KNOWN_RULES = {
    *LABELS,
    *("registered", "preemption_aborts", "membarrier_aborts"),
    *(each.row.aborts for each in DECIDING if each.row.aborts is not None),
    *(f"id_at_{each}" for each in _ID_EVENTS),
    *("system_call_switches", "system_call_stays"),
    *("bad_version", "abort_inside", "bad_signature", "outside"),
}
_PHASES = {each: number for number, each in enumerate(Phase)}
EFFECTS = {
    Effect.COMPARE_EQUAL: 0,
    Effect.COMPARE_DIFFERENT: 1,
    Effect.COPY: 2,
    Effect.ADD: 3,
    Effect.OR: 4,
    Effect.AND: 5,
    Effect.XOR: 6,
    Effect.SHIFT_LEFT: 7,
    Effect.SHIFT_RIGHT: 8,
    Effect.BARRIER: 9,
}
_REFUSALS = {None: 0, "again": 1, "fault": 2, "invalid": 3}
_UNBOUND = 4
_CLAIMS = {"forall": 0, "never": 1, "exists": 2, "invariant": 3, "quiescent": 4}
_COLUMN = 5
_NUMBER, _WORD = Struct("<i"), Struct("<Q")


class Table(NamedTuple):
    """A plan as bytes, and what its numbers stand for.

    ``covered`` has what coverage notes by the engine's numbers, ``sites`` (thread, index of the
    site) likewise, ``claims`` which of the judge's final claims have code: their places among the
    engine's claims.
    """

    data: bytes
    covered: tuple[Covered, ...]
    sites: tuple[tuple[int, int], ...]
    judges_ends: bool
    exists: tuple[tuple[str, int], ...]


class _Bytes:
    """Bytes under construction."""

    def __init__(self) -> None:
        self.data = bytearray()

    def number(self, *values: int) -> None:
        for value in values:
            if not -(1 << 31) <= value < 1 << 31:
                raise Refused(f"{value} is too large a number")
            self.data += _NUMBER.pack(value)

    def word(self, value: int) -> None:
        self.data += _WORD.pack(value % (1 << 64))

    def list(self, values: tuple[int, ...] | list[int]) -> None:
        self.number(len(values), *values)


def encode(plan: Plan) -> Table:
    """The bytes of a plan.  Raises Refused with what keeps the engine from running it."""
    return _Encoder(plan).table()


class _Encoder:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.writer = InstructionWriter()
        self.covered: list[Covered] = []
        self.noted: dict[Covered, int] = {}
        self.aborts: dict[tuple[str, int], int] = {}
        self.sites = [(t, i) for t, code in enumerate(plan.codes) for i in range(len(code.sites))]
        self.site_numbers = {each: number for number, each in enumerate(self.sites)}

    def table(self) -> Table:
        """Code first, since the rest says where it stands."""
        plan = self.plan
        if len(plan.codes) > MOST_THREADS:
            raise Refused(f"there are more than {MOST_THREADS} threads")
        if plan.configuration.cpus > MOST_CPUS:
            raise Refused(f"there are more than {MOST_CPUS} CPUs")
        if len(plan.memory) > MOST_MEMORY:
            raise Refused("memory is too large")
        threads = [self._thread(index, code) for index, code in enumerate(plan.codes)]
        claims, judges_ends, exists, asked = self._claims()
        out = _Bytes()
        out.data += b"OPVS"
        out.number(LAYOUT_VERSION)
        self._setting(out, asked)
        self._memory(out)
        out.number(len(self.covered))
        out.number(len(self.writer.code))
        out.data += b"".join(each.packed() for each in self.writer.code)
        out.number(len(self.sites))
        for thread, index in self.sites:
            site = plan.codes[thread].sites[index]
            out.number(thread, len(site.vector.instructions))
            out.list([register - REGISTERS for register in site.needed])
        for each in threads:
            out.data += each
        out.number(len(plan.groups))
        for group in plan.groups:
            out.list(list(group))
        out.data += claims
        return Table(bytes(out.data), tuple(self.covered), tuple(self.sites), judges_ends, exists)

    def _setting(self, out: _Bytes, asked: tuple[bool, bool]) -> None:
        plan, image, profile = self.plan, self.plan.image, self.plan.configuration.profile
        unknown = unknown_rules(KNOWN_RULES)
        if unknown:
            raise Refused(f"it does not know rules of kernel {profile.name}: {', '.join(unknown)}")
        out.number(len(plan.codes), plan.configuration.cpus, image.word)
        out.number(image.byteorder == "big", image.shift, plan.chunk)
        out.number(profile.preemption_aborts, profile.membarrier_aborts, profile.registered)
        out.number(plan.tracks_running, plan.retries_migration)
        out.number(*(_id_rule(profile.id_rule(each)) for each in _ID_EVENTS))
        out.number(len(BUDGETS), *(plan.limits[each] for each in BUDGETS))
        out.number(len(CAUSES))
        out.number(SLOT[Disturbance.STEPPED], _cause(Disturbance.STEPPED, profile))
        out.number(len(KINDS))
        for each in DECIDING:
            row = each.row
            out.number(WAYS.index(row.way), SLOT[each], _cause(each, profile))
            out.number(row.strikes.names_place)
        out.number(sum(1 << thread for thread in plan.stepped), *asked)

    def _memory(self, out: _Bytes) -> None:
        plan, image = self.plan, self.plan.image
        out.number(len(plan.memory))
        out.data += plan.memory
        size = max((len(pool) for pool in image.pools), default=0)
        out.number(size)
        for pool in image.pools:
            out.data += pool.ljust(size, b"\0")
        out.number(image.lock_start)
        out.word(image.own_base)
        out.number(len(image.regions))
        for region in image.regions:
            out.word(region.base)
            out.number(region.start, region.size, region.store, region.kind.writable)
        number = {id(region): index for index, region in enumerate(image.regions)}
        out.number(len(image.pages))
        for page, region in sorted(image.pages.items()):
            out.word(page)
            out.number(number[id(region)])

    # ---- threads ----------------------------------------------------------------------------------

    def _thread(self, thread: int, code: Code) -> bytes:
        plan, out = self.plan, _Bytes()
        block = plan.image.own_blocks[thread]
        at = plan.ids[thread]
        out.number(plan.homes[thread])
        cpus = range(plan.configuration.cpus)
        for some in (plan.allowed[thread], plan.reach[thread]):
            out.number(sum(1 << cpu for cpu in cpus if cpu in some))
        out.number(NOWHERE if at is None else at, block.start, block.size)
        out.list(_widths(code))
        out.list([register - REGISTERS for register in code.fresh])
        out.list([register - REGISTERS for register in code.observed])
        dead: dict[tuple[int, ...], int] = {}
        steps = _Bytes()
        for point, step in enumerate(code.steps):
            number = dead.setdefault(code.dead(point), len(dead))
            self._step(steps, thread, step, number)
        out.number(len(dead))
        for registers in dead:
            out.list([register - REGISTERS for register in registers])
        out.number(len(code.steps), code.entry, code.handler, code.crash, code.killed)
        return bytes(out.data + steps.data)

    def _step(self, out: _Bytes, thread: int, step: Step, dead: int) -> None:
        action, start = step.action, len(self.writer.code)
        self._action(thread, step)
        cpu = getattr(action, "cpu", NOWHERE)
        abort_cover = NOWHERE
        if step.operation is not None and step.abort != NOWHERE:
            abort_cover = self._aborts_of(step.operation)
        out.number(step.kind, step.guard, step.counted, step.handler, step.commits)
        out.number(step.uses_cpu, getattr(action, "own_too", False), step.head)
        out.number(self._exposed(thread, step), isinstance(action, Pause), step.abort)
        out.number(NOWHERE if cpu == NOWHERE else cpu - REGISTERS, abort_cover)
        out.number(getattr(action, "again", NOWHERE), start, len(self.writer.code), dead)

    def _exposed(self, thread: int, step: Step) -> bool:
        """Whether a section may lose its protection at a step."""
        return any(
            thread in threads and place in (None, step.operation)
            for threads, place in self.plan.unprotected
        )

    def _aborts_of(self, operation: tuple[str, int]) -> int:
        """The first of the numbers by which coverage notes the aborts of an op."""
        found = self.aborts.get(operation)
        if found is None:
            found = self.aborts[operation] = len(self.covered)
            self.covered += [(*operation, RSEQ, cause.event) for cause in CAUSES]
        return found

    # ---- actions ----------------------------------------------------------------------------------

    def _go(self, step: Step, way: int, point: int) -> None:
        """Go on by the way of a number, and note what it covers."""
        note = step.covers[way] if way < len(step.covers) else ""
        if note and step.operation is not None:
            covered = (*step.operation, METHOD_OF[step.guard], note)
            number = self.noted.get(covered)
            if number is None:
                number = self.noted[covered] = len(self.covered)
                self.covered.append(covered)
            self.writer.add(Op.COVER, c=number)
        self.writer.go(point)

    def _action(self, thread: int, step: Step) -> None:
        write = self.writer
        match step.action:
            case Assign(registers=registers, values=values, to=to):
                for value in values:
                    write.term(value)
                for index, register in reversed(tuple(enumerate(registers))):
                    if register in registers[index + 1 :]:
                        write.drop()  # the last value wins
                    else:
                        write.set(register)
                self._go(step, 0, to)
            case Branch(condition=condition, then=then, otherwise=otherwise):
                write.term(condition)
                no = write.add(Op.JZ)
                self._go(step, 0, then)
                write.land(no)
                self._go(step, 1, otherwise)
            case Jump(to=to) | Pause(to=to):
                self._go(step, 0, to)
            case Switch(chooser=chooser, ways=ways):
                for number, way in enumerate(ways):
                    write.register(chooser)
                    write.constant(number)
                    write.add(Op.EQ)
                    other = write.add(Op.JZ)
                    write.go(way)
                    write.land(other)
                write.add(Op.GIVE_UP)
            case Store(address=address, size=size, value=value, to=to):
                write.term(address)
                write.term(value)
                write.add(Op.STORE, a=size)
                self._go(step, 0, to)
            case CompareExchange() as action:
                self._exchange(step, action)
            case RunOp() as action:
                self._run_op(thread, step, action)
            case Begin(entered=entered, noted=noted, to=to, lost=lost):
                for register in noted:
                    write.add(Op.CPU)
                    write.set(register)
                write.term(entered)
                no = write.add(Op.JZ)
                write.add(Op.GUARD, a=Guard.SECTION)
                write.go(to)
                write.land(no)
                write.go(lost)
            case Enter() as action:
                write.add(Op.ENTER, c=self.site_numbers[thread, action.site])
                for way in (action.to, action.again, action.fault, action.invalid, action.offline):
                    write.go(way)
            case Lock(cpu=cpu, to=to):
                write.add(Op.TAKE_LOCK, c=cpu - REGISTERS)
                write.go(to)
            case Wait(to=to) | Fence(to=to) | FenceVector(to=to):
                write.go(to)
            case HandlerReturn() | End() | Fail():
                pass

    def _exchange(self, step: Step, action: CompareExchange) -> None:
        write, width = self.writer, action.width
        if width.size > 8:
            raise Refused("a compare and exchange of more than 8 bytes")
        write.term(action.address)
        write.term(action.expected)
        write.term(action.replacement)
        write.add(Op.EXCHANGE, a=width.size, b=int(width.signed))
        if action.found:
            write.set(action.found[0])
        else:
            write.drop()  # nobody wants what was found
        self._go(step, 0, action.to)

    def _run_op(self, thread: int, step: Step, action: RunOp) -> None:
        write = self.writer
        kept = (*action.kept, *action.given)
        pending = kept[0] - REGISTERS if kept else 0
        site = self.site_numbers[thread, action.site]
        fault = action.fault % (1 << 32) | pending << 32
        write.add(Op.OP, a=_PHASES[action.phase], b=action.op, c=site, d=fault)
        goes = write.add(Op.JZ)
        if action.differs != NOWHERE:
            for register in action.stopped:
                write.constant(action.op)
                write.set(register)
            self._go(step, 1, action.differs)
        else:
            write.add(Op.GIVE_UP)
        write.land(goes)
        self._go(step, 0, action.to)

    # ---- conditions -------------------------------------------------------------------------------

    def _claims(self) -> tuple[bytes, bool, tuple[tuple[str, int], ...], tuple[bool, bool]]:
        """Conditions and columns as code, where they are terms; those that are not are asked for."""
        judge, claims, columns = self.plan.judge, _Bytes(), _Bytes()
        exists: list[tuple[str, int]] = []
        count = 0
        asked = {"invariant": False, "quiescent": False}
        judges_ends = True
        for claim in (*judge.final, *judge.always, *judge.quiescent):
            kind = claim.condition.kind
            start = len(self.writer.code)
            try:
                if isinstance(claim.test, AddressesOf) or count == MOST_CLAIMS:
                    raise Refused("a condition that is not a term")
                self.writer.term(claim.test)
            except Refused:
                del self.writer.code[start:]
                if kind in asked:
                    asked[kind] = True
                else:
                    judges_ends = False
                continue
            self.writer.add(Op.ANSWER)
            claims.number(_CLAIMS[kind], start, len(self.writer.code))
            if kind == "exists":
                exists.append((claim.label, count))
            count += 1
        shown = 0
        for column in judge.columns:
            if isinstance(column.shows, Nodes) or shown + len(column.shows) > MOST_CLAIMS:
                judges_ends = False
                break
            for term in column.shows:
                start = len(self.writer.code)
                self.writer.term(term)
                self.writer.add(Op.ANSWER)
                columns.number(_COLUMN, start, len(self.writer.code))
                shown += 1
        out = _Bytes()
        out.number(judges_ends, count, shown)
        both = asked["invariant"], asked["quiescent"]
        return bytes(out.data + claims.data + columns.data), judges_ends, tuple(exists), both


def _cause(disturbance: Disturbance, profile: Profile) -> int:
    """The number of the cause for which a section restarts that it meets; NOWHERE: it goes on."""
    cause = disturbance.cause_under(profile)
    return NOWHERE if cause is None else [each.word for each in CAUSES].index(cause.word)


def _id_rule(rule: str) -> int:
    if rule not in _RULES:
        raise Refused(f"it does not know what becomes of an id that is {rule}")
    return _RULES[rule]


def encode_bound(bound: Bound) -> bytes:
    """A bound vector, as the engine reads it."""
    out = _Bytes()
    if bound.refused == "fault" and not bound.instructions:
        out.number(_UNBOUND, 0, 0)
        return bytes(out.data)
    out.number(_REFUSALS[bound.refused], len(bound.slots))
    out.data += bound.slots
    ready = bound.instructions if bound.refused != "invalid" else ()
    out.number(len(ready))
    for instruction in ready:
        operation = instruction.operation
        if operation is None:
            raise Crash("a bound vector has an op without a row")
        if operation.effect not in EFFECTS:
            raise Refused(f"the engine in C has no code for {operation.mnemonic}")
        addresses = [each for each in instruction.addresses if isinstance(each, int)]
        immediate = instruction.immediate if isinstance(instruction.immediate, int) else 0
        out.number(EFFECTS[operation.effect], len(addresses), instruction.length)
        for index in (0, 1):
            out.word(addresses[index] if index < len(addresses) else 0)
        out.word(immediate)
    return bytes(out.data)


def _widths(code: Code) -> list[int]:
    """How many words of 8 bytes each register needs: what an op has read may be long."""
    widths = dict.fromkeys(range(REGISTERS, code.size), 1)
    assigned: list[tuple[int, Term]] = []
    for step in code.steps:
        match step.action:
            case RunOp(site=site, op=op, kept=kept, given=given):
                length = code.sites[site].vector.instructions[op].length
                for register in (*kept, *given):
                    widths[register] = max(widths[register], -(-length // 8))
            case Assign(registers=registers, values=values):
                assigned += zip(registers, values, strict=True)
            case _:
                pass
    # What 16 bytes are put together in, and what takes them from there.
    wide: set[int] = set()
    for _ in assigned:
        found = {to for to, value in assigned if any(_is_wide(e, wide) for e in every_term(value))}
        if found <= wide:
            break
        wide |= found
    for register in wide:
        widths[register] = max(widths[register], 2)
    return [widths[register] for register in range(REGISTERS, code.size)]


def _is_wide(term: Term, wide: set[int]) -> bool:
    """Whether a term may be of more than 64 bits: two halves put together, or a width of 16."""
    match term:
        case Binary(operator="<<", right=Number(value=64), width=None):
            return True
        case Fitted(width=width) | Binary(width=Width() as width) | Unary(width=Width() as width):
            return width.size > 8
        case Register(number=number):
            return number in wide
        case _:
            return False
