"""Statements to instructions: which op, how long, which operands, what else its bytes hold."""

from __future__ import annotations

from ..abi.layout import OP_BYTES, FieldKind, number_range
from ..abi.layout import Field as StructField
from ..abi.ops import BY_MNEMONIC, LengthRule, Operation
from ..abi.revisions import REVISIONS
from ..errors import DecodeError, Note
from ..expression import Load
from ..light_typing import NamedTuple
from ..program import ArgumentValue, Instruction, Parameter, Pointer, Scalar, Value, Vector
from ..source import Span
from ..suggestion import did_you_mean
from ..text.names import type_text
from ..text.tree import Literal, Operand, OpStatement, Text, VectorDefinition
from .literals import literal_value
from .operands import Resolved, operand_of
from .parts import parts_of
from .places import Parameters, address_of
from .pool import Pool
from .scope import Scope, aligned, number_text

SUFFIXES = {"u8": 1, "u16": 2, "u32": 4, "u64": 8}
POINTER_SUFFIX = "ptr"
_RAW = ".raw"
_LENGTH_MAX = (1 << 32) - 1


def vector_of(definition: VectorDefinition, scope: Scope, pool: Pool) -> Vector:
    """A vector with its ops; what is wrong with one is reported and the op left out."""
    parameters = _parameters(definition, scope)
    assembler = _Assembler(scope, pool, parameters)
    instructions = (assembler.instruction(statement) for statement in definition.ops)
    return Vector(
        definition.name,
        tuple(parameters.values()),
        tuple(each for each in instructions if each is not None),
        definition.verified,
        definition.name_span,
    )


def _parameters(definition: VectorDefinition, scope: Scope) -> Parameters:
    """The parameters, whose slots lie one after the other like the locals of a C function."""
    parameters: Parameters = {}
    offset = 0
    for field in definition.parameters:
        if field.name in parameters:
            first = parameters[field.name].place
            assert isinstance(first, Span)
            scope.defined_twice(field.name, field.name_span, first)
            continue
        type = scope.type_of(field.type)
        if type is not None and not isinstance(type, Scalar | Pointer):
            scope.problems.error(
                *("OPV016", f"a parameter can't be a {type_text(type)}", field.type.span),
                help="arguments are numbers and pointers; hand a pointer in: `ptr<T>`",
            )
            type = None
        if type is None:
            type = Pointer(None, scope.abi.model.word)
            scope.problems.unreadable.add(field.name)
        offset = aligned(offset, type.size)
        parameters[field.name] = Parameter(field.name, type, offset, field.name_span)
        offset += type.size
    return parameters


class _Form(NamedTuple):
    """An op with the length that its mnemonic's suffix says."""

    operation: Operation
    opcode: int
    length: int | None


