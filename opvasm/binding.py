"""Binding: from a vector with relocations to one whose every value is a number.

A layout says where the areas lie, a CPU chooses the percpu instances, arguments give the
parameters their values.  Nothing wraps and nothing is cut off: what does not fit is an error.
"""

from __future__ import annotations

from collections.abc import Mapping

from .abi.layout import FieldKind, number_range
from .abi.revisions import Abi
from .errors import BindError, Diagnostic
from .light_typing import NamedTuple
from .program import (
    Area,
    ArgumentValue,
    Data,
    Instruction,
    Layout,
    Parameter,
    PoolAddress,
    Program,
    Scalar,
    SlotAddress,
    SymbolAddress,
    Value,
    Vector,
)
from .source import Place
from .suggestion import did_you_mean


def bind(
    vector: Vector, program: Program, layout: Layout, cpu: int, arguments: Mapping[str, int]
) -> tuple[Instruction, ...]:
    """The vector's ops with every address, count, mask and number of bits known.

    ``cpu`` is the CPU the vector runs on: it chooses the instance of each percpu symbol that is
    not written with a CPU of its own.

    Raises BindError with all problems at once: arguments that are missing, unknown or outside
    their parameter's type, and addresses or numbers that do not fit their field.
    """
    problems = [*_cpu_problems(cpu), *_argument_problems(vector, program.abi, arguments)]
    if problems:
        raise BindError(problems)
    resolver = _Resolver(program, layout, cpu, vector, arguments, problems)
    bound = tuple(
        resolver.instruction(index, instruction)
        for index, instruction in enumerate(vector.instructions)
    )
    if problems:
        raise BindError(problems)
    return bound


def pool_bytes(program: Program, layout: Layout, cpu: int) -> bytes:
    """The literal pool as it lies in memory; addresses in it are those of ``layout`` and ``cpu``.

    Raises BindError for a value that does not fit its item.
    """
    problems = _cpu_problems(cpu)
    resolver = _Resolver(program, layout, cpu, None, {}, problems)
    image = bytearray(program.data.pool_size)
    for item in program.data.pool:
        if isinstance(item.value, bytes):
            image[item.offset : item.offset + item.size] = item.value
        else:
            what = f"the constant at pool offset {item.offset}"
            resolver.store(image, item.offset, item.size, item.value, what, None)
    if problems:
        raise BindError(problems)
    return bytes(image)


def slot_bytes(vector: Vector, abi: Abi, arguments: Mapping[str, int]) -> bytes:
    """The slot area: the bytes of each argument at its parameter's offset, as a C call stores them.

    Raises BindError for arguments that are missing, unknown or out of range.
    """
    problems = _argument_problems(vector, abi, arguments)
    if problems:
        raise BindError(problems)
    size = max((each.offset + each.type.size for each in vector.parameters), default=0)
    image = bytearray(size)
    for parameter in vector.parameters:
        value = arguments[parameter.name] % (1 << (8 * parameter.type.size))
        end = parameter.offset + parameter.type.size
        image[parameter.offset : end] = value.to_bytes(parameter.type.size, abi.model.byteorder)
    return bytes(image)


def initial_bytes(program: Program, layout: Layout, area: Area, cpu: int) -> bytes:
    """What an area holds at first; of the percpu area, the instance of ``cpu``.

    Raises BindError for an initial value that does not fit its place.
    """
    problems = _cpu_problems(cpu)
    resolver = _Resolver(program, layout, cpu, None, {}, problems)
    image = bytearray(program.data.area_size(area))
    for symbol in program.data.symbols.values():
        if symbol.area is area:
            for offset, size, value in symbol.initial:
                what = f"the initial value of {symbol.name}"
                place = symbol.place
                resolver.store(image, symbol.offset + offset, size, value, what, place)
    if problems:
        raise BindError(problems)
    return bytes(image)


def parameter_range(parameter: Parameter) -> tuple[int, int]:
    """The smallest and the largest argument that a parameter takes."""
    signed = isinstance(parameter.type, Scalar) and parameter.type.signed
    return number_range(parameter.type.size, signed)


def _cpu_problems(cpu: int) -> list[Diagnostic]:
    if cpu >= 0:
        return []
    return [Diagnostic("error", "OPV108", f"CPU {cpu} does not exist: CPUs count from 0")]


