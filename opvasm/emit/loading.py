"""A section that loads, as instructions: the order of the code, and how values come to registers.

The commit stands last, since what comes after it is not protected; what the text has after it follows
the end of the section.  A result is stored to where C takes it from when the section has been left,
however it was: compilers that are in use give no registers back from code with several ends.  How an
instruction is spelled is said by loading_x86_64.py and loading_aarch64.py.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from ..formats.c_words import identifier
from ..light_typing import NamedTuple
from ..program import Area, SymbolAddress, section as ir
from ..program.flat import Branch, Leave, Simple, flatten, settled
from ..source import Span
from .context import Context, Operands
from .exits import OUT, commit_index, exit_name, no_code, results_at, step_comment, symbol_address
from .homes import NoCode, homes
from .names import stride

Line = tuple[str, str]
Value = int | str
"""A number, or a register: one of the pool by its name, or ``[p_by]``, an input of the asm statement."""

_NEGATED = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
# Fields of the thread's area that every registration has.
IDS = ("cpu_id", "cpu_id_start")


class Written(NamedTuple):
    """Lines inside of the section, after it, and aside, where it is left by a label with results.

    ``asides`` are those labels, each with where its lines begin.
    """

    inside: list[Line]
    after: list[Line]
    aside: list[Line]
    asides: dict[str, str]


class Loading(ABC):
    """Writes one section.

    A register holds 64 bits: a value of fewer is filled by its sign, or by zeros.
    """

    pool: tuple[str, ...]
    # Registers that inputs and the pool may take together; compilers keep the rest.
    most: int
    # Holds the address of the data of the CPU that the thread is on, where the section finds that itself.
    own_data: str

    def __init__(self, context: Context, operands: Operands) -> None:
        assert context.loading is not None
        self.context = context
        self.operands = operands
        self.section = context.loading
        self.code = flatten(self.section)
        self.results = results_at(self.code, self.section)
        self.homes = homes(self.code, self.pool, self.results)
        self.asides: dict[str, str] = {}  # labels where results are handed over first
        self.lines: list[Line] = []
        self.used: set[str] = set()
        self.taken: set[str] = set()  # by values of the instruction that is written
        self.index = 0
        self.labelled: set[int | None] = {
            each.step.target
            for each in self.code
            if isinstance(each.step, Branch) and settled(self.code, each.step.target) is None
        }

    def write(self) -> Written:
        """The lines in the order in which they stand."""
        commit = commit_index(self.code)
        inside = [i for i, each in enumerate(self.code) if each.protected and i != commit]
        passed = commit is not None and inside and inside[-1] > commit
        if passed:
            self.labelled.add(commit)
        for index in inside:
            if passed and commit is not None and index > commit:
                self._jump(self._local(commit))  # over what the text has behind the commit
                passed = False
            self.instruction(index)
        if commit is not None:
            self.instruction(commit)
        before, self.lines = self.lines, []
        for index, each in enumerate(self.code):
            if not each.protected and not isinstance(each.step, Leave):
                self.instruction(index)
        self.hand_over(ir.OK)
        after, self.lines = self.lines, []
        for label, name in self.asides.items():
            self.lines.append((f"{name}:", ""))
            self.hand_over(label)
            self._jump(f"%l[{exit_name(label)}]")
        return Written(before, after, self.lines, self.asides)

    def registers(self) -> int:
        """How many registers the section takes, once it is written."""
        return len(self.used) + len(self.operands.inputs) + 1

    # ---- instructions ---------------------------------------------------------------------------

    def instruction(self, index: int) -> None:
        """The lines of one instruction."""
        self.index, self.taken = index, set()
        step = self.code[index].step
        first = len(self.lines)
        if index in self.labelled:
            self.lines.append((f"{self._local(index)}:", ""))
            first += 1
        self.step(step)
        if len(self.lines) > first and isinstance(step.place, Span):
            self.lines[first] = (self.lines[first][0], step_comment(step))

    def step(self, step: Simple) -> None:
        """One instruction of the flat form."""
        match step:
            case Branch(condition=None, target=target):
                if settled(self.code, target) != ir.OK:
                    self._jump(self.target(target))
            case Branch(condition=condition, target=target):
                assert condition is not None
                self.branch(condition, self.target(target), True)
            case ir.Load(local=local, address=address, type=type, acquire=acquire):
                to = self.home(local)
                place = self.place(address, acquire)
                self._load(to, place, type, acquire)
            case ir.Set(local=local, value=value):
                self.set(local, value)
            case ir.Store(address=address, value=value, type=type):
                release = self.releases(step)
                place = self.place(address, release)
                self._store(place, self.value(value), type.size, release)
            case ir.Change(operator=operator, address=address, value=value, type=type):
                release = self.releases(step)
                if operator in ir.SHIFTS and isinstance(value, ir.Constant):
                    value = value._replace(value=value.value % (8 * type.size))
                place = self.place(address, release)
                self._change(operator, place, self.value(value), type, release)
            case ir.Barrier():
                self._barrier()
            case _:
                raise no_code(step)

    def set(self, local: str, value: ir.Term) -> None:
        """Register arithmetic, in the local's own register where nothing of it is needed after that."""
        home = self.home(local)
        read = [e for e in ir.every_term(value) if isinstance(e, ir.Local)]
        mine = sum(self.home(each.name) == home for each in read)
        first = _first(value)
        if isinstance(first, ir.Local) and self.home(first.name) == home:
            mine -= 1  # read before anything is written there
        found = self.value(value, None if mine else home)
        self._move(home, found)

    def hand_over(self, label: str) -> None:
        """Put the results that are set where a section is left to where C takes them from."""
        for local in self.results.get(label, ()):
            self.operands.add("opv_out", "r", OUT)
            offset = 8 * self.section.results.index(local)
            self._store(self._at("[opv_out]", offset), self.home(local), 8, False)

    def releases(self, step: ir.Store | ir.Change) -> bool:
        """Whether a store is ordered after those before it: it says so, or commits what they have written."""
        earlier = (each.step for each in self.code[: self.index])
        return step.release or (
            step.commit and any(isinstance(each, ir.Store | ir.Change) for each in earlier)
        )

    def target(self, index: int) -> str:
        """Where a jump goes: to a label of the function, or inside."""
        label = settled(self.code, index)
        if label is None or label == ir.OK:
            return self._local(index)
        if self.results[label]:
            return self.asides.setdefault(label, f".Lopv_%=_{label}")
        return f"%l[{exit_name(label)}]"

    def _local(self, index: int) -> str:
        return f".Lopv_%=_{index}"

    # ---- conditions -----------------------------------------------------------------------------

    def branch(self, condition: ir.Term, target: str, when: bool) -> None:
        """Go to a target where a condition holds (``when``), or where it does not."""
        match condition:
            case ir.Unary(operator="!", operand=operand):
                self.branch(operand, target, not when)
            case ir.Binary(operator=operator) if operator in ir.COMPARES:
                found = self.compare(condition)
                self._branch(*(found if when else (_NEGATED[found[0]], found[1])), target)
            case _:
                self._test(self.in_register(condition))
                self._branch("!=" if when else "==", False, target)

    def compare(self, term: ir.Binary) -> tuple[str, bool]:
        """Compare two sides; gives the condition, and whether it is of numbers with a sign."""
        left = self.in_register(term.left)
        right = self.value(term.right)
        if isinstance(right, int):
            right = ir.fitted(right, term.left.type)
        elif not alike(term.right.type, term.left.type):
            fitted = self.scratch()
            self._move(fitted, right)
            self._fit(fitted, term.left.type)
            right = fitted
        self._compare(left, right)
        return term.operator, ir.is_signed(term.left.type)

    # ---- values ---------------------------------------------------------------------------------

    def value(self, term: ir.Term, into: str | None = None) -> Value:
        """A number, or the register that holds a value; one that has to be worked out is put into ``into``."""
        match term:
            case ir.Constant(value=value):
                return value
            case ir.Local(name=name):
                return self.home(name)
            case ir.Argument(name=name):
                key = self.operands.add(f"p_{identifier(name)}", "r", self.context.argument(name))
                return f"[{key}]"
            case ir.Convert(operand=operand, type=type) if alike(operand.type, type):
                return self.value(operand, into)
            case _:
                pass
        to = self.scratch() if into is None else into
        taken = set(self.taken)
        self.work_out(term, to)
        self.taken = taken
        return to

    def work_out(self, term: ir.Term, to: str) -> None:
        """Put a value that is in no register yet into one."""
        match term:
            case ir.Id(name=name) if name in IDS:
                self._id(to, ir.AREA_FIELDS[name])
            case ir.Id(name=name):
                raise NoCode(f"{name} is not in every thread's area")
            case ir.Address():
                self._address(to, symbol_address(term))
            case ir.Unary():
                self.unary(term, to)
            case ir.Convert(operand=operand, type=type):
                self._move(to, self.value(operand, to))
                self._fit(to, type)
            case ir.Choose(condition=condition, then=then, otherwise=otherwise):
                self.choose(to, condition, (then, otherwise))
            case ir.Binary(operator=operator) if operator in ir.COMPARES:
                self._set(to, *self.compare(term))
            case ir.Binary(operator=operator) if operator in ir.LOGIC:
                self.logic(term, to)
            case ir.Binary():
                self.binary(term, to)
            case ir.Constant() | ir.Local() | ir.Argument():
                self._move(to, self.value(term))

    def in_register(self, term: ir.Term, into: str | None = None) -> str:
        """The register that holds a value."""
        found = self.value(term, into)
        if isinstance(found, int):
            to = self.scratch() if into is None else into
            self._move(to, found)
            return to
        return found

    def unary(self, term: ir.Unary, to: str) -> None:
        """``-x``, ``~x``, ``!x``."""
        if term.operator == "!":
            self._test(self.in_register(term.operand, to))
            self._set(to, "==", False)
            return
        self._move(to, self.value(term.operand, to))
        self._unary(term.operator, to)
        self._fit(to, term.type)

    def binary(self, term: ir.Binary, to: str) -> None:
        """Arithmetic; ``to`` may be the register of what stands first on the left."""
        bits = 8 * term.left.type.size
        if term.operator in ir.SHIFTS:
            left = self.value(term.left, to)
            count = self.value(term.right)
            count = count % bits if isinstance(count, int) else count
            self._move(to, left)
            self._shift(term.operator, to, count, term.left.type)
            if term.operator == "<<":
                self._fit(to, term.type)
            return
        left = self.value(term.left, to)
        right = self.value(term.right)
        self._move(to, left)
        self._arithmetic(term.operator, to, right)
        signs = ir.is_signed(term.left.type) == ir.is_signed(term.right.type)
        if term.operator in "+-*" or not signs:
            self._fit(to, term.type)

    def logic(self, term: ir.Binary, to: str) -> None:
        """``&&`` and ``||`` of two values: each is 0 or 1 first."""
        other = self.scratch()
        for register, side in ((to, term.left), (other, term.right)):
            self._test(self.in_register(side, register))
            self._set(register, "!=", False)
        self._arithmetic("&" if term.operator == "&&" else "|", to, other)

    def choose(self, to: str, condition: ir.Term, sides: tuple[ir.Term, ir.Term]) -> None:
        """A conditional move."""
        asked = self.in_register(condition)
        then = self.in_register(sides[0])
        self._move(to, self.value(sides[1], to))
        self._test(asked)
        self._choose(to, then)

    def scratch(self) -> str:
        """A register for a value of this instruction."""
        busy = self.homes.busy[self.index] | self.taken
        free = next((each for each in self.pool if each not in busy), None)
        if free is None:
            raise NoCode(f"it needs more than {len(self.pool)} registers at once")
        self.taken.add(free)
        self.used.add(free)
        return free

    def home(self, local: str) -> str:
        """The register of a local."""
        self.used.add(self.homes.of[local])
        return self.homes.of[local]

    def _start(self, term: ir.Term) -> tuple[str, int]:
        """The register that an address begins at, and how far from there it is."""
        if isinstance(term, ir.Address):
            return self._variable(symbol_address(term))
        return self.in_register(term), 0

    def _variable(self, symbol: SymbolAddress) -> tuple[str, int]:
        """The register from which a variable is reached, and how far from there it is."""
        found = self.context.data.symbols[symbol.symbol]
        distance = found.offset + symbol.addend
        if found.area is Area.SHARED:
            self.operands.add("opv_shared", "r", "opv_m->shared")
            return "[opv_shared]", distance
        if symbol.cpu is not None:
            self.operands.add("opv_base", "r", "opv_m->percpu")
            return "[opv_base]", distance + symbol.cpu * stride(self.context.data)
        if self.context.here:
            return self.own_data, distance
        return f"[{self.operands.add('opv_percpu', 'r', 'opv_percpu')}]", distance

    # ---- what each processor spells ---------------------------------------------------------------

    @abstractmethod
    def place(self, address: ir.Term, bare: bool) -> str:
        """An operand in memory; ``bare``: a register alone, as order wants it on aarch64."""

    @abstractmethod
    def _at(self, register: str, distance: int = 0) -> str:
        """The memory that a register points to, some bytes from there."""

    @abstractmethod
    def _address(self, to: str, symbol: SymbolAddress) -> None: ...
    @abstractmethod
    def _move(self, to: str, value: Value) -> None: ...
    @abstractmethod
    def _load(self, to: str, place: str, type: ir.RegisterType, acquire: bool) -> None: ...
    @abstractmethod
    def _store(self, place: str, value: Value, size: int, release: bool) -> None: ...
    @abstractmethod
    def _change(
        self, operator: str, place: str, value: Value, type: ir.RegisterType, release: bool
    ) -> None: ...
    @abstractmethod
    def _id(self, to: str, offset: int) -> None: ...
    @abstractmethod
    def _unary(self, operator: str, to: str) -> None: ...
    @abstractmethod
    def _arithmetic(self, operator: str, to: str, right: Value) -> None: ...
    @abstractmethod
    def _shift(self, operator: str, to: str, count: Value, type: ir.RegisterType) -> None: ...
    @abstractmethod
    def _fit(self, to: str, type: ir.RegisterType) -> None: ...
    @abstractmethod
    def _compare(self, left: str, right: Value) -> None: ...
    @abstractmethod
    def _test(self, register: str) -> None: ...
    @abstractmethod
    def _set(self, to: str, condition: str, signed: bool) -> None: ...
    @abstractmethod
    def _choose(self, to: str, then: str) -> None: ...
    @abstractmethod
    def _branch(self, condition: str, signed: bool, target: str) -> None: ...
    @abstractmethod
    def _jump(self, target: str) -> None: ...
    @abstractmethod
    def _barrier(self) -> None: ...


def loading_code(writer: Loading) -> Written:
    """A section's lines.  Raises NoCode."""
    written = writer.write()
    if writer.registers() > writer.most:
        raise NoCode(
            f"it needs {writer.registers()} registers, parameters and results among them, "
            f"and there are {writer.most}"
        )
    return written


def alike(found: ir.RegisterType, wanted: ir.RegisterType) -> bool:
    """Whether a register that holds a value of one type holds it as the other does."""
    if wanted.size == 8:
        return True
    signs = ir.is_signed(found), ir.is_signed(wanted)
    if found.size == wanted.size or signs[0]:
        return signs[0] == signs[1] and found.size <= wanted.size
    return found.size < wanted.size


def _first(term: ir.Term) -> ir.Term:
    """What is read first, before anything is written to where the value goes."""
    while isinstance(term, ir.Binary | ir.Unary | ir.Convert):
        term = term.left if isinstance(term, ir.Binary) else term.operand
    return term