class _Assembler:
    """Makes the instructions of one vector."""

    def __init__(self, scope: Scope, pool: Pool, parameters: Parameters) -> None:
        self.scope = scope
        self.problems = scope.problems
        self.abi = scope.abi
        self.pool = pool
        self.parameters = parameters
        self.forms: dict[str, _Form] = {}

    def instruction(self, statement: OpStatement) -> Instruction | None:
        """One statement's op."""
        if statement.mnemonic.startswith("."):
            return self._directive(statement)
        form = self.forms.get(statement.mnemonic) or self._form(statement)
        if form is None:
            return None
        self.forms[statement.mnemonic] = form
        operation = form.operation
        count = len(operation.operands) + (operation.immediate is not None)
        if not count <= len(statement.operands) <= count + 1:
            self._wrong_count(statement, operation, count)
            return None
        given = statement.operands
        resolved = [
            operand_of(each, self.scope, self.parameters) for each in given[: len(operation.operands)]
        ]
        stated = form.length
        if len(given) > count:
            stated = self._third(given[count], form.length)
            if stated is None:
                return None
        immediate: Value | None = None
        if operation.immediate is not None:
            immediate = self._immediate(given[count - 1], operation.immediate)
            if immediate is None:
                return None
        length = self._length(statement, operation, resolved, stated)
        if length is None:
            return None
        addresses = tuple(self._address(each, length, resolved) for each in resolved)
        flags = self._flags(statement, operation)
        extra: tuple[tuple[int, int], ...] = ()
        if statement.extra:
            flags, extra = self._extra(statement, operation, flags)
        if any(each is None for each in addresses):
            return None
        return Instruction(
            *(form.opcode, operation, length, addresses),  # type: ignore[arg-type]
            *(flags, immediate, extra, statement.span, parts_of(statement, operation)),
        )

    # ---- which op -----------------------------------------------------------------------------

    def _form(self, statement: OpStatement) -> _Form | None:
        mnemonic = statement.mnemonic
        operation, length = BY_MNEMONIC.get(mnemonic), None
        span = statement.mnemonic_span
        if operation is None and "." in mnemonic:
            name, _, suffix = mnemonic.rpartition(".")
            operation = BY_MNEMONIC.get(name)
            if operation is not None:
                sizes = {**SUFFIXES, POINTER_SUFFIX: self.abi.model.word}
                length = sizes.get(suffix)
                place = Span(span.file, span.end - len(suffix), span.end)
                if length is None:
                    self.problems.error(
                        *("OPV012", f"`.{suffix}` is no size", place),
                        help=f"the sizes are {', '.join('.' + each for each in sizes)}",
                    )
                    return None
                if operation.length_rule is LengthRule.IGNORED:
                    self.problems.error("OPV014", f"`{name}` takes no size", place)
                    return None
        if operation is None:
            self._unknown(statement)
            return None
        opcode = self.abi.opcode(operation)
        if opcode is None:
            having = [each.name for each in REVISIONS if operation in each.operations]
            self.problems.error(
                "OPV013",
                f"the revision {self.abi.revision.name} has no `{operation.mnemonic}`",
                span,
                help=f"{', '.join(having)} {'has' if len(having) == 1 else 'have'} it",
            )
            return None
        return _Form(operation, opcode, length)

    def _unknown(self, statement: OpStatement) -> None:
        known = [each.mnemonic for each in self.abi.revision.operations]
        written = statement.mnemonic
        near = did_you_mean(written, known)
        if near is None:
            head, _, suffix = written.rpartition(".")
            near = did_you_mean(head, known) if suffix in (*SUFFIXES, POINTER_SUFFIX) else None
        self.problems.error(
            *("OPV012", f"the op `{written}` is unknown", statement.mnemonic_span),
            help=near or f"the ops are {', '.join(known)}",
        )

    def _wrong_count(self, statement: OpStatement, operation: Operation, count: int) -> None:
        takes = [each.name for each in operation.operands]
        if operation.immediate is not None:
            takes.append(operation.immediate.name)
        number = len(statement.operands)
        wants = f"takes {', '.join(takes)}" if takes else "takes no operands"
        self.problems.error(
            "OPV014",
            f"`{operation.mnemonic}` {wants}; {number} operand{'' if number == 1 else 's'}"
            f" {'is' if number == 1 else 'are'} given",
            statement.span,
            help="a further operand is the length in bytes" if takes else None,
        )

    # ---- how long -----------------------------------------------------------------------------

    def _third(self, operand: Operand, suffix: int | None) -> int | None:
        """The length that is written as the last operand."""
        span = operand.span
        if operand.may_fault or isinstance(operand.value, Literal | Text):
            self.problems.error(
                *("OPV015", f"`{span.text}` is no length", span),
                help="the last operand is a number of bytes",
            )
            return None
        length = self.scope.evaluate(operand.value, "a length in bytes", self.parameters)
        if length is None:
            return None
        if not 0 <= length <= _LENGTH_MAX:
            self.problems.error(
                *("OPV019", f"{number_text(length)} is no length", span),
                help=f"the field len holds 0 to {_LENGTH_MAX}",
            )
            return None
        if suffix is not None and suffix != length:
            self.problems.error(
                *("OPV021", f"the mnemonic says {suffix} bytes, this {length}", span),
                help="write one of them",
            )
            return None
        return length

    def _length(
        self,
        statement: OpStatement,
        operation: Operation,
        resolved: list[Resolved | None],
        stated: int | None,
    ) -> int | None:
        """The bytes of the op: as stated, else as the operands' types say."""
        if not operation.operands:
            return stated or 0
        known = [each for each in resolved if each is not None]
        if len(known) < len(resolved):
            return None
        if stated is not None:
            # `[address]` is memory whatever lies there: a length that is written wins over its type.
            typed_places = [
                each
                for each, operand in zip(known, statement.operands, strict=False)
                if not isinstance(operand.value, Load)
            ]
            agree = [self._agrees(each, stated) for each in typed_places]
            return stated if all(agree) else None
        typed = [each for each in known if each.type is not None]
        sizes = {each.type.size for each in typed if each.type is not None}
        if not sizes:
            sizes = {each.size for each in known if each.size is not None}
        if len(sizes) == 1:
            return sizes.pop()
        if not sizes:
            self.problems.error(
                *("OPV020", f"how many bytes does this `{operation.mnemonic}` touch?"),
                statement.mnemonic_span,
                help=f"write `{operation.mnemonic}.u64`, or the bytes as a further operand",
            )
            return None
        first, second = typed[0], typed[1]
        assert first.type is not None and second.type is not None
        self.problems.error(
            "OPV021",
            f"`{second.span.text}` has {second.type.size} bytes, `{first.span.text}` has"
            f" {first.type.size}",
            second.span,
            (Note(f"this is a {type_text(first.type)}", first.span),),
            "the two must be of one size; or write the length as a further operand",
        )
        return None

    def _agrees(self, resolved: Resolved, stated: int) -> bool:
        """Whether a stated length can be that of an operand of its type."""
        type, span = resolved.type, resolved.span
        if type is None or stated == type.size:
            return True
        if isinstance(type, Scalar | Pointer):
            self.problems.error(
                *("OPV021", f"`{span.text}` has {type.size} bytes, the op {stated}", span),
                help=f"it is a {type_text(type)}; `[&{span.text.rstrip('? ')}]` is the same place"
                " without a type",
            )
            return False
        if stated > type.size:
            self.problems.error(
                "OPV021",
                f"`{span.text}` has only {type.size} bytes, the op {stated}",
                *(span, (), f"it is a {type_text(type)}"),
            )
            return False
        return True

    # ---- operands -----------------------------------------------------------------------------

    def _address(
        self, resolved: Resolved | None, length: int, all_resolved: list[Resolved | None]
    ) -> Value | None:
        if resolved is None:
            return None
        if resolved.literal is None:
            return resolved.value
        others = [each for each in all_resolved if each is not None and each is not resolved]
        other = next((each.type for each in others if each.type is not None), None)
        return literal_value(
            *(resolved, length, other),
            scope=self.scope,
            pool=self.pool,
            parameters=self.parameters,
        )

    def _immediate(self, operand: Operand, field: StructField) -> Value | None:
        """A count, mask or number of bits: a constant, or an argument with a constant added."""
        span = operand.span
        if operand.may_fault:
            self.problems.error(
                *("OPV015", f"`?` says that memory may fault; {field.name} is a number", span),
                help="leave the `?` away",
            )
            return None
        if isinstance(operand.value, Literal | Text):
            self.problems.error(
                *("OPV015", f"{field.name} is a number that stands in the op itself", span),
                help="write it without `=`",
            )
            return None
        if names_parameter(operand, self.parameters):
            address = address_of(operand.value, self.scope, self.parameters)
            if address is not None and isinstance(address.value, ArgumentValue):
                return address.value
            if address is not None:
                self.problems.error("OPV015", f"`{span.text}` is no number", span)
            return None
        number = self.scope.evaluate(operand.value, "a constant or a parameter", self.parameters)
        if number is None:
            return None
        signed = field.kind is FieldKind.SIGNED
        low, high = number_range(field.size, signed)
        if field.name == "mask" and number_range(field.size, True)[0] <= number < 0:
            return number + (1 << 8 * field.size)  # ~7: two's complement is what is meant
        if not low <= number <= high:
            self.problems.error(
                *("OPV019", f"{number_text(number)} does not fit into {field.name}", span),
                help=f"it holds {number_text(low)} to {number_text(high)}",
            )
            return None
        return number

    def _flags(self, statement: OpStatement, operation: Operation) -> tuple[int, ...]:
        operands = statement.operands[: len(operation.operands)]
        if not self.abi.revision.expect_fault:
            for operand in operands:
                if operand.may_fault:
                    having = [each.name for each in REVISIONS if each.expect_fault]
                    self.problems.error(
                        "OPV013",
                        f"the revision {self.abi.revision.name} has no expect_fault",
                        operand.span,
                        help=f"leave the `?` away; {', '.join(having)} have it",
                    )
        return tuple(int(each.may_fault) for each in operands)

    # ---- other bytes --------------------------------------------------------------------------

    def _extra(
        self, statement: OpStatement, operation: Operation, flags: tuple[int, ...]
    ) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...]]:
        """The bytes in braces: expect_fault bytes of other values, and unused ones."""
        unused = self.abi.unused(operation)
        flag_at = {}
        if self.abi.revision.expect_fault:
            flag_at = {
                each.expect_fault_offset: index for index, each in enumerate(operation.operands)
            }
        new_flags = list(flags)
        extra: dict[int, int] = {}
        seen: set[int] = set()
        for part in statement.extra:
            offset = self.scope.evaluate(part.offset, "an offset in bytes")
            value = self.scope.evaluate(part.value, "a byte")
            if offset is None or value is None:
                continue
            allowed = sorted({*unused, *flag_at})
            if offset not in allowed:
                self.problems.error(
                    "OPV029",
                    f"byte {number_text(offset)} of `{operation.mnemonic}` belongs to a field",
                    part.offset.span,
                    help=f"free are the bytes {', '.join(map(str, allowed))}"
                    if 0 <= offset < OP_BYTES
                    else f"an op has the bytes 0 to {OP_BYTES - 1}",
                )
            elif not 0 <= value <= 255:
                self.problems.error(
                    "OPV019", f"{number_text(value)} is no byte", part.value.span
                )
            elif offset in seen or (offset in flag_at and flags[flag_at[offset]]):
                self.problems.error(
                    "OPV029", f"byte {offset} has its value already", part.offset.span
                )
            elif offset in flag_at:
                new_flags[flag_at[offset]] = value
            elif value:
                extra[offset] = value
            seen.add(offset)
        return tuple(new_flags), tuple(sorted(extra.items()))

    def _directive(self, statement: OpStatement) -> Instruction | None:
        """``.raw "32 bytes in hexadecimal"``."""
        if statement.mnemonic != _RAW:
            self.problems.error(
                *("OPV012", f"`{statement.mnemonic}` is unknown", statement.mnemonic_span),
                help=f"the only directive is {_RAW}",
            )
            return None
        operands = [each.value for each in statement.operands]
        data = _hex_bytes(operands[0].value) if len(operands) == 1 and isinstance(
            operands[0], Text
        ) else None
        if data is None or len(data) != OP_BYTES or statement.extra:
            found = "" if data is None else f"; {len(data)} bytes are given"
            self.problems.error(
                "OPV028",
                f"`{_RAW}` takes the {OP_BYTES} bytes of an op as {2 * OP_BYTES} hexadecimal"
                f" digits in quotes{found}",
                statement.span,
            )
            return None
        from ..binary import decode

        try:
            (instruction,) = decode(data, self.abi)
        except DecodeError as error:
            self.problems.error("OPV028", str(error), statement.span)
            return None
        return instruction._replace(place=statement.span)


def _hex_bytes(text: bytes) -> bytes | None:
    try:
        return bytes.fromhex(text.decode("ascii"))
    except ValueError:
        return None


def names_parameter(operand: Operand, parameters: Parameters) -> bool:
    """Whether a parameter stands somewhere in an operand's value."""
    from ..expression import Expression, Name, children

    def inside(expression: Expression) -> bool:
        if isinstance(expression, Name):
            return expression.name in parameters
        return any(inside(each) for each in children(expression))

    return not isinstance(operand.value, Literal | Text) and inside(operand.value)
