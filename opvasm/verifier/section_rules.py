"""Rules R1 to R9 asked of sections that load: of each instruction, and of every way through them.

A place is compared with another by its base (a variable on a CPU, a parameter, a local that is set
once), its indexes and its distance; what can't be compared is not a finding.
"""

from __future__ import annotations

from ..errors import Diagnostic
from ..program import Area, Array, Data, Struct, Type, section as ir
from ..program.flat import (
    ROUNDS,
    Branch,
    FlatInstruction,
    Leave,
    flatten,
    settled,
    successors,
    written_local,
)
from ..text.section_printer import instruction_text
from .rules import Attempt, Bytes, RseqFinding, Words, Work, broken, diagnosed

_CPU = ("cpu_id", "cpu_id_start")
_WORDS = Words(
    commit="the commit",
    this_commit="the commit {text}",
    leave="exits",
    leaves="leaves",
    own_cpu="compare cpu_id first, or change it in one step (cmpxchg, xchg, fetch_add)",
    only_commit="only the commit may read and write a word",
    read_once="keep the value in a local",
    prove="load it inside, or compare where {name} came from, unless it never changes",
)


def section_findings(section: ir.Section, data: Data) -> tuple[RseqFinding, ...]:
    """Every rule that a section breaks, in the order of the rules.

    ``op`` of a finding is the index of an instruction of the flat form.
    """
    works = _Works(section, data)
    proven = _proven(works)
    return broken(Attempt(works.all(), works.before, proven, exact=False, words=_WORDS))


def section_diagnostics(section: ir.Section, data: Data) -> tuple[Diagnostic, ...]:
    """The findings as diagnostics: errors where the section would do harm, else warnings."""
    code = flatten(section)
    return diagnosed(
        section_findings(section, data),
        section.name,
        lambda op: section.place if op is None else code[op].step.place or section.place,
    )


