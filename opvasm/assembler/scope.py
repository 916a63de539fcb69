"""What every name of a program stands for: constants, types, variables, vectors."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ..abi.layout import number_range
from ..abi.revisions import Abi
from ..errors import Note
from ..expression import (
    Arrow,
    Expression,
    Load,
    Name,
    OffsetOf,
    SizeOf,
    TypeName,
    Unevaluable,
    constant,
)
from ..places import (
    POINTER,
    REPORTED,
    SCALARS,
    Base,
    Mistake,
    NoPlace,
    OfVariable,
    field_of,
    resolve,
    unknown_name,
)
from ..program import Array, Data, Member, Pointer, PoolItem, Scalar, Struct, Symbol, Type
from ..source import Span
from ..text.names import type_text
from ..text.tree import Constant, Page, StructDefinition, Variable
from .declarations import Declarations
from .problems import Problems
from .types import (
    NESTING_MAX,
    TYPE_SIZE_MAX,
    aligned,
    alignment_of,
    number_text,
)

# What is wrong with a place, by the codes of this phase.
CODE_OF = {
    Mistake.UNKNOWN_NAME: "OPV010",
    Mistake.NOT_A_PLACE: "OPV015",
    Mistake.NO_FIELD: "OPV017",
    Mistake.NOT_AN_ARRAY: "OPV017",
    Mistake.NO_ELEMENT: "OPV018",
    Mistake.NOT_A_POINTER: "OPV017",
    Mistake.UNKNOWN_TYPE: "OPV016",
}
# Definitions that wait for definitions further down, this many in a row.
_DEPTH_MAX = 60


class Scope:
    """The names of a program.

    What asks for a name that is unknown or wrong gets None, and the problem is reported, once.
    """

    def __init__(self, declared: Declarations, abi: Abi, problems: Problems) -> None:
        self.declared = declared
        self.problems = problems
        self.abi = abi
        self.symbols: dict[str, Symbol] = {}
        self._constants: dict[str, int | None] = {}
        self.laid_out: dict[str, Struct | None] = {}
        self._nestings: dict[str, int] = {}
        self._settling: list[str] = []
        self._pointers: dict[str | None, Pointer] = {None: Pointer(None, abi.model.word)}
        self._targets: dict[str, TypeName] = {}
        self.targets_here: set[str] = set()  # those that were named in this version of a text

    # ---- definitions --------------------------------------------------------------------------

    def settle(self) -> None:
        """Work out every constant and struct, in the order of the text."""
        for name, declaration in self.declared.values.items():
            if isinstance(declaration, Constant):
                self.constant_of(name, declaration.name_span)
        for name, struct in self.declared.structs.items():
            self._struct(name, struct.name_span)

    def data(self, pool: tuple[PoolItem, ...]) -> Data:
        """What the program declares beside its vectors."""
        return Data(
            self.symbols,
            {name: each for name, each in self.laid_out.items() if each is not None},
            {name: each for name, each in self._constants.items() if each is not None},
            pool,
        )

    def take_over(self, before: Scope, targets: Collection[str]) -> None:
        """Instead of ``settle`` and of laying out: what another scope of the same data found.

        ``targets`` are those that its data name; where others were named may be gone.
        """
        self.symbols = before.symbols
        self._constants = before._constants
        self.laid_out = before.laid_out
        self._nestings = before._nestings
        self._pointers = before._pointers
        self._targets = dict(before._targets)
        self.targets_here = set(targets)

    # ---- constants ----------------------------------------------------------------------------

    def constant_of(self, name: str, span: Span) -> int | None:
        """The value of a declared constant."""
        if name not in self._constants:
            declaration = self.declared.values[name]
            assert isinstance(declaration, Constant)
            if not self._enter(name, span, declaration.name_span):
                return None
            self._constants[name] = self.evaluate(declaration.value)
            self._settling.pop()
        return self._constants[name]

    def _enter(self, name: str, span: Span, place: Span) -> bool:
        """Begin with a definition; False, and a report, where it needs itself."""
        if name in self._settling:
            self.problems.error(
                "OPV034",
                f"`{name}` is defined by itself",
                span,
                notes=(Note("its definition begins here", place),),
                help=f"a pointer to it is `ptr<{span.text}>`" if " " in name else None,
            )
            return False
        if len(self._settling) >= _DEPTH_MAX:
            self.problems.error(
                "OPV006",
                f"more than {_DEPTH_MAX} definitions wait for each other",
                span,
                help="define a name above its use",
            )
            return False
        self._settling.append(name)
        return True

    def evaluate(
        self,
        expression: Expression,
        what: str = "a constant",
        parameters: Collection[str] = (),
        help: str = "an op takes one argument plus or minus a constant",
    ) -> int | None:
        """The value of a constant expression; reported where it has none.

        ``what`` must stand there, in a message; ``parameters`` are names that are not constants,
        and ``help`` is what to do about one.
        """
        failed = False

        def leaf(node: Name | SizeOf | OffsetOf) -> int | None:
            nonlocal failed
            value = self._leaf(node, what, parameters, help)
            failed |= value is None
            return 1 if value is None else value  # 1: so that no division by zero is invented

        try:
            value = constant(expression, leaf)
        except Unevaluable as error:
            if not failed:
                code = "OPV023" if "is not a constant" not in error.reason else "OPV022"
                self.problems.error(code, error.reason, error.span)
            return None
        return None if failed else value

    def _leaf(
        self, node: Name | SizeOf | OffsetOf, what: str, parameters: Collection[str], help: str
    ) -> int | None:
        match node:
            case Name(name=name, span=span):
                if name in parameters:
                    self.problems.error(
                        "OPV022",
                        f"`{name}` is a parameter, where {what} must stand",
                        span,
                        help=help,
                    )
                    return None
                declaration = self.declared.values.get(name)
                if isinstance(declaration, Constant):
                    return self.constant_of(name, span)
                if declaration is None:
                    constants = (
                        each
                        for each, of in self.declared.values.items()
                        if isinstance(of, Constant)
                    )
                    known = [*parameters, *constants]
                    self.problems.unknown(
                        "OPV010", f"the name `{name}` is unknown", name, span, known
                    )
                else:
                    self.problems.error(
                        "OPV022", f"`{name}` is a variable, where {what} must stand", span
                    )
                return None
            case SizeOf(type=type_name):
                found = self._sized(type_name)
                return None if found is None else found.size
            case OffsetOf(type=type_name, path=path, span=span):
                current = self.type_of(type_name)
                offset = 0
                for field in path:
                    if current is None:
                        return None
                    member = self.member(current, field, span)
                    if member is None:
                        return None
                    offset += member.offset
                    current = member.type
                return offset

    def _sized(self, type_name: TypeName) -> Type | None:
        """The type that ``sizeof`` means: of a type's name, or of a variable."""
        variable = self.declared.values.get(type_name.name)
        known = type_name.name in self.declared.structs or type_name.name in SCALARS
        if known or type_name.name == POINTER or not isinstance(variable, Variable | Page):
            return self.type_of(type_name)
        found = self.type_of(variable.type) if isinstance(variable, Variable) else None
        if isinstance(variable, Page):
            found = self.page_type(variable)
        for position in type_name.counts:
            if self.evaluate(position, "a constant index") is None:
                return None
            if found is not None and not isinstance(found, Array):
                self.problems.error(
                    "OPV017", f"`{type_text(found)}` is not an array", type_name.span
                )
                return None
            found = None if found is None else found.element
        return found

    # ---- types --------------------------------------------------------------------------------

    def type_of(self, type_name: TypeName) -> Type | None:
        """The type that is written."""
        found = self._element_type(type_name)
        for count_expression in reversed(type_name.counts):
            count = self.evaluate(count_expression)
            if found is None or count is None:
                return None
            if not 1 <= count <= TYPE_SIZE_MAX or found.size * count > TYPE_SIZE_MAX:
                self.problems.error(
                    "OPV033",
                    f"an array of {count} elements",
                    count_expression.span,
                    help="an array has at least one element and at most"
                    f" {TYPE_SIZE_MAX >> 20} MiB",
                )
                return None
            found = Array(found, count, found.size * count)
        return found

    def _element_type(self, type_name: TypeName) -> Type | None:
        name, target = type_name.name, type_name.target
        if name == POINTER:
            return self._pointer(target)
        if target is not None:
            self.problems.error(
                "OPV016",
                f"`{name}` takes no type in `<>`",
                type_name.span,
                help="only ptr<T> does",
            )
            return None
        return self.named_type(name, _name_of(type_name))

    def page_type(self, page: Page) -> Type | None:
        """What a page holds: bytes."""
        count = 1 if page.page_count is None else self.evaluate(page.page_count)
        if count is None:
            return None
        size = count * self.abi.page_size
        if not 0 < size <= TYPE_SIZE_MAX:
            span = page.span if page.page_count is None else page.page_count.span
            self.problems.error(
                "OPV033",
                f"{number_text(count)} pages: none, or too many",
                span,
                help=f"pages may have {TYPE_SIZE_MAX >> 20} MiB",
            )
            return None
        return Array(SCALARS["u8"], size, size)

    def _pointer(self, target: TypeName | None) -> Pointer:
        """A pointer; what it points to may be defined later, or hold such a pointer itself."""
        if target is None:
            return self._pointers[None]
        last = target
        while last.name == POINTER and last.target is not None:
            last = last.target
        if (
            last.name != POINTER
            and last.name not in SCALARS
            and last.name not in self.declared.structs
        ):
            self.named_type(last.name, _name_of(last))
        text = "".join(target.span.text.split())
        pointer = self._pointers.get(text)
        if pointer is None:
            pointer = self._pointers[text] = Pointer(text, self.abi.model.word)
        if text not in self.targets_here:
            self.targets_here.add(text)
            self._targets[text] = target
        return pointer

    def target(self, pointer: Pointer) -> Type | None:
        """The type that a ``ptr<T>`` points to, None for a plain ``ptr``."""
        if pointer.target is None:
            return None
        return self.type_of(self._targets[pointer.target])

    def named_type(self, name: str, span: Span) -> Type | None:
        """The type of a name."""
        if name in SCALARS:
            return SCALARS[name]
        if name == POINTER:
            return self._pointers[None]
        if name in self.declared.structs:
            return self._struct(name, span)
        from ..text.foreign_words import type_help  # only where something is wrong

        known = (*SCALARS, POINTER, *self.declared.structs)
        message = f"the type `{name}` is unknown"
        self.problems.unknown("OPV016", message, name, span, known, type_help(name))
        return None

    def _struct(self, name: str, span: Span) -> Struct | None:
        if name not in self.laid_out:
            definition = self.declared.structs[name]
            if not self._enter(f"struct {name}", span, definition.name_span):
                return None
            self.laid_out[name] = self._lay_out(definition)
            self._settling.pop()
        return self.laid_out[name]

    def _lay_out(self, definition: StructDefinition) -> Struct | None:
        """Members one after the other, each at a multiple of its own alignment, as in C."""
        members: list[Member] = []
        offset, widest, complete = 0, 1, True
        first: dict[str, Span] = {}
        for field in definition.fields:
            if field.name in first:
                self.declared.defined_twice(field.name, field.name_span, first[field.name])
                continue
            first[field.name] = field.name_span
            type = self.type_of(field.type)
            if type is None:
                complete = False
                continue
            alignment = alignment_of(type)
            offset = aligned(offset, alignment)
            members.append(Member(field.name, type, offset))
            offset += type.size
            widest = max(widest, alignment)
        if not definition.fields and not self.problems.something_is_unreadable():
            self.problems.error("OPV033", "a struct needs a member", definition.name_span)
        nesting = 1 + max((self._nesting(each.type) for each in members), default=0)
        self._nestings[definition.name] = nesting
        if nesting > NESTING_MAX:
            self.problems.error(
                "OPV006",
                f"struct {definition.name} is more than {NESTING_MAX} structs deep",
                definition.name_span,
            )
            complete = False
        if offset > TYPE_SIZE_MAX:
            self.problems.error(
                "OPV033",
                f"struct {definition.name} is larger than {TYPE_SIZE_MAX >> 20} MiB",
                definition.name_span,
            )
            complete = False
        if not complete or not members:
            return None
        return Struct(definition.name, tuple(members), aligned(offset, widest), widest)

    def _nesting(self, type: Type) -> int:
        while isinstance(type, Array):
            type = type.element
        return self._nestings[type.name] if isinstance(type, Struct) else 0

    def member(self, type: Type, name: str, span: Span) -> Member | None:
        """A struct's field."""
        try:
            return field_of(type, type_text(type), name, span)
        except NoPlace as problem:
            self.no_place(problem)
            return None

    def no_place(self, problem: NoPlace) -> None:
        """Report what is wrong with a place, unless that was reported where it stands."""
        if problem.mistake is None or problem.span is None:
            return
        code, message, span = CODE_OF[problem.mistake], problem.message, problem.span
        if problem.name:
            self.problems.unknown(code, message, problem.name, span, problem.known, problem.help)
        else:
            self.problems.error(code, message, span, help=problem.help)

    def fits(self, value: int, type: Scalar | Pointer, span: Span) -> bool:
        """Whether a number is one of a type; reported where it is not."""
        low, high = number_range(type.size, isinstance(type, Scalar) and type.signed)
        if low <= value <= high:
            return True
        self.problems.error(
            "OPV019",
            f"{number_text(value)} does not fit into {type_text(type)}",
            span,
            help=f"it holds {number_text(low)} to {number_text(high)}",
        )
        return False


