"""A stopped process as the reference interpreter and the debugger want to see it: memory, names.

Nothing is copied before it is asked for.  What was read is kept: an interpreter that runs on it
changes the copy and never the process.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable

from ..abi.pages import PageKind
from ..abi.revisions import Abi
from ..interpreter import Machine
from ..machine.memory import Fault, Memory, Page
from ..program import Area, Array, Data, Layout, Program, Scalar, Symbol
from .placement import cpus_of
from .space import Space
from .symbols import Named
from .task import Task

# Addresses are those of the process: every variable's offset is its address.
_PAST_MEMORY = 1 << 60
LAYOUT = Layout(
    percpu=_PAST_MEMORY,
    percpu_stride=1 << 12,
    shared=0,
    page=0,
    pool=_PAST_MEMORY,
    slots=_PAST_MEMORY,
)
_SCALARS = {size: Scalar(f"u{8 * size}", size, False) for size in (1, 2, 4, 8)}
_WORD = 8


class _Hidden(Page):
    """A page that is there and whose bytes nobody but its process can read: a device's."""

    __slots__ = ("_address",)

    def __init__(self, kind: PageKind, address: int) -> None:
        self.kind = kind
        self._address = address

    @property
    def data(self) -> bytearray:  # type: ignore[override]
        raise Fault(self._address, 1, False, self._address, self.kind)


class _Pages(dict[int, Page]):
    """The pages of a process by number, read when they are first needed."""

    __slots__ = ("_space",)

    def __init__(self, space: Space) -> None:
        super().__init__()
        self._space = space

    def get(self, number: int, default: object = None) -> Page | None:  # type: ignore[override]
        """The page, None where nothing is mapped."""
        page = super().get(number)
        if page is None:
            page = self._read(number)
            if page is not None:
                self[number] = page
        return page

    def __missing__(self, number: int) -> Page:
        page = self.get(number)
        if page is None:
            raise KeyError(number)
        return page

    def __contains__(self, number: object) -> bool:
        return isinstance(number, int) and self.get(number) is not None

    def _read(self, number: int) -> Page | None:
        space = self._space
        size = space.page_size
        if not 0 <= number * size < 1 << 63:
            return None
        kind = space.page_kind(number)
        if kind is PageKind.UNMAPPED:
            return None
        if kind.is_zero_page:
            return Page(kind, bytearray(size))  # reading it would touch it
        try:
            data = os.pread(space.memory, size, number * size)
        except OSError:
            return _Hidden(kind, number * size)
        if not data:
            raise ProcessLookupError("the program was killed while it stood here")
        return Page(kind, bytearray(data))


def machine_of(task: Task, abi: Abi, quirks: Collection[str] = ()) -> Machine:
    """A machine with the memory and the CPUs that a stopped thread has.

    Raises OSError when the process is gone.
    """
    space = task.space
    space.open()
    space.forget()
    memory = Memory(abi.page_size)
    memory.pages = _Pages(space)
    return Machine(abi, memory, cpus_of(task.tid), quirks)


def program_of(variables: Iterable[Named], abi: Abi) -> Program:
    """A program that declares a process's variables, at their addresses.

    Executables do not say what a variable is: one of 1, 2, 4 or 8 bytes is a number, a larger one
    an array of words.  What is not a name in the language gets one: ``count.0`` is ``count_0``.
    """
    reserved = _reserved()
    symbols: dict[str, Symbol] = {}
    for address, size, written in variables:
        name = _identifier(written, reserved)
        if size and name not in symbols:
            symbols[name] = Symbol(name, Area.SHARED, address, size, _type(address, size))
    return Program(abi, Data(symbols, {}, {}, ()), {})


def _reserved() -> frozenset[str]:
    """The words that no variable of the language may be called."""
    from ..text.grammar import load_tables
    from ..text.lalr import reserved_words

    tables = load_tables()
    numbers = reserved_words(tables)
    words = (text for text, number in tables.keywords.items() if number in numbers)
    return frozenset((*words, "sizeof", "offsetof", "sum"))


def _identifier(name: str, reserved: frozenset[str]) -> str:
    name = re.sub(r"\W", "_", name.partition("@")[0], flags=re.ASCII)
    return f"_{name}" if name[:1].isdigit() or name in reserved else name


def _type(address: int, size: int) -> Scalar | Array:
    if size in _SCALARS:
        return _SCALARS[size]
    element = _SCALARS[_WORD if size % _WORD == 0 and address % _WORD == 0 else 1]
    return Array(element, size // element.size, size)
