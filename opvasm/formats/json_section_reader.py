"""Sections of ``opvasm-asm/1`` read back: steps that the language could have, or a reason for each that it could not."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from ..light_typing import Any
from ..program import Area, Parameter, Pointer, Program, section as ir
from ..program.flat import Branch, Leave, assigned, flatten
from .json_names import DECLARED, LOCAL, PARAMETER, can_be
from .json_nodes import Node
from .json_sections import (
    ATOMIC,
    CHANGE,
    MAYBE_NEW,
    MAYBE_TERM,
    NAME,
    NEW,
    STEPS,
    STEPS_BY_WORD,
    TERM,
    TIMES,
    TRUTH,
    TYPE,
)

_BLOCKS_MAX = 32  # in each other, as in a text
_VALUES_MAX = 128  # in each other: an expression has up to 100 levels, and an address some besides
_ROUNDS_MAX = 1 << 16
_POINTER = re.compile(r"(?:ptr<)+(?P<name>\w+)(?:\[[^\[\]\s]+\]|>)*>", re.ASCII)
_ARITHMETIC = ("+", "-", "*", "&", "|", "^")
_OPERATORS = (*_ARITHMETIC, *ir.SHIFTS, *ir.COMPARES, *ir.LOGIC)


def read_section(
    node: Node, program: Program, parameter: Callable[[Node], Parameter]
) -> ir.Section:
    """A section; ``parameter`` reads one of its parameters.  Raises Unusable, with what is wrong noted."""
    members = node.members(("name", "verified", "parameters", "results", "steps"), ("span",))
    parameters = tuple(members["parameters"].each(parameter))
    for each in parameters:
        _check_name(members["parameters"], each.name, PARAMETER)
    reader = _StepReader(program, {each.name: each for each in parameters})
    body = reader.block(members["steps"])
    results = tuple(each.name() for each in members["results"].items())
    name, verified = members["name"].name(), members["verified"].truth()
    _check_name(members["name"], name, DECLARED)
    section = ir.Section(name, parameters, results, body, verified)
    unknown = [each for each in results if each not in reader.locals]
    if unknown or len({*results}) < len(results):
        raise members["results"].wrong("names each local that a step sets once", "OPV125")
    if not ir.ends(body):
        raise members["steps"].wrong("can end without a commit or an exit", "OPV125")
    _check_locals(section, members["steps"])
    hidden = _global_names(section) & {*reader.locals, *reader.parameters}
    if hidden:
        raise members["steps"].wrong(f"uses {min(hidden)}, of which it has its own", "OPV125")
    return section


def _global_names(section: ir.Section) -> set[str]:
    """The variables and fields of the thread's area that a section names."""
    return {
        each.symbol if isinstance(each, ir.Address) else each.name
        for step in ir.walk(section.body)
        for term in ir.terms_of(step)
        for each in ir.every_term(term)
        if isinstance(each, ir.Address | ir.Id)
    }


def _check_name(node: Node, name: str, what: str) -> None:
    """A text can have this name, too."""
    if not can_be(name, what):
        raise node.wrong(f"{name} is a word of the language, and can't be {what}", "OPV125")


def _check_locals(section: ir.Section, node: Node) -> None:
    """Each local is set on every way before it is read."""
    code = flatten(section)
    known = assigned(code)
    for (step, _), before in zip(code, known, strict=True):
        if isinstance(step, Leave):
            continue
        terms: tuple[ir.Term, ...]
        if isinstance(step, Branch):
            terms = () if step.condition is None else (step.condition,)
        else:
            terms = ir.terms_of(step)
        for term in terms:
            for each in ir.every_term(term):
                unset = isinstance(each, ir.Local) and each.name not in before
                if unset and isinstance(each, ir.Local) and not each.name.startswith("$"):
                    raise node.wrong(f"reads {each.name} where it may not be set", "OPV125")


