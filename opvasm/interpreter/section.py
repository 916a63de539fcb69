"""What a section does, instruction by instruction: the reference meaning of sections that load.

A section is user code.  Its loads and stores are the processor's own: a page that is not there is a
Fault, which is SIGSEGV.  Here one thread runs alone; the explorer says what others may do between.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..abi.layout import ByteOrder
from ..light_typing import NamedTuple
from ..program import section as ir
from ..program.flat import Branch, FlatInstruction, Leave, Simple, assigned, flatten

# A section that has not ended after so many instructions never will, as far as a test can wait.
STEPS_MAX = 1_000_000


class Surroundings(NamedTuple):
    """What a section meets.

    ``read(address, length)`` gives bytes and ``write(address, bytes)`` sets them; both raise
    Fault.  ``address(symbol, cpu)`` is the address of a variable, where None is the CPU on which
    the section began.  ``area`` holds the fields of the thread's area.
    """

    read: Callable[[int, int], bytes]
    write: Callable[[int, bytes], None]
    address: Callable[[str, int | None], int]
    area: Mapping[str, int]
    byteorder: ByteOrder


class Endless(Exception):
    """A section did not end within STEPS_MAX instructions."""


class SectionRun:
    """A section under way.

    ``point`` is the index of the next instruction in ``code``, ``locals`` what the registers hold,
    ``label`` how the section was left: None while it has not been, ``ok``, ``aborted``, or the
    label of an exit.  ``steps`` counts the instructions that ran.
    """

    def __init__(
        self, section: ir.Section, arguments: Mapping[str, int], surroundings: Surroundings
    ) -> None:
        self.section = section
        self.code: tuple[FlatInstruction, ...] = flatten(section)
        self.arguments = arguments
        self.surroundings = surroundings
        self.point = 0
        self.locals: dict[str, int] = {}
        self.label: str | None = None
        self.steps = 0
        self._patience = STEPS_MAX
        self._settle()

    # ---- what terms read ----------------------------------------------------------------------

    def local(self, name: str) -> int:
        """What a local holds."""
        return self.locals[name]

    def argument(self, name: str) -> int:
        """The value of a parameter."""
        return self.arguments[name]

    def area(self, name: str) -> int:
        """A field of the thread's area."""
        return self.surroundings.area[name]

    def address(self, symbol: str, cpu: int | None) -> int:
        """The address of a variable."""
        return self.surroundings.address(symbol, cpu)

    # ---- running ------------------------------------------------------------------------------

    @property
    def results(self) -> dict[str, int]:
        """The results that are set on every way to where the section was left; none after an abort."""
        if self.label in (None, ir.ABORTED):
            return {}
        known = assigned(self.code)[self.point]
        return {name: self.locals[name] for name in self.section.results if name in known}

    def abort(self) -> None:
        """The kernel cuts the section off here: what was stored stays, the registers are lost."""
        self.label = ir.ABORTED

    def step(self) -> None:
        """Run one instruction.  Raises Fault, where the section stays at it, and Endless."""
        step = self.code[self.point].step
        self.point = self._execute(step)
        self.steps += 1
        self._wait()
        self._settle()

    def _wait(self) -> None:
        self._patience -= 1
        if self._patience < 0:
            raise Endless

    def _settle(self) -> None:
        """A Leave and an unconditional branch are not instructions of their own."""
        while self.label is None:
            match self.code[self.point].step:
                case Leave(label=label):
                    self.label = label
                case Branch(condition=None, target=target):
                    self.point = target
                    self._wait()
                case _:
                    return

    def _execute(self, step: Simple) -> int:
        """Carry an instruction out; gives the index of the next."""
        after = self.point + 1
        match step:
            case ir.Load(local=local, address=address, type=type):
                self.locals[local] = self._read(ir.evaluate(address, self), type)
            case ir.Set(local=local, value=value):
                self.locals[local] = ir.evaluate(value, self)
            case ir.Store(address=address, value=value, type=type):
                self._write(ir.evaluate(address, self), ir.evaluate(value, self), type)
            case ir.Change(operator=operator, address=address, value=value, type=type):
                place = ir.evaluate(address, self)
                second = ir.evaluate(value, self)
                self._write(place, ir.apply(operator, self._read(place, type), second, type), type)
            case ir.CompareExchange():
                self._exchange(step)
            case ir.AtomicChange():
                self._atomic(step)
            case ir.Copy(target=target, source=source, length=length):
                self._copy(*(ir.evaluate(each, self) for each in (target, source, length)))
            case ir.Barrier() | ir.SystemCall():
                pass
            case Branch(condition=condition, target=target):
                if condition is None or ir.evaluate(condition, self):
                    return target
            case Leave():
                raise ValueError("the section has been left")
        return after

    def _exchange(self, step: ir.CompareExchange) -> None:
        place = ir.evaluate(step.address, self)
        expected = ir.fitted(ir.evaluate(step.expected, self), step.type)
        replacement = ir.evaluate(step.replacement, self)
        found = self._read(place, step.type)
        if found == expected:
            self._write(place, replacement, step.type)
        if step.local is not None:
            self.locals[step.local] = found

    def _atomic(self, step: ir.AtomicChange) -> None:
        place, value = ir.evaluate(step.address, self), ir.evaluate(step.value, self)
        found = self._read(place, step.type)
        if step.operator is not None:
            value = ir.apply(step.operator, found, value, step.type)
        self._write(place, value, step.type)
        if step.local is not None:
            self.locals[step.local] = found

    def _copy(self, target: int, source: int, length: int) -> None:
        surroundings = self.surroundings
        for offset in range(length):
            surroundings.write(target + offset, surroundings.read(source + offset, 1))
            self._wait()

    def _read(self, address: int, type: ir.RegisterType) -> int:
        data = self.surroundings.read(address, type.size)
        return int.from_bytes(data, self.surroundings.byteorder, signed=ir.is_signed(type))

    def _write(self, address: int, value: int, type: ir.RegisterType) -> None:
        number = value & ((1 << (8 * type.size)) - 1)
        self.surroundings.write(address, number.to_bytes(type.size, self.surroundings.byteorder))


def run_section(
    section: ir.Section,
    arguments: Mapping[str, int],
    surroundings: Surroundings,
    abort_after: int | None = None,
) -> SectionRun:
    """Run a section to its end, or cut it off after ``abort_after`` instructions.

    Raises Fault for an access to memory that is not there, and Endless.
    """
    run = SectionRun(section, arguments, surroundings)
    while run.label is None:
        if abort_after is not None and run.steps >= abort_after and run.code[run.point].protected:
            run.abort()
        else:
            run.step()
    return run
