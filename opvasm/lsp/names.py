"""Every name in a piece: where it stands, what it is, and whether it is declared there."""

from __future__ import annotations

from collections.abc import Iterator

from ..light_typing import Record
from ..text.lalr import Token
from ..text.syntax import Child, Node
from . import kinds
from .scope import Where, locals_of, name_type, token_of, type_of, written
from .types import ElementOf, FieldOf, Named, TargetOf, Type


class Occurrence(Record):
    """A name at the characters ``start`` up to ``end`` of its piece.

    ``owner`` is where it is known: a vector, section or struct, ``scenario`` or ``scenario.thread``;
    empty for a name of the whole program.  A field has ``base``, the type that it is a field of.
    ``type`` is the type that is declared with the name.
    """

    kind: str
    name: str
    start: int
    end: int
    owner: str = ""
    declares: bool = False
    base: Type | None = None
    type: Type | None = None


def names_in(syntax: Node) -> tuple[Occurrence, ...]:
    """All names of a piece, in the order of the text."""
    found = [each for node in syntax.nodes() for each in _declaration(node)]
    return tuple(sorted(found, key=lambda each: (each.start, each.end)))


def _at(
    kind: str, token: Token, owner: str = "", declares: bool = False, type: Type | None = None
) -> Occurrence:
    return Occurrence(kind, token[0], token[1], token[2], owner, declares, None, type)


def _declaration(node: Node) -> Iterator[Occurrence]:
    tokens = list(node.tokens())
    match node.rule:
        case "abi":
            return
        case "use":
            yield _at(kinds.FILE, tokens[0])
        case "constant":
            yield _at(kinds.VALUE, tokens[0], declares=True)
            yield from _children(node, Where("constant"))
        case "structure":
            yield _at(kinds.STRUCT, tokens[0], declares=True)
            for field in node.nodes():
                yield from _field(field, tokens[0][0], kinds.FIELD)
        case "variable":
            type = written(node.children[2])
            yield _at(kinds.VALUE, tokens[1], declares=True, type=type)
            for child in node.children[2:]:
                yield from _initial(child, type, Where("variable"))
        case "page":
            yield _at(kinds.VALUE, tokens[0], declares=True)
            yield _at(kinds.WORD, tokens[1])
            yield from _children(node, Where("page"))
        case "vector" | "section":
            yield from _code(node)
        case "test":
            yield _at(kinds.TEST, tokens[0], declares=True)
            yield from _children(node, Where("test"))
        case "strategy":
            yield _at(kinds.STRATEGY, tokens[0], declares=True)
            for token in tokens[1:]:
                if not token[0][:1].isdigit():
                    yield _at(kinds.WORD, token)
            yield from _children(node, Where("strategy"))
        case "scenario":
            yield from _scenario(node)
        case _:
            pass


def _field(node: Node, owner: str, kind: str) -> Iterator[Occurrence]:
    token = token_of(node.children[0])
    if node.rule != "field" or token is None:
        return
    type = written(node.children[1])
    base = Named(owner) if kind == kinds.FIELD else None
    yield Occurrence(kind, token[0], token[1], token[2], owner, True, base, type)
    yield from _children(node, Where("field"))


def _code(node: Node) -> Iterator[Occurrence]:
    """A vector or a section: its parameters and, of a section, its locals."""
    name = next(each for each in node.tokens() if each[0] != "unverified")
    owner = name[0]
    yield _at(kinds.CODE, name, declares=True)
    known: dict[str, tuple[str, Type | None]] = {}
    for each in node.nodes():
        token = token_of(each.children[0]) if each.rule == "field" else None
        if token is not None:
            known[token[0]] = (kinds.PARAMETER, written(each.children[1]))
    place = Where(node.rule, owner, locals=known)
    known |= locals_of(node, place)
    for each in node.nodes():
        if each.rule == "field":
            yield from _field(each, owner, kinds.PARAMETER)
        else:
            yield from _walk(each, place)


def _scenario(node: Node) -> Iterator[Occurrence]:
    name = next(node.tokens())
    yield _at(kinds.SCENARIO, name, declares=True)
    threads = {
        token[0]: each
        for each in node.nodes()
        if each.rule == "thread" and (token := token_of(each.children[0])) is not None
    }
    place = Where("scenario", name[0], name[0], {}, frozenset(threads))
    for each in node.nodes():
        if each.rule in ("thread", "handler"):
            yield from _thread(each, place)
        else:
            yield from _walk(each, place)


