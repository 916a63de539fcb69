"""Which way a section asks for its CPU: does it commit where the numbers are equal, or where they differ?

A lifted section compares a field of struct rseq with the number that it was handed.  Each such compare
is taken to hold, then not to, and everything else is left open: which of the two leads to the commit?
Nothing is said where an id is used in another way as well, as an index or as what is stored.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..light_enum import Enum
from ..light_typing import NamedTuple
from ..program import section as ir
from .roles import set_once
from .terms import binary, choose, convert, known, number, opposite

_EQUALITIES = ("==", "!=")
_COMMITS, _LEAVES_LOOP, _GOES_ON = "commits", "leaves the loop", "goes on"


class Fault(Enum):
    """What is wrong with the way in which a section asks for its CPU."""

    WRONG_WAY = "it commits where the numbers differ, and not where they are equal"
    WITHOUT_EFFECT = "it commits in the same way whatever the number is"


class Doubt(NamedTuple):
    """A section's fault, and the field of struct rseq that is read for nothing.

    ``step`` is the branch that decides, None where none asks; ``on_equal`` says whether its condition
    holds where the numbers are equal; ``given`` whether the section's results are made of the field.
    """

    fault: Fault
    field: str
    step: ir.If | ir.Exit | ir.Break | None
    on_equal: bool
    given: bool


class _Compare(NamedTuple):
    """A field and what it is compared with."""

    field: str
    other: ir.Term


def doubt(section: ir.Section) -> Doubt | None:
    """The fault of a section's compares; None for those that are right, and where that is not certain."""
    spelt = _spelt(section)
    field = next((each.name for each in _ids(section)), None)
    if field is None or _used_otherwise(section, spelt):
        return None
    given = any(_has_id(value) for value in _results(section, spelt))
    asking = [each for each in _branches(section) if _has_id(_in_full(each[1], spelt))]
    compares = list(
        dict.fromkeys(one for _, term in asking for one in _compares(_in_full(term, spelt)))
    )
    ways = {
        each: tuple(
            _COMMITS in _Ways(spelt, each, equal).of(section.body) for equal in (True, False)
        )
        for each in compares
    }
    if (True, False) in ways.values():
        return None
    for compare, commits in ways.items():
        if commits == (False, True):
            found = None if _for_every_cpu(section) else _deciding(asking, spelt, compare)
            return None if found is None else Doubt(Fault.WRONG_WAY, compare.field, *found, given)
    if all(_to_the_same(step, section.results) for step, _ in asking):
        step = asking[0][0] if asking else None
        name = compares[0].field if compares else field
        return Doubt(Fault.WITHOUT_EFFECT, name, step, False, given)
    return None


def reads(section: ir.Section) -> frozenset[str]:
    """The fields that say which CPU it is, as far as a section reads them."""
    return frozenset(each.name for each in _ids(section))


def uses_ids(section: ir.Section) -> bool:
    """Whether an id is a part of an address, or of what is stored: it does more than to compare it."""
    spelt = _spelt(section)
    return any(
        _has_id(_in_full(term, spelt))
        for step in ir.walk(section.body)
        if not isinstance(step, ir.Set | ir.If | ir.Exit | ir.Break)
        for term in ir.terms_of(step)
    )


def caches_pointer(section: ir.Section) -> bool:
    """Whether cpu_id_start is read as the upper half of a pointer that user space keeps over it.

    So a lifter writes a read of the eight bytes that end with it; four bytes are the CPU's number.
    """
    spelt = _spelt(section)
    return any(
        isinstance(each, ir.Binary)
        and each.operator == "<<"
        and known(each.right) == 8 * ir.AREA_TYPE.size
        and _id_of(each.left) == "cpu_id_start"
        for step in ir.walk(section.body)
        for term in ir.terms_of(step)
        for each in ir.every_term(_in_full(term, spelt))
    )


# ---- ids in terms ---------------------------------------------------------------------------------------


def _spelt(section: ir.Section) -> dict[str, ir.Term]:
    """The locals that are made of ids, and of what."""
    found: dict[str, ir.Term] = {}
    for name, value in set_once(section).items():
        whole = _in_full(value, found)
        if _has_id(whole):
            found[name] = whole
    return found


def _in_full(term: ir.Term, spelt: dict[str, ir.Term]) -> ir.Term:
    return ir.rebuilt(
        term, lambda each: spelt.get(each.name, each) if isinstance(each, ir.Local) else each
    )


