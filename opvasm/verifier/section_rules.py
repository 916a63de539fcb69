"""Rules R1 to R9 for sections that load: what may be cut off anywhere and begun again.

The rules are those of rseq_rules.py, asked of a section's instructions and of every way through
them.  A place is compared with another by its base (a variable on a CPU, a parameter, a local that
is set once), its indexes and its distance; what can't be compared is not a finding.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..codes import rseq as codes
from ..errors import Diagnostic
from ..light_typing import NamedTuple
from ..program import Area, Data, section as ir
from ..program.flat import (
    Branch,
    FlatInstruction,
    Leave,
    flatten,
    settled,
    successors,
    written_local,
)
from ..text.section_printer import instruction_text
from .rseq_rules import RseqFinding

_CPU = ("cpu_id", "cpu_id_start")
_WORDS = (1, 2, 4, 8)


def section_findings(section: ir.Section, data: Data) -> tuple[RseqFinding, ...]:
    """Every rule that a section breaks, in the order of the rules.

    ``op`` of a finding is the index of an instruction of the flat form.
    """
    subject = _Subject(section, data)
    rules = (_one_cpu, _exits_first, _one_commit, _tries, _no_reread, _order, _loaded, _bounded)
    return tuple(finding for rule in rules for finding in rule(subject))


def section_diagnostics(section: ir.Section, data: Data) -> tuple[Diagnostic, ...]:
    """The findings as diagnostics: errors where the section would do harm, else warnings."""
    code = flatten(section)
    found = []
    for each in section_findings(section, data):
        place = section.place if each.op is None else code[each.op].step.place or section.place
        level = codes.LEVELS[each.code] if each.refuses else "warning"
        message = f"{section.name}: {each.message} ({each.rule})"
        found.append(Diagnostic(level, each.code, message, place, help=each.help))
    return tuple(found)


class _Place(NamedTuple):
    """Bytes that an instruction names: a base and indexes that can be compared, and a range."""

    base: object
    start: int
    end: int


class _Subject:
    """A section with what is known of its instructions before it runs."""

    def __init__(self, section: ir.Section, data: Data) -> None:
        self.section = section
        self.data = data
        self.code: tuple[FlatInstruction, ...] = flatten(section)
        self.sets = _sets(self.code)
        self.stores = [i for i, each in enumerate(self.code) if _stores(each.step)]
        self.early = [i for i in self.stores if not _commits(self.code[i].step)]
        self.before = _reached_from(self.code)

    def name(self, index: int) -> str:
        """An instruction as it is written."""
        return f"`{instruction_text(self.code[index].step)}`"

    def comes_after(self, index: int, earlier: int) -> bool:
        """Whether some way leads from an instruction to another."""
        return earlier in self.before[index]

    def value(self, term: ir.Term) -> ir.Term:
        """What a local that is set once was set to, where that is no memory."""
        if isinstance(term, ir.Local):
            setters = self.sets.get(term.name, [])
            step = self.code[setters[0]].step if len(setters) == 1 else None
            if isinstance(step, ir.Set):
                return self.value(step.value)
        return term

    def place(self, address: ir.Term, length: int) -> _Place | None:
        """What an address names; None where nothing can be said of it."""
        base, offset, indexes = self._flat(address)
        match base:
            case ir.Address(symbol=symbol, cpu=cpu):
                key: object = (symbol, self._cpu(cpu))
            case ir.Argument(name=name):
                key = ("argument", name)
            case ir.Local(name=name) if len(self.sets.get(name, [])) == 1:
                key = ("local", name)
            case ir.Constant(value=value):
                key, offset = "address", offset + value
            case _:
                return None
        if any(not self._is_steady(each) for each in indexes):
            return None
        return _Place((key, indexes), offset, offset + length)

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
            not isinstance(each, ir.Local) or len(self.sets.get(each.name, [])) == 1
            for each in ir.every_term(term)
        )

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

    def _leaf(self, term: ir.Term) -> object:
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


def _one_cpu(subject: _Subject) -> Iterator[RseqFinding]:
    """R1: everything written that others see belongs to the CPU the section runs on."""
    for index in subject.stores:
        step = subject.code[index].step
        if isinstance(step, ir.CompareExchange):
            continue  # one step for every CPU
        base, _, _ = subject._flat(_target(step))
        symbol = subject.data.symbols.get(base.symbol) if isinstance(base, ir.Address) else None
        if symbol is None or not isinstance(base, ir.Address):
            continue
        text = subject.name(index)
        if symbol.area is not Area.PERCPU:
            what = f"{text} writes {symbol.name}, which all CPUs share"
        elif subject._cpu(base.cpu) is not None:
            what = f"{text} writes {symbol.name} of a CPU that need not be the one it runs on"
        else:
            continue
        help = (
            "a section is protected against its own CPU only; compare cpu_id first, or use cmpxchg"
        )
        yield RseqFinding("R1", codes.OTHER_CPU, index, what, help)


def _exits_first(subject: _Subject) -> Iterator[RseqFinding]:
    """R2: no exit comes after a store, which can't be taken back."""
    for index, (step, protected) in enumerate(subject.code):
        if not (protected and isinstance(step, Branch)):
            continue
        if settled(subject.code, step.target) is None:
            continue
        earlier = [each for each in subject.early if subject.comes_after(index, each)]
        if earlier:
            what = f"{subject.name(index)} leaves after {subject.name(earlier[0])} has written"
            help = "put the exits before every store"
            yield RseqFinding("R2", codes.COMPARE_AFTER_STORE, index, what, help)