def _thread(node: Node, place: Where) -> Iterator[Occurrence]:
    tokens = list(node.tokens())
    declares = node.rule == "thread"
    yield _at(kinds.THREAD, tokens[0], place.scenario, declares)
    handler = "" if declares else " handler"
    owner = f"{place.scenario}.{tokens[0][0]}{handler}"
    inner = place._replace(kind="thread", owner=owner)
    inner = inner._replace(locals=locals_of(node, inner))
    for each in node.nodes():
        yield from _walk(each, inner if each.rule == "body" else place)


def _children(node: Node, place: Where) -> Iterator[Occurrence]:
    for each in node.nodes():
        yield from _walk(each, place)


def _initial(child: Child, type: Type | None, place: Where) -> Iterator[Occurrence]:
    """A value for memory of a type: fields are named in braces."""
    if not isinstance(child, Node):
        return
    if child.rule != "braces":
        yield from _walk(child, place)
        return
    for item in child.nodes():
        token = token_of(item.children[0])
        if item.rule == "member_item" and token is not None:
            inner = None if type is None else FieldOf(type, token[0])
            yield Occurrence(kinds.FIELD, *token, base=type)
            yield from _initial(item.children[1], inner, place)
        else:
            element = None if type is None else ElementOf(type)
            yield from _initial(item.children[0], element, place)


def _walk(node: Node, place: Where) -> Iterator[Occurrence]:
    """The names in a node, whatever it is."""
    tokens = list(node.tokens())
    match node.rule:
        case "named_type" | "pointer_type" | "pointer_pointer_type":
            for token in tokens:
                kind = kinds.TYPE if token[0] in kinds.type_names() else kinds.STRUCT
                yield _at(kind, token)
        case "name" | "address_of_name":
            yield _name(tokens[0], place)
        case "path":
            yield from _path(tokens[0], place)
        case "member" | "arrow":
            yield from _member(node, place)
            return
        case "link_list":
            for child in node.nodes():
                yield from _linked(child, place)
            return
        case "offset_of":
            yield from _dotted(tokens[0], written(node.children[0]))
        case "call":
            yield _at(kinds.FUNCTION, tokens[0])
        case "op":
            head = tokens[0] if tokens and not isinstance(node.children[0], Node) else None
            if head is not None:
                yield _at(kinds.OP, head)
        case "run" | "run_vector":
            yield from _run(node, place)
            return
        case "assign":
            target = node.children[0]
            yield from _walk(target, place) if isinstance(target, Node) else ()
            yield from _initial(node.children[1], type_of(target, place), place)
            return
        case (
            "section_target" | "section_results" | "run_results" | "load_place" | "compute" | "own"
        ):
            for token in tokens:
                yield _at(kinds.LOCAL, token, place.owner, True, _local_type(token, place))
        case "section_exit":
            yield _at(kinds.LABEL, tokens[0], place.owner, True)
        case _:
            yield from _setting(node, tokens, place)
    yield from _children(node, place)


def _setting(node: Node, tokens: list[Token], place: Where) -> Iterator[Occurrence]:
    """The names in what a scenario says besides its threads and claims, and in arms."""
    match node.rule:
        case "kernels" | "kernel_term":
            yield from (_at(kinds.KERNEL, token) for token in tokens)
        case "strategies" | "thread_strategy":
            yield from (_at(kinds.STRATEGY, token) for token in tokens if token[0] != "any")
        case "strategy_term":
            yield from _strategy_term(node, place)
        case "disturbance":
            yield from _disturbance(node, place)
        case "progress":
            for index, token in enumerate(tokens):
                last = index + 1 == len(tokens)
                yield _at(kinds.WORD, token) if last else _at(kinds.THREAD, token, place.scenario)
        case "expect" | "fence_step" | "strategy_option":
            skipped = ("unless", "when")
            yield from (_at(kinds.WORD, token) for token in tokens if token[0] not in skipped)
        case "arm":
            yield from _arm(node, "")
        case _:
            pass


def _local_type(token: Token, place: Where) -> Type | None:
    found = place.locals.get(token[0])
    return None if found is None else found[1]


def _name(token: Token, place: Where) -> Occurrence:
    """A name alone in an expression."""
    name = token[0]
    found = place.locals.get(name)
    if found is not None:
        return _at(found[0], token, place.owner)
    if name in place.threads and place.kind == "scenario":
        return _at(kinds.THREAD, token, place.scenario)
    if place.kind == "test" and name in kinds.values_of_tests():
        return _at(kinds.WORD, token)
    if place.kind in ("thread", "section") and name in kinds.values_of_the_area():
        return _at(kinds.WORD, token)
    return _at(kinds.VALUE, token)


