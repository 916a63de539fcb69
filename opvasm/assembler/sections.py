"""Sections that load: statements to steps, with the types of locals and the order of things.

``section_of`` makes the Section of a definition.  What is checked on the way: every name, width and
place; that a local is set before it is read, on every way; that each way ends with a commit or an
exit, and that nothing but register code follows a commit.
"""

from __future__ import annotations

from ..errors import Note
from ..expression import Expression
from ..program import Pointer, Scalar, Type, section as ir
from ..source import Span
from ..text.names import type_text
from ..text.section_tree import (
    AtomicStep,
    BarrierStep,
    BreakStep,
    CopyStep,
    ExchangeStep,
    ExitStep,
    IfStep,
    LoadStep,
    LoopStep,
    SectionStep,
    SetStep,
    StoreStep,
    SystemCallStep,
    Target,
)
from ..text.tree import SectionDefinition
from .parameters import parameters_of
from .places import UNKNOWN
from .scope import Scope
from .section_terms import Spot, Terms

# Blocks in blocks: keeps walks over them inside Python's own limit of calls.
NESTING_MAX = 32
_RESERVED = (ir.OK, ir.ABORTED)


def section_of(definition: SectionDefinition, scope: Scope) -> ir.Section:
    """A section with its steps; what is wrong with one is reported and the step left out."""
    return _SectionAssembler(definition, scope).section()


