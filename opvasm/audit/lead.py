"""The code before a section that puts its descriptor into rseq_cs, and so says where struct rseq is."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..lift.code import Code, Decoder, Flow, Step
from ..lift.values import Value, Values
from ..light_typing import NamedTuple
from .function_code import FunctionCode

_CS_OFFSET = 8  # rseq_cs in struct rseq
_NEAR = 64
_NEARBY = 32  # instructions before the lead in which the area is mostly made
_BEFORE = 256  # instructions that are followed back from the lead
_STACK = {"sp", "rsp"}
_ENDS = (Flow.JUMP, Flow.RETURN, Flow.INDIRECT, Flow.TRAP)


class Lead(NamedTuple):
    """The code before a section that puts its descriptor into rseq_cs.

    ``area`` is the address of struct rseq as an expression of what registers hold at ``codes[0]``.
    ``codes`` may begin farther before, where the area's address is made, and need not lie in one
    piece there; the lead itself are those from ``first`` on.
    """

    codes: tuple[Code, ...]
    store: int
    area: Value
    first: int = 0

    @property
    def own(self) -> tuple[Code, ...]:
        """The lead itself: from the descriptor's address to the section's start."""
        return self.codes[self.first :]


def stored(codes: tuple[Code, ...], wanted: int) -> Lead | None:
    """The instruction that writes the wanted address to memory, and the area that it writes to."""
    values = Values()
    for index, code in enumerate(codes):
        for place in code.stores:
            if place.size == 8 and _value_stored(code, values) == wanted:
                return Lead(codes, index, values.address(place).plus(-_CS_OFFSET))
        values.step(code, ())
    return None


def _value_stored(code: Code, values: Values) -> int | None:
    """The plain number that an instruction stores, None where that is not known."""
    parts = code.text.partition(" ")[2]
    name = parts.rpartition(",")[2].strip() if code.mnemonic == "mov" else parts.partition(",")[0]
    try:
        return int(name, 0)
    except ValueError:
        value = values.register(name.strip())
        return value.offset if value.base == () else None


def meets(lead: Lead, codes: tuple[Code, ...]) -> bool:
    """Whether an instruction of a section touches struct rseq or what lies right before it."""
    values = Values()
    for each in lead.codes:
        values.step(each, ())
    return _meets(lead.area, values, codes)


def _meets(area: Value, values: Values, codes: tuple[Code, ...]) -> bool:
    """The same, with what is known before the section; that is followed on."""
    for each in codes:
        for place in (*each.loads, *each.stores):
            value = values.address(place)
            if value.base == area.base and abs(value.offset - area.offset) <= _NEAR:
                return True
        values.step(each, ())
    return False


def longer(
    lead: Lead, codes: tuple[Code, ...], function: Callable[[], FunctionCode | None]
) -> Lead:
    """The same lead from farther before, where only there stands how a section finds the area.

    A compiler may keep the area in one register for rseq_cs and in another for what the section
    reads, both made at the function's beginning.  ``function`` gives the function's code.
    """
    if meets(lead, codes):
        return lead
    code = function()
    if code is None:
        return lead
    for steps in _pieces(code, lead.codes[0].address):
        before = _decoded(code, way_to(steps, lead.codes[0].address), (*lead.codes, *codes))
        found = _with(before, lead, codes)
        if found is not None:
            return found
    return lead


def _pieces(code: FunctionCode, begin: int) -> Iterator[tuple[Step, ...]]:
    """Instructions in which the way to an address may be: a few, then all of the function's."""
    near = _NEARBY * code.decoder.unit
    if 0 < near < begin - code.first:
        # Mostly it is right before: without a look at where the rest of the function branches.
        yield code.part(begin - near, begin + code.decoder.unit)
        yield code.part(begin - near, code.end)
    yield code.steps


def _with(before: tuple[Code, ...], lead: Lead, codes: tuple[Code, ...]) -> Lead | None:
    """The lead from farther before, None where the section does not meet the area so."""
    values = Values()
    for each in (*before, *lead.codes[: lead.store]):
        values.step(each, ())
    area = values.address(lead.codes[lead.store].stores[0]).plus(-_CS_OFFSET)
    for each in lead.codes[lead.store :]:
        values.step(each, ())
    if not _meets(area, values, codes):
        return None
    return Lead((*before, *lead.codes), len(before) + lead.store, area, len(before))


def way_to(function: tuple[Step, ...], address: int) -> tuple[Step, ...]:
    """A way on which control may come to an address: the instructions before it, at most 256.

    Where code falls through it is followed back; else the nearest branch that leads there.
    """
    index = {each.address: number for number, each in enumerate(function)}
    branches: dict[int, list[int]] = {}
    for number, each in enumerate(function):
        if each.flow in (Flow.JUMP, Flow.BRANCH) and each.target is not None:
            branches.setdefault(each.target, []).append(number)
    way: list[Step] = []
    at = index.get(address)
    seen: set[int] = set()
    while at is not None and len(way) < _BEFORE:
        came: int | None = None
        if at and function[at - 1].flow not in _ENDS and at - 1 not in seen:
            came = at - 1
        else:
            here = at
            others = [each for each in branches.get(function[at].address, ()) if each not in seen]
            came = min(others, key=lambda each: abs(each - here), default=None)
        if came is not None:
            way.append(function[came])
            seen.add(came)
        at = came
    return tuple(reversed(way))


def _decoded(
    code: FunctionCode, way: tuple[Step, ...], after: tuple[Code, ...]
) -> tuple[Code, ...]:
    """The instructions of a way that matter for the addresses that the code after it uses."""
    decoder, first = code.decoder, code.first
    wanted: set[str] = set()
    for each in reversed(after):
        wanted = _before(each, wanted)
        wanted |= {
            name for place in (*each.loads, *each.stores) for name in (place.base, place.indexed)
        }
    wanted.discard("")
    found: list[Code] = []
    for step in reversed(way):
        if not decoder.may_set(step, wanted):
            continue
        data = code.data[step.address - first : step.end - first]
        for each in decoder.decode(data, step.address):
            found.append(each)
            wanted = _before(each, wanted)
    return tuple(reversed(found))


def _before(code: Code, wanted: set[str]) -> set[str]:
    """The registers that matter before an instruction, of those that matter after it."""
    if not code.writes & wanted:
        return wanted
    return (wanted - code.writes) | set(code.reads) - _STACK


def find_lead(decoder: Decoder, data: bytes, first: int, start: int, wanted: int) -> Lead | None:
    """The lead in the bytes from ``first`` up to a section's start; None where there is none."""
    for place in decoder.makes_address(data, first, wanted):
        codes = decoder.decode(data[place - first :], place)
        if codes and codes[-1].end == start:
            found = stored(codes, wanted)
            if found is not None:
                return found
    return None