def _path(token: Token, place: Where) -> Iterator[Occurrence]:
    """``a.b.c``: a name and fields, or a thread and its local."""
    head, _, rest = token[0].partition(".")
    first = (head, token[1], token[1] + len(head))
    after = (rest, first[2] + 1, token[2])
    yield _name(first, place)
    if not rest:
        return
    if place.kind == "scenario" and head in place.threads:
        local = rest.partition(".")[0]
        yield Occurrence(
            *(kinds.LOCAL, local, after[1], after[1] + len(local)), f"{place.scenario}.{head}"
        )
        return
    yield from _dotted(after, name_type(first, place))


def _dotted(token: Token, base: Type | None) -> Iterator[Occurrence]:
    """Fields of fields."""
    start = token[1]
    for name in token[0].split("."):
        yield Occurrence(kinds.FIELD, name, start, start + len(name), base=base)
        base = None if base is None else FieldOf(base, name)
        start += len(name) + 1


def _member(node: Node, place: Where) -> Iterator[Occurrence]:
    inner, token = node.children[0], token_of(node.children[1])
    if not isinstance(inner, Node) or token is None:
        return
    if node.rule == "member" and place.kind == "scenario":  # thread[1].local
        head = inner.children[0] if inner.rule == "index" else inner
        name = (
            token_of(head.children[0]) if isinstance(head, Node) and head.rule == "name" else None
        )
        if name is not None and name[0] in place.threads:
            yield from _walk(inner, place)
            yield _at(kinds.LOCAL, token, f"{place.scenario}.{name[0]}")
            return
    yield from _walk(inner, place)
    if node.rule == "arrow":
        first = token[0].partition(".")[0]
        yield from _dotted(token, TargetOf(type_of(inner, place), first))
    elif inner.rule == "load":
        is_type = token[0] in kinds.type_names()
        yield _at(kinds.TYPE if is_type else kinds.STRUCT, token)
    else:
        yield from _dotted(token, type_of(inner, place))


def _linked(node: Node, place: Where) -> Iterator[Occurrence]:
    """``A -> B -> C`` in `list head: …`: the arrows link nodes, which are names of their own."""
    inner, token = node.children[0], token_of(node.children[-1])
    if node.rule == "arrow" and isinstance(inner, Node) and token is not None:
        yield from _linked(inner, place)
        yield from _path(token, place)
    else:
        yield from _walk(node, place)


def _run(node: Node, place: Where) -> Iterator[Occurrence]:
    for child in node.children:
        if not isinstance(child, Node):
            continue
        if child.rule == "call":
            token = token_of(child.children[0])
            if token is not None:
                yield _at(kinds.CODE, token)
            yield from _children(child, place)
        elif child.rule == "name" and node.rule == "run" and child is node.children[-1]:
            token = token_of(child.children[0])
            if token is not None:  # a result: an errno, a label, a constant
                known = token[0] in (*kinds.values_of_tests(), "ok", "aborted")
                yield _at(kinds.WORD, token) if known else _result(token, node)
        elif child.rule == "arms":
            call = _called(node)
            for arm in child.nodes():
                yield from _arm(arm, call)
                yield from _children(arm, place)
        else:
            yield from _walk(child, place)


def _arm(arm: Node, called: str) -> Iterator[Occurrence]:
    """``differs, empty -> retry``: results, among them labels of a section, and an action."""
    tokens = list(arm.tokens())
    has_action = not any(arm.nodes())
    for index, token in enumerate(tokens):
        is_action = has_action and index + 1 == len(tokens)
        known = is_action or token[0] in kinds.CHOICES["result"]
        yield _at(kinds.WORD, token) if known else _at(kinds.LABEL, token, called)


def _called(run: Node) -> str:
    """The name of what is run."""
    call = next((each for each in run.nodes() if each.rule == "call"), None)
    name = token_of(call.children[0]) if call is not None else None
    return "" if name is None else name[0]


def _result(token: Token, run: Node) -> Occurrence:
    """The label of a section that was run, or a constant."""
    return _at(kinds.LABEL, token, _called(run))


def _strategy_term(node: Node, place: Where) -> Iterator[Occurrence]:
    tokens = node.children
    for index, child in enumerate(tokens):
        token = token_of(child)
        if token is None:
            continue
        if index == 0 and len(tokens) > 1 and tokens[1] is not None:
            yield _at(kinds.THREAD, token, place.scenario)
        else:
            yield _at(kinds.STRATEGY, token)


def _disturbance(node: Node, place: Where) -> Iterator[Occurrence]:
    for index, child in enumerate(node.children):
        token = token_of(child)
        if token is None or token[0][:1].isdigit() or token[0] == "at":
            continue
        match index:
            case 0:
                yield _at(kinds.WORD, token)
            case 1:
                yield _at(kinds.THREAD, token, place.scenario)
            case _:
                yield _at(kinds.CODE, token)