class _StepReader:
    """Reads the steps of one section; ``locals`` are those that steps set, with their types."""

    def __init__(self, program: Program, parameters: Mapping[str, Parameter]) -> None:
        self.program = program
        self.parameters = parameters
        self.locals: dict[str, ir.RegisterType] = {}
        self.word = program.abi.model.word
        self.depth = 0
        self.loops = 0

    # ---- steps --------------------------------------------------------------------------------

    def block(self, node: Node) -> tuple[ir.Step, ...]:
        """Steps one after the other, with what can't stand where it does."""
        self.depth += 1
        if self.depth > _BLOCKS_MAX:
            raise node.wrong(f"has more than {_BLOCKS_MAX} blocks in each other")
        made: list[ir.Step] = []
        committed = ended = False
        for each in node.items():
            step = self.step(each)
            if committed and not isinstance(step, ir.Set | ir.Exit):
                raise each.wrong("comes after the commit, which ends the section", "OPV125")
            if not committed and ended:
                raise each.wrong("is a step that nothing reaches", "OPV125")
            made.append(step)
            committed = committed or ir.is_commit(step)
            ended = ended or ir.ends((step,))
        self.depth -= 1
        return tuple(made)

    def step(self, node: Node) -> ir.Step:
        """One step."""
        if not isinstance(node.value, dict) or "step" not in node.value:
            raise node.wrong("is no step: it has no member 'step'")
        word = node.value["step"]
        made = STEPS_BY_WORD.get(word) if isinstance(word, str) else None
        if made is None:
            raise node.wrong(f"{word!r} is not one of {', '.join(STEPS_BY_WORD)}")
        kind, table = made
        members = node.members(("step", *table))
        looped = word == "loop"
        self.loops += looped
        values = {name: self.member(members[name], holds) for name, holds in table.items()}
        self.loops -= looped
        step: ir.Step = kind(**values)
        self.check(step, node)
        return step

    def member(self, node: Node, holds: int) -> Any:
        """A member of a step."""
        if node.value is None and holds in (MAYBE_NEW, MAYBE_TERM, TIMES, ATOMIC):
            return None
        if holds in (NAME, NEW, MAYBE_NEW):
            return node.name()
        if holds in (TERM, MAYBE_TERM):
            return self.term(node, 0)
        if holds == TYPE:
            return self.type(node)
        if holds == TRUTH:
            return node.truth()
        if holds == STEPS:
            return self.block(node)
        if holds == TIMES:
            return node.integer(0, _ROUNDS_MAX)
        known = ir.CHANGES if holds == CHANGE else [e for e in ir.ATOMIC_WORDS.values() if e]
        return node.choice(tuple(known))

    def check(self, step: ir.Step, node: Node) -> None:
        """What a step's parts must be to each other."""
        written = ir.written_local(step)
        if written is not None:
            name, type = written
            if name in self.parameters or name in ir.AREA_FIELDS:
                raise node.wrong(f"{name} is not a local", "OPV125")
            _check_name(node, name, LOCAL)
            if self.locals.setdefault(name, type) != type:
                raise node.wrong(f"{name} has another type elsewhere", "OPV125")
        match step:
            case ir.Load(address=address):
                self.sizes(node, (address, self.word))
            case ir.Store(address=address, value=value, type=type):
                self.sizes(node, (address, self.word), (value, type.size))
            case ir.Change(operator=operator, address=address, value=value, type=type):
                self.sizes(node, (address, self.word))
                if operator in ir.SHIFTS:
                    _check_shift(node, value, type)
                else:
                    self.sizes(node, (value, type.size))
            case ir.CompareExchange(address=address, type=type):
                sides = ((step.expected, type.size), (step.replacement, type.size))
                self.sizes(node, (address, self.word), *sides)
            case ir.AtomicChange(address=address, value=value, type=type):
                self.sizes(node, (address, self.word), (value, type.size))
            case ir.Copy(target=target, source=source, length=length):
                self.sizes(node, *((each, self.word) for each in (target, source, length)))
            case ir.Exit(label=ir.OK | ir.ABORTED as label):
                raise node.wrong(f"no exit can be called {label}", "OPV125")
            case ir.Exit(label=label):
                _check_name(node, label, DECLARED)
            case ir.Break() if not self.loops:
                raise node.wrong("stands in no loop", "OPV125")
            case ir.Loop(body=body, times=None) if not any(map(_leaves, ir.walk(body))):
                raise node.wrong("never ends", "OPV125")
            case _:
                pass

    def sizes(self, node: Node, *wanted: tuple[ir.Term, int]) -> None:
        """Values have the bytes that they must have."""
        for term, size in wanted:
            if term.type.size != size:
                raise node.wrong(f"has {term.type.size} bytes where {size} must stand", "OPV125")

    # ---- values -------------------------------------------------------------------------------

    def type(self, node: Node) -> ir.RegisterType:
        """The type of a register: a number's, or a pointer's."""
        text = node.text()
        known = ir.REGISTER_TYPES.get(text)
        if known is not None:
            return known
        if text == "ptr":
            return Pointer(None, self.word)
        pointer = _POINTER.fullmatch(text)
        if pointer is not None:
            named = pointer["name"]
            if named in (*ir.REGISTER_TYPES, *self.program.data.structs, "ptr"):
                return Pointer(text[4:-1], self.word)
        raise node.wrong(f"{text!r} is not a type of a register", "OPV125")

    def term(self, node: Node, depth: int) -> ir.Term:
        """A value."""
        if depth > _VALUES_MAX:
            raise node.wrong(f"has more than {_VALUES_MAX} values in each other")
        names = ("number", "local", "argument", "id", "symbol", "operator", "convert", "choose")
        given = node.value if isinstance(node.value, dict) else {}
        match next((each for each in names if each in given), None):
            case "number":
                parts = node.members(("number", "type"))
                value, type = parts["number"].number(), self.type(parts["type"])
                if ir.fitted(value, type) != value:
                    raise node.wrong("does not fit into its type", "OPV125")
                return ir.Constant(value, type)
            case "local":
                parts = node.members(("local", "type"))
                local, type = parts["local"].name(), self.type(parts["type"])
                if self.locals.get(local, type) != type:
                    raise node.wrong(f"{local} has another type elsewhere", "OPV125")
                return ir.Local(local, type)
            case "argument":
                parts = node.members(("argument", "type"))
                argument, type = parts["argument"].name(), self.type(parts["type"])
                parameter = self.parameters.get(argument)
                if parameter is None or parameter.type != type:
                    raise node.wrong(f"there is no such parameter {argument}", "OPV125")
                return ir.Argument(argument, parameter.type)
            case "id":
                return ir.Id(node.members(("id",))["id"].choice(tuple(ir.AREA_FIELDS)))
            case "symbol":
                return self.address(node, depth)
            case "operator":
                return self.operation(node, depth)
            case "convert":
                parts = node.members(("convert", "type"))
                return ir.Convert(self.term(parts["convert"], depth + 1), self.type(parts["type"]))
            case "choose":
                parts = node.members(("choose", "then", "otherwise", "type"))
                condition, then, otherwise = (
                    self.term(parts[name], depth + 1) for name in ("choose", "then", "otherwise")
                )
                type = self.type(parts["type"])
                self.sizes(node, (then, type.size), (otherwise, type.size))
                return ir.Choose(condition, then, otherwise, type)
            case _:
                raise node.wrong(f"has none of the members {', '.join(names)}")

    def address(self, node: Node, depth: int) -> ir.Address:
        """The address of a variable."""
        parts = node.members(("symbol", "addend", "cpu"))
        name, addend = parts["symbol"].name(), parts["addend"].integer(-(1 << 64), 1 << 64)
        symbol = self.program.data.symbols.get(name)
        if symbol is None:
            raise node.wrong(f"names the symbol {name}, which is not there", "OPV125")
        cpu = None if parts["cpu"].value is None else self.term(parts["cpu"], depth + 1)
        if cpu is not None and symbol.area is not Area.PERCPU:
            raise node.wrong(f"{name} is not a percpu variable", "OPV125")
        return ir.Address(name, addend, cpu, Pointer(None, self.word))

    def operation(self, node: Node, depth: int) -> ir.Term:
        """What an operator makes of one value or two."""
        if "operand" in node.value:
            parts = node.members(("operator", "operand", "type"))
            operator = parts["operator"].choice(("-", "~", "!"))
            operand, type = self.term(parts["operand"], depth + 1), self.type(parts["type"])
            if type.size != (1 if operator == "!" else operand.type.size):
                raise node.wrong("has a type of another size than its operand", "OPV125")
            return ir.Unary(operator, operand, type)
        parts = node.members(("operator", "left", "right", "type"))
        operator = parts["operator"].choice(_OPERATORS)
        left, right = (self.term(parts[name], depth + 1) for name in ("left", "right"))
        type = self.type(parts["type"])
        if operator not in (*ir.SHIFTS, *ir.LOGIC):
            self.sizes(node, (right, left.type.size))
        if operator in ir.SHIFTS:
            _check_shift(node, right, left.type)
        ordered = operator in ir.COMPARES and operator not in ("==", "!=")
        if ordered and ir.is_signed(left.type) != ir.is_signed(right.type):
            raise node.wrong("compares a number that has a sign with one that has none", "OPV125")
        wanted = ir.binary_type(operator, left.type, right.type, self.word)
        if type.size != wanted.size or ir.is_signed(type) != ir.is_signed(wanted):
            raise node.wrong("has a type that its sides do not give", "OPV125")
        return ir.Binary(operator, left, right, type)


def _check_shift(node: Node, count: ir.Term, type: ir.RegisterType) -> None:
    """A count that is a number is less than the bits that are shifted."""
    if isinstance(count, ir.Constant) and not 0 <= count.value < 8 * type.size:
        raise node.wrong(f"shifts {8 * type.size} bits by {count.value}", "OPV125")


def _leaves(step: ir.Step) -> bool:
    return isinstance(step, ir.Exit | ir.Break) or ir.is_commit(step)
