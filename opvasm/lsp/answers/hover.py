"""What an editor shows of a place: an op, a name, a word of the language, a finding."""

from __future__ import annotations

from ...abi.layout import DATA_MODELS
from ...abi.ops import BY_MNEMONIC, Operation
from ...abi.revisions import REVISIONS
from ...binary import encode
from ...binding import bind
from ...codes import all_codes
from ...errors import OpvasmError
from ...explain import find
from ...explain.operation import length_rule, spelling
from ...light_typing import NamedTuple
from ...program import (
    Area,
    ArgumentValue,
    Instruction,
    PoolAddress,
    Program,
    SlotAddress,
    SymbolAddress,
    Type,
    Value,
    Vector,
    default_layout,
)
from ...source import Span
from ...text.lexemes import COMMENT, TEXT, WORD, lexemes
from ...text.names import type_text
from .. import kinds
from ..document import Document
from ..index import Site, index_of
from ..names import Occurrence
from ..pieces import Placed
from .findings import Finding


class Hover(NamedTuple):
    """An explanation in Markdown of the characters ``start`` up to ``end``."""

    text: str
    start: int
    end: int


def hover(document: Document, offset: int, found: tuple[Finding, ...] = ()) -> Hover | None:
    """What to say of a place; ``found`` are the findings that were made, explained with it."""
    name = document.name_at(offset)
    parts: list[str] = []
    start = end = offset
    if name is not None:
        placed, each = name
        start, end = placed.start + each.start, placed.start + each.end
        parts += _of_name(document, placed, each)
    elif (revision := _revision_at(document, offset)) is not None:
        text, start, end = revision
        parts.append(text)
    here = [each for each in found if each.start <= offset <= max(each.end - 1, each.start)]
    rows = all_codes()
    for each_finding in here:
        code = rows.get(each_finding.code)
        if code is not None:
            parts.append(f"**{code.code}** ({code.name}): {code.title}. {code.explanation}")
    if here and name is None:
        start, end = here[0].start, here[0].end
    return Hover("\n\n---\n\n".join(parts), start, end) if parts else None


def _block(text: str, language: str = "opv") -> str:
    return f"```{language}\n{text.rstrip()}\n```"


def _of_name(document: Document, placed: Placed, each: Occurrence) -> list[str]:
    program = document.assembly.program
    match each.kind:
        case kinds.OP:
            return _op(document, placed, each)
        case kinds.KERNEL:
            topic = find(each.name)
            return [] if topic is None else [_block(topic.explain(), "text")]
        case kinds.WORD | kinds.FUNCTION:
            return _word(each.name)
        case kinds.TYPE:
            return [_type(each.name, program)]
        case kinds.FILE:
            return [f"the file {each.name}"]
        case kinds.STRATEGY if each.name in kinds.CHOICES["method"] and not each.declares:
            return _word(each.name)
        case _:
            sites = index_of(document).declarations(each)
            if not sites:
                return _word(each.name)
            return _declared(sites[0], program)


def _word(name: str) -> list[str]:
    meaning = kinds.words().get(name)
    return [] if meaning is None else [f"**{name}** ({meaning.what}): {meaning.summary}"]


def _type(name: str, program: Program) -> str:
    if name == "ptr":
        return f"**ptr**: an address, {program.abi.model.word} bytes; `ptr<T>` says of what"
    kind = "signed" if name[0] == "i" else "unsigned"
    return f"**{name}**: an {kind} number of {int(name[1:]) // 8} bytes".replace(
        "an signed", "a signed"
    )


def _revision_at(document: Document, offset: int) -> tuple[str, int, int] | None:
    """The revision or data model of an ``abi`` line."""
    placed = document.piece_at(offset)
    if placed is None:
        return None
    for node in placed.piece.syntax.nodes():
        start, end = placed.start + node.start, placed.start + node.end
        if node.rule == "abi" and start <= offset <= end:
            for word in document.text[start:end].split():
                at = document.text.index(word, start)
                if not at <= offset <= at + len(word):
                    continue
                topic = find(word) if any(each.name == word for each in REVISIONS) else None
                if topic is not None:
                    return _block(topic.explain(), "text"), at, at + len(word)
                for model in DATA_MODELS:
                    if model.name == word:
                        text = f"**{word}**: {8 * model.word}-bit, {model.byteorder}-endian"
                        return text, at, at + len(word)
    return None


