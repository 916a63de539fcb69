"""Makes the trees of scenarios: one method per rule of the grammar's section."""

from __future__ import annotations

from ..expression import Arrow, AtCpu, Call, Expression, Index, Member, Name, TypeName
from ..light_typing import Any
from ..source import Span
from .claim_builder import CPUS_MAX, Part, place_meant
from .lalr import Token
from .part_builder import PartBuilder
from .scenario_tree import (
    FENCES,
    Allowed,
    Arm,
    Compute,
    Fence,
    Handler,
    If,
    InitStatement,
    Leave,
    LinkList,
    LoadPlace,
    Loop,
    Own,
    RunVector,
    Scenario,
    Set,
    Statement,
    StorePlace,
    Thread,
)

COPIES_MAX = 64
LOOP_MAX = 64
_ACTIONS = ("retry", "return", "break", "fail")


class ScenarioBuilder(PartBuilder):
    """The callbacks of the scenario section; opvasm.text.callbacks adds those of the others."""

    # ---- a scenario -----------------------------------------------------------------------------

    def scenario(
        self, begin: int, end: int, name: Token, title: Token | None, *parts: Part | None
    ) -> Scenario:
        """The whole scenario."""
        span = Span(self.source, begin, end)
        known = [each for each in parts if each is not None]
        by_word: dict[str, list[Part]] = {}
        for part in known:
            by_word.setdefault(part.word, []).append(part)
        for word in ("cpus", "kernel", "strategy", "init"):
            for extra in by_word.get(word, [])[1:]:
                self.problem("OPV503", f"`{word}` stands here a second time", extra.span)

        def all_of(word: str) -> tuple[Any, ...]:
            return tuple(part.value for part in by_word.get(word, []))

        def one(word: str, default: Any) -> Any:
            return by_word[word][0].value if word in by_word else default

        text = "" if title is None else self._text(title)
        chosen = one("strategy", (False, ("opv",)))
        if "thread" not in by_word and None not in parts:
            self.problem("OPV504", f"scenario {name[0]} has no thread", self.span_of(name))
        return Scenario(
            name=name[0],
            title=text,
            cpus=one("cpus", (1, 1)),
            kernels=one("kernel", ("legacy",)),
            strategies=chosen[1],
            every_combination=chosen[0],
            environment=tuple(each for group in all_of("environment") for each in group),
            init=one("init", ()),
            threads=all_of("thread"),
            handlers=all_of("on"),
            conditions=all_of("condition"),
            progress=all_of("progress"),
            observed=tuple(each for group in all_of("observe") for each in group),
            expectations=all_of("expect"),
            span=span,
        )

    def scenario_cpus(
        self, begin: int, end: int, _: Token, first: Token, last: Token | None
    ) -> Part:
        """``cpus 1..2``."""
        low = self._count(first, "CPUs", 1, CPUS_MAX)
        high = low if last is None else self._count(last, "CPUs", low, CPUS_MAX)
        return Part("cpus", (low, high), self.span(begin, end))

    def kernels(self, begin: int, end: int, *names: Token) -> Part:
        """``kernel legacy, v6_19_arm64``."""
        return Part("kernel", tuple(each[0] for each in names), self.span(begin, end))

    def strategies(self, begin: int, end: int, every: Token | None, *names: Token) -> Part:
        """``strategy any of opv, elide``."""
        value = (every is not None, tuple(each[0] for each in names))
        return Part("strategy", value, self.span(begin, end))

    def environment(self, begin: int, end: int, *disturbances: Allowed | None) -> Part:
        """``environment preempt, migrate <= 1``."""
        known = tuple(each for each in disturbances if each is not None)
        return Part("environment", known, self.span(begin, end))

    def disturbance(
        self,
        begin: int,
        end: int,
        kind: Token,
        thread: Token | None,
        at: Token | None,
        vector: Token | None,
        index: Token | None,
        limit: Token | None,
    ) -> Allowed:
        """``stepped a``, ``migrate <= 1``, ``unprotected a at bump[0]``."""
        # Only here: few texts that are assembled hold scenarios with an environment.
        from ..kernels.disturbances import DISTURBANCES, INSTEAD, Disturbance

        word = self._word(kind, DISTURBANCES, "disturbance", INSTEAD)
        # Of a word that is wrong nothing more is asked.
        struck = Disturbance(word) if word in DISTURBANCES else Disturbance.UNPROTECTED
        strikes = struck.row.strikes
        number = None if limit is None else self._count(limit, "times", 0, 1000)
        if number is None and struck.row.needs_limit:
            message = f"`{word}` needs a limit, or it could go on for ever"
            self.problem("OPV505", message, self.span_of(kind), f"write {word} <= 1")
        if thread is not None and not strikes.names_thread:
            self.problem("OPV505", f"`{word}` strikes {strikes.value}", self.span_of(thread))
        name = None if thread is None else thread[0]
        place = None
        if at is not None and vector is not None and index is not None:
            place = (vector[0], self._count(index, "ops", 0, 1000))
            if not strikes.names_place:
                self.problem("OPV505", f"`{word}` strikes anywhere", self.span_of(at))
        return Allowed(struck, number, name, Span(self.source, begin, end), place)

    def init(self, begin: int, end: int, *settings: InitStatement | None) -> Part:
        """``init { … }``."""
        known = tuple(each for each in settings if each is not None)
        return Part("init", known, self.span(begin, end))

    def set_place(self, begin: int, end: int, place: Expression, value: Expression) -> Set:
        """``head = &A``."""
        return Set(place, value, Span(self.source, begin, end))

    def link_list(self, begin: int, end: int, head: Expression, *nodes: Expression) -> LinkList:
        """``list head: A -> B -> C``, or with commas."""
        named: list[Expression] = []
        for node in nodes:
            named += _chain(place_meant(node))
        return LinkList(head, tuple(named), Span(self.source, begin, end))

    # ---- threads --------------------------------------------------------------------------------

    def thread(
        self,
        begin: int,
        end: int,
        name: Token,
        copies: Token | None,
        cpu: Expression,
        *rest: Any,
    ) -> Part:
        """``thread W x3 @0 { … }``."""
        *options, body = rest
        count = 1
        if copies is not None:
            digits = copies[0][1:]
            if copies[0][0] == "x" and digits.isdigit():
                count = self._count((digits, copies[1] + 1, copies[2]), "copies", 1, COPIES_MAX)
            else:
                span = self.span_of(copies)
                self.problem("OPV506", f"`{copies[0]}` is not a number of copies", span, "write x3")
        given = dict(each for each in options if each is not None)
        steps = body or ()
        thread = Thread(
            *(name[0], count, cpu, given.get("strategy"), given.get("allowed")),
            tuple(each for each in steps if isinstance(each, Own)),
            tuple(each for each in steps if not isinstance(each, Own)),
            *(self.span_of(name), Span(self.source, begin, end)),
        )
        return Part("thread", thread, self.span(begin, end))

    def thread_strategy(self, begin: int, end: int, name: Token) -> tuple[str, str]:
        """``strategy opv`` of one thread."""
        return "strategy", name[0]

    def thread_allowed(
        self, begin: int, end: int, _: Token, first: Expression, last: Expression | None
    ) -> tuple[str, tuple[Expression, Expression]]:
        """``allowed 0..1``."""
        return "allowed", (first, first if last is None else last)

    def handler(self, begin: int, end: int, thread: Token, body: Any) -> Part:
        """``on signal a { … }``."""
        span = Span(self.source, begin, end)
        return Part("on", Handler(thread[0], self._steps(body), span), self.span(begin, end))

    def body(self, begin: int, end: int, *steps: Any) -> tuple[Any, ...]:
        """The steps in braces."""
        return tuple(each for each in steps if each is not None)

    def _steps(self, body: Any) -> tuple[Statement, ...]:
        """Steps where ``own`` can't stand."""
        for each in body or ():
            if isinstance(each, Own):
                message = "`own` stands at the beginning of a thread"
                self.problem("OPV507", message, each.span)
        return tuple(each for each in body or () if not isinstance(each, Own))

    def own(self, begin: int, end: int, name: Token, type: TypeName) -> Own:
        """``own node: node``."""
        return Own(name[0], type, Span(self.source, begin, end))

    def load_place(self, begin: int, end: int, name: Token, place: Expression) -> LoadPlace:
        """``old = load head``."""
        return LoadPlace(name[0], place, Span(self.source, begin, end))

    def compute(self, begin: int, end: int, name: Token, value: Expression) -> Compute:
        """``x = y + 1``."""
        return Compute(name[0], value, Span(self.source, begin, end))

    def store_place(self, begin: int, end: int, place: Expression, value: Expression) -> StorePlace:
        """``store flag, 1``."""
        return StorePlace(place, value, Span(self.source, begin, end))

    def if_step(self, begin: int, end: int, condition: Expression, then: Any, other: Any) -> If:
        """``if x == 0 { … } else { … }``."""
        span = Span(self.source, begin, end)
        return If(condition, self._steps(then), self._steps(other), span)

    def loop_step(self, begin: int, end: int, times: Token | None, body: Any) -> Loop:
        """``loop { … }``."""
        count = None if times is None else self._count(times, "rounds", 0, LOOP_MAX)
        return Loop(count, self._steps(body), Span(self.source, begin, end))

    def leave_step(self, begin: int, end: int, word: Token) -> Leave:
        """``return``, ``break``, ``fail``."""
        return Leave(word[0], Span(self.source, begin, end))

    def fence_step(self, begin: int, end: int, kind: Token, cpu: Expression | None) -> Fence:
        """``fence membarrier on 1``."""
        word = self._word(kind, FENCES[1:], "fence")
        return Fence(word, cpu, Span(self.source, begin, end))

    def run_vector(
        self,
        begin: int,
        end: int,
        results: tuple[str, ...] | None,
        call: Call,
        cpu: Expression | None,
        arms: Any,
    ) -> RunVector:
        """``run push(&node, old) on 1 { differs -> retry }``, ``item = run pop()``."""
        start = call.span.start
        name_span = Span(self.source, start, start + len(call.function))
        span = Span(self.source, begin, end)
        return RunVector(
            *(call.function, call.arguments, cpu, arms or (), name_span, span), results or ()
        )

    def run_results(self, begin: int, end: int, *names: Token) -> tuple[str, ...]:
        """``item, size =``."""
        return tuple(each[0] for each in names)

    def arms(self, begin: int, end: int, *arms: Arm | None) -> tuple[Arm, ...]:
        """What follows each result; none may be named twice."""
        known = tuple(each for each in arms if each is not None)
        seen: set[str] = set()
        for arm in known:
            for result in arm.results:
                if result in seen:
                    self.problem("OPV503", f"`{result}` stands here a second time", arm.span)
                seen.add(result)
        return known

    def arm(self, begin: int, end: int, *parts: Any) -> Arm:
        """``differs, again -> retry``, ``ok { … }``."""
        *names, last = parts
        span = Span(self.source, begin, end)
        action: str = "block"
        body: tuple[Statement, ...] = ()
        if isinstance(last, tuple) and len(last) == 3 and isinstance(last[0], str):
            action = self._word(last, _ACTIONS, "way to go on")
        else:
            body = self._steps(last)
        results = tuple(each[0] for each in names if each is not None)
        return Arm(results, action, body, span)


def _chain(expression: Expression) -> list[Expression]:
    """``A -> B -> C``, which reads as fields of what A points to, taken apart into places.

    So is ``n[0] -> n[1]``, which reads as an element of a field.
    """
    match expression:
        case Arrow(base=base, name=name, span=span):
            here = Span(span.file, span.end - len(name), span.end)
            return [*_chain(base), Name(name, here)]
        case Index(base=base) | Member(base=base) | AtCpu(base=base) as outer:
            *before, last = _chain(base)
            if not before:
                return [expression]
            span = Span(outer.span.file, last.span.start, outer.span.end)
            return [*before, outer._replace(base=last, span=span)]
        case _:
            return [expression]
