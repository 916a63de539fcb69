"""Statements to instructions: which op, and from what its fields are made."""

from __future__ import annotations

from ..abi.ops import BY_MNEMONIC, LengthRule, Operation
from ..abi.revisions import REVISIONS
from ..light_typing import NamedTuple
from ..program import Instruction, Type, Value, Vector
from ..source import Span
from ..suggestion import did_you_mean
from ..text.tree import OpStatement, VectorDefinition
from .immediates import immediate_of
from .lengths import agrees, common_length, written_length
from .literals import literal_value
from .operands import ResolvedOperand, operand_of
from .other_bytes import directive, extra_bytes
from .parameters import parameters_of
from .parts import parts_of
from .places import Parameters
from .pool import Pool
from .scope import Scope

SUFFIXES = {"u8": 1, "u16": 2, "u32": 4, "u64": 8}
POINTER_SUFFIX = "ptr"


def vector_of(definition: VectorDefinition, scope: Scope, pool: Pool) -> Vector:
    """A vector with its ops; what is wrong with one is reported and the op left out."""
    parameters = parameters_of(definition, scope)
    assembler = _VectorAssembler(scope, pool, parameters)
    instructions = (assembler.instruction(statement) for statement in definition.ops)
    return Vector(
        definition.name,
        tuple(parameters.values()),
        tuple(each for each in instructions if each is not None),
        definition.verified,
        definition.name_span,
    )


class _Form(NamedTuple):
    """An op with the length that its mnemonic's suffix says."""

    operation: Operation
    opcode: int
    length: int | None


