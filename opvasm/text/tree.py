"""The tree of an ``.opv`` file: what was written, before anything is resolved.

Declarations hold what the assembler turns into a Program.  Test statements are run as they stand
by opvasm.scenario, so their design in short; every node is frozen and has a span:

``test "name" { statements }`` is a Test.  The statements run in order on one fresh machine.

=====================================  ===========================================================
``cpus 0..3``                          CpuSet("cpus"): the CPUs that exist (default 0..3)
``online 0, 2..3``                     CpuSet("online"): those that run (default all that exist)
``allowed 0..1``                       CpuSet("allowed"): the caller's affinity (default all)
``current 1``                          CpuChoice("current"): where the caller runs right now
``cpu 0``                              CpuChoice("cpu"): the CPU asked for by each ``run`` that
                                       does not name one, the CPU whose instance a percpu name
                                       means, and, unless ``current`` was given, the caller's CPU
``place = value``                      Assign: set up memory
``fill place with value``              Fill: each element of an array; the name ``index`` in the
                                       value is the element's number (``index % 256``)
``run v(a, b) -> result``              Run: call cpu_opv with the vector's ops and expect a result;
                                       of a section: ``ok`` or the label by which it is left
``run v(a) on 1 flags 1 -> EINVAL``    …with another cpu, flags, count of ops (``count 17``), or
                                       with the ops lying at an address (``at &gone``)
``run at 0 count 0 flags 1 -> 10``     Run without a vector: whatever lies at the address
``assert value``                       Assert: not zero; arrays and structs compare by bytes
``assert unchanged``                   AssertUnchanged: no byte differs from before the last run
``repeat 16 { statements }``           Repeat
=====================================  ===========================================================

A result is a whole number (0, the index + 1 of the compare that stopped the vector, the answer to
a query flag) or the name of an errno (``EAGAIN`` is -11).
"""

from __future__ import annotations

from ..expression import Expression, TypeName
from ..light_typing import TYPE_CHECKING, Record
from ..source import SourceFile, Span

if TYPE_CHECKING:  # few texts have scenarios or sections that load
    from .scenario_tree import Scenario, Strategy
    from .section_tree import SectionStep, Target


class Text(Record):
    """A string literal; its characters as UTF-8 bytes, escapes replaced, no NUL added."""

    value: bytes
    span: Span


class Braces(Record):
    """``{ 1, 2 }``, ``{ .next = 0, .value = 5 }``: the parts of an array or struct."""

    items: tuple[Item, ...]
    span: Span


class Item(Record):
    """One part of a Braces; ``member`` is the field's name where one is written."""

    member: str | None
    value: Initial
    span: Span


Initial = Expression | Text | Braces


class AbiChoice(Record):
    """``abi 2017-11 64be``: the revision, and the data model where one is written."""

    revision: str
    model: str | None
    span: Span
    revision_span: Span
    model_span: Span | None


class Use(Record):
    """``use "file.opv"``."""

    path: str
    span: Span


class Constant(Record):
    """``const NAME = expression``."""

    name: str
    value: Expression
    name_span: Span
    span: Span


class Field(Record):
    """``name: type``: a member of a struct or a parameter of a vector."""

    name: str
    type: TypeName
    name_span: Span
    span: Span


class StructDefinition(Record):
    """``struct NAME { fields }``."""

    name: str
    fields: tuple[Field, ...]
    name_span: Span
    span: Span


class Variable(Record):
    """``percpu NAME: type = initial`` or ``shared …``; ``area`` is the word."""

    area: str
    name: str
    type: TypeName
    initial: Initial | None
    name_span: Span
    span: Span


class Page(Record):
    """``page NAME: kind[page_count]``."""

    name: str
    kind: str
    page_count: Expression | None
    name_span: Span
    kind_span: Span
    span: Span


class Literal(Record):
    """``=5``, ``="text"`` or ``={1, 2}``: a constant that lies in the literal pool."""

    value: Initial
    span: Span


class Operand(Record):
    """An operand as written; ``may_fault`` where a ``?`` follows."""

    value: Expression | Literal | Text
    may_fault: bool
    span: Span


class ExtraByte(Record):
    """``offset: byte`` in the braces after the operands."""

    offset: Expression
    value: Expression
    span: Span


class OpStatement(Record):
    """``mnemonic operand, … { offset: byte, … }``; a mnemonic with a dot in front is a directive."""

    mnemonic: str
    operands: tuple[Operand, ...]
    extra: tuple[ExtraByte, ...]
    mnemonic_span: Span
    span: Span


class VectorDefinition(Record):
    """``vector NAME(parameters) { ops }``."""

    name: str
    verified: bool
    parameters: tuple[Field, ...]
    ops: tuple[OpStatement, ...]
    name_span: Span
    span: Span


class SectionDefinition(Record):
    """``section NAME(parameters) -> results { steps }``."""

    name: str
    verified: bool
    parameters: tuple[Field, ...]
    results: tuple[Target, ...]
    body: tuple[SectionStep, ...]
    name_span: Span
    span: Span


class CpuRange(Record):
    """``2`` or ``0..3``: CPUs ``first`` to ``last``, both included."""

    first: Expression
    last: Expression
    span: Span


class CpuSet(Record):
    """``cpus``, ``online`` or ``allowed`` (``which``) with the CPUs it names."""

    which: str
    ranges: tuple[CpuRange, ...]
    span: Span


class CpuChoice(Record):
    """``cpu N`` or ``current N`` (``which``)."""

    which: str
    cpu: Expression
    span: Span


class Assign(Record):
    """``place = value``."""

    place: Expression
    value: Initial
    span: Span


class Fill(Record):
    """``fill place with value``; ``index`` in the value is the element's number."""

    place: Expression
    value: Expression
    span: Span


class Run(Record):
    """``run vector(arguments) on C count N flags F at A -> result``.

    ``vector`` is None for a call of whatever lies at the address ``at``.  The others are None
    where they are not written: the cpu of the test, the vector's number of ops, 0, a place of its
    own.  ``result`` is an expression in which the errno names stand for negative numbers.
    """

    vector: str | None
    arguments: tuple[Expression, ...]
    cpu: Expression | None
    op_count: Expression | None
    flags: Expression | None
    address: Expression | None
    result: Expression
    vector_span: Span
    span: Span


class Assert(Record):
    """``assert condition``."""

    condition: Expression
    span: Span


class AssertUnchanged(Record):
    """``assert unchanged``: no byte of memory differs from before the last run."""

    span: Span


class Repeat(Record):
    """``repeat times { statements }``."""

    times: Expression
    statements: tuple[TestStatement, ...]
    span: Span


TestStatement = CpuSet | CpuChoice | Assign | Fill | Run | Assert | AssertUnchanged | Repeat


class Test(Record):
    """``test "name" { statements }``."""

    name: str
    statements: tuple[TestStatement, ...]
    span: Span


Test.__test__ = False  # type: ignore[attr-defined]  # to pytest: this is not a class of tests


# What is declared apart from scenarios and strategies, whose classes load when a text has some.
ProgramDeclaration = (
    AbiChoice
    | Use
    | Constant
    | StructDefinition
    | Variable
    | Page
    | VectorDefinition
    | SectionDefinition
    | Test
)
if TYPE_CHECKING:
    Declaration = ProgramDeclaration | Strategy | Scenario


class File(Record):
    """A whole file: its declarations in the order of the text."""

    source: SourceFile
    declarations: tuple[Declaration, ...]