# ---- ops ------------------------------------------------------------------------------------------


def operation_of(mnemonic: str) -> Operation | None:
    """The op of a mnemonic as it is written, with or without its size."""
    found = BY_MNEMONIC.get(mnemonic)
    return found if found is not None else BY_MNEMONIC.get(mnemonic.rpartition(".")[0])


def _op(document: Document, placed: Placed, each: Occurrence) -> list[str]:
    operation = operation_of(each.name)
    if operation is None:
        return []
    result = "where it stops the vector, the call returns the op's index + 1"
    lines = [
        f"**{operation.mnemonic}** (`{operation.c_name}`): {operation.summary}",
        f"written `{spelling(operation)}`",
        f"length: {length_rule(operation)}",
    ]
    if operation.is_compare:
        lines.append(f"result: {result}")
    parts = ["\n\n".join(lines)]
    made = instruction_at(document, placed, each.start)
    if made is not None:
        parts.append(_made(document.assembly.program, *made))
    return parts


def instruction_at(
    document: Document, placed: Placed, offset: int
) -> tuple[Vector, int, Instruction] | None:
    """The op that the assembler made of the statement at an offset of a piece, with its index."""
    for vector in document.assembly.program.vectors.values():
        place = vector.place
        if not isinstance(place, Span) or place.file is not placed.piece:
            continue
        for index, each in enumerate(vector.instructions):
            where = each.place
            if isinstance(where, Span) and where.start <= offset < where.end:
                return vector, index, each
    return None


def _made(program: Program, vector: Vector, index: int, each: Instruction) -> str:
    rows = [f"op {index} of {vector.name}, number {each.opcode}, {each.length} bytes"]
    for operand, value, flag in each.operands():
        fault = ", may fault" if flag else ""
        rows.append(f"{operand.name:5} {_address(program, value)}{fault}")
    if each.immediate is not None:
        row = each.operation.immediate if each.operation is not None else None
        rows.append(f"{row.name if row else 'value':5} {_number(each.immediate)}")
    arguments = {parameter.name: 0 for parameter in vector.parameters}
    try:
        ops = bind(vector, program, default_layout(program.abi, program.data), 0, arguments)
        data = encode(ops[index : index + 1], program.abi)
    except OpvasmError:
        return _block("\n".join(rows), "text")
    rows.append("on CPU 0" + (", with arguments of 0:" if arguments else ":"))
    rows += ["  " + data[at : at + 16].hex(" ", 4) for at in range(0, len(data), 16)]
    return _block("\n".join(rows), "text")


def _address(program: Program, value: Value) -> str:
    """An operand in words, with its address where it has one before the program runs."""
    match value:
        case int():
            return f"{value:#x}"
        case SymbolAddress(symbol=name, addend=addend, cpu=cpu):
            symbol = program.data.symbols.get(name)
            if symbol is None:
                return name
            layout = default_layout(program.abi, program.data)
            at = layout.symbol_address(symbol, cpu or 0) + addend
            owner = "" if symbol.area is not Area.PERCPU else f" of CPU {cpu or 0}"
            plus = f" + {addend}" if addend else ""
            return f"{name}{plus}{owner}, at {at:#x}"
        case ArgumentValue(parameter=name, addend=addend):
            return f"at the argument {name}" + (f" + {addend}" if addend else "")
        case SlotAddress(parameter=name, addend=addend):
            return f"the argument {name} itself" + (f" + {addend}" if addend else "")
        case PoolAddress(offset=offset):
            at = default_layout(program.abi, program.data).pool + offset
            return f"a constant in the pool, at {at:#x}"


def _number(value: Value) -> str:
    match value:
        case int():
            return f"{value} ({value:#x})"
        case ArgumentValue(parameter=name, addend=addend):
            return f"the argument {name}" + (f" + {addend}" if addend else "")
        case _:
            return str(value)


# ---- declarations ---------------------------------------------------------------------------------