class _Works:
    """A section with what is known of its instructions before it runs."""

    def __init__(self, section: ir.Section, data: Data) -> None:
        self.data = data
        self.code: tuple[FlatInstruction, ...] = flatten(section)
        self.sets = _sets(self.code)
        self.before = _reached_from(self.code)
        self.exit_locals = self._exit_locals()

    def all(self) -> tuple[Work, ...]:
        """Each instruction as the rules see it."""
        return tuple(self.work(index) for index in range(len(self.code)))

    def work(self, index: int) -> Work:
        """An instruction as the rules see it."""
        step, protected = self.code[index]
        work = Work(text=f"`{instruction_text(step)}`", endless=self._is_endless(index))
        match step:
            case ir.Load(local=local, address=address, type=type):
                read = self.places(address, type.size)
                looked = read if local in self.exit_locals else ()
                return work._replace(
                    reads=read, exit_looks_at=looked, through=self.pointer(address)
                )
            case ir.Store(value=value, release=release):
                return self.stores(work, step)._replace(
                    builds_on=self.loads_of(self.depends(value)), release=release
                )
            case ir.Change(address=address, type=type, release=release):
                return self.stores(work, step)._replace(
                    reads=self.places(address, type.size),
                    changes=True,
                    release=release,
                    through=self.pointer(address),
                )
            case ir.CompareExchange(local=local, address=address, type=type):
                # One step for every CPU, so no other CPU's data is unprotected.
                read = self.places(address, type.size)
                looked = read if local in self.exit_locals else ()
                return self.stores(work, step)._replace(
                    foreign=None,
                    reads=read,
                    builds_on=self.loads_of(self.depends(step.replacement)),
                    exit_looks_at=looked,
                    through=self.pointer(address),
                )
            case ir.AtomicChange(local=local, operator=operator, address=address, type=type):
                read = self.places(address, type.size)
                looked = read if local in self.exit_locals else ()
                return self.stores(work, step)._replace(
                    foreign=None,
                    reads=read,
                    changes=operator is not None,
                    builds_on=self.loads_of(self.depends(step.value)),
                    exit_looks_at=looked,
                    through=self.pointer(address),
                )
            case ir.Copy(target=target, source=source, length=ir.Constant(value=length)):
                return self.copies(work, step, index)._replace(
                    reads=self.places(source, length), writes=self.place(target, length)
                )
            case ir.Copy(target=target, source=source, length=count):
                read_from, written_to = self.stretch(source, count), self.stretch(target, count)
                reads = () if read_from is None else (read_from,)
                return self.copies(work, step, index)._replace(reads=reads, writes=written_to)
            case Branch(target=target):
                leaves = protected and settled(self.code, target) is not None
                return work._replace(leaves=leaves)
            case ir.Barrier():
                return work._replace(barrier=True)
            case ir.Set() | ir.SystemCall() | Leave():
                return work

    def copies(self, work: Work, step: ir.Copy, index: int) -> Work:
        """With what a copy says, but for its bytes."""
        return work._replace(
            stores=True,
            foreign=self.foreign(step.target),
            builds_on=(index,),
            through=self.pointer(step.source),
        )

    def stores(
        self, work: Work, step: ir.Store | ir.Change | ir.CompareExchange | ir.AtomicChange
    ) -> Work:
        """With what an instruction that stores a word says of its address."""
        base, offset, indexes = self._flat(step.address)
        symbol = self.data.symbols.get(base.symbol) if isinstance(base, ir.Address) else None
        size = step.type.size
        known = symbol is not None and not indexes
        return work._replace(
            stores=True,
            commits=step.commit,
            size=size,
            writes=self.place(step.address, size),
            misaligned=known and symbol is not None and (symbol.offset + offset) % size != 0,
            foreign=self.foreign(step.address),
        )

    def foreign(self, address: ir.Term) -> str | None:
        """What is written of other CPUs, as a clause."""
        base, _, _ = self._flat(address)
        symbol = self.data.symbols.get(base.symbol) if isinstance(base, ir.Address) else None
        if symbol is None or not isinstance(base, ir.Address):
            return None
        if symbol.area is not Area.PERCPU:
            return f"{symbol.name}, which all CPUs share"
        if self._cpu(base.cpu) is not None:
            return f"{symbol.name} of a CPU that need not be the one it runs on"
        return None

    def pointer(self, address: ir.Term) -> tuple[str, ...]:
        """The parameter by which memory is read, if it is one."""
        base, _, _ = self._flat(address)
        return (base.name,) if isinstance(base, ir.Argument) else ()

    def proved(self, condition: ir.Term, holds: bool) -> frozenset[str]:
        """The parameters that are equal to something else where a condition holds, or does not."""
        match self.value(condition):
            case ir.Binary(operator="==" | "!=" as operator, left=left, right=right):
                if (operator == "==") is not holds:
                    return frozenset()
                leaves = {self._leaf(left), self._leaf(right)}
                if len(leaves) == 1:  # a value beside itself
                    return frozenset()
                return frozenset(each[1] for each in leaves if each and each[0] == "argument")
            case ir.Binary(operator="&&" | "||" as operator, left=left, right=right):
                first, second = self.proved(left, holds), self.proved(right, holds)
                return first | second if (operator == "&&") is holds else first & second
            case ir.Unary(operator="!", operand=operand):
                return self.proved(operand, not holds)
            case _:
                return frozenset()

    def loads_of(self, locals: frozenset[str]) -> tuple[int, ...]:
        """The instructions that read memory into one of some locals."""
        return tuple(
            index
            for index, each in enumerate(self.code)
            if isinstance(each.step, ir.Load | ir.CompareExchange | ir.AtomicChange)
            and each.step.local in locals
        )

    def _is_endless(self, index: int) -> bool:
        """Whether an instruction goes back to the begin of a loop that counts no rounds."""
        step = self.code[index].step
        if not isinstance(step, Branch) or step.condition is not None or step.target > index:
            return False
        match self.code[step.target].step:
            case Branch(condition=ir.Unary(operand=ir.Local(name=name))):
                return not name.startswith(ROUNDS)
            case _:
                return True

    def _exit_locals(self) -> frozenset[str]:
        """The locals on which an exit depends."""
        found: frozenset[str] = frozenset()
        for step, protected in self.code:
            if not (protected and isinstance(step, Branch) and step.condition is not None):
                continue
            if settled(self.code, step.target) is not None:
                found |= self.depends(step.condition)
        return found

    def places(self, address: ir.Term, length: int) -> tuple[Bytes, ...]:
        """What an address names, where something can be said of it."""
        place = self.place(address, length)
        return () if place is None else (place,)

    def stretch(self, address: ir.Term, length: ir.Term) -> Bytes | None:
        """What a copy of unknown length names from an address on: a byte, and up to its array's end."""
        first = self.place(address, 1)
        if first is None:
            return None
        length = self.value(length)
        while isinstance(length, ir.Convert) and length.operand.type.size < length.type.size:
            length = self.value(length.operand)
        most = (1 << 8 * length.type.size) - 1
        if isinstance(length, ir.Binary) and length.operator == "&":
            masks = [e.value for e in (length.left, length.right) if isinstance(e, ir.Constant)]
            most = min([most, *masks])
        base, offset, indexes = self._flat(address)
        symbol = self.data.symbols.get(base.symbol) if isinstance(base, ir.Address) else None
        if symbol is not None:
            inside = None if indexes else symbol.type
            most = min(most, _room(inside, symbol.size, offset))
        return first._replace(end=first.start + max(most, 1), open=True)

    def value(self, term: ir.Term) -> ir.Term:
        """What a local that is set once was set to, where that is not memory."""
        if isinstance(term, ir.Local):
            setters = self.sets.get(term.name, [])
            step = self.code[setters[0]].step if len(setters) == 1 else None
            if isinstance(step, ir.Set):
                return self.value(step.value)
        return term

    def place(self, address: ir.Term, length: int) -> Bytes | None:
        """What an address names; None where nothing can be said of it."""
        base, offset, indexes = self._flat(address)
        match base:
            case ir.Address(symbol=symbol, cpu=cpu):
                key: object = (symbol, self._cpu(cpu))
            case ir.Argument(name=name):
                key = ("argument", name)
            case ir.Local(name=name) if self.has_one_value(name):
                key = ("local", name)
            case ir.Constant(value=value):
                key, offset = "address", offset + value
            case _:
                return None
        if any(not self._is_steady(each) for each in indexes):
            return None
        return Bytes((key, indexes), offset, offset + length)

    def _flat(self, address: ir.Term) -> tuple[ir.Term, int, tuple[ir.Term, ...]]:
        address = self.value(address)
        match address:
            case ir.Address(addend=addend):
                return address._replace(addend=0), addend, ()
            case ir.Binary(operator="+" | "-" as sign, left=left, right=ir.Constant(value=value)):
                base, offset, indexes = self._flat(left)
                return base, offset + (value if sign == "+" else -value), indexes
            case ir.Binary(operator="+", left=left, right=right):
                base, offset, indexes = self._flat(left)
                return base, offset, (*indexes, right)
            case _:
                return address, 0, ()

    def _is_steady(self, term: ir.Term) -> bool:
        """Whether a term has one value in the whole section."""
        return all(
            not isinstance(each, ir.Local) or self.has_one_value(each.name)
            for each in ir.every_term(term)
        )

    def has_one_value(self, name: str) -> bool:
        """Whether a local is set once: by one instruction, which no loop runs again."""
        setters = self.sets.get(name, [])
        return len(setters) == 1 and setters[0] not in self.before[setters[0]]

    def _cpu(self, cpu: ir.Term | None) -> object:
        """Which CPU a percpu address means: None is the one that the section runs on."""
        if cpu is None:
            return None
        cpu = self.value(cpu)
        while isinstance(cpu, ir.Convert):
            cpu = self.value(cpu.operand)
        if isinstance(cpu, ir.Id) and cpu.name in _CPU:
            return None
        if isinstance(cpu, ir.Argument) and self._is_proven_cpu(cpu.name):
            return None
        return cpu

    def _is_proven_cpu(self, parameter: str) -> bool:
        """Whether an exit is taken unless cpu_id is the parameter."""
        for each in self.code:
            step = each.step
            if isinstance(step, Branch) and settled(self.code, step.target) is not None:
                for compare in ir.every_term(step.condition) if step.condition else ():
                    if isinstance(compare, ir.Binary) and compare.operator == "!=":
                        sides = {self._leaf(compare.left), self._leaf(compare.right)}
                        if ("argument", parameter) in sides and ("id", "cpu_id") in sides:
                            return True
        return False

    def _leaf(self, term: ir.Term) -> tuple[str, str] | None:
        term = self.value(term)
        while isinstance(term, ir.Convert):
            term = self.value(term.operand)
        match term:
            case ir.Argument(name=name):
                return "argument", name
            case ir.Id(name=name):
                return "id", name
            case ir.Local(name=name):
                return "local", name
            case _:
                return None

    def depends(self, term: ir.Term) -> frozenset[str]:
        """The locals that a value is made from, also through other locals."""
        found: set[str] = set()
        waiting = [each.name for each in ir.every_term(term) if isinstance(each, ir.Local)]
        while waiting:
            name = waiting.pop()
            if name in found:
                continue
            found.add(name)
            for index in self.sets.get(name, []):
                step = self.code[index].step
                if isinstance(step, ir.Set):
                    inner = ir.every_term(step.value)
                    waiting += [each.name for each in inner if isinstance(each, ir.Local)]
        return frozenset(found)


