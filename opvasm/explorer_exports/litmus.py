"""A scenario as a C litmus test for herd7 with the Linux kernel's memory model.

A process of the test is a thread.  What an op does is one READ_ONCE and WRITE_ONCE for each access;
vectors of threads that share a CPU exclude each other by a spin lock with the barrier that a context
switch has.  An address that is computed becomes a choice between places: the dependency that orders
loads on real machines is lost, so what herd7 then calls possible may not be, and what it calls
impossible is.  herd7 is not run by this project's tests; docs/explorer.md has its answers.
"""

from __future__ import annotations

import re

from ..explorer.plan.plan import Plan
from ..explorer.setting.statements import names_in
from ..expression import Binary, Expression, Number, Unary
from ..kernels.profiles import LABELS
from ..light_typing import NamedTuple
from ..text.scenario_tree import LOCK, Condition, Partition
from .litmus_body import LitmusBody, variable
from .litmus_words import HerdNumbers
from .promela_claims import Claims
from .promela_text import Export
from .refusal import Refusals, comment

# The fields of a kernel's profile that the test follows, and those that no scenario which it takes
# can tell: migrations, fences of others, signals and ids are refused.  A rule that nobody has put here
# is refused.
KNOWN_RULES = {
    *(*LABELS, "registered", "preemption_aborts", "migration_aborts", "membarrier_aborts"),
    "signal_aborts",
    *("id_at_preemption", "id_at_membarrier", "id_at_signal", "id_at_sleep", "id_at_migration"),
    *("system_call_switches", "system_call_stays"),
    *("bad_version", "abort_inside", "bad_signature", "outside"),
}


class LitmusTest(NamedTuple):
    """A litmus test: its configuration and its text."""

    plan: Plan
    text: str


def litmus(plan: Plan) -> LitmusTest:
    """The litmus test of one configuration.

    Raises ExportError with every part of the scenario that a litmus test, or this export, can't say.
    """
    refusals = Refusals("a litmus test")
    export = Export(plan, refusals)
    _refuse(export)
    refusals.done()
    claims = _Claims(export)
    bodies = [LitmusBody(export, slot) for slot in export.slots]
    for body in bodies:
        body.write()
    wrong = " \\/ ".join(claims.wrong(each, bodies) for each in plan.scenario.conditions)
    refusals.done()
    filters = [f"{body.slot.number}:{name}=0" for body in bodies for name in body.retried]
    failures = [f"~({body.slot.number}:{name}=0)" for body in bodies for name in body.failed]
    wrong = " \\/ ".join((wrong, *failures))
    used = sorted({cell for body in bodies for cell in body.cells} | claims.cells)
    initial = {leaf.cell: export.memory.initial(leaf) for leaf in export.memory.leaves}
    names = {cell: variable(export, cell) for cell in used}
    lines = [
        f"C {plan.scenario.name}",
        "",
        "(*",
        f" * {comment(plan.scenario.title).replace('*)', '* )')}",
        f" * {plan.configuration.describe(plan.scenario)}",
        " *",
        " * Made by opvasm export --litmus.  To check it, in tools/memory-model of Linux:",
        " *",
        " *     herd7 -conf linux-kernel.cfg FILE",
        " *",
        " * `exists` is what the scenario forbids: Never is good.  Retries are cut: only executions",
        " * in which each run that is retried succeeds at once count (filter).",
        " *)",
        "",
        "{",
        *(f"\tint {names[cell]} = {initial[cell]};" for cell in used if initial.get(cell)),
        "}",
    ]
    for body in bodies:
        taken = [names[cell] for cell in sorted(body.cells)]
        parameters = [f"int *{name}" for name in taken]
        parameters += [f"spinlock_t *cpu{cpu}" for cpu in sorted(body.locks)]
        lines += ["", f"P{body.slot.number}({', '.join(parameters)})", "{"]
        lines += [f"\tint {name};" for name in body.declared]
        lines += ["", *body.out, "}"]
    lines.append("")
    if filters:
        lines.append("filter (" + " /\\ ".join(filters) + ")")
    lines.append(f"exists ({wrong})")
    return LitmusTest(plan, "\n".join(lines) + "\n")