class ScopeNames:
    """Names outside of vectors, to readers of places."""

    scalars = SCALARS

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    def base(self, name: Name) -> tuple[Base, Type | None]:
        """A variable."""
        symbol = self.scope.symbols.get(name.name)
        if symbol is not None:
            return OfVariable(symbol), symbol.type
        declaration = self.scope.declared.values.get(name.name)
        if isinstance(declaration, Constant):
            raise NoPlace(
                Mistake.NOT_A_PLACE,
                f"`{name.name}` is a constant, not a place in memory",
                name.span,
                self.constant_help(name.name),
            )
        if declaration is not None:  # a variable whose type is wrong
            raise REPORTED
        help = f"declare it: `shared {name.name}: u64` or `percpu {name.name}: u64`"
        raise unknown_name(name, self.known(), help)

    def constant_help(self, name: str) -> str | None:
        """What to write for a constant where memory must stand."""
        return f"write `={name}` for a constant in the literal pool"

    def known(self) -> list[str]:
        """What a name could have been."""
        return [*self.scope.declared.values]

    def pointer(self, arrow: Arrow) -> Type | None:
        """The type of a pointer that lies in memory."""
        type = resolve(arrow.base, self).type
        if type is None:
            raise REPORTED
        return self.readable(type)

    def readable(self, type: Type) -> Type:
        """The type; NoPlace for a pointer to an unknown type, which was reported where it stands."""
        if isinstance(type, Pointer) and type.target and self.scope.target(type) is None:
            raise REPORTED
        return type

    def loaded(self, load: Load) -> Type | None:
        """Nothing says what lies at an address."""
        return None

    def struct(self, name: str) -> Struct | None:
        """The struct of a name."""
        definition = self.scope.declared.structs.get(name)
        if definition is None:
            return None
        found = self.scope.named_type(name, definition.name_span)
        if not isinstance(found, Struct):  # it is wrong itself
            raise REPORTED
        return found

    def structs(self) -> Mapping[str, Struct]:
        """Every struct that is not wrong itself."""
        return {name: each for name, each in self.scope.laid_out.items() if each is not None}

    def word(self) -> int:
        """The bytes of a pointer."""
        return self.scope.abi.model.word


def _name_of(type_name: TypeName) -> Span:
    """The name of a type without what follows it."""
    span = type_name.span
    return Span(span.file, span.start, span.start + len(type_name.name))
