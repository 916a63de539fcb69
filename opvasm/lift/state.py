"""What is known at a point of a section: registers, flags, and the steps made so far."""

from __future__ import annotations

from ..light_typing import NamedTuple
from ..program import section as ir
from .area_fields import load_field
from .code import Code, Memory
from .flags import NOTHING, Flags
from .terms import UNSIGNED, add, binary, convert, number, part, wide
from .values import Value, Values, distances

_STEPS_MAX = 3000
_NEAR_AREA = 64
_MARK, _ADDRESS = 0x80 << 56, (1 << 56) - 1
AREA = "area"  # the parameter that is the address of struct rseq
HALVES = ("_low", "_high")  # of a vector register, what their parameters are called
_LARGE = 5  # parts of a term: a larger one gets a local


class NotLifted(Exception):
    """A section that is not lifted; ``address`` is the instruction that is the reason."""

    def __init__(self, reason: str, address: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.address = address


class Budget:
    """Names that were given away, and how many steps were made.

    ``top_byte_ignored``: addresses may have anything in their uppermost byte, as on aarch64.
    ``marked`` are the locals in which a mark stands there.
    """

    def __init__(self, names: set[str], top_byte_ignored: bool = False) -> None:
        self._names = names
        self.steps = 0
        self.top_byte_ignored = top_byte_ignored
        self.marked: set[str] = set()

    def fresh(self, wish: str) -> str:
        """A name that no other local has."""
        name, count = wish, 1
        while name in self._names:
            count += 1
            name = f"{wish}{count}"
        self._names.add(name)
        return name


class Area(NamedTuple):
    """Where struct rseq is: its address as an expression of what registers hold at ``lead``'s start.

    ``known`` is what was known of them there already, for a lead whose first part was followed.
    """

    lead: tuple[Code, ...]
    address: Value
    known: Values | None = None

    def values(self) -> Values:
        """What is known of registers after the lead."""
        values = Values() if self.known is None else self.known.copy()
        for code in self.lead:
            values.step(code, ())
        return values


class State:
    """Registers and flags on one way through a section."""

    def __init__(self, budget: Budget, values: Values, area: Value | None) -> None:
        self.budget = budget
        self.registers: dict[str, ir.Term] = {}
        self.flags: Flags = NOTHING
        self.values = values
        self.area = area
        self.out: list[ir.Step] = []
        self.given: dict[str, ir.Term] = {}
        self.lost: dict[str, int] = {}
        self.now: Code | None = None
        self.exclusive: tuple[ir.Term, ir.Local] | None = None

    def copy(self) -> State:
        """The same state on another way, with steps of its own."""
        other = State(self.budget, self.values.copy(), self.area)
        other.registers = dict(self.registers)
        other.flags = self.flags
        other.given = dict(self.given)
        other.lost = dict(self.lost)
        other.exclusive = self.exclusive
        return other

    # ---- registers ------------------------------------------------------------------------------

    def get(self, name: str) -> ir.Term:
        """What a whole register holds: at first, the parameter of its name."""
        if name in self.lost:
            raise NotLifted(f"{name} holds what a loop left in it", self.lost[name])
        found = self.registers.get(name)
        if name == "xzr":
            return number(0)
        if found is None:
            found = self.registers[name] = _first(name)
        return found

    def set(self, name: str, term: ir.Term) -> None:
        """Give a whole register a value."""
        self.lost.pop(name, None)
        if _size(term) > _LARGE and self.now is not None:
            # A register of its own: what follows names it instead of spelling it out again.
            local = self.budget.fresh(f"{name}_is")
            self.emit(ir.Set(local, term), self.now)
            term = ir.Local(local, term.type)
        self.registers[name] = term

    def named(self, wish: str, term: ir.Term, code: Code) -> ir.Term:
        """A term as a local, unless it is one already, or a number."""
        if isinstance(term, ir.Local | ir.Constant):
            return term
        local = self.budget.fresh(wish)
        self.emit(ir.Set(local, term), code)
        return ir.Local(local, term.type)

    # ---- steps ------------------------------------------------------------------------------------

    def emit(self, step: ir.Step, code: Code) -> None:
        """Add a step, with the address and text of its instruction as its remark."""
        self.budget.steps += 1
        if self.budget.steps > _STEPS_MAX:
            raise NotLifted("too many ways lead through it", code.address)
        if isinstance(step, ir.Set) and self._marked(step.value):
            self.budget.marked.add(step.local)
        self.out.append(step if step.remark else step._replace(remark=remark_of(code)))

    def address(self, place: Memory) -> ir.Term:
        """The address of a memory operand."""
        return self.unmarked(self._sum(place))

    def unmarked(self, address: ir.Term) -> ir.Term:
        """An address without the mark in its uppermost byte, where the processor ignores that."""
        return binary("&", address, number(_ADDRESS)) if self._marked(address) else address

    def _marked(self, term: ir.Term) -> bool:
        match term:
            case ir.Local(name=name):
                return name in self.budget.marked
            case ir.Binary(operator="&", left=left, right=ir.Constant(value=value)):
                return bool(value & _MARK) and self._marked(left)
            case ir.Binary(operator="+" | "-" | "|", left=left, right=right):
                return self._marked(left) or self._marked(right)
            case ir.Choose(then=then, otherwise=otherwise):
                return self._marked(then) or self._marked(otherwise)
            case _:
                return False

    def _sum(self, place: Memory) -> ir.Term:
        offset = self._area_offset(place)
        if offset is not None and abs(offset) <= _NEAR_AREA:
            return add(self.get(AREA), offset)
        total: ir.Term | None = None
        if place.segment:
            total = self.get(place.segment)
        for name, scale in ((place.base, 1), (place.indexed, place.scale)):
            if name:
                term = self.get(name)
                if scale != 1:
                    term = binary("*", term, number(scale))
                total = term if total is None else add(total, term)
        if total is None:
            return number(place.displacement)
        return add(total, place.displacement)

    def _at(self, place: Memory, by: ir.Term | None, code: Code) -> ir.Term:
        """The address of an access, ``by`` bytes after its operand's.

        An index that is not known may lead into struct rseq where it begins near it, and which field
        is meant is not known: raises NotLifted.
        """
        if self._leads_to_area(place, by):
            what = f"`{code.text}`: an index leads to some place in or near struct rseq"
            raise NotLifted(what, code.address)
        return self.unmarked(self._sum(place) if by is None else add(self._sum(place), by))

    def _leads_to_area(self, place: Memory, by: ir.Term | None) -> bool:
        """Whether an index that is not known may lead into struct rseq."""
        if self.area is None:
            return False
        value = self.values.address(place)
        found = list(distances(value, self.area))
        if by is not None and value.base == self.area.base:
            found.append(value.offset - self.area.offset)
        return any(abs(each) <= _NEAR_AREA for each in found)

    def _index_in_area(self, place: Memory) -> ir.Term | None:
        """How far from its start an operand leads; None where no register of it is struct rseq's address."""
        for mine, other, scale in (
            (place.base, place.indexed, place.scale),
            (place.indexed if place.scale == 1 else "", place.base, 1),
        ):
            if self.area is not None and mine and other and not place.segment:
                value = self.values.register(mine)
                if value.base == self.area.base:
                    index = binary("*", self.get(other), number(scale))
                    return add(index, value.offset + place.displacement - self.area.offset)
        return None

    def load(
        self, place: Memory, code: Code, size: int | None = None, by: ir.Term | None = None
    ) -> ir.Term:
        """Read memory, ``by`` bytes after a place; the value without a sign, of ``size`` bytes."""
        size = place.size if size is None else size
        if size not in UNSIGNED:
            raise NotLifted(f"reads {size} bytes at once", code.address)
        offset = self._area_offset(place)
        if offset is not None and by is None:
            known = self._from_area(offset, size, place, code)
            if known is not None:
                return known
        type = UNSIGNED[size]
        if by is None and self._leads_to_area(place, None):
            at = self._index_in_area(place)
            read = None if at is None else load_field(self, at, size, code)
            if read is not None:
                return read
        name = self.budget.fresh("loaded")
        self.emit(ir.Load(name, self._at(place, by, code), type, _acquires(code)), code)
        return ir.Local(name, type)

    def _area_offset(self, place: Memory) -> int | None:
        if self.area is None:
            return None
        value = self.values.address(place)
        return value.offset - self.area.offset if value.base == self.area.base else None

    def _from_area(self, offset: int, size: int, place: Memory, code: Code) -> ir.Term | None:
        for name, at in ir.AREA_FIELDS.items():
            if at == offset and size == 4:
                local = self.budget.fresh(name + "_read")
                self.emit(ir.Set(local, ir.Id(name)), code)
                return ir.Local(local, ir.U32)
        if offset == -4 and size == 8:
            # The four bytes before the area, and cpu_id_start above them.
            low = self.budget.fresh("low")
            self.emit(ir.Load(low, self.address(place), ir.U32), code)
            high = self.budget.fresh("high")
            self.emit(ir.Set(high, ir.Id("cpu_id_start")), code)
            upper = binary("<<", convert(ir.Local(high, ir.U32), ir.U64), number(32, 1))
            both = self.budget.fresh("cached")
            whole = binary("|", upper, wide(ir.Local(low, ir.U32)))
            self.emit(ir.Set(both, whole), code)
            if self.budget.top_byte_ignored:
                self.budget.marked.add(both)  # tcmalloc says by bit 63 that the address is there
            return ir.Local(both, ir.U64)
        if 0 <= offset < 28 or -8 < offset < 0:
            raise NotLifted(f"reads {size} bytes at offset {offset} of struct rseq", code.address)
        return None

    def store(self, place: Memory, value: ir.Term, code: Code, by: ir.Term | None = None) -> None:
        """Write memory, ``by`` bytes after a place."""
        type = UNSIGNED[value.type.size]
        release = code.mnemonic.startswith("stl")
        remark = ""
        if self._area_offset(place) == -4 and place.size == 8 and by is None:
            # tcmalloc's cached pointer: as memory it is what it is, only the id is not that memory.
            remark = f"{remark_of(code)}; over cpu_id_start, an id that this leaves alone"
        elif by is None:
            self._refuse_area(place, code)
        step = ir.Store(self._at(place, by, code), convert(value, type), type, release=release)
        self.emit(step._replace(remark=remark), code)

    def change(self, operator: str, place: Memory, value: ir.Term, code: Code) -> None:
        """Read and write memory in one instruction."""
        self._refuse_area(place, code)
        type = UNSIGNED[place.size]
        self.emit(
            ir.Change(operator, self._at(place, None, code), convert(value, type), type), code
        )

    def exchange(
        self, place: Memory, expected: ir.Term, replacement: ir.Term, code: Code
    ) -> ir.Term:
        """Compare and exchange; what was there before."""
        self._refuse_area(place, code)
        type = UNSIGNED[place.size]
        name = self.budget.fresh("old")
        address = self._at(place, None, code)
        self.emit(ir.CompareExchange(name, address, expected, replacement, type), code)
        return ir.Local(name, type)

    def atomic(
        self,
        operator: str | None,
        place: Memory,
        value: ir.Term,
        code: Code,
        wanted: bool = True,
        by: ir.Term | None = None,
    ) -> ir.Term:
        """Read and write memory in one step for every CPU; what was there before, if it is wanted."""
        if by is None:
            self._refuse_area(place, code)
        type = UNSIGNED[place.size]
        name = self.budget.fresh("old") if wanted else None
        address, value = self._at(place, by, code), convert(value, type)
        self.emit(ir.AtomicChange(name, operator, address, value, type), code)
        return ir.Local(name or "", type)

    def load_exclusive(self, place: Memory, code: Code) -> ir.Term:
        """Read memory, and remember where and what for the store that follows."""
        found = self.load(place, code)
        self.exclusive = None
        if isinstance(found, ir.Local):
            self.exclusive = (self.address(place), found)
        return found

    def store_exclusive(self, place: Memory, value: ir.Term, code: Code) -> ir.Term:
        """Write memory if it is still as it was read; whether that failed.

        It is a compare and exchange, which does not fail where another value came and went:
        where a failure is tried again, both end alike.
        """
        if self.exclusive is None or self.exclusive[0] != self.address(place):
            raise NotLifted(f"`{code.text}`: what was read exclusively is not known", code.address)
        _, before = self.exclusive
        if before.type.size != place.size:
            what = f"{before.type.size} bytes were read exclusively, and {place.size} are written"
            raise NotLifted(f"`{code.text}`: {what}", code.address)
        self.exclusive = None
        old = self.exchange(place, before, part(value, place.size), code)
        return binary("!=", old, before)

    def stretch(self, place: Memory, code: Code) -> ir.Term:
        """Where some number of bytes begins; raises NotLifted where one may be of struct rseq."""
        offset = self._area_offset(place)
        if offset is not None and abs(offset) <= _NEAR_AREA:
            raise NotLifted(f"`{code.text}` begins in or near struct rseq", code.address)
        return self._at(place, None, code)

    def _refuse_area(self, place: Memory, code: Code) -> None:
        offset = self._area_offset(place)
        if offset is not None and -place.size < offset < 32:
            raise NotLifted(f"writes at offset {offset} of struct rseq", code.address)


def remark_of(code: Code) -> str:
    """An instruction, as the remark of the steps that it became."""
    return f"{code.address:x}: {code.text}"


def is_vector(name: str) -> bool:
    """Whether a register is one of 16 bytes."""
    return name[0] == "v" or name.startswith("xmm")


def _first(name: str) -> ir.Term:
    """What a register holds at the section's start; parameters have at most eight bytes."""
    if not is_vector(name):
        return ir.Argument(name, ir.U64)
    low, high = (convert(ir.Argument(name + end, ir.U64), ir.U128) for end in HALVES)
    return binary("|", low, binary("<<", high, number(64, 1)))


def register_of(parameter: str) -> str:
    """The register that a parameter is, or is a half of."""
    for end in HALVES:
        parameter = parameter.removesuffix(end)
    return parameter


def _size(term: ir.Term) -> int:
    return sum(1 for _ in ir.every_term(term))


def _acquires(code: Code) -> bool:
    return code.mnemonic.startswith(("ldar", "ldapr"))
