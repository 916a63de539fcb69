"""Programs of random vectors whose numbers lie where C's types end."""

from __future__ import annotations

from random import Random

from opvasm.abi.revisions import Abi
from opvasm.binding import bind
from opvasm.errors import BindError
from opvasm.program import (
    ArgumentValue,
    Instruction,
    Parameter,
    Pointer,
    PoolAddress,
    Program,
    Scalar,
    SlotAddress,
    SymbolAddress,
    Value,
    Vector,
    default_layout,
)

from .programs import data_of, instruction

SCALARS = tuple(
    Scalar(f"{'i' if signed else 'u'}{8 * size}", size, signed)
    for size in (1, 2, 4, 8)
    for signed in (False, True)
)
# Each end of each of C's types, of both signs, and the report's own number.
ENDS = (0, 1, 7, 8, 16, 31, 32, 33, 63, 64)
NUMBERS = (
    *(sign * (1 << bits) + off for bits in ENDS for sign in (1, -1) for off in (-1, 0, 1)),
    -3000000000,
    5,
)
ARITHMETIC = ("add", "add.release", "or", "and", "xor", "lshift", "rshift")


def random_program(abi: Abi, seed: int, vectors: int) -> tuple[Program, dict[str, dict[str, int]]]:
    """A program, and for each of its vectors arguments that bind it."""
    random = Random(f"{abi} {seed}")
    program = Program(abi, data_of(abi), {})
    made: dict[str, Vector] = {}
    chosen: dict[str, dict[str, int]] = {}
    while len(made) < vectors:
        name = f"v{len(made)}"
        parameters = _parameters(abi, random)
        arguments = {each.name: _argument(each, random) for each in parameters}
        ops: list[Instruction] = []
        for _ in range(400):
            op = _op(abi, parameters, random)
            if op is not None and _binds(program, parameters, op, arguments):
                ops.append(op)
            if len(ops) == 8:
                break
        made[name] = Vector(name, parameters, tuple(ops))
        chosen[name] = arguments
    return program._replace(vectors=made), chosen


def _parameters(abi: Abi, random: Random) -> tuple[Parameter, ...]:
    made: list[Parameter] = []
    offset = 0
    for index in range(random.randrange(1, 6)):
        kinds: tuple[Scalar | Pointer, ...] = (*SCALARS, Pointer("node", abi.model.word))
        kind = random.choice(kinds)
        offset = -(-offset // kind.size) * kind.size
        made.append(Parameter(f"p{index}", kind, offset))
        offset += kind.size
    return tuple(made)


def _argument(parameter: Parameter, random: Random) -> int:
    signed = isinstance(parameter.type, Scalar) and parameter.type.signed
    bits = 8 * parameter.type.size
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    fits = [each for each in NUMBERS if low <= each <= high]
    return random.choice([low, high, *fits])


def _op(abi: Abi, parameters: tuple[Parameter, ...], random: Random) -> Instruction | None:
    if random.random() < 0.3:
        return instruction(
            abi,
            random.choice(("memcpy", "cmpeq", "cmpne")),
            random.choice((1, 4, 8)),
            (_address(abi, parameters, random), _address(abi, parameters, random)),
            flags=(random.randrange(2), random.randrange(2)),
        )
    immediate: Value = random.choice(NUMBERS)
    if random.random() < 0.6:
        addend = random.choice((0, *NUMBERS))
        immediate = ArgumentValue(random.choice(parameters).name, addend)
    mnemonic = random.choice(ARITHMETIC)
    return instruction(abi, mnemonic, 4, (_address(abi, parameters, random),), immediate)


def _address(abi: Abi, parameters: tuple[Parameter, ...], random: Random) -> Value:
    parameter = random.choice(parameters).name
    return random.choice(
        (
            SymbolAddress("ring0", random.choice((0, 8, 16, 3, 4096)), random.choice((None, 2))),
            SymbolAddress("nodes", random.choice((0, 16, 24, 17))),
            ArgumentValue(parameter, random.choice((0, 8, -1, 1 << 31, -(1 << 31) - 5))),
            SlotAddress(parameter, random.choice((0, 0, 1))),
            PoolAddress(8),
            random.randrange(1 << (8 * abi.model.word)),
        )
    )


def _binds(
    program: Program, parameters: tuple[Parameter, ...], op: Instruction, values: dict[str, int]
) -> bool:
    layout = default_layout(program.abi, program.data)
    try:
        bind(Vector("v", parameters, (op,)), program, layout, 1, values)
    except BindError:
        return False
    return True