def _argument_problems(vector: Vector, abi: Abi, arguments: Mapping[str, int]) -> list[Diagnostic]:
    """Everything wrong with the arguments; parameters first, in their order."""
    problems: list[Diagnostic] = []
    for parameter in vector.parameters:
        kind = _type_name(parameter)
        if parameter.name not in arguments:
            problems.append(
                Diagnostic(
                    "error",
                    "OPV100",
                    f"vector {vector.name} needs a value for its parameter {parameter.name}: {kind}",
                    parameter.place,
                    help=f"give it one (on a command line: --arg {parameter.name}=VALUE)",
                )
            )
            continue
        value = arguments[parameter.name]
        low, high = parameter_range(parameter)
        if not low <= value <= high:
            problems.append(
                Diagnostic(
                    "error",
                    "OPV102",
                    f"{_number(value)} does not fit {kind}, which the parameter {parameter.name} of "
                    f"vector {vector.name} is",
                    parameter.place,
                    help=f"a {kind} of {abi.model.name} is from {_number(low)} to {_number(high)}",
                )
            )
    names = [parameter.name for parameter in vector.parameters]
    for name in arguments:
        if name not in names:
            taken = f"it takes {', '.join(names)}" if names else "it takes none"
            problems.append(
                Diagnostic(
                    "error",
                    "OPV101",
                    f"vector {vector.name} has no parameter {name}",
                    vector.place,
                    help=did_you_mean(name, names) or taken,
                )
            )
    return problems


def _type_name(parameter: Parameter) -> str:
    match parameter.type:
        case Scalar(name=name):
            return name
        case pointer:
            return "ptr" if pointer.target is None else f"ptr<{pointer.target}>"


def _number(value: int) -> str:
    return str(value) if -1024 < value < 1024 else f"{value:#x}"


class _Resolver(NamedTuple):
    """Finds the number that a value stands for; what can't be one is added to ``problems``."""

    program: Program
    layout: Layout
    cpu: int
    vector: Vector | None
    arguments: Mapping[str, int]
    problems: list[Diagnostic]

    def instruction(self, index: int, instruction: Instruction) -> Instruction:
        """The op with every value a number that fits its field."""
        operation = instruction.operation
        if operation is None:
            return instruction
        low, high = number_range(self.program.abi.model.word, signed=False)
        place = instruction.place
        addresses = tuple(
            self.number(value, low, high, f"op {index}: the address {operand.name}", place)
            for operand, value, _ in instruction.operands()
        )
        immediate = instruction.immediate
        if operation.immediate is not None and immediate is not None:
            field = operation.immediate
            low, high = number_range(field.size, field.kind is FieldKind.SIGNED)
            what = f"op {index}: the value of {field.name}"
            immediate = self.number(immediate, low, high, what, place)
        return instruction._replace(addresses=addresses, immediate=immediate)

    def store(
        self, image: bytearray, offset: int, size: int, value: Value, what: str, place: Place | None
    ) -> None:
        """Puts a number into ``size`` bytes of an image; a negative one as its two's complement."""
        low, high = -(1 << (8 * size - 1)), (1 << (8 * size)) - 1
        number = self.number(value, low, high, what, place) % (1 << (8 * size))
        image[offset : offset + size] = number.to_bytes(size, self.program.abi.model.byteorder)

    def number(self, value: Value, low: int, high: int, what: str, place: Place | None) -> int:
        """The number a value stands for; 0 after a problem, which ends up in a BindError."""
        number = self.resolve(value, what, place)
        if number is None:
            return 0
        if not low <= number <= high:
            self.problems.append(
                Diagnostic(
                    "error",
                    "OPV103",
                    f"{what} would be {_number(number)}, which is not from {_number(low)} to "
                    f"{_number(high)}",
                    place,
                    help=self._origin(value),
                )
            )
            return 0
        return number

    def resolve(self, value: Value, what: str, place: Place | None) -> int | None:
        """The number of a value, however large; None (and a problem) where a name is unknown."""
        data: Data = self.program.data
        match value:
            case int():
                return value
            case SymbolAddress(symbol=name, addend=addend, cpu=cpu):
                symbol = data.symbols.get(name)
                if symbol is None:
                    return self._unknown(f"symbol {name}", what, place)
                return self.layout.symbol_address(symbol, self.cpu if cpu is None else cpu) + addend
            case ArgumentValue(parameter=name, addend=addend):
                if name not in self.arguments:
                    return self._unknown(f"parameter {name}", what, place)
                return self.arguments[name] + addend
            case SlotAddress(parameter=name, addend=addend):
                parameter = None if self.vector is None else self.vector.parameter(name)
                if parameter is None:
                    return self._unknown(f"parameter {name}", what, place)
                return self.layout.slots + parameter.offset + addend
            case PoolAddress(offset=offset):
                return self.layout.pool + offset

    def _unknown(self, name: str, what: str, place: Place | None) -> None:
        message = f"{what} names the {name}, which is not there"
        self.problems.append(Diagnostic("error", "OPV109", message, place))

    def _origin(self, value: Value) -> str | None:
        """Where a number that does not fit came from."""
        match value:
            case int() | PoolAddress() | SlotAddress():
                return None
            case SymbolAddress(symbol=name, addend=addend, cpu=cpu):
                on = f" of CPU {self.cpu if cpu is None else cpu}"
                percpu = self.program.data.symbols[name].area is Area.PERCPU
                return f"it is {name}{on if percpu else ''}{_addend(addend)}"
            case ArgumentValue(parameter=name, addend=addend):
                return f"it is {name} = {_number(self.arguments[name])}{_addend(addend)}"


def _addend(addend: int) -> str:
    return "" if addend == 0 else f" {'+' if addend > 0 else '-'} {abs(addend)}"
