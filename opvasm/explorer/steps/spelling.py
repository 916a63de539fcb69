"""Steps and terms as text, for people."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from .step import (
    NOWHERE,
    Action,
    Assign,
    Begin,
    Branch,
    CompareExchange,
    End,
    Enter,
    Fail,
    Fence,
    FenceVector,
    HandlerReturn,
    Jump,
    Lock,
    Pause,
    RunOp,
    Store,
    Switch,
    Wait,
)
from .terms import (
    Binary,
    Choose,
    CurrentCpu,
    Elements,
    Ended,
    Fitted,
    Length,
    Memory,
    Nodes,
    Number,
    Register,
    RegisterOf,
    Sum,
    Term,
    Unary,
    Width,
    WrittenId,
)


class Spelling:
    """How numbers are written: ``registers`` names a thread's, ``number`` spells all others."""

    def __init__(self, registers: Mapping[int, str], number: Callable[[int], str] = str) -> None:
        self.registers = registers
        self.number = number

    def register(self, number: int) -> str:
        """``x``, or ``%7`` where it has no name."""
        return self.registers.get(number, f"%{number}")

    def listed(self, registers: Iterable[int]) -> str:
        """Several registers."""
        return ", ".join(self.register(each) for each in registers)

    def term(self, term: Term) -> str:
        """A term; the width of an operator follows it: ``x +u64 1``."""
        match term:
            case Number(value=value):
                return self.number(value)
            case Register(number=number):
                return self.register(number)
            case CurrentCpu():
                return "cpu"
            case WrittenId(at=at):
                return f"id at byte {at}"
            case Memory(address=address, width=width):
                return f"{width_text(width)}[{self.term(address)}]"
            case Unary(operator=operator, operand=operand, width=width):
                return f"{operator}{_suffix(width)}{self._inner(operand)}"
            case Binary(operator=operator, left=left, right=right, width=width):
                return f"{self._inner(left)} {operator}{_suffix(width)} {self._inner(right)}"
            case Fitted(operand=operand, width=width):
                return f"{width_text(width)}({self.term(operand)})"
            case Choose(condition=condition, then=then, otherwise=otherwise):
                asked = self._inner(condition)
                return f"{asked} ? {self._inner(then)} : {self._inner(otherwise)}"
            case RegisterOf(thread=thread, number=number):
                return f"thread {thread} %{number}"
            case Ended(thread=thread):
                return f"thread {thread} has ended"
            case Sum(parts=parts):
                return " + ".join(self._inner(each) for each in parts) or "0"
            case Elements(address=address, width=width, count=count):
                return f"sum of {count} {width_text(width)} from [{self.term(address)}]"
            case Length(nodes=nodes):
                return f"length of {self.nodes(nodes)}"

    def nodes(self, nodes: Nodes) -> str:
        """A list of nodes."""
        return f"list from [{self.term(nodes.head)}], next at +{nodes.link}"

    def _inner(self, term: Term) -> str:
        """A term inside another."""
        text = self.term(term)
        return f"({text})" if isinstance(term, Binary | Choose | Sum) else text

    def action(self, action: Action) -> str:
        """What an action does and where it goes on; the next step needs no saying, so it is said."""
        match action:
            case Assign(registers=registers, values=values, to=to):
                pairs = zip(registers, values, strict=True)
                text = "; ".join(f"{self.register(r)} := {self.term(v)}" for r, v in pairs)
                return f"{text or 'nothing'} -> {to}"
            case Branch(condition=condition, then=then, otherwise=otherwise):
                return f"{self.term(condition)} ? -> {then} : -> {otherwise}"
            case Jump(to=to):
                return f"-> {to}"
            case Switch(chooser=chooser, ways=ways):
                numbered = ", ".join(f"{i} -> {way}" for i, way in enumerate(ways))
                return f"{self.register(chooser)}: {numbered}"
            case Store(address=address, size=size, value=value, to=to):
                place = f"u{8 * size}[{self.term(address)}]"
                return f"{place} := {self.term(value)} -> {to}"
            case CompareExchange():
                return self._compare_exchange(action)
            case Pause(to=to):
                return f"nothing -> {to}"
            case RunOp():
                return self._run_op(action)
            case Begin(entered=entered, noted=noted, to=to, lost=lost):
                first = f"{self.listed(noted)} := cpu; " if noted else ""
                return f"{first}enter if {self.term(entered)} -> {to}, lost -> {lost}"
            case Enter():
                refused = ", ".join(
                    f"{each} -> {getattr(action, each)}"
                    for each in ("again", "fault", "invalid", "offline")
                )
                where = f"site {action.site} on CPU {self.register(action.cpu)}"
                return f"{where} -> {action.to}, {refused}"
            case Lock(cpu=cpu, to=to):
                return f"lock of CPU {self.register(cpu)} -> {to}"
            case Wait(cpu=cpu, to=to):
                return f"until the flag of CPU {self.register(cpu)} is clear -> {to}"
            case Fence(cpu=cpu, own_too=own, to=to) | FenceVector(cpu=cpu, own_too=own, to=to):
                which = "that one, be it the own" if own else "of others"
                return f"CPU {self.register(cpu)}, {which} -> {to}"
            case HandlerReturn():
                return "back to where the signal struck"
            case End() | Fail():
                return ""

    def _compare_exchange(self, action: CompareExchange) -> str:
        place = f"{width_text(action.width)}[{self.term(action.address)}]"
        found = f"{self.listed(action.found)} := {place}; " if action.found else ""
        change = f"{place} := {self.term(action.replacement)} if it is {self.term(action.expected)}"
        return f"{found}{change} -> {action.to}"

    def _run_op(self, action: RunOp) -> str:
        parts = [f"site {action.site} op {action.op} {action.phase.value}"]
        if action.given:
            parts.append(f"given {self.listed(action.given)}")
        if action.kept:
            parts.append(f"kept in {self.listed(action.kept)}")
        ways = [f"-> {action.to}"]
        ways += [f"differs -> {action.differs}"] if action.differs != NOWHERE else []
        ways += [f"fault -> {action.fault}"] if action.fault != NOWHERE else []
        return f"{', '.join(parts)} {', '.join(ways)}"


def width_text(width: Width) -> str:
    """``u64``, ``i8``."""
    return f"{'i' if width.signed else 'u'}{8 * width.size}"


def _suffix(width: Width | None) -> str:
    return "" if width is None else width_text(width)
