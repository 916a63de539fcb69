"""Makes the tree: one method per rule of the grammar, called by opvasm.text.lalr.

A method is given the offsets where the rule's text begins and ends, and its children.  A child is
None where an optional part is absent, or where a part was given up after a mistake.
"""

from __future__ import annotations

from ..expression import Call, Expression, TypeName
from ..light_typing import TYPE_CHECKING, Any
from ..source import Span
from .lalr import Token
from .literals import string_value
from .part_builder import PartBuilder
from .tree import (
    AbiChoice,
    Assert,
    AssertUnchanged,
    Assign,
    Braces,
    Constant,
    CpuChoice,
    CpuRange,
    CpuSet,
    ExtraByte,
    Field,
    File,
    Fill,
    Initial,
    Item,
    Literal,
    Operand,
    OpStatement,
    Page,
    Repeat,
    Run,
    StructDefinition,
    Test,
    TestStatement,
    Text,
    Use,
    Variable,
    VectorDefinition,
)

if TYPE_CHECKING:
    from .tree import Declaration


class Builder(PartBuilder):
    """The callbacks of files, data, vectors and tests; opvasm.text.callbacks adds those of other parts."""

    # ---- file ---------------------------------------------------------------------------------

    def file(self, begin: int, end: int, *declarations: Declaration | None) -> File:
        """The whole text."""
        return File(self.source, tuple(each for each in declarations if each is not None))

    def abi(
        self, begin: int, end: int, year: Token, month: Token, model: Token | None
    ) -> AbiChoice:
        """``abi 2017-11 64be``."""
        revision_span = self.span(year[1], month[2])
        return AbiChoice(
            revision_span.text,
            None if model is None else model[0],
            self.span(begin, end),
            revision_span,
            None if model is None else self.span_of(model),
        )

    def use(self, begin: int, end: int, path: Token) -> Use:
        """``use "file.opv"``."""
        value = string_value(path, self.source, self.problems)
        return Use(value.decode("utf-8", "replace"), self.span(begin, end))

    # ---- data ---------------------------------------------------------------------------------

    def constant(self, begin: int, end: int, name: Token, value: Expression) -> Constant:
        """``const N = 8``."""
        return Constant(name[0], value, self.span_of(name), self.span(begin, end))

    def structure(
        self, begin: int, end: int, name: Token, *fields: Field | None
    ) -> StructDefinition:
        """``struct node { next: ptr }``."""
        known = tuple(each for each in fields if each is not None)
        return StructDefinition(name[0], known, self.span_of(name), self.span(begin, end))

    def field(self, begin: int, end: int, name: Token, type: TypeName) -> Field:
        """``next: ptr``."""
        return Field(name[0], type, self.span_of(name), self.span(begin, end))

    def variable(
        self,
        begin: int,
        end: int,
        area: Token,
        name: Token,
        type: TypeName,
        initial: Initial | None,
    ) -> Variable:
        """``percpu head: ptr``."""
        return Variable(area[0], name[0], type, initial, self.span_of(name), self.span(begin, end))

    def page(
        self, begin: int, end: int, name: Token, kind: Token, count: Expression | None
    ) -> Page:
        """``page gone: unmapped``."""
        return Page(
            name[0], kind[0], count, self.span_of(name), self.span_of(kind), self.span(begin, end)
        )

    def text(self, begin: int, end: int, token: Token) -> Text:
        """``"text"``."""
        return Text(string_value(token, self.source, self.problems), self.span(begin, end))

    def braces(self, begin: int, end: int, *items: Item | None) -> Braces:
        """``{ 1, 2 }``."""
        known = tuple(each for each in items if each is not None)
        return Braces(known, self.span(begin, end))

    def item(self, begin: int, end: int, value: Initial) -> Item:
        """A value in braces."""
        return Item(None, value, Span(self.source, begin, end))

    def member_item(self, begin: int, end: int, name: Token, value: Initial) -> Item:
        """``.next = 0`` in braces."""
        return Item(name[0], value, self.span(begin, end))

    # ---- vectors ------------------------------------------------------------------------------

    def vector(
        self, begin: int, end: int, unverified: Token | None, name: Token, *parts: Any
    ) -> Any:
        """``vector push(node: ptr) { … }``."""
        parameters = tuple(each for each in parts if isinstance(each, Field))
        ops = tuple(each for each in parts if isinstance(each, OpStatement))
        return VectorDefinition(
            *(name[0], unverified is None, parameters, ops),
            *(self.span_of(name), self.span(begin, end)),
        )

    def op(self, begin: int, end: int, mnemonic: Token, *parts: Any) -> OpStatement:
        """``memcpy.u64 head, node``."""
        text, start, stop = mnemonic
        operands = parts
        extra: tuple[ExtraByte, ...] = ()
        if parts and not isinstance(parts[-1], Operand):
            operands, extra = parts[:-1], parts[-1] or ()
        return OpStatement(
            *(text, tuple(each for each in operands if each is not None), extra),
            *(Span(self.source, start, stop), Span(self.source, begin, end)),
        )

    def directive(self, begin: int, end: int, name: Token) -> Token:
        """``.raw``."""
        return f".{name[0]}", begin, end

    def operand(
        self, begin: int, end: int, value: Expression | Literal | Text, may_fault: Token | None
    ) -> Operand:
        """An operand with or without ``?``."""
        return Operand(value, may_fault is not None, Span(self.source, begin, end))

    def literal(self, begin: int, end: int, value: Initial) -> Literal:
        """``=5``."""
        return Literal(value, self.span(begin, end))

    def extra(self, begin: int, end: int, *parts: ExtraByte | None) -> tuple[ExtraByte, ...]:
        """``{ 26: 0x0a }``."""
        return tuple(each for each in parts if each is not None)

    def extra_byte(self, begin: int, end: int, offset: Expression, value: Expression) -> ExtraByte:
        """``26: 0x0a``."""
        return ExtraByte(offset, value, self.span(begin, end))

    # ---- tests --------------------------------------------------------------------------------

    def test(self, begin: int, end: int, name: Token, block: tuple[TestStatement, ...]) -> Test:
        """``test "name" { … }``."""
        text = string_value(name, self.source, self.problems).decode("utf-8", "replace")
        return Test(text, block, self.span(begin, end))

    def block(
        self, begin: int, end: int, *parts: TestStatement | None
    ) -> tuple[TestStatement, ...]:
        """The statements in braces."""
        return tuple(each for each in parts if each is not None)

    def cpu_set(self, begin: int, end: int, which: Token, *ranges: CpuRange) -> CpuSet:
        """``online 0, 2..3``."""
        return CpuSet(which[0], ranges, self.span(begin, end))

    def cpu_range(
        self, begin: int, end: int, first: Expression, last: Expression | None
    ) -> CpuRange:
        """``0..3``."""
        return CpuRange(first, first if last is None else last, self.span(begin, end))

    def cpu_choice(self, begin: int, end: int, which: Token, cpu: Expression) -> CpuChoice:
        """``cpu 0``."""
        return CpuChoice(which[0], cpu, self.span(begin, end))

    def assign(self, begin: int, end: int, place: Expression, value: Initial) -> Assign:
        """``word = 1``."""
        return Assign(place, value, self.span(begin, end))

    def fill(self, begin: int, end: int, place: Expression, value: Expression) -> Fill:
        """``fill buffer with index % 256``."""
        return Fill(place, value, self.span(begin, end))

    def run(self, begin: int, end: int, call: Call | None, *parts: Any) -> Run:
        """``run push(node) on 1 -> 0``."""
        *clauses, result = parts
        given: dict[str, Expression] = {}
        for token, value in clauses:
            if token[0] in given:
                self.problem("OPV009", f"`{token[0]}` is given twice", self.span_of(token))
            given[token[0]] = value
        vector_span = self.span(begin, begin + len("run"))
        if call is not None:
            vector_span = self.span(call.span.start, call.span.start + len(call.function))
        elif "at" not in given:
            self.problem(
                "OPV009",
                "nothing to run: neither a vector nor `at` is given",
                vector_span,
                help="write `run VECTOR(arguments) -> 0` or `run at ADDRESS count N -> 0`",
            )
        return Run(
            vector=None if call is None else call.function,
            arguments=() if call is None else call.arguments,
            cpu=given.get("on"),
            op_count=given.get("count"),
            flags=given.get("flags"),
            address=given.get("at"),
            result=result,
            vector_span=vector_span,
            span=self.span(begin, end),
        )

    def clause(self, begin: int, end: int, word: Token, value: Expression) -> Any:
        """``on 1``."""
        return word, value

    def assert_that(self, begin: int, end: int, condition: Expression) -> Assert:
        """``assert head == 0``."""
        return Assert(condition, self.span(begin, end))

    def assert_unchanged(self, begin: int, end: int, word: Token) -> AssertUnchanged:
        """``assert unchanged``."""
        return AssertUnchanged(self.span(begin, end))

    def repeat(
        self, begin: int, end: int, times: Expression, block: tuple[TestStatement, ...]
    ) -> Repeat:
        """``repeat 16 { … }``."""
        return Repeat(times, block, self.span(begin, end))
