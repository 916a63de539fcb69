"""Makes the trees of sections that load: one method per rule of the grammar's part on them."""

from __future__ import annotations

from ..expression import Expression, TypeName
from ..light_typing import Any
from ..source import Span
from .lalr import Token
from .part_builder import PartBuilder
from .section_tree import (
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
from .tree import Field, SectionDefinition

ROUNDS_MAX = 1 << 16


class SectionBuilder(PartBuilder):
    """The callbacks of the part on sections; opvasm.text.callbacks adds those of the others."""

    def section(
        self, begin: int, end: int, unverified: Token | None, name: Token, *parts: Any
    ) -> SectionDefinition:
        """``section pop(slab: ptr<header>) -> item { … }``."""
        *fields, results, body = parts
        return SectionDefinition(
            name=name[0],
            verified=unverified is None,
            parameters=tuple(each for each in fields if isinstance(each, Field)),
            results=results or (),
            body=body or (),
            name_span=self.span_of(name),
            span=Span(self.source, begin, end),
        )

    def section_results(self, begin: int, end: int, *names: Token) -> tuple[Target, ...]:
        """``-> item, size``."""
        return tuple(Target(each[0], None, self.span_of(each)) for each in names)

    def section_body(self, begin: int, end: int, *steps: Any) -> tuple[SectionStep, ...]:
        """The steps in braces."""
        return tuple(each for each in steps if each is not None)

    def section_target(self, begin: int, end: int, name: Token, type: TypeName | None) -> Target:
        """``x`` or ``x: u32``."""
        return Target(name[0], type, self.span_of(name))

    def section_load(
        self, begin: int, end: int, target: Target, place: Expression, acquire: Token | None
    ) -> LoadStep:
        """``x = load head``."""
        return LoadStep(target, place, acquire is not None, Span(self.source, begin, end))

    def section_set(self, begin: int, end: int, target: Target, value: Expression) -> SetStep:
        """``x = y + 1``."""
        return SetStep(target, value, Span(self.source, begin, end))

    def section_store(
        self,
        begin: int,
        end: int,
        word: Token,
        place: Expression,
        value: Expression,
        release: Token | None,
    ) -> StoreStep:
        """``store place, value``, ``commit place, value``."""
        span = Span(self.source, begin, end)
        commit = word[0] == "commit"
        return StoreStep(commit, place, None, value, release is not None, span)

    def section_change(
        self,
        begin: int,
        end: int,
        word: Token,
        place: Expression,
        operator: Token,
        value: Expression,
        release: Token | None,
    ) -> StoreStep:
        """``store place += value``, ``commit place += value``."""
        span = Span(self.source, begin, end)
        commit = word[0] == "commit"
        return StoreStep(commit, place, operator[0], value, release is not None, span)

    def section_exchange(
        self,
        begin: int,
        end: int,
        target: Target | None,
        commit: Token | None,
        place: Expression,
        expected: Expression,
        replacement: Expression,
    ) -> ExchangeStep:
        """``old = cmpxchg head, expected, node``."""
        span = Span(self.source, begin, end)
        return ExchangeStep(target, commit is not None, place, expected, replacement, span)

    def section_atomic(
        self,
        begin: int,
        end: int,
        target: Target | None,
        commit: Token | None,
        word: Token,
        place: Expression,
        value: Expression,
    ) -> AtomicStep:
        """``old = fetch_add count, 1``."""
        span = Span(self.source, begin, end)
        return AtomicStep(target, commit is not None, word[0], place, value, span)

    def section_copy(
        self, begin: int, end: int, target: Expression, source: Expression, length: Expression
    ) -> CopyStep:
        """``copy to, from, length``."""
        return CopyStep(target, source, length, Span(self.source, begin, end))

    def section_barrier(self, begin: int, end: int) -> BarrierStep:
        """``barrier``."""
        return BarrierStep(Span(self.source, begin, end))

    def section_syscall(self, begin: int, end: int, switches: Token | None) -> SystemCallStep:
        """``syscall`` or ``syscall switches``."""
        return SystemCallStep(switches is not None, Span(self.source, begin, end))

    def section_exit(
        self, begin: int, end: int, label: Token, condition: Expression | None
    ) -> ExitStep:
        """``exit empty if n == 0``."""
        return ExitStep(label[0], condition, self.span_of(label), Span(self.source, begin, end))

    def section_break(self, begin: int, end: int, condition: Expression | None) -> BreakStep:
        """``break if n == 0``."""
        return BreakStep(condition, Span(self.source, begin, end))

    def section_if(
        self, begin: int, end: int, condition: Expression, then: Any, other: Any
    ) -> IfStep:
        """``if n == 0 { … } else { … }``."""
        return IfStep(condition, then or (), other or (), Span(self.source, begin, end))

    def section_loop(self, begin: int, end: int, times: Token | None, body: Any) -> LoopStep:
        """``loop { … }``."""
        count = None if times is None else self._count(times, "rounds", 0, ROUNDS_MAX)
        return LoopStep(count, body or (), Span(self.source, begin, end))
