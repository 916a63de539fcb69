"""What can be written at a place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ...abi.layout import DATA_MODELS
from ...abi.ops import OPERATIONS, LengthRule
from ...abi.revisions import REVISIONS
from ...assembler.checks import ERRNO_NAMES
from ...assembler.ops import POINTER_SUFFIX, SUFFIXES
from ...explain.operation import spelling
from ...kernels.profiles import PROFILES
from ...light_typing import NamedTuple
from .. import kinds
from ..document import Document, names_of
from ..index import Index, index_of
from ..names import Occurrence
from .context import Context, context_at
from .hover import declaration_text, operation_of


class Item(NamedTuple):
    """A thing to write: ``text`` replaces the characters ``start`` up to ``end``.

    ``kind`` is one of kinds.py, or ``keyword``; ``detail`` says what it is in a line.
    """

    label: str
    kind: str
    detail: str
    text: str
    start: int
    end: int


KEYWORD = "keyword"


def completion(document: Document, offset: int) -> tuple[Item, ...]:
    """What can be written at an offset, what is most likely first; all beginning with what is there."""
    line = document.text[document.text.rfind("\n", 0, offset) + 1 : offset]
    if (choices := _revisions(line)) is not None:
        word = line[len(line.rstrip("0123456789-abcdefghijklmnopqrstuvwxyz")) :]
        return tuple(
            Item(name, "revision", summary, name, offset - len(word), offset)
            for name, summary in choices
            if name.startswith(word)
        )
    if (mnemonic := _dotted_op(line)) is not None:
        word = line.rpartition(".")[2]
        return tuple(
            Item(name, kind, detail, name, offset - len(word), offset)
            for name, kind, detail in sizes(mnemonic)
            if name.startswith(word)
        )
    context = context_at(document, offset)
    found: dict[str, tuple[str, str]] = {}
    for name, kind, detail in _candidates(document, context):
        found.setdefault(name, (kind, detail))
    return tuple(
        Item(name, kind, detail, name, context.start, offset)
        for name, (kind, detail) in found.items()
        if _fits(name, context.prefix)
    )


def _fits(name: str, prefix: str) -> bool:
    """Whether a name is what is being written; its letters in the order suffice after the first."""
    if not prefix:
        return True
    if name[:1].lower() != prefix[:1].lower():
        return False
    position = 0
    for letter in prefix.lower():
        position = name.lower().find(letter, position) + 1
        if not position:
            return False
    return True


def _dotted_op(line: str) -> str | None:
    """The mnemonic before the dot where the size of an op is written."""
    found = re.match(r"\s*(?:.*[{;]\s*)?([a-z]+(?:\.release)?)\.[a-z0-9]*\Z", line)
    return found[1] if found is not None and operation_of(found[1]) is not None else None


def _revisions(line: str) -> list[tuple[str, str]] | None:
    """What may stand in an ``abi`` line."""
    words = line.split()
    if not line.startswith(("abi ", "abi\t")):
        return None
    at = len(words) - (not line.endswith((" ", "\t")))
    if at == 1:
        return [(each.name, each.summary) for each in REVISIONS]
    if at == 2:
        return [
            (each.name, f"{8 * each.word}-bit, {each.byteorder}-endian") for each in DATA_MODELS
        ]
    return []


Candidate = tuple[str, str, str]


def _candidates(document: Document, context: Context) -> Iterator[Candidate]:
    name = context.name
    if name is not None:
        yield from _names(document, context, name)
    reserved = context.placed is None or _at_line_start(document, context)
    for word in context.words:
        if reserved or not _begins_declaration(word):
            yield word, KEYWORD, "word of the language"


def _begins_declaration(word: str) -> bool:
    return word in ("abi", "use", "const", "struct", "percpu", "shared", "page", "test")


def _at_line_start(document: Document, context: Context) -> bool:
    line = document.text.rfind("\n", 0, context.start) + 1
    return not document.text[line : context.start].strip()


def _names(document: Document, context: Context, name: Occurrence) -> Iterator[Candidate]:
    """The names of the kind that is asked for."""
    index = index_of(document)
    match name.kind:
        case kinds.OP:
            yield from _ops(document)
        case kinds.FIELD:
            yield from _fields(index, name)
        case kinds.TYPE | kinds.STRUCT:
            yield from _types(index)
        case kinds.CODE:
            yield from _declared(index, kinds.CODE)
        case kinds.KERNEL:
            for profile in PROFILES.values():
                yield profile.name, kinds.KERNEL, profile.summary
        case kinds.STRATEGY if not name.declares:
            yield from _declared(index, kinds.STRATEGY)
            yield from _words("method")
        case kinds.THREAD if not name.declares:
            yield from _declared(index, kinds.THREAD, name.owner)
            if not name.declares:
                yield from _words("level")
        case kinds.LABEL if name.owner:
            yield from _results(document, context, index, name.owner)
        case kinds.WORD:
            yield from _choices(document, context, index)
        case kinds.LOCAL if not name.declares:
            yield from _declared(index, kinds.LOCAL, name.owner)
        case kinds.VALUE | kinds.PARAMETER if not name.declares:
            yield from _values(document, context, index)
        case kinds.FUNCTION:
            yield from _functions(_around(document, context)[0])
        case kinds.LOCAL:  # the name of a new local, or one that is set again
            yield from _declared(index, kinds.LOCAL, name.owner)
        case _:
            return


def _declared(index: Index, kind: str, owner: str = "") -> Iterator[Candidate]:
    for site in index.of_kind(kind, owner):
        yield site.occurrence.name, kind, declaration_text(site)


def _ops(document: Document) -> Iterator[Candidate]:
    available = document.assembly.program.abi.revision.operations
    for each in OPERATIONS:
        if each in available:
            yield each.mnemonic, kinds.OP, f"{spelling(each)}: {each.summary}"


def sizes(mnemonic: str) -> Iterator[Candidate]:
    """The sizes that may stand after a mnemonic and its dot."""
    operation = operation_of(mnemonic)
    if operation is not None and operation.length_rule is not LengthRule.IGNORED:
        for suffix in (*SUFFIXES, POINTER_SUFFIX):
            size = SUFFIXES.get(suffix)
            yield suffix, kinds.TYPE, "a word of the machine" if size is None else f"{size} bytes"


def _fields(index: Index, name: Occurrence) -> Iterator[Candidate]:
    struct = name.owner or index.struct_of(name.base)
    if struct is not None:
        for field, site in index.fields.get(struct, {}).items():
            yield field, kinds.FIELD, declaration_text(site)
    else:
        # Of what it is a field is not known: ``->`` of a value without a type names any.
        for fields in index.fields.values():
            for field, site in fields.items():
                detail = f"{declaration_text(site)} (of {site.occurrence.owner})"
                yield field, kinds.FIELD, detail


def _types(index: Index) -> Iterator[Candidate]:
    for each in kinds.type_names():
        yield each, kinds.TYPE, "type"
    yield from _declared(index, kinds.STRUCT)


def _results(
    document: Document, context: Context, index: Index, called: str
) -> Iterator[Candidate]:
    """How a run can end: of a section by its labels, in a test of a vector by numbers."""
    program = document.assembly.program
    in_test = _around(document, context)[0] == kinds.TEST
    if called in program.sections:
        yield from _declared(index, kinds.LABEL, called)
    elif in_test:
        vector = program.vectors.get(called)
        yield "0", kinds.WORD, "it ran to its end"
        for op, each in enumerate(vector.instructions if vector is not None else ()):
            if each.operation is not None and each.operation.is_compare:
                yield str(op + 1), kinds.WORD, f"the compare of op {op} stopped it"
        for name in ERRNO_NAMES:
            meaning = kinds.words().get(name)
            yield name, kinds.WORD, "" if meaning is None else meaning.summary
        return
    for word, kind, detail in _words("result"):
        if not in_test or word in ("ok", "aborted"):
            yield word, kind, detail


def _words(choice: str) -> Iterator[Candidate]:
    meanings = kinds.words()
    for word in kinds.CHOICES[choice]:
        meaning = meanings.get(word)
        yield word, kinds.WORD, "" if meaning is None else meaning.summary


def _values(document: Document, context: Context, index: Index) -> Iterator[Candidate]:
    """What can stand in an expression: nearer names first."""
    kind, owner = _around(document, context)
    yield from _declared(index, kinds.PARAMETER, owner)
    yield from _declared(index, kinds.LOCAL, owner)
    yield from _declared(index, kinds.VALUE)
    if kind != kinds.CODE or _is_section(index, owner):
        yield from _functions(kind)
    if kind == kinds.THREAD or (kind == kinds.CODE and _is_section(index, owner)):
        for name in kinds.values_of_the_area():
            yield name, kinds.WORD, kinds.words()[name].summary
    for word in ("sizeof", "offsetof"):
        yield word, KEYWORD, "of a type, in bytes"


def _is_section(index: Index, name: str) -> bool:
    return name in index.document.assembly.program.sections


def _functions(kind: str) -> Iterator[Candidate]:
    """The functions that expressions of a declaration have."""
    wanted = {
        kinds.CODE: ("choose",),
        kinds.TEST: ("sum",),
        kinds.SCENARIO: ("sum", "list", "length", "done"),
        kinds.THREAD: ("sum", "list", "length", "done"),
    }.get(kind, ())
    for each in wanted:
        yield each, kinds.FUNCTION, kinds.words()[each].summary


def _around(document: Document, context: Context) -> tuple[str, str]:
    """What a place is in: the kind of declaration, and the vector, section or thread by its name."""
    kind = owner = scenario = ""
    for each in _names_before(document, context):
        if not each.declares:
            if each.kind == kinds.THREAD and document.text[
                : (context.placed.start if context.placed else 0) + each.start
            ].rstrip().endswith("signal"):
                owner = f"{scenario}.{each.name} handler"
            continue
        match each.kind:
            case kinds.CODE | kinds.TEST | kinds.STRUCT:
                kind, owner = each.kind, each.name
            case kinds.SCENARIO:
                kind, owner, scenario = each.kind, "", each.name
            case kinds.THREAD:
                kind, owner = kinds.THREAD, f"{scenario}.{each.name}"
            case _:
                pass
    return kind, owner


def _names_before(document: Document, context: Context) -> Iterable[Occurrence]:
    placed = context.placed
    if placed is None:
        return ()
    end = context.start - placed.start
    return [each for each in names_of(placed.piece) if each.end <= end]


# After which word which words of the language's own are asked for.
_AFTER = {
    "environment": "disturbance",
    "expect": "verdict",
    "then": "method",
    "subscribe": "subscribe",
    "fence": "fence",
    "page": "page",
    "progress": "level",
}


def _choices(document: Document, context: Context, index: Index) -> Iterator[Candidate]:
    """Words of the language's own that the grammar takes for names: by what stands before them."""
    text = document.text[: context.start]
    line = text[text.rfind("\n") + 1 :]
    words = line.replace("{", " { ").replace(",", " , ").split()
    before = words[-1] if words else ""
    if before == "->":
        run = line.rfind("run ")
        if run < 0 or line.find("{", run) >= 0:
            yield from _words("action")
        else:
            yield from _results(document, context, index, _called(line))
        return
    for word in reversed(words):
        if word in _AFTER:
            yield from _words(_AFTER[word])
            return
        if word == "strategy":
            yield from _words("option" if "{" in words else "method")
            return
        if word == "run":
            break
    yield from _results(document, context, index, _called(line))


def _called(line: str) -> str:
    after = line.rpartition("run ")[2]
    return after.partition("(")[0].strip()