def _one_commit(subject: _Subject) -> Iterator[RseqFinding]:
    """R3: the commit is one aligned word: one instruction that happens or does not."""
    help = "let the commit be one naturally aligned word of 1, 2, 4 or 8 bytes"
    for index in subject.stores:
        step = subject.code[index].step
        if not isinstance(step, ir.Store | ir.Change | ir.CompareExchange) or not step.commit:
            continue
        size = step.type.size
        if size not in _WORDS:
            what = f"the commit {subject.name(index)} is {size} bytes and no single instruction"
            yield RseqFinding("R3", codes.NO_COMMIT, index, what, help)
            continue
        base, offset, indexes = subject._flat(step.address)
        symbol = subject.data.symbols.get(base.symbol) if isinstance(base, ir.Address) else None
        if symbol is not None and not indexes and (symbol.offset + offset) % size:
            what = f"the commit {subject.name(index)} is not aligned to its {size} bytes"
            yield RseqFinding("R3", codes.NO_COMMIT, index, what, help)


def _tries(subject: _Subject) -> Iterator[RseqFinding]:
    """R4: an earlier store may be done twice, so it must not build on what was there."""
    reads = _reads(subject)
    compared = _compared(subject)
    for index in subject.early:
        step, text = subject.code[index].step, subject.name(index)
        if isinstance(step, ir.Change):
            what = f"{text} changes its old value, so an abort after it makes it happen twice"
            help = "only the commit may read and write a word"
            yield RseqFinding("R4", codes.REPEATED_CHANGE, index, what, help)
            continue
        if isinstance(step, ir.Copy | ir.CompareExchange):
            continue
        assert isinstance(step, ir.Store)
        written = subject.place(step.address, step.type.size)
        made_of = subject.depends(step.value)
        for earlier, local, place in reads:
            if written is None or not _meet(written, place):
                continue
            if not subject.comes_after(index, earlier):
                continue
            if local in made_of:
                what = f"{text} builds on what {subject.name(earlier)} read there"
                help = "an abort after it makes it happen twice; only the commit may do that"
                yield RseqFinding("R4", codes.REPEATED_CHANGE, index, what, help)
                break
            if local in compared:
                what = f"{text} stores to what {subject.name(earlier)} read for an exit"
                help = "make it the commit: it is the one that others look at"
                yield RseqFinding("R4", codes.EARLY_COMMIT, index, what, help, refuses=False)
                break


def _no_reread(subject: _Subject) -> Iterator[RseqFinding]:
    """R5: nothing stored by the section is read by a later instruction of it."""
    for index, _, place in _reads(subject):
        for earlier in subject.early:
            step = subject.code[earlier].step
            if not isinstance(step, ir.Store | ir.Change) or not subject.comes_after(
                index, earlier
            ):
                continue
            stored = subject.place(step.address, step.type.size)
            if stored is not None and _meet(stored, place):
                what = f"{subject.name(index)} reads what {subject.name(earlier)} has written"
                help = "keep the value in a local"
                yield RseqFinding("R5", codes.READ_BACK, index, what, help)
                break


def _order(subject: _Subject) -> Iterator[RseqFinding]:
    """R6: release belongs to the commit, which publishes the data."""
    for index in subject.early:
        step = subject.code[index].step
        if isinstance(step, ir.Store | ir.Change) and step.release:
            what = f"{subject.name(index)} releases before the commit, which publishes the data"
            help = "move the release to the commit"
            yield RseqFinding("R6", codes.EARLY_RELEASE, index, what, help)