class _SectionAssembler:
    """Makes the steps of one section.

    ``assigned`` are the locals that are set on every way to the step at hand.
    """

    def __init__(self, definition: SectionDefinition, scope: Scope) -> None:
        self.definition = definition
        self.scope = scope
        self.problems = scope.problems
        self.parameters = parameters_of(definition, scope)
        self.types: dict[str, ir.RegisterType] = {}
        self.first: dict[str, Span] = {}
        self.assigned: set[str] = set()
        self.loops: list[list[set[str]]] = []
        self.depth = 0
        self.terms = Terms(scope, self.parameters, self.types, self._read)

    def section(self) -> ir.Section:
        """The whole section."""
        definition = self.definition
        before = len(self.problems.found)
        body = self._block(definition.body)
        complete = len(self.problems.found) == before
        if not ir.ends(body) and complete and self.problems.could_be_read(definition.span):
            end = Span(definition.span.file, definition.span.end - 1, definition.span.end)
            self.problems.error(
                "OPV041",
                f"{definition.name} can end here without a commit or an exit",
                end,
                help="end every way with `commit place, value` or `exit LABEL`",
            )
        seen: set[str] = set()
        for result in definition.results:
            if result.name in seen:
                self.scope.declared.defined_twice(result.name, result.name_span, result.name_span)
            seen.add(result.name)
            if result.name not in self.types:
                self.problems.unknown(
                    "OPV010",
                    f"no local is called `{result.name}`",
                    result.name,
                    result.name_span,
                    self.types,
                    help="a result is a local of the section, which a step sets",
                )
        return ir.Section(
            definition.name,
            tuple(self.parameters.values()),
            tuple(each.name for each in definition.results),
            body,
            definition.verified,
            definition.name_span,
        )

    # ---- blocks -------------------------------------------------------------------------------

    def _block(self, steps: tuple[SectionStep, ...]) -> tuple[ir.Step, ...]:
        """The steps in braces, with what can't stand where it does."""
        self.depth += 1
        made: list[ir.Step] = []
        commit: Span | None = None
        ended = False
        for step in steps:
            if commit is not None and not self._may_follow(step, commit):
                break
            if commit is None and ended:
                self.problems.error(
                    "OPV041",
                    "nothing reaches this step",
                    step.span,
                    help="every way before it has left the section or the loop",
                )
                break
            each = self._step(step)
            if each is not None:
                made.append(each)
                ended = ended or ir.ends((each,))
                if ir.is_commit(each):
                    commit = step.span
        self.depth -= 1
        return tuple(made)

    def _may_follow(self, step: SectionStep, commit: Span) -> bool:
        """Whether a step is register code, which may stand after the commit."""
        match step:
            case SetStep() | ExitStep():
                return True
            case _:
                self.problems.error(
                    "OPV041",
                    "after the commit the section has ended",
                    step.span,
                    notes=(Note("the commit stands here", commit),),
                    help="only `x = value` and `exit LABEL if condition` may follow it",
                )
                return False

    def _step(self, step: SectionStep) -> ir.Step | None:
        match step:
            case LoadStep():
                return self._load(step)
            case SetStep():
                return self._set(step)
            case StoreStep():
                return self._store(step)
            case AtomicStep():
                return self._atomic(step)
            case ExchangeStep():
                return self._exchange(step)
            case CopyStep(target=target, source=source, length=length, span=span):
                to, origin = self.terms.spot(target), self.terms.spot(source)
                count = self.terms.number_of_bytes(length)
                if to is None or origin is None or count is None:
                    return None
                return ir.Copy(to.address, origin.address, count, span)
            case BarrierStep(span=span):
                return ir.Barrier(span)
            case SystemCallStep(switches=switches, span=span):
                return ir.SystemCall(switches, span)
            case ExitStep():
                return self._exit(step)
            case BreakStep():
                return self._break(step)
            case IfStep():
                return self._if(step)
            case LoopStep():
                return self._loop(step)

    def _if(self, step: IfStep) -> ir.Step | None:
        condition = self.terms.condition(step.condition)
        if self._too_deep(step.span):
            return None
        before = set(self.assigned)
        then = self._block(step.then)
        after_then = self.assigned
        self.assigned = set(before)
        otherwise = self._block(step.otherwise)
        if ir.ends(otherwise):
            self.assigned = after_then
        elif not ir.ends(then):
            self.assigned &= after_then
        if condition is None:
            return None
        return ir.If(condition, then, otherwise, step.span)

    def _loop(self, step: LoopStep) -> ir.Step | None:
        if self._too_deep(step.span):
            return None
        before = set(self.assigned)
        self.loops.append([])
        body = self._block(step.body)
        ways = self.loops.pop()
        if step.times is not None:
            ways.append(before if step.times == 0 else self.assigned)
        self.assigned = set.intersection(*ways) if ways else self.assigned
        if step.times is None and not ways and not any(_leaves(each) for each in ir.walk(body)):
            self.problems.error(
                "OPV041",
                "this loop never ends",
                step.span,
                help="leave it with `break`, `exit LABEL` or a commit",
            )
        return ir.Loop(body, step.times, step.span)

    def _too_deep(self, span: Span) -> bool:
        if self.depth < NESTING_MAX:
            return False
        self.problems.error("OPV006", f"more than {NESTING_MAX} blocks in each other", span)
        return True

    def _break(self, step: BreakStep) -> ir.Step | None:
        if not self.loops:
            self.problems.error("OPV041", "`break` stands in no loop", step.span)
            return None
        condition = None
        if step.condition is not None:
            condition = self.terms.condition(step.condition)
            if condition is None:
                return None
        self.loops[-1].append(set(self.assigned))
        return ir.Break(condition, step.span)

    def _exit(self, step: ExitStep) -> ir.Step | None:
        if step.label in _RESERVED:
            what = "a commit" if step.label == ir.OK else "an abort by the kernel"
            self.problems.error(
                "OPV045",
                f"`{step.label}` is what {what} gives",
                step.label_span,
                help="give the exit another name",
            )
            return None
        condition = None
        if step.condition is not None:
            condition = self.terms.condition(step.condition)
            if condition is None:
                return None
        return ir.Exit(step.label, condition, step.span)

    # ---- steps --------------------------------------------------------------------------------

    def _load(self, step: LoadStep) -> ir.Step | None:
        if not self._settable(step.target):
            return None
        spot = self.terms.spot(step.place)
        wanted = self._written_type(step.target)
        if spot is None:
            self._assign(step.target, wanted or self.types.get(step.target.name) or UNKNOWN)
            return None
        known = wanted if spot.type is None and wanted else self._word(spot, step.place, None)
        if spot.type is None and wanted is None and step.target.name in self.types:
            known = self.types[step.target.name]
        if known is not None and wanted is not None:
            if known.size != wanted.size:
                self.problems.error(
                    "OPV040",
                    f"`{step.place.span.text}` is a {type_text(known)}, and the local a"
                    f" {type_text(wanted)}",
                    step.span,
                    help="load it as it is, then convert it",
                )
                return None
            known = wanted
        if known is None and spot.type is None:
            self.problems.error(
                "OPV020",
                f"how much of `{step.place.span.text}` is loaded?",
                step.place.span,
                help=f"write `{step.place.span.text}.u64` or another type",
            )
        if known is None or not self._assign(step.target, known):
            return None
        return ir.Load(step.target.name, spot.address, known, step.acquire, step.span)

    def _set(self, step: SetStep) -> ir.Step | None:
        if not self._settable(step.target):
            return None
        wanted = self._written_type(step.target) or self.types.get(step.target.name)
        value = self.terms.value(step.value)
        if isinstance(value, int) and wanted is None:
            self.problems.error(
                "OPV040",
                f"`{step.value.span.text}` has no width",
                step.value.span,
                help=f"write `{step.target.name}: u64 = {step.value.span.text}`",
            )
            return None
        if wanted is not None:
            value = self.terms.typed(value, wanted, step.value.span)
        if value is None or isinstance(value, int):
            self._assign(step.target, wanted or UNKNOWN)
            return None
        if wanted is not None and wanted != value.type:
            value = _as_type(value, wanted)
        if not self._assign(step.target, value.type):
            return None
        return ir.Set(step.target.name, value, step.span)

    def _store(self, step: StoreStep) -> ir.Step | None:
        spot = self.terms.spot(step.place)
        if spot is None:
            self.terms.value(step.value)
            return None
        type = self._word(spot, step.place, step.value)
        if type is None:
            return None
        if step.operator is None:
            value = self.terms.term(step.value, type)
            if value is None:
                return None
            return ir.Store(spot.address, value, type, step.commit, step.release, step.span)
        if step.operator in ir.SHIFTS:
            found = self.terms.value(step.value)
            if isinstance(found, int) and not 0 <= found < 8 * type.size:
                self.problems.error(
                    "OPV019",
                    f"a shift by {found}",
                    step.value.span,
                    help=f"a count is 0 to {8 * type.size - 1}",
                )
                return None
            value = ir.Constant(found, ir.U8) if isinstance(found, int) else found
        else:
            value = self.terms.term(step.value, type)
        if value is None:
            return None
        return ir.Change(
            step.operator, spot.address, value, type, step.commit, step.release, step.span
        )

    def _exchange(self, step: ExchangeStep) -> ir.Step | None:
        spot = self.terms.spot(step.place)
        type = None if spot is None else self._word(spot, step.place, step.expected)
        if spot is None or type is None:
            return None
        expected = self.terms.term(step.expected, type)
        replacement = self.terms.term(step.replacement, type)
        found = self._found(step.target, type)
        if found is None or expected is None or replacement is None:
            return None
        local = step.target.name if step.target is not None else None
        return ir.CompareExchange(
            local, spot.address, expected, replacement, found, step.commit, step.span
        )

    def _atomic(self, step: AtomicStep) -> ir.Step | None:
        spot = self.terms.spot(step.place)
        type = None if spot is None else self._word(spot, step.place, step.value)
        if spot is None or type is None:
            return None
        value = self.terms.term(step.value, type)
        found = self._found(step.target, type)
        if found is None or value is None:
            return None
        local = step.target.name if step.target is not None else None
        operator = ir.ATOMIC_WORDS[step.word]
        return ir.AtomicChange(local, operator, spot.address, value, found, step.commit, step.span)

    def _found(self, target: Target | None, type: ir.RegisterType) -> ir.RegisterType | None:
        """The type of what an atomic step found, with a local that gets it; None where that can't be."""
        if target is None:
            return type
        wanted = self._written_type(target)
        if wanted is not None and wanted.size == type.size:
            type = wanted
        return type if self._assign(target, type) else None

    # ---- types of locals and places -----------------------------------------------------------

    def _word(
        self, spot: Spot, place: Expression, value: Expression | None
    ) -> ir.RegisterType | None:
        """The type of the number at a place; of one without a type, that of the value stored."""
        if isinstance(spot.type, Scalar | Pointer):
            return spot.type
        span = place.span
        if spot.type is not None:
            self.problems.error(
                "OPV020",
                f"`{span.text}` is a {type_text(spot.type)} of {spot.type.size} bytes, not one number",
                span,
                help=f"name a field or an element, or write `[&{span.text}].u64`",
            )
            return None
        if value is None:
            return None
        found = self.terms.value(value)
        if found is None:
            return None
        if isinstance(found, int):
            self.problems.error(
                "OPV020",
                f"how many bytes of `{span.text}` are meant?",
                span,
                help=f"write `{span.text}.u64` or another type",
            )
            return None
        return found.type

    def _written_type(self, target: Target) -> ir.RegisterType | None:
        """The type that is written after a local's name."""
        name = target.type
        if name is None:
            return None
        type: Type | None
        if name.name == ir.U128.name and not name.counts:
            return ir.U128
        type = self.scope.type_of(name)
        if type is not None and not isinstance(type, Scalar | Pointer):
            self.problems.error(
                "OPV016",
                f"a local can't be a {type_text(type)}",
                name.span,
                help="locals are numbers and pointers: registers",
            )
            return None
        return type

    def _assign(self, target: Target, type: ir.RegisterType) -> bool:
        """Take note that a local is set; False, and a report, where it can't be."""
        name, span = target.name, target.name_span
        if not self._settable(target):
            return False
        self.assigned.add(name)
        before = self.types.get(name)
        if before is None or before is UNKNOWN:
            self.types[name] = type
            self.first.setdefault(name, span)
            return True
        if type is UNKNOWN or before == type:
            return True
        if isinstance(before, Pointer) and isinstance(type, Pointer):
            return True
        self.problems.error(
            "OPV043",
            f"`{name}` is a {type_text(before)}, and here a {type_text(type)}",
            span,
            notes=(Note("it is set first here", self.first[name]),),
            help="a local has one type; use another name, or convert the value",
        )
        self.types[name] = UNKNOWN
        return False

    def _settable(self, target: Target) -> bool:
        """Whether a name can be a local; reported where it can't."""
        name, span = target.name, target.name_span
        for known, what in ((self.parameters, "a parameter"), (ir.AREA_FIELDS, "of the area")):
            if name in known:
                self.problems.error(
                    "OPV043",
                    f"`{name}` is {what} and can't be set",
                    span,
                    help="give the local another name",
                )
                return False
        return True

    def _read(self, name: str, span: Span) -> None:
        if name not in self.assigned:
            self.problems.error(
                "OPV042",
                f"`{name}` may not be set yet",
                span,
                help="set it on every way that comes here",
            )
            self.assigned.add(name)  # once is enough


def _leaves(step: ir.Step) -> bool:
    return isinstance(step, ir.Exit) or ir.is_commit(step)


def _as_type(value: ir.Term, type: ir.RegisterType) -> ir.Term:
    """A value of the same width as one of another type: its bits stay."""
    if isinstance(value, ir.Constant):
        return ir.Constant(ir.fitted(value.value, type), type)
    return ir.Convert(value, type)
