"""Makes the trees of strategies and of what a scenario claims.

Words that are names for the grammar (kernels' are the explorer's to know) are checked here.
"""

from __future__ import annotations

from ..expression import AddressOf, Expression
from ..light_typing import Any
from ..source import Span
from .lalr import Token
from .part_builder import PartBuilder
from .scenario_tree import (
    FENCES,
    LEVELS,
    LOCK,
    METHODS,
    OPV,
    RSEQ,
    SUBSCRIPTIONS,
    VERDICTS,
    Condition,
    Expectation,
    Partition,
    Progress,
    Strategy,
    Term,
)

CPUS_MAX = 64


def place_meant(node: Expression) -> Expression:
    """A node of a list by its name or by its address, ``A`` or ``&A``: the place."""
    return node.place if isinstance(node, AddressOf) else node


class Part:
    """A part of a scenario that stands once or several times: its word and what it holds."""

    __slots__ = ("span", "value", "word")

    def __init__(self, word: str, value: Any, span: Span) -> None:
        self.word = word
        self.value = value
        self.span = span


class ClaimBuilder(PartBuilder):
    """The callbacks of strategies and claims."""

    # ---- strategies -----------------------------------------------------------------------------

    def strategy(
        self,
        begin: int,
        end: int,
        name: Token,
        first: Token,
        fallback: Token | None,
        attempts: Token | None,
        options: dict[str, str] | None,
    ) -> Strategy:
        """``strategy elide = rseq then lock after 2 { subscribe eager }``."""
        method = self._word(first, METHODS, "way to run a vector")
        then = None if fallback is None else self._word(fallback, (OPV, LOCK), "fallback")
        if then is not None and method != RSEQ:
            self.problem(
                "OPV502", f"`{method}` never aborts, so it has no fallback", self.span_of(fallback)  # type: ignore[arg-type]
            )
        given = options or {}
        uses_lock = LOCK in (method, then)
        return Strategy(
            name=name[0],
            first=method,
            fallback=then,
            attempts=1 if attempts is None else self._count(attempts, "attempts", 1, 1000),
            subscription=given.get("subscribe", "eager" if uses_lock else "none"),
            fence=given.get("fence", "membarrier"),
            unchecked="unchecked" in given,
            span=Span(self.source, begin, end),
        )

    def strategy_options(self, begin: int, end: int, *options: Any) -> dict[str, str]:
        """``{ subscribe eager, fence vector }``."""
        return dict(each for each in options if each is not None)

    def strategy_option(
        self, begin: int, end: int, word: Token, value: Token | None
    ) -> tuple[str, str]:
        """``subscribe eager``, ``fence vector``, ``unchecked``."""
        name = self._word(word, ("subscribe", "fence", "unchecked"), "option of a strategy")
        choices = {"subscribe": SUBSCRIPTIONS, "fence": FENCES}.get(name)
        if choices is None:
            if value is not None:
                self.problem("OPV500", f"`{name}` takes no value", self.span_of(value))
            return name, ""
        if value is None:
            self.problem(
                "OPV500", f"`{name}` needs a value", self.span_of(word), ", ".join(choices)
            )
            return name, choices[0]
        return name, self._word(value, choices, f"value of `{name}`")

    # ---- claims ---------------------------------------------------------------------------------

    def condition(
        self,
        begin: int,
        end: int,
        kind: Token,
        quiescent: Token | None,
        label: Token | None,
        test: Expression | Partition,
    ) -> Part:
        """``forall "label": sum(counter) == 2``."""
        word = kind[0]
        if quiescent is not None:
            if word != "invariant":
                message = f"`quiescent` belongs to `invariant`, not to `{word}`"
                self.problem("OPV508", message, self.span_of(quiescent))
            word = "quiescent"
        text = None if label is None else self._text(label)
        value = Condition(word, text, test, Span(self.source, begin, end))
        return Part("condition", value, self.span(begin, end))

    def partition(self, begin: int, end: int, *parts: Expression) -> Partition:
        """``partition {A, B} == list(head) + t.got``, or with addresses: ``{&A, &B}``."""
        *named, whole = parts
        elements = map(place_meant, named)
        return Partition(tuple(elements), whole, Span(self.source, begin, end))

    def progress(self, begin: int, end: int, first: Token, second: Token | None) -> Part:
        """``progress a finishes``, ``progress finishes``."""
        thread, level = (None, first) if second is None else (first[0], second)
        word = self._word(level, LEVELS, "level of progress")
        value = Progress(thread, word, Span(self.source, begin, end))
        return Part("progress", value, self.span(begin, end))

    def observe(self, begin: int, end: int, *columns: Expression) -> Part:
        """``observe list(head), a.got``."""
        return Part("observe", columns, self.span(begin, end))

    def expect(self, begin: int, end: int, verdict: Token, mode: Token | None, *terms: Any) -> Part:
        """``expect holds unless kernel v6_19_arm64``."""
        word = self._word(verdict, VERDICTS, "verdict")
        known = tuple(each for each in terms if each is not None)
        how = "always" if mode is None else mode[0]
        value = Expectation(word, how, known, Span(self.source, begin, end))
        return Part("expect", value, self.span(begin, end))

    def kernel_term(self, begin: int, end: int, *names: Token) -> Term:
        """``kernel legacy, v2``."""
        return Term("kernel", None, tuple(n[0] for n in names), Span(self.source, begin, end))

    def strategy_term(
        self, begin: int, end: int, first: Token, second: Token | None, *more: Token
    ) -> Term:
        """``strategy elide``, ``strategy a = opv``."""
        span = Span(self.source, begin, end)
        if second is None:
            return Term("strategy", None, (first[0], *(n[0] for n in more)), span)
        return Term("strategy", first[0], (second[0], *(n[0] for n in more)), span)

    def cpus_term(self, begin: int, end: int, _: Token, number: Token) -> Term:
        """``cpus 1``."""
        count = self._count(number, "CPUs", 1, CPUS_MAX)
        return Term("cpus", None, (str(count),), Span(self.source, begin, end))
