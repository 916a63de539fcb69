"""``opvasm-asm/1`` read back into a Program: everything but the places in the source.

The members that other tools use for loading (``template``, ``relocations``, ``bound``) say again
what the ops say; a document in which the two disagree is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from ..abi.layout import DATA_MODELS
from ..abi.ops import Operation
from ..abi.pages import PageKind
from ..abi.revisions import PAGE_SIZES, REVISIONS, Abi, get_abi
from ..binary import encode
from ..binding import bind
from ..errors import BindError
from ..program import (
    Area,
    ArgumentValue,
    Array,
    Data,
    Instruction,
    Layout,
    Member,
    Parameter,
    Pointer,
    PoolAddress,
    PoolItem,
    Program,
    Scalar,
    SlotAddress,
    Struct,
    Symbol,
    SymbolAddress,
    Type,
    Value,
    Vector,
)
from ..program.section import Section
from .json_nodes import Node, Unusable, parse
from .json_section_reader import read_section
from .json_writer import SCHEMA, relocations_json
from .template import template

_SCALARS = {
    f"{'i' if signed else 'u'}{8 * size}": Scalar(
        f"{'i' if signed else 'u'}{8 * size}", size, signed
    )
    for size in (1, 2, 4, 8)
    for signed in (False, True)
}
_WIDTHS = (1, 2, 4, 8)
_LARGE = 1 << 64


def read_program(data: bytes, name: str) -> Program:
    """The program that a JSON document holds; ``name`` is what messages call it.

    Raises DecodeError with every member that is missing, unknown, of the wrong kind, or at odds
    with the rest of the document.
    """
    root = parse(data, name)
    try:
        program = _program(root)
    except Unusable:
        program = None
    root.problems.check()
    assert program is not None
    return program


def _program(root: Node) -> Program:
    names = ("schema", "abi", "constants", "structs", "symbols", "pool", "vectors")
    members = root.members(names, ("sections",))
    members["schema"].choice((SCHEMA,))
    abi = _abi(members["abi"])
    constants: dict[str, int] = {}
    for name, node in members["constants"].entries():
        constants[name] = node.number()
    structs: dict[str, Struct] = {}
    for node in members["structs"].items():
        struct = _struct(node, structs, abi)
        structs[struct.name] = struct
    symbols = _by_name(
        members["symbols"], members["symbols"].each(lambda node: _symbol(node, structs, abi))
    )
    pool = members["pool"].each(_pool_item)
    program = Program(abi, Data(symbols, structs, constants, tuple(pool)), {})
    for index, item in enumerate(pool):
        if not isinstance(item.value, bytes):
            _check_names(members["pool"], f"[{index}]", (item.value,), None, program)
    for index, symbol in enumerate(symbols.values()):
        values = tuple(value for _, _, value in symbol.initial)
        _check_names(members["symbols"], f"[{index}]", values, None, program)
    vectors = members["vectors"].each(lambda node: _vector(node, program))
    program = program._replace(vectors=_by_name(members["vectors"], vectors))
    if "sections" in members:
        node = members["sections"]
        sections = node.each(
            lambda each: read_section(each, program, lambda one: _parameter(one, program))
        )
        program = program._replace(sections=_by_name(node, sections))
        both = [each for each in program.sections if each in program.vectors]
        if both:
            node.wrong(f"{both[0]} is a vector too", "OPV125")
    root.problems.check()
    for node in members["vectors"].items():
        _check_derived(node, program)
    return program


Named = TypeVar("Named", Symbol, Vector, Section)


def _by_name(node: Node, things: list[Named]) -> dict[str, Named]:
    """The things by their names, of which none may come twice."""
    found: dict[str, Named] = {}
    for each in things:
        if each.name in found:
            node.wrong(f"{each.name} comes twice", "OPV125")
        found[each.name] = each
    return found


def _check_names(
    node: Node,
    step: str,
    values: tuple[Value | None, ...],
    vector: Vector | None,
    program: Program,
) -> None:
    """Notes a problem for each value that names something the document does not have."""
    for value in values:
        missing = _missing(value, vector, program)
        if missing:
            path = node.path + step
            node.problems.add("OPV125", path, f"names the {missing}, which is not there")


def _abi(node: Node) -> Abi:
    members = node.members(("revision", "inferred", "model", "page_size"))
    revision = members["revision"].choice([each.name for each in REVISIONS])
    model = members["model"].choice([each.name for each in DATA_MODELS])
    members["inferred"].truth()
    return get_abi(revision, model, members["page_size"].choice(PAGE_SIZES))


def _type(node: Node, structs: Mapping[str, Struct], abi: Abi) -> Type:
    """A type as it is written in a text: ``u64``, ``ptr<node>``, ``node[8]``."""
    text = node.text()
    end = text.rfind(">") + 1  # what a pointer points to may have counts of its own
    first, *counts = text[end:].replace("]", "").split("[")
    base = text[:end] + first
    declared: Type | None = _SCALARS.get(base) or structs.get(base)
    if base == "ptr":
        declared = Pointer(None, abi.model.word)
    elif base.startswith("ptr<") and base.endswith(">"):
        declared = Pointer(base[4:-1], abi.model.word)
    if declared is None or not all(count.isdecimal() for count in counts):
        raise node.wrong(f"{text!r} is not a type of this document", "OPV125")
    for count in reversed(counts):
        declared = Array(declared, int(count), int(count) * declared.size)
    return declared


def _struct(node: Node, structs: Mapping[str, Struct], abi: Abi) -> Struct:
    members = node.members(("name", "size", "alignment", "members"))

    def member(each: Node) -> Member:
        parts = each.members(("name", "type", "offset"))
        declared = _type(parts["type"], structs, abi)
        return Member(parts["name"].name(), declared, parts["offset"].size())

    return Struct(
        members["name"].name(),
        tuple(members["members"].each(member)),
        members["size"].size(),
        members["alignment"].integer(1, 8),
    )


def _symbol(node: Node, structs: Mapping[str, Struct], abi: Abi) -> Symbol:
    members = node.members(
        ("name", "area", "offset", "size", "type", "page_kind", "initial"), ("span",)
    )

    def initial(each: Node) -> tuple[int, int, Value]:
        parts = each.members(("offset", "size", "value"))
        offset, width = parts["offset"].size(), parts["size"].choice(_WIDTHS)
        if offset + width > size:
            raise each.wrong(f"leaves the {size} bytes of its symbol", "OPV125")
        return offset, width, _value(parts["value"])

    size = members["size"].size()
    declared = members["type"]
    return Symbol(
        members["name"].name(),
        Area(members["area"].choice([area.value for area in Area])),
        members["offset"].size(),
        size,
        None if declared.value is None else _type(declared, structs, abi),
        PageKind(members["page_kind"].choice([kind.value for kind in PageKind])),
        tuple(members["initial"].each(initial)),
    )


def _pool_item(node: Node) -> PoolItem:
    members = node.members(("offset", "size"), ("bytes", "value"))
    offset, size = members["offset"].size(), members["size"].size()
    if ("bytes" in members) == ("value" in members):
        raise node.wrong("has to have one of bytes and value")
    if "value" in members:
        return PoolItem(offset, members["size"].choice(_WIDTHS), _value(members["value"]))
    data = members["bytes"].data()
    if len(data) != size:
        raise node.wrong(f"has {len(data)} bytes and says that they are {size}", "OPV125")
    return PoolItem(offset, size, data)


def _value(node: Node) -> Value:
    if isinstance(node.value, str):
        return node.number()
    members = node.members((), ("symbol", "cpu", "addend", "argument", "slot", "pool"))
    match sorted(members):
        case ["addend", "cpu", "symbol"]:
            cpu = members["cpu"]
            number = None if cpu.value is None else cpu.integer(0, (1 << 31) - 1)
            return SymbolAddress(members["symbol"].name(), _addend(members), number)
        case ["addend", "argument"]:
            return ArgumentValue(members["argument"].name(), _addend(members))
        case ["addend", "slot"]:
            return SlotAddress(members["slot"].name(), _addend(members))
        case ["pool"]:
            return PoolAddress(members["pool"].size())
        case _:
            raise node.wrong(
                "is neither a number, a symbol, an argument, a slot nor a pool address"
            )


def _addend(members: Mapping[str, Node]) -> int:
    return members["addend"].integer(-_LARGE, _LARGE)


def _vector(node: Node, program: Program) -> Vector:
    members = node.members(
        ("name", "verified", "parameters", "ops", "template", "relocations"), ("bound", "span")
    )
    parameters = tuple(members["parameters"].each(lambda each: _parameter(each, program)))
    vector = Vector(
        members["name"].name(),
        parameters,
        tuple(members["ops"].each(lambda each: _op(each, program.abi))),
        members["verified"].truth(),
    )
    for index, instruction in enumerate(vector.instructions):
        values = (*instruction.addresses, instruction.immediate)
        _check_names(node, f".ops[{index}]", values, vector, program)
    return vector


def _missing(value: Value | None, vector: Vector | None, program: Program) -> str | None:
    match value:
        case SymbolAddress(symbol=name) if name not in program.data.symbols:
            return f"symbol {name}"
        case ArgumentValue(parameter=name) | SlotAddress(parameter=name) if (
            vector is None or vector.parameter(name) is None
        ):
            return f"parameter {name}"
        case PoolAddress(offset=offset) if offset >= program.data.pool_size:
            return f"pool offset {offset}"
        case _:
            return None


def _parameter(node: Node, program: Program) -> Parameter:
    members = node.members(("name", "type", "slot", "size"), ("span",))
    declared = _type(members["type"], program.data.structs, program.abi)
    if not isinstance(declared, Scalar | Pointer):
        raise members["type"].wrong("a parameter is a number or a pointer", "OPV125")
    if members["size"].size() != declared.size:
        raise members["size"].wrong(f"a {members['type'].value} has {declared.size}", "OPV125")
    return Parameter(members["name"].name(), declared, members["slot"].size())


def _op(node: Node, abi: Abi) -> Instruction:
    names = ("index", "opcode", "name", "mnemonic", "member", "len", "operands", "immediate")
    members = node.members((*names, "unused"), ("span",))
    opcode = members["opcode"].integer(-(1 << 31), (1 << 31) - 1)
    operation = abi.operation(opcode)
    said = {name: members[name].value for name in ("name", "mnemonic", "member")}
    meant = _names(operation)
    if said != meant:
        known = "has no such op" if operation is None else f"calls it {operation.c_name}"
        message = f"opcode {opcode} is called {said['name']}, but {abi.revision.name} {known}"
        raise node.wrong(message, "OPV125")

    def operand(each: Node) -> tuple[str, Value, int]:
        parts = each.members(("field", "address", "expect_fault"))
        flag = parts["expect_fault"].integer(0, 255)
        return parts["field"].name(), _value(parts["address"]), flag

    def unused(each: Node) -> tuple[int, int]:
        parts = each.members(("offset", "byte"))
        return parts["offset"].integer(8, 31), parts["byte"].integer(1, 255)

    operands = members["operands"].each(operand)
    wanted = [] if operation is None else [row.name for row in operation.operands]
    if [name for name, _, _ in operands] != wanted:
        raise members["operands"].wrong(f"should be {', '.join(wanted) or 'empty'}", "OPV125")
    return Instruction(
        opcode,
        operation,
        members["len"].integer(0, (1 << 32) - 1),
        tuple(address for _, address, _ in operands),
        tuple(flag for _, _, flag in operands),
        _immediate(members["immediate"], operation),
        tuple(members["unused"].each(unused)),
    )


def _names(operation: Operation | None) -> dict[str, str | None]:
    if operation is None:
        return {"name": None, "mnemonic": None, "member": None}
    return {
        "name": operation.c_name,
        "mnemonic": operation.mnemonic,
        "member": operation.member,
    }


def _immediate(node: Node, operation: Operation | None) -> Value | None:
    if operation is None or operation.immediate is None:
        if node.value is not None:
            raise node.wrong("this op takes none", "OPV125")
        return None
    members = node.members(("field", "value"))
    members["field"].choice((operation.immediate.name,))
    return _value(members["value"])


def _check_derived(node: Node, program: Program) -> None:
    """The vector's bytes and relocations are those of its ops."""
    vector = program.vectors[node.value["name"]]
    try:
        if node.value["template"] != template(vector.instructions, program.abi).hex():
            node.wrong("its template is not what its ops are encoded to", "OPV125")
    except BindError as error:
        for each in error.diagnostics:
            node.wrong(each.message, "OPV125", each.help)
        return
    if node.value["relocations"] != relocations_json(vector, program.abi):
        node.wrong("its relocations are not those of its ops", "OPV125")
    if "bound" in node.value:
        _check_bound(node, vector, program)


def _check_bound(node: Node, vector: Vector, program: Program) -> None:
    bound = node.members((), tuple(node.value))["bound"]
    members = bound.members(("cpu", "arguments", "layout", "bytes", "pool", "slots"))
    parts = members["layout"].members(Layout._fields)
    layout = Layout(**{name: part.number() for name, part in parts.items()})
    arguments = {name: value.number() for name, value in members["arguments"].entries()}
    try:
        ops = bind(vector, program, layout, members["cpu"].integer(0, (1 << 31) - 1), arguments)
        if encode(ops, program.abi) != members["bytes"].data():
            bound.wrong(
                "its bytes are not those of the ops, the layout and the arguments", "OPV125"
            )
    except BindError as error:
        for each in error.diagnostics:
            bound.wrong(each.message, "OPV125", each.help)