def _ids(section: ir.Section) -> Iterator[ir.Id]:
    """The reads of fields that say which CPU it is, in their order."""
    for step in ir.walk(section.body):
        for term in ir.terms_of(step):
            for each in ir.every_term(term):
                if isinstance(each, ir.Id) and each.name in ir.CPU_FIELDS:
                    yield each


def _has_id(term: ir.Term) -> bool:
    return any(isinstance(each, ir.Id) for each in ir.every_term(term))


def _id_of(term: ir.Term) -> str | None:
    """The field that a term is, in whatever width."""
    term = ir.bare(term)
    return term.name if isinstance(term, ir.Id) and term.name in ir.CPU_FIELDS else None


def _sides(term: ir.Term) -> _Compare | None:
    """A compare of a field with something else."""
    if isinstance(term, ir.Binary) and term.operator in _EQUALITIES:
        for mine, other in ((term.left, term.right), (term.right, term.left)):
            field = _id_of(mine)
            if field is not None and not _has_id(other):
                return _Compare(field, other)
    return None


def _compares(term: ir.Term) -> Iterator[_Compare]:
    """The compares of ids with what the run hands over: a number such as -1 is no CPU that is meant."""
    for each in ir.every_term(term):
        found = _sides(each)
        if found is not None and not isinstance(found.other, ir.Constant):
            yield found


def _branches(section: ir.Section) -> Iterator[tuple[ir.If | ir.Exit | ir.Break, ir.Term]]:
    """The steps that go one way or another, with their conditions."""
    for step in ir.walk(section.body):
        if isinstance(step, ir.If | ir.Exit | ir.Break) and step.condition is not None:
            yield step, step.condition


def _results(section: ir.Section, spelt: dict[str, ir.Term]) -> Iterator[ir.Term]:
    for step in ir.walk(section.body):
        if isinstance(step, ir.Set) and step.local in section.results:
            yield _in_full(step.value, spelt)


def _used_otherwise(section: ir.Section, spelt: dict[str, ir.Term]) -> bool:
    """Whether an id is used by anything but equality: an address, a value, an order, another id.

    Also where it goes into a register that a loop changes, in which it is not followed, and where
    the section writes what it compares the id with: then it may be who takes the place.
    """
    compared: set[ir.Term] = set()
    for step in ir.walk(section.body):
        terms = [_in_full(each, spelt) for each in ir.terms_of(step)]
        match step:
            case ir.Set(local=local):
                if local not in spelt and local not in section.results and _has_id(terms[0]):
                    return True
            case ir.If() | ir.Exit() | ir.Break():
                for term in terms:
                    compared |= {each.other for each in _compares(term)}
                    folded = (_Folded(spelt, None, equal).of(term) for equal in (True, False))
                    if any(map(_has_id, folded)):
                        return True
            case _ if any(map(_has_id, terms)):
                return True
            case _:
                pass
    return not _written(section).isdisjoint(_read_from(section, compared))


def _read_from(section: ir.Section, compared: set[ir.Term]) -> set[ir.Term]:
    """The addresses from which terms were read."""
    names = {
        each.name for one in compared for each in ir.every_term(one) if isinstance(each, ir.Local)
    }
    steps = ir.walk(section.body)
    return {each.address for each in steps if isinstance(each, ir.Load) and each.local in names}


def _written(section: ir.Section) -> set[ir.Term]:
    """The addresses that a section writes, in the order of its text."""
    return {
        step.address
        for step in ir.walk(section.body)
        if isinstance(step, ir.Store | ir.Change | ir.CompareExchange | ir.AtomicChange)
    }


# ---- ways to the commit ---------------------------------------------------------------------------------


class _Folded(NamedTuple):
    """Terms with a compare decided: that it holds, or not; with every compare of an id for None."""

    spelt: dict[str, ir.Term]
    compare: _Compare | None
    equal: bool

    def of(self, term: ir.Term) -> ir.Term:
        """What is left of a term."""
        return ir.rebuilt(_in_full(term, self.spelt), self._one)

    def _one(self, term: ir.Term) -> ir.Term:
        sides = _sides(term)
        if sides is not None and self.compare in (None, sides):
            assert isinstance(term, ir.Binary)
            return number(int(self.equal == (term.operator == "==")), 1)
        match term:
            case ir.Binary(operator="&&" | "||", left=left, right=right):
                return _joined(term, known(left), known(right))
            case ir.Binary(operator=operator, left=left, right=right):
                return binary(operator, left, right)
            case ir.Convert(operand=operand, type=type):
                return convert(operand, type)
            case ir.Choose(condition=condition, then=then, otherwise=otherwise):
                return choose(condition, then, otherwise)
            case ir.Unary(operator="!", operand=operand):
                return opposite(operand)
            case _:
                return term


