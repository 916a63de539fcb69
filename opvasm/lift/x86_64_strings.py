"""movs and stos of x86-64, alone and behind ``rep``, as steps."""

from __future__ import annotations

from capstone import x86_const as x86

from ..program import section as ir
from .code import Code
from .state import State, remark_of
from .terms import UNSIGNED, add, binary, convert, known, number, part
from .x86_64_operands import OperandsX86

_UNITS = {"b": 1, "w": 2, "d": 4, "q": 8}
_UNROLLED = 16  # so many units of a string instruction are steps of their own
_ROUNDS_MAX = 1 << 16  # more cannot be written as `loop N`


def is_string(operands: OperandsX86) -> bool:
    """Whether an instruction is one of strings; ``movsd`` moves vector registers, too."""
    name = operands.code.mnemonic
    named = name[:-1] in ("movs", "stos") and name[-1] in _UNITS
    return named and operands.is_memory(0) and (name[:4] == "stos" or operands.is_memory(1))


def string(operands: OperandsX86) -> None:
    """movs and stos, upwards as the ABI has it: ``rep`` does so many of them, one after the other."""
    state, code = operands.state, operands.code
    unit = _UNITS[code.mnemonic[-1]]
    prefixes = code.instruction.prefix
    if operands.has_half_address or x86.X86_PREFIX_REPNE in prefixes:
        raise operands.unknown()
    repeats = x86.X86_PREFIX_REP in prefixes
    fills = code.mnemonic.startswith("stos")
    count = state.get("rcx") if repeats else number(1)
    times = known(count)
    places = [code.stores[0]] if fills else [code.stores[0], code.loads[0]]
    if times is not None and times <= _UNROLLED:
        for at in range(0, times * unit, unit):
            here = [p._replace(displacement=p.displacement + at, size=unit) for p in places]
            value = part(state.get("rax"), unit) if fills else state.load(here[1], code, unit)
            state.store(here[0], value, code)
    elif unit == 1 and not fills:
        target, source = (state.stretch(each, code) for each in places)
        state.emit(ir.Copy(target, source, count), code)
    else:
        _rounds(state, code, [state.stretch(each, code) for each in places], count, unit)
    for register in ("rdi",) if fills else ("rdi", "rsi"):
        state.set(register, add(state.get(register), binary("*", count, number(unit))))
    if repeats:
        state.set("rcx", number(0))


def _rounds(state: State, code: Code, places: list[ir.Term], count: ir.Term, unit: int) -> None:
    """A store for each unit: bytes one by one would be others where the two overlap."""
    type = UNSIGNED[unit]
    done = ir.Local(state.budget.fresh("done"), ir.U64)
    state.emit(ir.Set(done.name, number(0)), code)
    distance = binary("*", done, number(unit))
    addresses = [add(each, distance) for each in places]
    times = known(count)
    if times is not None and times > _ROUNDS_MAX:
        times = None
    body: list[ir.Step] = [ir.Break(binary("==", done, count))] if times is None else []
    value: ir.Term
    if len(places) == 2:
        value = ir.Local(state.budget.fresh("moved"), type)
        body.append(ir.Load(value.name, addresses[1], type))
    else:
        value = part(state.get("rax"), unit)
    body.append(ir.Store(addresses[0], convert(value, type), type))
    body.append(ir.Set(done.name, add(done, 1)))
    remark = remark_of(code)
    steps = tuple(each._replace(remark=remark) for each in body)
    state.emit(ir.Loop(steps, times), code)