def _declared(site: Site, program: Program) -> list[str]:
    each = site.occurrence
    head = _block(declaration_text(site))
    comment = comment_before(site)
    parts = [head, comment] if comment else [head]
    match each.kind:
        case kinds.VALUE:
            parts += _value(each.name, program)
        case kinds.STRUCT:
            struct = program.data.structs.get(each.name)
            if struct is not None:
                rows = [f"{m.offset:6}  {m.name}: {type_text(m.type)}" for m in struct.members]
                sizes = f"{struct.size} bytes, aligned to {struct.alignment}"
                parts.append(_block("\n".join([sizes, "offset  field", *rows]), "text"))
        case kinds.FIELD:
            owner = program.data.structs.get(each.owner)
            member = owner.member(each.name) if owner is not None else None
            if member is not None:
                size = member.type.size
                parts.append(f"field of {each.owner}: {size} bytes at offset {member.offset}")
        case kinds.CODE:
            vector = program.vectors.get(each.name)
            if vector is not None:
                parts.append(_cost(vector, program))
        case kinds.PARAMETER:
            parts.append(f"parameter of {each.owner}")
        case kinds.LOCAL:
            parts.append(f"local of {each.owner}")
        case kinds.LABEL:
            parts.append(f"a way to leave {each.owner}")
        case _:
            pass
    return parts


def _cost(vector: Vector, program: Program) -> str:
    revision = program.abi.revision
    total = sum(each.length for each in vector.instructions)
    limits = revision.vector_length_max, revision.vector_data_length_max
    ops, data = (f" of {most}" if most is not None else "" for most in limits)
    count = len(vector.instructions)
    return f"{count}{ops} ops, {total}{data} bytes ({revision.name})"


def _value(name: str, program: Program) -> list[str]:
    constant = program.data.constants.get(name)
    if constant is not None:
        return [f"= {constant} ({constant:#x})" if abs(constant) > 9 else f"= {constant}"]
    symbol = program.data.symbols.get(name)
    if symbol is None:
        return []
    layout = default_layout(program.abi, program.data)
    where = f"{layout.symbol_address(symbol, 0):#x}"
    kind: Type | None = symbol.type
    of = f" ({type_text(kind)})" if kind is not None else ""
    if symbol.area is Area.PERCPU:
        where += f" on CPU 0, each further CPU {layout.percpu_stride:#x} higher"
    text = f"{symbol.size} bytes{of} at offset {symbol.offset} of {symbol.area.value}, at {where}"
    if symbol.area is Area.PAGE:
        text += f"; {symbol.page_kind.value}: {symbol.page_kind.summary}"
    return [text]


def declaration_text(site: Site) -> str:
    """The head of a declaration: its text up to its block, on one line."""
    text = site.document.text
    kind = site.occurrence.kind
    start = text.rfind("\n", 0, site.start) + 1
    if kind in (kinds.PARAMETER, kinds.FIELD):
        start = site.start
    end = text.find("\n", site.end)
    line = text[start : end if end >= 0 else len(text)]
    stop: int | None = None
    depth = 0
    for lexeme in lexemes(line):
        sign = line[lexeme.start : lexeme.end]
        if lexeme.kind in (TEXT, WORD):
            continue
        depth += (sign == "(") - (sign == ")")
        ends_part = kind in (kinds.PARAMETER, kinds.FIELD) and sign in (",", ")", ";", "}")
        opens_block = sign == "{" and kind != kinds.STRUCT
        if depth <= 0 and (lexeme.kind == COMMENT or opens_block or ends_part):
            stop = lexeme.start
            break
    return line[:stop].strip()


def comment_before(site: Site) -> str:
    """The comment in the lines directly above a declaration, without its signs."""
    if site.occurrence.kind in (kinds.PARAMETER, kinds.LOCAL, kinds.LABEL, kinds.FIELD):
        return ""
    lines = site.document.text[: site.start].split("\n")[:-1]
    found: list[str] = []
    while lines and lines[-1].lstrip().startswith("//"):
        found.append(lines.pop().strip().removeprefix("//").strip())
    return "\n".join(reversed(found))