def _room(type: Type | None, size: int, offset: int) -> int:
    """The bytes from an offset of a variable to the end of the array it is in, or of the whole."""
    match type:
        case Struct(members=members):
            for each in members:
                inside = offset - each.offset
                if 0 <= inside < each.type.size and isinstance(each.type, Array | Struct):
                    return _room(each.type, each.type.size, inside)
        case _:
            pass
    return size - offset


def _sets(code: tuple[FlatInstruction, ...]) -> dict[str, list[int]]:
    """Where each local is set."""
    found: dict[str, list[int]] = {}
    for index, each in enumerate(code):
        written = written_local(each.step)
        if written is not None:
            found.setdefault(written[0], []).append(index)
    return found


def _proven(works: _Works) -> tuple[frozenset[str], ...]:
    """For each instruction the parameters that a compare has found equal on every way to it."""
    code = works.code
    found: list[frozenset[str] | None] = [frozenset(), *(None for _ in code[1:])]
    waiting = [0]
    while waiting:
        index = waiting.pop()
        here, step = found[index], code[index].step
        assert here is not None
        if isinstance(step, Leave):
            continue
        for following in successors(code, index):
            ways = [here]
            if isinstance(step, Branch) and step.condition is not None:
                ways = [
                    here | works.proved(step.condition, holds)
                    for holds, to in ((True, step.target), (False, index + 1))
                    if to == following
                ]
            before = found[following]
            after = frozenset.intersection(*ways, *([] if before is None else [before]))
            if after != before:
                found[following] = after
                waiting.append(following)
    return tuple(each if each is not None else frozenset() for each in found)


class _Indexes:
    """The indexes of instructions, as the bits of a number: a long section has as many of them."""

    def __init__(self, bits: int) -> None:
        self._bits = bits

    def __contains__(self, index: object) -> bool:
        return isinstance(index, int) and bool(self._bits >> index & 1)


def _reached_from(code: tuple[FlatInstruction, ...]) -> tuple[_Indexes, ...]:
    """For each instruction those that can have run before it."""
    following = [
        () if isinstance(each.step, Leave) else successors(code, index)
        for index, each in enumerate(code)
    ]
    before = [0] * len(code)  # bit sets: most ways lead forwards, so that few rounds are enough
    changed = True
    while changed:
        changed = False
        for index, nexts in enumerate(following):
            after = before[index] | 1 << index
            for each in nexts:
                if after & ~before[each]:
                    before[each] |= after
                    changed = True
    return tuple(map(_Indexes, before))