def _loaded(subject: _Subject) -> Iterator[RseqFinding]:
    """R8: what is read through a pointer that was loaded before needs a compare that proves it."""
    proven: set[object] = set()
    for each in subject.code:
        if isinstance(each.step, Branch) and each.step.condition is not None:
            for term in ir.every_term(each.step.condition):
                if isinstance(term, ir.Binary) and term.operator in ("==", "!="):
                    proven |= {subject._leaf(term.left), subject._leaf(term.right)}
    said: set[str] = set()
    for index, _, _ in _reads(subject):
        step = subject.code[index].step
        address = step.source if isinstance(step, ir.Copy) else _target(step)
        base, _, _ = subject._flat(address)
        if not isinstance(base, ir.Argument) or ("argument", base.name) in proven:
            continue
        if base.name in said:
            continue
        said.add(base.name)
        what = f"{subject.name(index)} reads through {base.name}, which was loaded before"
        help = f"load it inside, or compare where {base.name} came from, unless it never changes"
        yield RseqFinding("R8", codes.STALE_POINTER, index, what, help, refuses=False)


def _bounded(subject: _Subject) -> Iterator[RseqFinding]:
    """R9: a section ends after a bounded number of instructions."""
    for step in ir.walk(subject.section.body):
        if isinstance(step, ir.Loop) and step.times is None:
            index = next(
                (i for i, each in enumerate(subject.code) if each.step.place is step.place), None
            )
            what = "it has a loop without a bound"
            help = (
                "the longer a section is the more often it is cut off, and one that waits for a "
                "thread of its CPU never ends; write `loop N`"
            )
            yield RseqFinding("R9", codes.UNBOUNDED, index, what, help, refuses=False)


# ---- instructions -------------------------------------------------------------------------------------


def _stores(step: object) -> bool:
    return isinstance(step, ir.Store | ir.Change | ir.CompareExchange | ir.Copy)


def _commits(step: object) -> bool:
    return isinstance(step, ir.Store | ir.Change | ir.CompareExchange) and step.commit


def _target(step: object) -> ir.Term:
    """The address that an instruction stores to, or loads from."""
    match step:
        case ir.Copy(target=target):
            return target
        case ir.Load() | ir.Store() | ir.Change() | ir.CompareExchange():
            return step.address
        case _:
            raise ValueError("it touches no memory")


def _reads(subject: _Subject) -> list[tuple[int, str | None, _Place]]:
    """What is read where: the instruction, the local that gets it, the bytes."""
    found: list[tuple[int, str | None, _Place]] = []
    for index, each in enumerate(subject.code):
        match each.step:
            case ir.Load(local=local, address=address, type=type):
                place = subject.place(address, type.size)
                if place is not None:
                    found.append((index, local, place))
            case ir.Change(address=address, type=type):
                place = subject.place(address, type.size)
                if place is not None:
                    found.append((index, None, place))
            case ir.CompareExchange(local=local, address=address, type=type):
                place = subject.place(address, type.size)
                if place is not None:
                    found.append((index, local, place))
            case _:
                pass
    return found


def _compared(subject: _Subject) -> frozenset[str]:
    """The locals on which an exit depends."""
    found: frozenset[str] = frozenset()
    for step, protected in subject.code:
        if not (protected and isinstance(step, Branch) and step.condition is not None):
            continue
        if settled(subject.code, step.target) is not None:
            found |= subject.depends(step.condition)
    return found


def _sets(code: tuple[FlatInstruction, ...]) -> dict[str, list[int]]:
    """Where each local is set."""
    found: dict[str, list[int]] = {}
    for index, each in enumerate(code):
        written = written_local(each.step)
        if written is not None:
            found.setdefault(written[0], []).append(index)
    return found


def _reached_from(code: tuple[FlatInstruction, ...]) -> list[set[int]]:
    """For each instruction those that can have run before it."""
    before: list[set[int]] = [set() for _ in code]
    waiting = list(range(len(code)))
    while waiting:
        index = waiting.pop()
        if isinstance(code[index].step, Leave):
            continue
        after = before[index] | {index}
        for following in successors(code, index):
            if not after <= before[following]:
                before[following] |= after
                waiting.append(following)
    return before


def _meet(first: _Place, second: _Place) -> bool:
    """Whether two ranges have a byte in common for certain."""
    same = first.base == second.base
    return same and first.start < second.end and second.start < first.end
