"""What the next version of a text need not work out again: an editor assembles after every key.

The trees of what did not change are the same objects in both versions, so that is what is asked.
Only what went through without a problem is kept: whether a name is unknown, and what it may have
meant, depends on all others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from operator import is_
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from ..program import PoolAddress
from ..text.scenario_tree import Scenario, Strategy
from ..text.tree import SectionDefinition, Test, Use, VectorDefinition
from .data import lay_out
from .pool import Constant, Pool
from .scope import Scope

if TYPE_CHECKING:
    from ..text.tree import Declaration

_T = TypeVar("_T")
Checked = VectorDefinition | SectionDefinition | Test | Scenario
_Code = Mapping[str, VectorDefinition | SectionDefinition]
# With more names than this that stand for something else, everything is worked out again.
_CHANGES_MAX = 16


class _Made(NamedTuple):
    """What a declaration became, with the constants that it put into the pool, and where."""

    declaration: Checked
    result: Any
    placed: tuple[tuple[Constant, PoolAddress], ...]


def nothing() -> None:
    """For who wants the result in any case."""


class Memory:
    """What ``resolve`` made of a text, for its next version; versions follow one another."""

    def __init__(self) -> None:
        self._data: Sequence[Declaration] = ()
        self._scope: Scope | None = None
        self._targets: frozenset[str] = frozenset()
        self._code: _Code = {}
        self._made: dict[int, _Made] = {}
        # Called before each declaration is made; what it raises ends the work on this version.
        self.check = nothing

    def settle(self, scope: Scope, declarations: Sequence[Declaration]) -> None:
        """Work out constants, structs and variables, or take them over where all are the same."""
        data = [each for each in declarations if not isinstance(each, _NO_DATA)]
        before = self._scope
        if before is not None and before.abi == scope.abi and same_objects(self._data, data):
            scope.take_over(before, self._targets)
            self._scope = scope
            return
        problems = scope.problems
        found, doubts = len(problems.found), problems.doubts
        scope.settle()
        lay_out(scope)
        self._targets = frozenset(scope.targets_here)
        clean = len(problems.found) == found and problems.doubts == doubts
        self._data, self._scope = data, scope if clean else None
        self._made = {}

    def maker(self, scope: Scope, pool: Pool) -> Maker:
        """What makes the declarations of one version."""
        code: _Code = scope.declared.code
        names_change = changes(self._code, code)
        before = self._code, self._made
        self._code, self._made = code, {}

        def check() -> None:
            try:
                self.check()
            except BaseException:
                self._code, self._made = before  # for the version that comes instead
                raise

        return Maker(scope, pool, before[1], names_change, self._made, check)


def changes(before: Mapping[str, object], now: Mapping[str, object]) -> Callable[[str], bool]:
    """Says of a text whether it has a name in it that is new, gone, or of another object.

    Of every text, where there are more of these than it pays to look for.
    """
    names = [name for name, each in now.items() if before.get(name) is not each]
    names += [name for name in before if name not in now]
    if len(names) > _CHANGES_MAX:
        return lambda text: True
    if not names:
        return lambda text: False
    pattern = re.compile(rf"\b(?:{'|'.join(names)})\b")
    return lambda text: pattern.search(text) is not None


_NO_DATA = (VectorDefinition, SectionDefinition, Test, Scenario, Strategy, Use)


def same_objects(before: Sequence[object], now: Sequence[object]) -> bool:
    """Whether both are made of the very same objects."""
    return len(before) == len(now) and all(map(is_, before, now))


class Maker:
    """Makes what declarations become, or finds it in what the version before made of them.

    ``names_change`` says of a text whether it names a vector or section that is not what it was.
    ``check`` is called before each, and may raise.
    """

    def __init__(
        self,
        scope: Scope,
        pool: Pool,
        known: Mapping[int, _Made],
        names_change: Callable[[str], bool],
        made: dict[int, _Made],
        check: Callable[[], None],
    ) -> None:
        self._check = check
        self._problems = scope.problems
        self._pool = pool
        self._known = known
        self._names_change = names_change
        self._made = made

    def __call__(
        self,
        declaration: Checked,
        make: Callable[[], _T],
    ) -> _T:
        """What ``make`` gives for a declaration."""
        self._check()
        known = self._known.get(id(declaration))
        if known is not None and self._holds(known):
            self._made[id(declaration)] = known
            result: _T = known.result
            return result
        problems, pool = self._problems, self._pool
        found, doubts, placed = len(problems.found), problems.doubts, len(pool.placed)
        made = make()
        if len(problems.found) == found and problems.doubts == doubts:
            after = tuple(pool.placed[placed:])
            self._made[id(declaration)] = _Made(declaration, made, after)
        return made

    def _holds(self, known: _Made) -> bool:
        """Whether nothing that it names has changed, and its constants lie where they did."""
        if self._names_change(known.declaration.span.text):
            return False
        return all(self._pool.place(*constant) == place for constant, place in known.placed)