def _joined(term: ir.Binary, left: int | None, right: int | None) -> ir.Term:
    """``&&`` and ``||`` as far as one side decides."""
    decides = term.operator == "||"
    for value in (left, right):
        if value is not None and bool(value) == decides:
            return number(int(decides), 1)
    if left is not None:
        return term.right if right is None else number(int(not decides), 1)
    return term.left if right is not None else term


class _Ways(NamedTuple):
    """Where the ways through steps lead, with a compare decided."""

    spelt: dict[str, ir.Term]
    compare: _Compare
    equal: bool

    def truth(self, condition: ir.Term | None) -> bool | None:
        """Whether a condition holds, None where that is open."""
        if condition is None:
            return True
        value = known(_Folded(self.spelt, self.compare, self.equal).of(condition))
        return None if value is None else bool(value)

    def of(self, body: tuple[ir.Step, ...]) -> frozenset[str]:
        """How a body can end."""
        found: set[str] = set()
        for step in body:
            ends = self._ends(step)
            found |= ends - {_GOES_ON}
            if _GOES_ON not in ends:
                return frozenset(found)
        return frozenset(found | {_GOES_ON})

    def _ends(self, step: ir.Step) -> frozenset[str]:
        match step:
            case ir.Exit(condition=condition):
                return frozenset() if self.truth(condition) else frozenset({_GOES_ON})
            case ir.Break(condition=condition):
                truth = self.truth(condition)
                ends = {_LEAVES_LOOP} if truth else {_LEAVES_LOOP, _GOES_ON}
                return frozenset({_GOES_ON} if truth is False else ends)
            case ir.If(condition=condition, then=then, otherwise=otherwise):
                truth = self.truth(condition)
                arms = (then, otherwise) if truth is None else (then if truth else otherwise,)
                return frozenset().union(*map(self.of, arms))
            case ir.Loop(body=inner, times=times):
                inside = self.of(inner)
                ended = _LEAVES_LOOP in inside or times is not None
                return (inside & {_COMMITS}) | (frozenset({_GOES_ON}) if ended else frozenset())
            case _:
                return frozenset({_COMMITS if ir.is_commit(step) else _GOES_ON})


def _deciding(
    asking: list[tuple[ir.If | ir.Exit | ir.Break, ir.Term]],
    spelt: dict[str, ir.Term],
    compare: _Compare,
) -> tuple[ir.If | ir.Exit | ir.Break, bool] | None:
    """The first branch that a compare decides, and whether it is taken where the numbers are equal."""
    for step, condition in asking:
        equal, differ = (_Ways(spelt, compare, each).truth(condition) for each in (True, False))
        if equal != differ:
            return step, bool(equal) if equal is not None else not differ
    return None


def _for_every_cpu(section: ir.Section) -> bool:
    """Whether a commit is one step for every CPU, as one that means to change another one's data is."""
    return any(
        ir.is_commit(step) and isinstance(step, ir.CompareExchange | ir.AtomicChange)
        for step in ir.walk(section.body)
    )


def _to_the_same(step: ir.If | ir.Exit | ir.Break, results: tuple[str, ...]) -> bool:
    """Whether both ways of a branch do the same."""
    return isinstance(step, ir.If) and _plain(step.then, results) == _plain(step.otherwise, results)


def _plain(body: tuple[ir.Step, ...], results: tuple[str, ...]) -> tuple[ir.Step, ...]:
    """Steps with their locals numbered and without what is said beside them."""
    names: dict[str, str] = {}
    for step in ir.walk(body):
        written = ir.written_local(step)
        if written is not None and written[0] not in results:
            names.setdefault(written[0], f"#{len(names)}")

    def renamed(term: ir.Term) -> ir.Term:
        return (
            term._replace(name=names.get(term.name, term.name))
            if isinstance(term, ir.Local)
            else term
        )

    def bare(step: ir.Step) -> ir.Step:
        match step:
            case ir.Load() | ir.Set():
                return step._replace(local=names.get(step.local, step.local), remark="")
            case ir.CompareExchange(local=str(local)) | ir.AtomicChange(local=str(local)):
                return step._replace(local=names.get(local, local), remark="")
            case _:
                return step._replace(remark="")

    return ir.with_steps(ir.replace_terms(body, renamed), bare)