def _refuse(export: Export) -> None:
    plan, refusals = export.plan, export.refusals
    scenario = plan.scenario
    refusals.refuse_rules(plan.configuration.profile, KNOWN_RULES, scenario.span)
    for each in scenario.environment:
        refusals.refuse(each.kind, "processes of a litmus test are not disturbed", each.span)
    for handler in scenario.handlers:
        refusals.refuse("a signal handler", "it has no signals", handler.span)
    for thread, strategy in zip(export.texts, export.strategies, strict=True):
        if LOCK in (strategy.first, strategy.fallback) or strategy.subscription != "none":
            refusals.refuse(
                f"strategy {strategy.name}",
                "a wait for the lock has no counterpart",
                thread.name_span,
            )
        elif strategy.uses_sections:
            homes = plan.homes
            index = export.texts.index(thread)
            profile = plan.configuration.profile
            protected = profile.registered and profile.preemption_aborts
            if homes.count(homes[index]) > 1 and not protected:
                refusals.refuse(
                    f"strategy {strategy.name} under kernel {profile.name}",
                    "there a section goes on beside the other threads of its CPU",
                    thread.name_span,
                )
    if not scenario.conditions:
        refusals.refuse(
            "a scenario without a condition", "a litmus test asks for one", scenario.span
        )
    for condition in scenario.conditions:
        if condition.kind not in ("forall", "never"):
            refusals.refuse(
                f"`{condition.kind}`", "it asks of final states only, for one", condition.span
            )


class _Claims(HerdNumbers, Claims):
    """Conditions in herd's language: equations, joined."""

    def __init__(self, export: Export) -> None:
        super().__init__(export)
        self.cells: set[int] = set()

    def wrong(self, condition: Condition, bodies: list[LitmusBody]) -> str:
        """What must not be: the condition of a never, the opposite of a forall."""
        test = condition.test
        if isinstance(test, Partition):
            self.refusals.refuse("partition", "herd7 follows no lists", condition.span)
            return "true"
        found = self._of_one(test, condition, bodies)
        return found if found is not None else self._equation(test, condition.kind == "never")

    def _of_one(
        self, test: Expression, condition: Condition, bodies: list[LitmusBody]
    ) -> str | None:
        """A claim about one thread's locals is worked out by that thread, at its end."""
        threads = {text.name for text in self.export.texts}
        names = names_in(test)
        if len(names) != 1 or not names <= threads:
            return None
        (name,) = names
        number, *more = self._copies(name)
        if more:
            return None
        before = len(self.refusals.diagnostics)
        value = self.value(test)
        if len(self.refusals.diagnostics) != before:
            return "true"
        body = bodies[number]
        register = body.declare(f"claim_{self.export.plan.scenario.conditions.index(condition)}")
        text = value.text
        for local, other in self.export.slots[number].registers.items():
            text = re.sub(rf"\b{other}\b", body.register(local), text)
        wrong = 1 if condition.kind == "never" else 0
        body.out.append(f"\t{register} = {text};")
        return f"{number}:{register}={wrong}"

    def _equation(self, test: Expression, positive: bool) -> str:
        match test:
            case Unary(operator="!", operand=operand):
                return self._equation(operand, not positive)
            case Binary(operator="&&" | "||" as operator, left=left, right=right):
                joint = "/\\" if (operator == "&&") is positive else "\\/"
                first, second = self._equation(left, positive), self._equation(right, positive)
                return f"({first} {joint} {second})"
            case Binary(operator="==" | "!=" as operator, left=left, right=Number(value=number)):
                same = (operator == "==") is positive
                place = self._place(left)
                if place is not None:
                    return f"{place}={number}" if same else f"~({place}={number})"
            case Binary(operator="==" | "!=" as operator, left=left, right=right):
                same = (operator == "==") is positive
                one, other = self._place(left), self._place(right)
                if one is not None and other is not None:
                    # herd7 takes the name of a variable on the right for a symbol, but in brackets.
                    one, other = (each if ":" in each else f"[{each}]" for each in (one, other))
                    return f"{one}={other}" if same else f"~({one}={other})"
            case _:
                pass
        self.refusals.refuse(
            f"`{test.span.text}`",
            "herd7 compares one place or local with a number, by == and != only",
            test.span,
        )
        return "true"

    def _place(self, expression: Expression) -> str | None:
        registers = self.registers(expression)
        if registers is not None and len(registers) == 1:
            for slot in self.export.slots:
                for local, text in slot.registers.items():
                    if text == registers[0]:
                        return f"{slot.number}:r_{local}"
        text = self.value(expression).text
        if text.startswith("memory[") and text.endswith("]"):
            cell = int(text[7:-1])
            self.cells.add(cell)
            return variable(self.export, cell)
        return None