class _VectorAssembler:
    """Makes the instructions of one vector."""

    def __init__(self, scope: Scope, pool: Pool, parameters: Parameters) -> None:
        self.scope = scope
        self.problems = scope.problems
        self.abi = scope.abi
        self.pool = pool
        self.parameters = parameters
        self.forms: dict[str, _Form] = {}

    def instruction(self, statement: OpStatement) -> Instruction | None:
        """One statement's op; None, and reports, where it makes none."""
        if statement.mnemonic.startswith("."):
            return directive(statement, self.scope)
        form = self.forms.get(statement.mnemonic) or self._form(statement)
        if form is None:
            return None
        self.forms[statement.mnemonic] = form
        operation, scope, parameters = form.operation, self.scope, self.parameters
        operands, field = statement.operands, operation.immediate
        memory = len(operation.operands)
        count = memory + (field is not None)
        if not count <= len(operands) <= count + 1:
            self._wrong_count(statement, operation, count)
            return None
        resolved = [operand_of(each, scope, parameters) for each in operands[:memory]]
        immediate: Value | None = None
        if field is not None:
            immediate = immediate_of(operands[memory], field, scope, parameters)
        length = self._length(statement, form, count, resolved)
        flags = self._flags(statement, operation)
        extra: tuple[tuple[int, int], ...] = ()
        if statement.extra:
            flags, extra = extra_bytes(statement, operation, flags, scope)
        if length is None or (field is not None and immediate is None):
            return None
        addresses = self._addresses(resolved, length)
        if len(addresses) < memory:
            return None
        return Instruction(
            form.opcode,
            operation,
            length,
            addresses,
            flags,
            immediate,
            extra,
            statement.span,
            parts_of(statement, operation),
        )

    # ---- which op -----------------------------------------------------------------------------

    def _form(self, statement: OpStatement) -> _Form | None:
        mnemonic, span = statement.mnemonic, statement.mnemonic_span
        operation = BY_MNEMONIC.get(mnemonic)
        length: int | None = None
        if operation is None:
            name, _, suffix = mnemonic.rpartition(".")
            operation = BY_MNEMONIC.get(name)
            if operation is None:
                self._unknown(statement)
                return None
            sizes = {**SUFFIXES, POINTER_SUFFIX: self.abi.model.word}
            length = sizes.get(suffix)
            place = Span(span.file, span.end - len(suffix), span.end)
            if length is None:
                self.problems.error(
                    "OPV012",
                    f"`.{suffix}` is not a size",
                    place,
                    help=f"the sizes are {', '.join('.' + each for each in sizes)}",
                )
                return None
            if operation.length_rule is LengthRule.IGNORED:
                self.problems.error("OPV014", f"`{name}` takes no size", place)
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
        head, _, suffix = written.rpartition(".")
        word = head if suffix in (*SUFFIXES, POINTER_SUFFIX) else written
        from ..text.foreign_words import FOREIGN_WORDS, Instead  # only where something is wrong

        near = FOREIGN_WORDS.get(word, Instead()).in_vector or did_you_mean(word, known)
        if statement.span.text.removeprefix(written).lstrip().startswith("="):
            near = f"in memory a vector stores by `memcpy {written}, =5` and adds by `add {written}, 1`"
        self.problems.error(
            "OPV012",
            f"the op `{written}` is unknown",
            statement.mnemonic_span,
            help=near or f"the ops are {', '.join(known)}",
        )

    def _wrong_count(self, statement: OpStatement, operation: Operation, count: int) -> None:
        takes = [each.name for each in operation.operands]
        if operation.immediate is not None:
            takes.append(operation.immediate.name)
        number = len(statement.operands)
        given = f"{number} {'is' if number == 1 else 'are'} given"
        wants = f"{len(takes)} operands ({', '.join(takes)})" if takes else "no operands"
        self.problems.error(
            "OPV014",
            f"`{operation.mnemonic}` takes {wants}; {given}",
            statement.span,
            help="one more operand is the length in bytes",
        )

    # ---- what it touches ----------------------------------------------------------------------

    def _length(
        self,
        statement: OpStatement,
        form: _Form,
        count: int,
        resolved: list[ResolvedOperand | None],
    ) -> int | None:
        """The bytes of the op; None, and a report, where nothing or several things say so."""
        length, operands = form.length, statement.operands
        if len(operands) > count:
            length = written_length(operands[count], length, self.scope, self.parameters)
            if length is None:
                return None
        known = [each for each in resolved if each is not None]
        if len(known) < len(resolved):
            return None
        if not known:
            return length or 0
        if length is None:
            return common_length(statement, form.operation.mnemonic, known, self.scope)
        agree = [
            agrees(operand, each, length, self.scope)
            for operand, each in zip(operands, known, strict=False)
        ]
        return length if all(agree) else None

    def _addresses(self, resolved: list[ResolvedOperand | None], length: int) -> tuple[Value, ...]:
        """The operands' addresses, literals being placed in the pool."""
        addresses: list[Value] = []
        for each in resolved:
            if each is None:
                continue
            value = each.value
            if each.literal is not None:
                value = literal_value(
                    each,
                    length,
                    self._other_type(each, resolved),
                    scope=self.scope,
                    pool=self.pool,
                    parameters=self.parameters,
                )
            if value is not None:
                addresses.append(value)
        return tuple(addresses)

    def _other_type(
        self, one: ResolvedOperand, resolved: list[ResolvedOperand | None]
    ) -> Type | None:
        others = (each for each in resolved if each is not None and each is not one)
        return next((each.type for each in others if each.type is not None), None)

    def _flags(self, statement: OpStatement, operation: Operation) -> tuple[int, ...]:
        """The expect_fault byte of each operand: 1 where a ``?`` follows it."""
        operands = statement.operands[: len(operation.operands)]
        marked = [each for each in operands if each.may_fault]
        if marked and not self.abi.revision.expect_fault:
            having = [each.name for each in REVISIONS if each.expect_fault]
            for operand in marked:
                self.problems.error(
                    "OPV013",
                    f"the revision {self.abi.revision.name} has no expect_fault",
                    operand.span,
                    help=f"leave the `?` away; {', '.join(having)} have it",
                )
        return tuple(int(each.may_fault) for each in operands)
