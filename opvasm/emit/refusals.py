"""What can't be emitted, as findings: all at once, each at its place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping

from ..abi.ops import Effect
from ..codes import emit as codes
from ..errors import Diagnostic
from ..program import (
    Area,
    ArgumentValue,
    Instruction,
    PoolAddress,
    Program,
    SlotAddress,
    SymbolAddress,
    Vector,
    section as ir,
)
from ..source import Span
from ..text.scenario_tree import LOCK, OPV, Strategy
from ..verifier.rseq_rules import rseq_diagnostics
from .context import Context
from .names import Naming
from .sections import loading_refusals

_OWN_NAMES = ("create", "attach", "destroy", "forked", "counters", "percpu", "shared", "pool")
# What sections and the locked function have instructions for; the call hands ops to the kernel.
_TRANSLATED = frozenset(
    {
        Effect.COMPARE_EQUAL,
        Effect.COMPARE_DIFFERENT,
        Effect.COPY,
        Effect.ADD,
        Effect.OR,
        Effect.AND,
        Effect.XOR,
        Effect.SHIFT_LEFT,
        Effect.SHIFT_RIGHT,
        Effect.BARRIER,
    }
)
_FORMS = (
    "",
    "_here",
    "_section",
    "_here_section",
    "_again_section",
    "_ops",
    "_locked",
    "_called",
    "_slow",
)


def refusals(
    program: Program,
    vectors: tuple[Vector, ...],
    strategy: Strategy,
    naming: Naming,
    positions: Collection[str] = (),
    loading: Mapping[str, ir.Section] = {},
) -> tuple[Diagnostic, ...]:
    """Why a header can't be written; nothing where it can.  Warnings are among them.

    ``positions`` are the parameters that are handed over as an element's number, ``loading`` the
    sections that load, by the names of the vectors that stand for them.
    """
    found: list[Diagnostic] = []
    if program.abi.model.name != "64le":
        message = f"the program is for {program.abi.model.name}, and emitted C is for 64le"
        found.append(_error(codes.MODEL, message, None, "leave --model out"))
    found += _strategy(strategy)
    found += _names(program, vectors)
    translated = strategy.uses_sections or strategy.uses_lock
    for vector in vectors:
        if vector.name in loading:
            found += loading_refusals(loading[vector.name], program.data, strategy, naming)
            continue
        if strategy.uses_sections and not strategy.unchecked:
            found += rseq_diagnostics(vector, program.data, frozenset(positions))
        for index, instruction in enumerate(vector.instructions):
            found += _operands(program, vector, naming, index, instruction, translated)
    return tuple(found)


def _error(code: str, message: str, place: object, help: str) -> Diagnostic:
    return Diagnostic("error", code, message, place if isinstance(place, Span) else None, help=help)


def _strategy(strategy: Strategy) -> Iterator[Diagnostic]:
    name = f"strategy {strategy.name}"
    if strategy.uses_sections and strategy.uses_lock and strategy.subscription != "eager":
        lack = "never looks at" if strategy.subscription == "none" else "looks too late at"
        message = f"{name}: a section that {lack} the slow flag loses updates to a lock holder"
        help = "write { subscribe eager, fence membarrier }"
        yield _error(codes.STRATEGY, message, strategy.span, help)
    elif strategy.uses_sections and strategy.subscription == "lazy":
        message = f"{name}: a section that looks at the slow flag late has read too early"
        yield _error(codes.STRATEGY, message, strategy.span, "write { subscribe eager }")
    if strategy.uses_lock and strategy.fence == "none":
        message = f"{name}: a lock holder that does not fence meets a running section"
        yield _error(codes.STRATEGY, message, strategy.span, "write { fence membarrier }")
    if strategy.first == OPV and strategy.fallback == LOCK:
        message = f"{name}: the call is not aborted, so nothing would ever take the lock"
        yield _error(codes.STRATEGY, message, strategy.span, "write rseq then lock after 2")


def _names(program: Program, vectors: tuple[Vector, ...]) -> Iterator[Diagnostic]:
    count = Counter(_OWN_NAMES)
    count.update(list(program.data.structs))
    for vector in vectors:
        count.update(f"{vector.name}{form}" for form in _FORMS)
    for vector in vectors:
        taken = [f"{vector.name}{form}" for form in _FORMS if count[f"{vector.name}{form}"] > 1]
        if taken:
            message = (
                f"vector {vector.name}: the header needs the name {taken[0]} for something else"
            )
            yield _error(codes.NAME, message, vector.place, "rename the vector")
        for parameter in vector.parameters:
            if parameter.name.startswith("opv_"):
                # A section's results are its functions' last parameters, without a place of their own.
                what = "result" if parameter.place is None else "parameter"
                message = f"{what} {parameter.name}: names that begin with opv_ are the header's"
                place = parameter.place or vector.place
                yield _error(codes.NAME, message, place, f"rename the {what}")
    for symbol in program.data.symbols.values():
        if symbol.name == "opv" or symbol.name.startswith("opv_"):
            message = f"variable {symbol.name}: names that begin with opv are the header's"
            yield _error(codes.NAME, message, symbol.place, "rename the variable")


def _operands(
    program: Program,
    vector: Vector,
    naming: Naming,
    index: int,
    instruction: Instruction,
    translated: bool,
) -> Iterator[Diagnostic]:
    from ..text.printer import Speller

    place = instruction.place
    if instruction.operation is None:
        message = (
            f"op {index} of {vector.name} is not an op of revision {program.abi.revision.name}"
        )
        yield _error(
            codes.OPERAND, message, place, "leave it out, or choose the vectors by --vector"
        )
        return
    if translated and instruction.operation.effect not in _TRANSLATED:
        message = f"op {index} of {vector.name}: {instruction.operation.mnemonic} has no code in C"
        yield _error(codes.OPERAND, message, place, "only --strategy opv hands it to the kernel")
    context = Context(vector, program.data, naming, Speller(program.abi, program.data, vector))
    for operand, value, _ in instruction.operands():
        what = f"op {index} of {vector.name}"
        if isinstance(value, SymbolAddress):
            symbol = program.data.symbols[value.symbol]
            if symbol.area is Area.PAGE:
                message = f"{what} uses the page {symbol.name}, which exists in tests only"
                help = "declare it as percpu or shared, or choose the vectors by --vector"
                yield _error(codes.PAGE, message, place, help)
        if operand.access.writes and isinstance(value, SlotAddress | PoolAddress):
            written = "the argument's own bytes" if isinstance(value, SlotAddress) else "a constant"
            message = f"{what} writes to {written}, which nobody can read afterwards"
            yield _error(codes.OPERAND, message, place, "name the memory: [p] is where p points to")
        if isinstance(value, PoolAddress) and not _is_plain(context, value, instruction.length):
            message = f"{what}: a constant with an address inside is not one word"
            yield _error(codes.OPERAND, message, place, "store the address by an op of its own")
    if instruction.immediate is not None and not isinstance(
        instruction.immediate, int | ArgumentValue
    ):
        message = f"op {index} of {vector.name}: its number is an address"
        yield _error(codes.OPERAND, message, place, "use a constant or a parameter")


def _is_plain(context: Context, value: PoolAddress, length: int) -> bool:
    """Whether a constant is one known word, or bytes without addresses."""
    if context.word(value, length) is not None:
        return True
    end = value.offset + length
    return not any(
        not isinstance(item.value, bytes | int)
        for item in context.data.pool
        if item.offset < end and value.offset < item.offset + item.size
    )
