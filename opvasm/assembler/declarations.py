"""The declarations of a program by their names; each name once."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import Note
from ..light_typing import TYPE_CHECKING
from ..places import POINTER, SCALARS
from ..source import Span
from ..text.tree import (
    Constant,
    Page,
    SectionDefinition,
    StructDefinition,
    Variable,
    VectorDefinition,
)
from .problems import Problems

if TYPE_CHECKING:
    from ..text.tree import Declaration

_Named = Constant | Variable | Page | StructDefinition | VectorDefinition | SectionDefinition


class Declarations:
    """What was declared: variables, pages and constants share their names, as vectors and sections do."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self.values: dict[str, Constant | Variable | Page] = {}
        self.structs: dict[str, StructDefinition] = {}
        self.vectors: dict[str, VectorDefinition] = {}
        self.sections: dict[str, SectionDefinition] = {}
        # What a `run` can name: vectors and sections share their names.
        self.code: dict[str, VectorDefinition | SectionDefinition] = {}

    def declare(self, declaration: Declaration) -> None:
        """Take a declaration in; one whose name is taken is reported and left out."""
        match declaration:
            case Constant() | Variable() | Page():
                if self._is_new(declaration.name, self.values, declaration.name_span):
                    self.values[declaration.name] = declaration
            case StructDefinition():
                if declaration.name in SCALARS or declaration.name == POINTER:
                    self.problems.error(
                        "OPV011", f"`{declaration.name}` is a type already", declaration.name_span
                    )
                elif self._is_new(declaration.name, self.structs, declaration.name_span):
                    self.structs[declaration.name] = declaration
            case VectorDefinition():
                if self._is_new(declaration.name, self.code, declaration.name_span):
                    self.vectors[declaration.name] = self.code[declaration.name] = declaration
            case SectionDefinition():
                if self._is_new(declaration.name, self.code, declaration.name_span):
                    self.sections[declaration.name] = self.code[declaration.name] = declaration
            case _:
                pass

    def _is_new(self, name: str, names: Mapping[str, _Named], span: Span) -> bool:
        first = names.get(name)
        if first is not None:
            self.defined_twice(name, span, first.name_span)
        return first is None

    def defined_twice(self, name: str, span: Span, first: Span) -> None:
        """Report the second definition of a name."""
        self.problems.error(
            "OPV011",
            f"`{name}` is defined twice",
            span,
            notes=(Note("it is defined here first", first),),
        )
